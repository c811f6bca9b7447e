"""Reading a checkpoint back as plain values and tensors."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from npt import SCHEMA
from npt.checkpoint import dialect, manifest
from npt.errors import UsageError


@dataclass
class Stored:
    """A checkpoint in memory, in our form; ``notes`` says what another trainer's checkpoint lacked."""

    path: Path
    weights: dict[str, Tensor]
    training_state: dict[str, Any]
    multi_layer_state: dict[str, Any]
    config: dict[str, Any]
    fingerprint: str | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def step(self) -> int:
        """The finished steps."""
        return int(self.training_state["global_step"])


def read_file(path: Path) -> Any:
    """One ``.pt`` file, loaded without running code. Raises ``UsageError`` in one line."""
    try:
        with dialect.numpy_scalars():
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UsageError(f"{path.name} is missing in {path.parent}") from None
    except Exception as error:
        # A damaged or hostile pickle can make the reader fail in any way; it still runs nothing.
        raise UsageError(f"{path} cannot be loaded: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    """Why a file cannot be loaded, in one clause; torch's first line recommends to load it unsafely."""
    text = str(error)
    refused = re.search(r"GLOBAL ([\w.]+)|(?:import|function|class) ([\w.]+\.[\w.]+)", text)
    if isinstance(error, pickle.UnpicklingError) and refused:
        return (
            f"loading it would import and may run {refused[1] or refused[2]}, which no checkpoint needs; do not load it"
        )
    lines = [line.strip() for line in text.splitlines() if line.strip() and "Weights only load failed" not in line]
    return (lines or [type(error).__name__])[0]


def storage_names(value: Any) -> list[str]:
    """The tensors' paths in a loaded value, by the number of the record that their data is in.

    ``torch.save`` numbers storages in the order in which it meets them, and a dict comes back in its order.
    """
    names: dict[int, str] = {}
    for name, tensor in tensors_in(value):
        names.setdefault(tensor.untyped_storage()._cdata, name)
    return list(names.values())


def tensors_in(value: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    """Every tensor in a nested value with its path, in the order in which ``torch.save`` met them."""
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, (dict, list, tuple)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from tensors_in(item, f"{name}.{key}" if name else str(key))


def _read_json(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        document = json.loads(path.read_bytes())
    except ValueError:
        raise UsageError(f"{path} is not JSON") from None
    if not isinstance(document, dict):
        raise UsageError(f"{path} is not a JSON object")
    _refuse_newer(path, document)
    return document


def _refuse_newer(path: Path, document: dict[str, Any]) -> None:
    schema = document.get("schema", 1)
    if not isinstance(schema, int) or schema > SCHEMA:
        raise UsageError(f"{path} has schema {schema}; this trainer reads up to {SCHEMA}, a newer one is needed")


def read(checkpoint: Path) -> Stored:
    """All of a checkpoint, ours or another trainer's. Raises ``UsageError`` in one line for what cannot be read."""
    config = _read_json(checkpoint / "config.json")
    facts = _read_json(checkpoint / manifest.NAME)
    training = read_file(checkpoint / "training_state.pt")
    if not isinstance(training, dict) or "global_step" not in training:
        raise UsageError(f"{checkpoint / 'training_state.pt'} has no global_step: it is not a training state")
    _refuse_newer(checkpoint / "training_state.pt", training)
    weights = read_file(checkpoint / "npt_weights.pt")
    multi_path = checkpoint / "multi_layer_state.pt"
    notes: list[str] = []
    if "schema" in training:
        multi = read_file(multi_path)
    else:
        weights = dialect.short_keys(weights)
        theirs = read_file(multi_path) if multi_path.exists() else None
        training, multi, config, notes = dialect.adopt(weights, training, theirs, config)
    return Stored(
        checkpoint,
        weights,
        training,
        multi,
        config,
        fingerprint=(facts.get("model") or {}).get("fingerprint") or None,
        metrics={name: float(value) for name, value in (facts.get("metrics") or {}).items()},
        notes=notes,
    )
