"""Writing a checkpoint so that it is either there, whole, or not there at all."""

from __future__ import annotations

import contextlib
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
from npt.checkpoint import manifest
from npt.errors import TrainingError
from npt.storage import atomic


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


def _write(path: Path, fill: Callable[[_HashingFile], None]) -> dict[str, Any]:
    with open(path, "wb", buffering=1 << 20) as raw:
        file = _HashingFile(raw)
        try:
            fill(file)
        except RuntimeError:
            if file.error is not None:
                raise file.error from None
            raise
        raw.flush()
        os.fsync(raw.fileno())
    return {"bytes": file.size, "sha256": file.digest.hexdigest()}


def _fill(folder: Path, content: Content) -> None:
    files: dict[str, Any] = {}
    for name, value in (
        ("npt_weights.pt", content.weights),
        ("training_state.pt", content.training_state),
        ("multi_layer_state.pt", content.multi_layer_state),
    ):
        files[name] = _write(folder / name, lambda file, value=value: torch.save(value, file))  # type: ignore[misc]
    text = atomic.json_bytes(content.config)
    files["config.json"] = _write(folder / "config.json", lambda file: (file.write(text), None)[1])
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
    atomic.write_bytes(folder / manifest.NAME, atomic.json_bytes(manifest.signed(document)))
    atomic.fsync_folder(folder)


def _full(folder: Path, what: str, needed: int) -> TrainingError:
    free = atomic.free_bytes(folder)
    return TrainingError(
        f"the disk is full: {what} needs about {needed / 1e6:.1f} MB and {folder} has {free / 1e6:.1f} MB free; "
        "make room and resume from the last checkpoint"
    )


def save(checkpoints: Path, content: Content) -> Path:
    """Writes ``checkpoint-<step>`` and returns its path; one that is already there is kept as it is.

    Raises ``TrainingError`` where the disk is full or the folder cannot be written; nothing half written stays.
    """
    target = checkpoints / f"checkpoint-{content.step}"
    if target.exists():
        if not manifest.problems(target):
            return target
        _put_aside(target)
    temporary = atomic.temporary_beside(target)
    try:
        checkpoints.mkdir(parents=True, exist_ok=True)
        if atomic.free_bytes(checkpoints) < content.bytes_needed:
            raise _full(checkpoints, target.name, content.bytes_needed)
        if temporary.exists():
            shutil.rmtree(temporary)
        temporary.mkdir()
        _fill(temporary, content)
        os.rename(temporary, target)
        atomic.fsync_folder(checkpoints)
    except OSError as error:
        with contextlib.suppress(OSError):
            shutil.rmtree(temporary)
        if target.exists() and error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return target
        if atomic.is_full(error):
            raise _full(checkpoints, target.name, content.bytes_needed) from None
        raise TrainingError(f"{target.name} cannot be saved: {error.strerror or error} ({checkpoints})") from None
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return target


def _put_aside(broken: Path) -> None:
    """Renames a damaged checkpoint that is where a new one goes; nothing is deleted."""
    number = 1
    while (aside := broken.with_name(f"broken-{broken.name}-{number}")).exists():
        number += 1
    os.rename(broken, aside)
    print(f"warning: {broken.name} was damaged and is now {aside.name}")


def write_final(checkpoint: Path) -> Path:
    """Makes ``final/`` the same as a checkpoint, by hard links where the file system has them."""
    final = checkpoint.with_name("final")
    temporary = atomic.temporary_beside(final)
    try:
        if temporary.exists():
            shutil.rmtree(temporary)
        temporary.mkdir()
        for file in sorted(checkpoint.iterdir()):
            try:
                os.link(file, temporary / file.name)
            except OSError as error:
                if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EXDEV):
                    raise
                shutil.copyfile(file, temporary / file.name)
        atomic.fsync_folder(temporary)
        if final.exists():
            atomic.remove_tree(final)
        os.rename(temporary, final)
        atomic.fsync_folder(final.parent)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if atomic.is_full(error):
            raise _full(checkpoint.parent, "final", 1 << 16) from None
        raise TrainingError(f"final/ cannot be written: {error.strerror or error} ({final})") from None
    return final
