"""What training will need of a device's memory, found before it begins: weights, Adam, activations, evaluation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from npt.curriculum import Stage
from npt.evaluation import POSITIONS
from npt.memory import size
from npt.short_samples import a_pass, of_a_micro_batch
from npt.trainer import MultiLayerNPTTrainer

#: fp32 (tokens, vocabulary) at a time in an evaluation: logits and their logarithms, of student and teacher.
_LOGITS = 4
#: Of what the device has, what else lies there: a context, fragments, what kernels work in.
_ROOM = 0.9


@dataclass(frozen=True)
class Need:
    """Bytes on the device. Activations and evaluation come one after the other; the larger of them counts."""

    weights: int
    trained: int
    activations: int
    evaluation: int

    @property
    def total(self) -> int:
        """What there has to be room for."""
        return self.weights + self.trained + max(self.activations, self.evaluation)


def need(trainer: MultiLayerNPTTrainer) -> Need:
    """An estimate for what is left of the curriculum, from passes over short samples."""
    a, module = trainer.arguments, trainer.model
    own = {id(parameter) for parameter in trainer.parameters}
    weights = sum(p.untyped_storage().nbytes() for p in _distinct(p for p in module.parameters() if id(p) not in own))
    count = sum(parameter.numel() for parameter in trainer.parameters)
    head: Any = module.lm_head
    vocabulary, width = head.weight.shape
    evaluation = 4 * vocabulary * (_LOGITS * POSITIONS + (0 if head.weight.dtype == torch.float32 else width))
    kept = max(_kept(trainer, stage) for stage in _stages_left(trainer)) if trainer.global_step < a.max_steps else 0
    # The weights themselves, their gradients, and Adam's two moments; and the head squared, for the fidelity term.
    return Need(weights + 4 * width * width, 16 * count, kept, evaluation)


def _distinct(tensors: Iterable[Tensor]) -> list[Tensor]:
    """One tensor for each memory: the projections of a layer are views of one."""
    return list({tensor.untyped_storage().data_ptr(): tensor for tensor in tensors}.values())


def _stages_left(trainer: MultiLayerNPTTrainer) -> list[Stage]:
    """Those that training still comes to, one for each way of making a pass."""
    stages, until = trainer.curriculum.stages, trainer.arguments.max_steps
    first = trainer.curriculum.index_at(trainer.global_step)
    last = trainer.curriculum.index_at(max(trainer.global_step, until - 1))
    return list({_way(stage): stage for stage in stages[first : last + 1]}.values())


def _way(stage: Stage) -> tuple[bool, bool, float | None]:
    return stage.mixing_ratio == 0, stage.mixing_ratio == 1, stage.mlp_mixing_ratio


def _kept(trainer: MultiLayerNPTTrainer, stage: Stage) -> int:
    """Bytes of a micro-batch: what its pass keeps for its backward pass, and the gradients of a layer at a time."""
    scaffold = trainer.scaffold
    with scaffold.plain(recomputes=False):
        everything = _of_a_batch(trainer, stage)
    of_a_layer = everything // scaffold.student_layers
    if not trainer.arguments.gradient_checkpointing:
        return everything + of_a_layer
    with scaffold.plain(recomputes=True):
        results = _of_a_batch(trainer, stage)
    # One layer at a time has all of it again.
    return results + 2 * of_a_layer


def _of_a_batch(trainer: MultiLayerNPTTrainer, stage: Stage) -> int:
    # From a length on no kernel keeps attention's weights.
    return int(of_a_micro_batch(trainer, lambda tokens: _measured(trainer, stage, tokens), square_kept=False))


def _measured(trainer: MultiLayerNPTTrainer, stage: Stage, tokens: int) -> int:
    """What a pass over one sample of so many tokens keeps, each memory once, without the model's own."""
    known = {p.untyped_storage().data_ptr() for p in trainer.model.parameters()}
    found = 0

    def keep(tensor: Tensor) -> Tensor:
        nonlocal found
        memory = tensor.untyped_storage()
        if memory.data_ptr() not in known:
            known.add(memory.data_ptr())
            found += memory.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        a_pass(trainer, stage, tokens)
    return found


def told(found: Need, there: int | None, batch: int, tokens: int) -> str:
    """A line about it, and what to lower where it may not fit into the bytes that are ``there``."""
    parts = (
        f"weights {size(found.weights)}, NP weights with gradients and Adam {size(found.trained)}, activations of "
        f"{batch} × {tokens:,} tokens {size(found.activations)}, an evaluation {size(found.evaluation)}"
    )
    whole = f"memory: about {size(found.total)}{'' if there is None else f' of {size(there)}'} ({parts})"
    if there is None or found.total <= _ROOM * there:
        return whole
    hint = (
        "lower --batch_size, with more --gradient_accumulation_steps in return, or --max_length, or add "
        "--gradient_checkpointing or --mixed_precision"
    )
    return f"warning: {whole} may not fit: {hint}"
