"""Reading a checkpoint back as plain values and tensors."""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from npt import SCHEMA
from npt.errors import UsageError


@dataclass
class Stored:
    """A checkpoint in memory; dictionaries are those of the files."""

    path: Path
    weights: dict[str, Tensor]
    training_state: dict[str, Any]
    multi_layer_state: dict[str, Any]
    config: dict[str, Any]

    @property
    def step(self) -> int:
        """The finished steps."""
        return int(self.training_state["global_step"])


def read_file(path: Path) -> Any:
    """One ``.pt`` file, loaded without running code. Raises ``UsageError`` in one line."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UsageError(f"{path.name} is missing in {path.parent}") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, OSError, KeyError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UsageError(f"{path} cannot be loaded: {reason}") from None


def read_config(checkpoint: Path) -> dict[str, Any]:
    """A checkpoint's ``config.json``; empty where there is none."""
    path = checkpoint / "config.json"
    if not path.exists():
        return {}
    try:
        document = json.loads(path.read_bytes())
    except ValueError:
        raise UsageError(f"{path} is not JSON") from None
    if not isinstance(document, dict):
        raise UsageError(f"{path} is not a JSON object")
    refuse_newer(path, document)
    return document


def refuse_newer(path: Path, document: dict[str, Any]) -> None:
    """Raises ``UsageError`` for a document of a schema that only a newer trainer knows."""
    schema = document.get("schema", 1)
    if not isinstance(schema, int) or schema > SCHEMA:
        raise UsageError(f"{path} has schema {schema}; this trainer reads up to {SCHEMA}, a newer one is needed")


def read(checkpoint: Path) -> Stored:
    """All of a checkpoint."""
    stored = Stored(
        checkpoint,
        read_file(checkpoint / "npt_weights.pt"),
        read_file(checkpoint / "training_state.pt"),
        read_file(checkpoint / "multi_layer_state.pt"),
        read_config(checkpoint),
    )
    refuse_newer(checkpoint / "training_state.pt", stored.training_state)
    return stored
