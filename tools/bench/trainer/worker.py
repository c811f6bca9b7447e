"""One way of training, held warm in a process: builds the small model, then does what each line of stdin says.

usage: worker.py reference|fp32|probed|bf16

``step STAGE MEASURE`` trains one step (MEASURE 1: with all metrics) and answers with its seconds and metrics; ``peak``
answers with the peak resident bytes so far. Every way starts from the same base weights, NP matrices and texts, so the
losses that it answers with can be compared.
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

from npt.curriculum import Curriculum, Stage
from npt.gemm_probe import probe
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
        self.trainer = setting.trainer(SMALL, setting.arguments(SMALL), precision, gemm)

    def step(self, stage: str, measure: bool) -> dict[str, float]:
        """One step; the metrics if asked for."""
        self.trainer.curriculum = Curriculum([Stage(stage, 10**9, RATIOS[stage])])
        return self.trainer.train_step(measure=measure)


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
        if command[0] == "peak":
            # Linux counts in kB, macOS in bytes.
            unit = 1 if sys.platform == "darwin" else 1024
            answer: Any = {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit}
        else:
            began = time.perf_counter()
            metrics = way.step(command[1], command[2] == "1")
            answer = {"seconds": time.perf_counter() - began, "metrics": metrics}
        print(json.dumps(answer), flush=True)


main()
