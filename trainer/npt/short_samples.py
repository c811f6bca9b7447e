"""What a micro-batch takes, from short samples: it grows with the tokens, and in attention with their square."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from npt.curriculum import Stage
from npt.losses import Losses
from npt.model.attention import EAGER_BELOW
from npt.trainer import MultiLayerNPTTrainer

#: Samples of once, twice and three times so many tokens, at most.
_SHORT = 32


def of_a_micro_batch(
    trainer: MultiLayerNPTTrainer, measured: Callable[[int], int], *, square_kept: bool = True
) -> float:
    """What ``measured`` finds for one sample of so many tokens, as it would be for a whole micro-batch.

    Without ``square_kept`` the part that grows with the tokens' square is left out where no kernel has it any more.
    """
    batch, tokens = trainer.arguments.batch_size, trainer.arguments.max_length
    # None is longer than those that are trained on: some positions are computed otherwise from a length on.
    short = max(1, min(_SHORT, tokens // 3))
    one, two, three = (measured(times * short) for times in (1, 2, 3))
    # A part is there once (weights in 16 bits), one for each token, and one for each pair of them.
    square = (three - 2 * two + one) / (2 * short**2)
    each = (two - one) / short - 3 * short * square
    once = one - short * each - short**2 * square
    if tokens >= EAGER_BELOW and not square_kept:
        square = 0.0
    return once + batch * (each * tokens + square * tokens**2)


def a_pass(trainer: MultiLayerNPTTrainer, stage: Stage, tokens: int) -> Losses:
    """The losses of a pass over one sample; nothing of the trainer changes."""
    ids: Tensor = torch.zeros(1, tokens, dtype=torch.int64, device=trainer.device)
    with torch.enable_grad():
        return trainer.losses(trainer.scaffold.run(ids, stage), trainer.layers)
