"""How much a step computes, and which part of what the device could do that is."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from npt import peaks
from npt.curriculum import Stage
from npt.short_samples import a_pass, of_a_micro_batch
from npt.trainer import MultiLayerNPTTrainer


def of_a_step(trainer: MultiLayerNPTTrainer, stage: Stage) -> float:
    """FLOPs of this process's products in a step of a stage, as PyTorch counts them; what is computed again is not.

    Counted forwards and backwards over short samples; attention over all pairs of tokens, as is usual.
    """

    def counted(tokens: int) -> int:
        with FlopCounterMode(display=False) as counter:
            losses = a_pass(trainer, stage, tokens)
            # Not `backward`: the parameters' own gradients are left alone.
            torch.autograd.grad(losses.total, trainer.parameters, allow_unused=True)
        return int(counter.get_total_flops())

    with trainer.scaffold.plain(recomputes=False):
        return of_a_micro_batch(trainer, counted) * trainer.arguments.gradient_accumulation_steps


class Share:
    """Which part of the device's peak training uses. Nothing is counted where the peak is not known."""

    def __init__(self, trainer: MultiLayerNPTTrainer) -> None:
        self._trainer = trainer
        self._peak = peaks.of_device(trainer.device, trainer.precision.dtype)
        self._known: dict[Stage, float] = {}

    def of(self, stage: Stage, step_seconds: float) -> float | None:
        """The share, 0 to 1, of steps of a stage that take so long; None where the peak is not known."""
        if self._peak is None:
            return None
        if stage not in self._known:
            self._known[stage] = of_a_step(self._trainer, stage)
        return self._known[stage] / step_seconds / self._peak
