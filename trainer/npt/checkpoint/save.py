"""Writing a checkpoint so that it is either there, whole, or not there at all."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from npt import SCHEMA
from npt.checkpoint import find, manifest, validate
from npt.checkpoint.verified import State, Verified, state_of
from npt.errors import TrainingError
from npt.storage import atomic

FILES = (*manifest.STATE_FILES, "config.json", manifest.NAME)


@dataclass
class Content:
    """Everything that goes into a checkpoint, already copied away from the training tensors."""

    step: int
    segment: int
    stage: str
    weights: dict[str, Tensor]
    training_state: dict[str, Any]
    multi_layer_state: dict[str, Any]
    config: dict[str, Any]
    metrics: dict[str, float]
    model: dict[str, str]

    @property
    def bytes_needed(self) -> int:
        """About how large the checkpoint will be."""
        moments = sum(
            value.numel() * value.element_size()
            for own in self.training_state["optimizer_state_dict"]["state"].values()
            for value in own.values()
            if isinstance(value, Tensor)
        )
        return sum(t.numel() * t.element_size() for t in self.weights.values()) + moments + (1 << 17)


class _HashingFile:
    """Hashes what passes through, and keeps the operating system's error, which ``torch.save`` would replace."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.size = 0
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            self._file.write(data)
        except OSError as error:
            self.error = error
            raise
        self.digest.update(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        self._file.flush()


def _write(path: Path, fill: Callable[[_HashingFile], None]) -> tuple[dict[str, Any], State]:
    """Writes a file; returns what the manifest says of it, and what tells it from a file that was changed later."""
    with open(path, "wb", buffering=1 << 20) as raw:
        file = _HashingFile(raw)
        try:
            fill(file)
        except RuntimeError:
            if file.error is not None:
                raise file.error from None
            raise
        raw.flush()
        atomic.sync(raw.fileno())
        state = state_of(os.fstat(raw.fileno()))
    return {"bytes": file.size, "sha256": file.digest.hexdigest()}, state


def _write_bytes(path: Path, content: bytes) -> tuple[dict[str, Any], State]:
    return _write(path, lambda file: (file.write(content), None)[1])


def _fill(folder: Path, content: Content) -> dict[str, State]:
    """Writes a checkpoint's files, the manifest last; returns their states."""
    files: dict[str, Any] = {}
    states: dict[str, State] = {}
    for name, value in (
        ("npt_weights.pt", content.weights),
        ("training_state.pt", content.training_state),
        ("multi_layer_state.pt", content.multi_layer_state),
    ):
        files[name], states[name] = _write(folder / name, lambda file, value=value: torch.save(value, file))  # type: ignore[misc]
    text = atomic.json_bytes(content.config)
    files["config.json"], states["config.json"] = _write_bytes(folder / "config.json", text)
    document = {
        "schema": SCHEMA,
        "step": content.step,
        "segment": content.segment,
        "stage": content.stage,
        "time": time.time(),
        "metrics": content.metrics,
        "model": content.model,
        "files": files,
    }
    _, states[manifest.NAME] = _write_bytes(folder / manifest.NAME, atomic.json_bytes(manifest.signed(document)))
    atomic.fsync_folder(folder)
    return states


def _full(folder: Path, what: str, needed: int) -> TrainingError:
    free = atomic.free_bytes(folder)
    return TrainingError(
        f"the disk is full: {what} needs about {needed / 1e6:.1f} MB and {folder} has {free / 1e6:.1f} MB free; "
        "make room and resume from the last checkpoint"
    )


def is_kept(target: Path, verified: Verified) -> bool:
    """Whether a complete valid checkpoint is where one of that step would be saved, so that it is not saved again."""
    if verified.problem(target) is None:
        return True
    return find.has_no_manifest(target) and validate.examine(target).valid


def save(checkpoints: Path, content: Content, verified: Verified | None = None) -> Path:
    """Writes ``checkpoint-<step>`` and returns its path; a complete valid one that is already there is kept as it is.

    ``verified`` will know what was written. Raises ``TrainingError`` where the disk is full or the folder cannot be
    written; nothing half written stays.
    """
    verified = verified or Verified()
    target = checkpoints / f"checkpoint-{content.step}"
    temporary = atomic.temporary_beside(target)
    try:
        checkpoints.mkdir(parents=True, exist_ok=True)
        if _makes_way(target, verified):
            if atomic.free_bytes(checkpoints) < content.bytes_needed:
                raise _full(checkpoints, target.name, content.bytes_needed)
            if os.path.lexists(temporary):
                atomic.discard(temporary)
            temporary.mkdir()
            states = _fill(temporary, content)
            if _place(temporary, target, verified):
                verified.note(target, states)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if atomic.is_full(error):
            raise _full(checkpoints, target.name, content.bytes_needed) from None
        raise TrainingError(f"{target.name} cannot be saved: {error.strerror or error} ({checkpoints})") from None
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return target


def _place(temporary: Path, target: Path, verified: Verified) -> bool:
    """Gives a finished checkpoint its name, unless a valid one of that name has come meanwhile."""
    while True:
        try:
            os.rename(temporary, target)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR) or not os.path.lexists(target):
                raise
            if _makes_way(target, verified):
                continue
            shutil.rmtree(temporary)
            return False
        atomic.fsync_folder(target.parent)
        return True


def _makes_way(target: Path, verified: Verified) -> bool:
    """Whether a checkpoint can be saved at a path. What is there and is no valid one is renamed, nothing is deleted."""
    if not os.path.lexists(target):
        return True
    if is_kept(target, verified):
        return False
    kind = "other" if find.has_no_manifest(target) else "broken"
    number = 1
    while os.path.lexists(aside := target.with_name(f"{kind}-{target.name}-{number}")):
        number += 1
    why = verified.problem(target)
    os.rename(target, aside)
    print(f"warning: {target.name} {why}; it is now {aside.name}")
    return True


def write_final(checkpoint: Path) -> Path:
    """Makes ``final/`` the same as a checkpoint, by hard links where the file system has them."""
    final = checkpoint.with_name("final")
    temporary = atomic.temporary_beside(final)
    try:
        if os.path.lexists(temporary):
            atomic.discard(temporary)
        temporary.mkdir()
        for file in sorted(checkpoint.iterdir()):
            # What a person or a tool put beside them (folders, notes) is not the checkpoint's.
            if file.name in FILES:
                atomic.link_or_copy(file, temporary / file.name)
        atomic.fsync_folder(temporary)
        atomic.replace_folder(temporary, final)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if atomic.is_full(error):
            raise _full(checkpoint.parent, "final", 1 << 16) from None
        raise TrainingError(f"final/ cannot be written: {error.strerror or error} ({final})") from None
    return final
