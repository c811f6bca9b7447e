"""Which matrix product backend a CPU trains with: tried once at the start, stored, and reused on resume.

PyTorch's ``medium`` precision lets oneDNN multiply fp32 matrices with the CPU's 16-bit instructions. Where it has them
that is several times faster with a relative error of about 0.0024; elsewhere it is the same product by another
library. So it is taken only when it is both clearly faster and accurate enough on this machine, for this model.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from npt.model.products import Products, Shape

# Rounding both factors to bf16 gives 0.0024; anything beyond this is not a rounding of the inputs.
LARGEST_ERROR = 0.005
# What a choice must gain: below this the difference is noise, and the plain product is the better known one.
LEAST_GAIN = 1.25
# Below this many multiplications a step is not made of its products: nothing to win, so nothing is tried.
LEAST_WORK = 1 << 29
ROUNDS = 7
PATIENCE_SECONDS = 0.5


@dataclass(frozen=True)
class GemmPlan:
    """The precision of fp32 products, the shapes that are multiplied in blocks of rows, and what was measured."""

    precision: str = "highest"
    splits: Mapping[Shape, int] = field(default_factory=dict)
    measured: str = ""

    @property
    def products(self) -> Products:
        """Products by this plan. The precision is torch's global setting, see ``apply``."""
        return Products(self.splits)

    def apply(self) -> None:
        """Sets torch's precision of fp32 products."""
        torch.set_float32_matmul_precision(self.precision)

    def as_config(self) -> dict[str, Any]:
        """The choice as ``config.json`` stores it in the environment."""
        splits = {"x".join(map(str, shape)): blocks for shape, blocks in sorted(self.splits.items())}
        return {"precision": self.precision, "splits": splits}

    @staticmethod
    def from_config(stored: Mapping[str, Any]) -> GemmPlan:
        """A stored choice. Raises ``KeyError`` or ``ValueError`` for anything else."""
        splits = {}
        for text, blocks in stored["splits"].items():
            rows, inputs, outputs = (int(part) for part in text.split("x"))
            splits[rows, inputs, outputs] = int(blocks)
        if stored["precision"] not in ("highest", "high", "medium"):
            raise ValueError(stored["precision"])
        return GemmPlan(stored["precision"], splits)


def _shapes(rows: int, config: Any) -> list[Shape]:
    """The products of a decoder layer's frozen projections, forwards and backwards."""
    d, f = config.hidden_size, config.intermediate_size
    size = getattr(config, "head_dim", None) or d // config.num_attention_heads
    heads = config.num_attention_heads * size
    together = heads + 2 * config.num_key_value_heads * size
    pairs = [(d, f), (f, d), (d, together), (together, d), (heads, d), (d, heads)]
    return [(rows, inputs, outputs) for inputs, outputs in dict.fromkeys(pairs)]


def _fastest(candidates: list[Callable[[], Tensor]]) -> list[float]:
    """The shortest time of each in seconds, taken in turn so that a machine that slows down slows all."""
    best = [float("inf")] * len(candidates)
    began = time.perf_counter()
    for round_number in range(ROUNDS):
        for index, candidate in enumerate(candidates):
            started = time.perf_counter()
            candidate()
            seconds = time.perf_counter() - started
            if round_number:  # the first round warms up
                best[index] = min(best[index], seconds)
        if round_number and time.perf_counter() - began > PATIENCE_SECONDS:
            break
    return best


def _factors(shape: Shape, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    rows, inputs, outputs = shape
    x = torch.randn(rows, inputs, generator=generator)
    return x.to(dtype), torch.randn(outputs, inputs, generator=generator).to(dtype).t()


def _try_medium(shape: Shape) -> tuple[float, float]:
    """How much faster ``medium`` is, and its relative error. Leaves either precision set."""
    x, weight = _factors(shape, torch.float32)

    def at(precision: str) -> Tensor:
        torch.set_float32_matmul_precision(precision)
        return x @ weight

    exact = at("highest")
    error = (torch.linalg.vector_norm(at("medium") - exact) / torch.linalg.vector_norm(exact)).item()
    plain, fast = _fastest([lambda: at("highest"), lambda: at("medium")])
    return plain / fast, error


def _try_blocks(shape: Shape, dtype: torch.dtype) -> int:
    x, weight = _factors(shape, dtype)
    options = [blocks for blocks in (1, 2, 4) if shape[0] // blocks >= 128]
    ways = [Products({shape: blocks}) for blocks in options]
    times = _fastest([lambda way=way: way.multiply(x, weight) for way in ways])  # type: ignore[misc]
    best = min(range(len(options)), key=times.__getitem__)
    return options[best] if times[0] / times[best] >= LEAST_GAIN else 1


def probe(wanted: str, rows: int, config: Any, dtype: torch.dtype | None, device: torch.device) -> GemmPlan:
    """The plan for a model of this configuration with ``rows`` tokens in a micro-batch.

    ``wanted`` is ``auto`` or a precision to use as it is; ``dtype`` is the 16-bit type of the frozen weights, or None.
    """
    chosen = "highest" if wanted == "auto" else wanted
    if device.type != "cpu" or rows * config.hidden_size * config.intermediate_size < LEAST_WORK:
        return GemmPlan(chosen)
    shapes = _shapes(rows, config)
    said = []
    before = torch.get_float32_matmul_precision()
    with torch.no_grad():
        if wanted == "auto" and dtype is None:
            gain, error = _try_medium(shapes[0])
            if gain >= LEAST_GAIN and error <= LARGEST_ERROR:
                chosen = "medium"
            said.append(f"medium is {gain:.1f} × as fast as highest, relative error {error:.4f}: {chosen}")
        splits: dict[Shape, int] = {}
        if dtype is not None or chosen != "highest":
            torch.set_float32_matmul_precision(chosen)
            found = {shape: _try_blocks(shape, dtype or torch.float32) for shape in shapes}
            splits = {shape: blocks for shape, blocks in found.items() if blocks > 1}
            if splits:
                said.append(f"{len(splits)} of {len(shapes)} shapes in blocks of rows")
    torch.set_float32_matmul_precision(before)
    return GemmPlan(chosen, splits, "; ".join(said))


def choose(
    wanted: str,
    rows: int,
    config: Any,
    dtype: torch.dtype | None,
    device: torch.device,
    stored: Mapping[str, Any],
    facts: Mapping[str, Any],
) -> GemmPlan:
    """The checkpoint's choice where it was made by the same torch, device and threads; otherwise a new probe.

    ``stored`` is the environment in the checkpoint's ``config.json`` (empty for a new run), ``facts`` today's.
    """
    if stored and all(stored.get(name) == value for name, value in facts.items()):
        try:
            # A checkpoint from before there was a choice was trained with plain products.
            plan = GemmPlan.from_config(stored["gemm"]) if "gemm" in stored else GemmPlan()
        except (KeyError, ValueError, TypeError, AttributeError):
            pass  # not ours: as if nothing were stored
        else:
            if wanted in ("auto", plan.precision):
                return plan
    return probe(wanted, rows, config, dtype, device)
