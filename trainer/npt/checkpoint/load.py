"""Reading a checkpoint back as plain values and tensors."""

from __future__ import annotations

import json
import pickle
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
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, OSError, KeyError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UsageError(f"{path} cannot be loaded: {reason}") from None


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
        fingerprint=(facts.get("model") or {}).get("fingerprint"),
        metrics={name: float(value) for name, value in (facts.get("metrics") or {}).items()},
        notes=notes,
    )
