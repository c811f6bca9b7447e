"""A checkpoint's student as a model to use: for exporting, generating and evaluating, without what trains it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from npt import environment
from npt.arguments import Arguments, resolve
from npt.checkpoint import find, load, np_weights, tensors, validate
from npt.checkpoint.find import Source
from npt.errors import UsageError
from npt.model import llama
from npt.model.np_component import NPShape


@dataclass
class Opened:
    """A valid checkpoint, and the arguments that it was trained with."""

    source: Source
    stored: load.Stored
    arguments: Arguments

    @property
    def path(self) -> Path:
        """The checkpoint's folder."""
        return self.source.checkpoint

    @property
    def shape(self) -> NPShape:
        """What its NP components look like."""
        return np_weights.shape_of(self.stored.weights)

    @property
    def layers(self) -> list[int]:
        """Its NPT layers, ascending."""
        return np_weights.layers_in(self.stored.weights)


def open_checkpoint(path: str, say: Callable[[str], None], model_name: str | None = None) -> Opened:
    """The checkpoint at a path, or a run's newest valid one. Raises ``UsageError`` in one line where it is not valid.

    ``say`` is told of what was passed over or is unsure; ``model_name`` is where the base model is now.
    """
    source = find.locate(path)
    for line in source.passed_over:
        say(f"warning: {line}")
    validate.refuse(source.checkpoint, resumes=False)
    stored = load.read(source.checkpoint)
    for note in stored.notes:
        say(f"warning: {note}")
    if model_name is None and not stored.config.get("model_name"):
        raise UsageError(f"{source.checkpoint} does not say which base model it is of; name it with --model_name")
    typed = {} if model_name is None else {"model_name": model_name}
    return Opened(source, stored, resolve(typed, stored.config))


def prepare(opened: Opened, device: str) -> torch.device:
    """The device that ``--device`` means. Raises ``UsageError`` where it is not there."""
    plain = {**opened.arguments.as_config(), "device": device, "compile": False, "deterministic": False}
    return environment.prepare(Arguments(**plain), 0)


def base_model(opened: Opened, *, as_stored: bool = False) -> nn.Module:
    """The base model that a checkpoint is of, in fp32 or ``as_stored``.

    Raises ``UsageError`` where it cannot be had, or is another.
    """
    a = opened.arguments
    model = llama.load_base_model(a.model_name, a.seed)
    if not as_stored:
        model.float()
    found = llama.fingerprint(model)
    if opened.stored.fingerprint not in (None, found):
        raise UsageError(
            f"{opened.path.name} was trained on another base model (fingerprint "
            f"{(opened.stored.fingerprint or '')[:12]}) than {a.model_name} (fingerprint {found[:12]}); "
            "--model_name says where its own is"
        )
    config: Any = model.config
    shape, layers = opened.shape, opened.layers
    if (shape.hidden_size, shape.mlp_size) != (config.hidden_size, config.intermediate_size):
        raise UsageError(
            f"{opened.path.name} has NP components for hidden size {shape.hidden_size} and MLP size {shape.mlp_size}, "
            f"{a.model_name} has {config.hidden_size} and {config.intermediate_size}"
        )
    if layers[-1] >= config.num_hidden_layers:
        raise UsageError(f"{opened.path.name} has an NPT layer {layers[-1]}, {a.model_name} only layers 0 to "
                         f"{config.num_hidden_layers - 1}")  # fmt: skip
    return model


def become_student(model: nn.Module, opened: Opened, plain: Sequence[nn.Module] = ()) -> nn.Module:
    """Gives a base model a checkpoint's NPT layers and returns it; ``plain`` are the layers that it has without."""
    decoder: Any = model.model
    for index, layer in enumerate(plain):
        decoder.layers[index] = layer
    shape = opened.shape
    llama.install_npt_layers(model, opened.layers, shape.np_rank, shape.num_ranks, shape.modulation)
    layers = llama.npt_layers(model)
    tensors.load_weights(layers, opened.stored.weights)
    head: Any = model.lm_head
    for layer in layers.values():
        layer.np_component.to(head.weight.device).requires_grad_(False)
    model.eval()
    return model
