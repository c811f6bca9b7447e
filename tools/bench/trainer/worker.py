"""One way of training, held warm in a process: builds the small model, then does what each line of stdin says.

usage: worker.py reference|fp32|probed|bf16

``step STAGE MEASURE`` trains one step (MEASURE 1: with all metrics) and answers with its seconds and metrics; ``peak``
answers with the peak resident bytes so far, ``rate`` with the FLOP/s of the MLP's products by themselves, as this way
makes them, and ``work STAGE`` with the FLOPs of a step. Every way starts from the same base weights, NP matrices and
texts, so the losses that it answers with can be compared.
"""

# ruff: noqa: I001 - `setting` tells Python where the trainer is, so it comes before `npt`.
from __future__ import annotations

import json
import resource
import sys
import time
from typing import Any

import setting
import torch
from reference_loop import LossWeights, ReferenceLoop
from setting import RATIOS, SMALL, Texts
from torch import nn
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

from npt.curriculum import Curriculum, Stage
from npt.gemm_probe import ROUNDS, probe
from npt.model.np_component import NPComponent, NPShape
from npt.precision_plan import PrecisionPlan


class Ours:
    """The trainer, in one precision."""

    def __init__(self, kind: str) -> None:
        device = torch.device("cpu")
        precision = PrecisionPlan.choose(kind == "bf16", device)
        wanted = "highest" if kind == "fp32" else "auto"
        gemm = probe(wanted, SMALL.batch * SMALL.tokens, SMALL.config(), precision.dtype, device)
        self.said = gemm.measured
        self._products, self._type = gemm.products, precision.dtype or torch.float32
        self.trainer = setting.trainer(SMALL, setting.arguments(SMALL), precision, gemm)

    def step(self, stage: str, measure: bool) -> dict[str, float]:
        """One step; the metrics if asked for."""
        self.trainer.curriculum = Curriculum([Stage(stage, 10**9, RATIOS[stage])])
        return self.trainer.train_step(measure=measure)

    def work(self, stage: str) -> float:
        """FLOPs of a step's products and attention; a fused kernel's on a CPU are not counted by PyTorch itself."""
        name = "aten::_scaled_dot_product_flash_attention_for_cpu"
        forward, backward = (getattr(torch.ops.aten, f"{name[6:]}{end}").default for end in ("", "_backward"))
        known = {forward: _attention_flops, backward: _attention_backward_flops}
        self.trainer.curriculum = Curriculum([Stage(stage, 10**9, RATIOS[stage])])
        with FlopCounterMode(display=False, custom_mapping=known) as counter:
            self.trainer.train_step(measure=False)
        return float(counter.get_total_flops())

    @torch.no_grad()
    def rate(self) -> float:
        """FLOP/s of the MLP's two products by themselves, the fastest of some rounds."""
        rows, best = SMALL.batch * SMALL.tokens, 0.0
        x, y = torch.randn(rows, SMALL.hidden).to(self._type), torch.randn(rows, SMALL.mlp).to(self._type)
        up = torch.randn(SMALL.mlp, SMALL.hidden).to(self._type)
        for _ in range(4 * ROUNDS):
            began = time.perf_counter()
            self._products.multiply(x, up.t())
            self._products.multiply(y, up)
            best = max(best, 4.0 * rows * SMALL.hidden * SMALL.mlp / (time.perf_counter() - began))
        return best


def _attention_flops(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    """All pairs of tokens, as PyTorch counts the kernels of GPUs."""
    return int(sdpa_flop_count(query, key, value))


def _attention_backward_flops(grad: Any, query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return int(sdpa_backward_flop_count(grad, query, key, value))


class Reference:
    """The loop that everything is measured against, from the matrices that the trainer starts with."""

    def __init__(self) -> None:
        self.said = ""
        a = setting.arguments(SMALL)
        generator = torch.Generator().manual_seed(a.seed)
        matrices: dict[int, Any] = {}
        for index in SMALL.npt_layers:
            component = NPComponent(NPShape(SMALL.hidden, SMALL.mlp, a.np_rank, a.num_ranks, a.modulation))
            component.initialise(a.init_strategy, a.np_init_scale, generator)
            ranks: dict[str, list[Any]] = {}
            for name, modulation, parameter, rank in component.named_pieces():
                own = ranks.setdefault("_up" if name.startswith(f"{parameter}_up") else "_gate", [])
                if len(own) <= rank:
                    own.append({})
                piece = modulation.piece(getattr(modulation, parameter), parameter, rank)
                own[rank][parameter] = nn.Parameter(piece.detach().clone().contiguous())
            matrices[index] = ranks
        self.texts = Texts(SMALL)
        weights = LossWeights(a.direct_mlp_weight, a.fidelity_weight, a.lambda_reg)
        self.loop = ReferenceLoop(SMALL.base_model(), matrices, weights, a.learning_rate)

    def step(self, stage: str, measure: bool) -> dict[str, float]:
        """One step; the metrics are always read."""
        return self.loop.step(self.texts.next_batch(SMALL.batch), RATIOS[stage])


def main() -> None:
    """Answers each line of stdin with a line of JSON."""
    kind = sys.argv[1]
    way: Reference | Ours = Reference() if kind == "reference" else Ours(kind)
    print(json.dumps({"ready": way.said}), flush=True)
    for line in sys.stdin:
        command = line.split()
        if command[0] in ("rate", "work"):
            assert isinstance(way, Ours)
            answer: Any = {command[0]: way.rate() if command[0] == "rate" else way.work(command[1])}
        elif command[0] == "peak":
            # Linux counts in kB, macOS in bytes.
            unit = 1 if sys.platform == "darwin" else 1024
            answer = {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit}
        else:
            began = time.perf_counter()
            metrics = way.step(command[1], command[2] == "1")
            answer = {"seconds": time.perf_counter() - began, "metrics": metrics}
        print(json.dumps(answer), flush=True)


main()
