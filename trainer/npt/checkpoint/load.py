"""Reading a checkpoint back as plain values and tensors."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor

from npt.checkpoint import manifest, optimizer, other_trainers, torch_file, weight_names
from npt.checkpoint.pickles import rebuild
from npt.checkpoint.pickles.machine import PickleError
from npt.checkpoint.pickles.values import Opaque, TensorRef
from npt.checkpoint.torch_file import TorchFile
from npt.errors import UsageError
from npt.newer import newer
from npt.storage import reading

Leaf = TypeVar("Leaf")
UNKNOWN = "save it again with plain values and tensors only, or leave them unread with --ignore_integrity"


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


# What a file that holds one of these is not loaded for, and what to do about it.
REFUSED = {
    "dangerous-global": "do not load it in Python at all",
    "nested-pickle": "do not load it in Python at all",
    "unknown-call": UNKNOWN,
    "unknown-global": UNKNOWN,
}


def read_file(path: Path, *, leave_unknown: bool = False) -> Any:
    """One ``.pt`` file with its tensors, read without running code. Raises ``UsageError`` in one line.

    ``leave_unknown`` leaves objects that nobody knows unread instead of refusing the file.
    """
    opened = open_file(path)
    try:
        value = opened.with_tensors() if refusal(opened, leave_unknown=leave_unknown) is None else None
    except (PickleError, OSError, zlib.error) as damage:
        raise UsageError(f"{path} cannot be read: {damage}; use another checkpoint or another copy") from None
    refused = refusal(opened, leave_unknown=leave_unknown)
    if refused is not None:
        raise UsageError(f"{path} is not loaded: {refused}")
    return value


def read_values(path: Path) -> Any:
    """The same without the tensors' data: much sooner there where only numbers are asked for."""
    opened = open_file(path)
    refused = refusal(opened, leave_unknown=True)
    if refused is not None:
        raise UsageError(f"{path} is not loaded: {refused}")
    return opened.value


def open_file(path: Path) -> TorchFile:
    """The file opened, whatever is in it. Raises ``UsageError`` where there is none, or the system refuses it."""
    try:
        return torch_file.open_file(path)
    except FileNotFoundError:
        raise UsageError(f"{path.name} is missing in {path.parent}") from None
    except OSError as refused:
        raise UsageError(f"{path} {reading.failure(refused)}") from None


def refusal(opened: TorchFile, *, leave_unknown: bool = False) -> str | None:
    """Why a file's values are not to be had, in one clause that says what to do; None where they are."""
    for problem in opened.problems:
        advice = REFUSED.get(problem.code)
        if advice is not None and not (leave_unknown and advice is UNKNOWN):
            return f"{problem.message}; {advice}"
    if opened.value is None and opened.problems:
        return f"{opened.problems[0].message}; use another checkpoint or another copy"
    return None


def tensor_names(opened: TorchFile) -> dict[str, str]:
    """The path of the first tensor in each storage, by the storage's key."""
    names: dict[str, str] = {}
    for name, tensor in leaves(opened.value, TensorRef):
        names.setdefault(tensor.storage.key, name)
    return names


def leaves(value: Any, kind: type[Leaf]) -> Iterator[tuple[str, Leaf]]:
    """Every object of a kind in nested dicts, lists and tuples with its path, in the pickle's order, each once."""
    seen: set[int] = set()
    pending: list[tuple[str, Any]] = [("", value)]
    while pending:
        name, item = pending.pop()
        if isinstance(item, kind):
            if id(item) not in seen:
                seen.add(id(item))
                yield name, item
            continue
        if not isinstance(item, (dict, list, tuple, set, frozenset, Opaque)) or id(item) in seen:
            continue
        seen.add(id(item))
        prefix = f"{name[:200]}." if name else ""
        children: Iterable[tuple[Any, Any]]
        if isinstance(item, Opaque):
            children = [("args", item.args), ("state", item.state), *enumerate(item.contents)]
        else:
            children = item.items() if isinstance(item, dict) else enumerate(item)
        pending += reversed([(f"{prefix}{key}", child) for key, child in children])


def tensors_in(value: Any) -> Iterator[tuple[str, Tensor]]:
    """Every tensor in a nested value with its path, in the order in which ``torch.save`` met them."""
    return leaves(value, Tensor)


def _weights(path: Path, *, leave_unknown: bool) -> tuple[dict[str, Tensor], list[str]]:
    """The NP tensors by our names, and a line where wrappers wrote parts into the names."""
    value = read_file(path, leave_unknown=leave_unknown)
    found = {name: tensor for name, tensor in tensors_in(value) if weight_names.parse(name)}
    unclear = weight_names.ambiguity(found)
    if unclear is not None:
        raise UsageError(f"{path}: {unclear}; save the weights again with one name for each tensor")
    said = weight_names.wrapping(found)
    return weight_names.short_keys(found), [f"{path.name}: {said}"] if said else []


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = reading.read_object(path)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"{path} {reading.failure(error)}") from None
    except reading.ContentError as wrong:
        raise UsageError(f"{path} {wrong}") from None
    _refuse_newer(path, document)
    return document


def _refuse_newer(path: Path, document: dict[str, Any]) -> None:
    wrong = newer(document)
    if wrong is not None:
        raise UsageError(f"{path} {wrong}")


def read(checkpoint: Path, *, leave_unknown: bool = False) -> Stored:
    """All of a checkpoint, ours or another trainer's. Raises ``UsageError`` in one line for what cannot be read.

    ``leave_unknown`` leaves objects that nobody knows unread instead of refusing a file that has them.
    """
    config = _read_json(checkpoint / "config.json")
    facts = _read_json(checkpoint / manifest.NAME)
    training = read_file(checkpoint / "training_state.pt", leave_unknown=leave_unknown)
    if not isinstance(training, dict) or "global_step" not in training:
        raise UsageError(f"{checkpoint / 'training_state.pt'} has no global_step: it is not a training state")
    _refuse_newer(checkpoint / "training_state.pt", training)
    weights, notes = _weights(checkpoint / "npt_weights.pt", leave_unknown=leave_unknown)
    multi_path = checkpoint / "multi_layer_state.pt"
    ours = "schema" in training
    if ours:
        multi = rebuild.plain(read_file(multi_path, leave_unknown=leave_unknown))
    else:
        theirs = read_file(multi_path, leave_unknown=leave_unknown) if multi_path.exists() else None
        training, multi, config, said = other_trainers.translate(weights, training, theirs, config)
        notes += said
    state, differs = optimizer.fitted(
        training.get("optimizer_state_dict"),
        weights,
        int(training["global_step"]),
        merged="merge_info" in training and not ours,
    )
    training = {**training, "optimizer_state_dict": state}
    notes += [differs] if differs else []
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
