"""The manifest: what a checkpoint's files must be, so that damage shows."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import Any

from npt.checkpoint.finding import Finding, error
from npt.newer import newer
from npt.storage import reading
from npt.storage.canonical_json import canonical, finite

NAME = "manifest.json"
STATE_FILES = ("npt_weights.pt", "training_state.pt", "multi_layer_state.pt")


def own_hash(document: dict[str, Any]) -> str:
    """The sha256 of a manifest without its ``sha256`` key, in canonical JSON."""
    return hashlib.sha256(canonical({k: v for k, v in document.items() if k != "sha256"}).encode()).hexdigest()


def signed(document: dict[str, Any]) -> dict[str, Any]:
    """The manifest with its own hash."""
    plain: dict[str, Any] = finite(document)
    return {**plain, "sha256": own_hash(plain)}


#: A file that changed less than this ago may change again without its times showing it (of those, whole seconds long
#: ago: file systems that count no shorter ones).
_SETTLED_SECONDS, _COARSE_SECONDS = 0.1, 3.0
_hashed: dict[tuple[int, ...], tuple[int, str]] = {}


def _settled(found: os.stat_result) -> bool:
    changed = max(found.st_mtime_ns, found.st_ctime_ns)
    coarse = found.st_mtime_ns % 10**9 == 0
    return time.time() - changed / 1e9 > (_COARSE_SECONDS if coarse else _SETTLED_SECONDS)


def file_hash(path: Path) -> tuple[int, str]:
    """Size and sha256 of a file. A file that has not changed since is not read again: a resume asks several times."""
    digest, size = hashlib.sha256(), 0
    with reading.open_regular(path) as file:
        found = os.fstat(file.fileno())
        state = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        if state in _hashed:
            return _hashed[state]
        settled = _settled(found)
        while chunk := file.read(1 << 20):
            digest.update(chunk)
            size += len(chunk)
    if settled:
        _hashed[state] = (size, digest.hexdigest())
    return size, digest.hexdigest()


def unusable(path: Path) -> Finding | None:
    """What keeps a checkpoint's file from being read at all; None where nothing does. Opens nothing but a file."""
    try:
        with reading.open_regular(path):
            return None
    except OSError as refused:
        if reading.is_absent(refused):
            return error("missing-file", f"{path.name} is missing")
        code = "not-a-file" if isinstance(refused, reading.WrongKindError) else "unreadable-file"
        return error(code, f"{path.name} {reading.failure(refused)}")


def problems(folder: Path) -> list[str]:
    """What is wrong with a checkpoint's files, each as one clause; empty when all is well.

    A checkpoint without a manifest (another trainer's) only has to have weights and a training state.
    """
    return [item.message for item in check(folder)]


def check(folder: Path) -> list[Finding]:
    """The same, with codes."""
    path = folder / NAME
    if not os.path.lexists(path) and os.access(folder, os.X_OK):
        return [item for name in STATE_FILES[:2] if (item := unusable(folder / name)) is not None]
    wrong = unusable(path)
    if wrong is not None:
        return [wrong]
    try:
        document = reading.read_object(path)
        listed: dict[str, dict[str, Any]] = document["files"]
        schema = int(document["schema"])
        if not isinstance(listed, dict) or not all(isinstance(facts, dict) for facts in listed.values()):
            raise TypeError
    except reading.ContentError as content:
        return [error("manifest-unreadable", f"{NAME} {content}")]
    except (ValueError, KeyError, TypeError, OverflowError):
        return [error("manifest-unreadable", f"{NAME} does not list the files of the checkpoint")]
    wrong_schema = newer({"schema": schema})
    if wrong_schema is not None:
        return [error("newer-schema", f"{NAME} {wrong_schema}")]
    absent = [name for name in STATE_FILES if name not in listed]
    # Without its own checksum a whole manifest was changed; another was written by hand.
    if (isinstance(document.get("sha256"), str) or not absent) and document.get("sha256") != own_hash(document):
        return [error("manifest-changed", f"{NAME} was changed: its own checksum does not match")]
    found = [error("manifest-incomplete", f"{name} is not listed in {NAME}") for name in absent]
    for name, facts in listed.items():
        file = folder / name
        wrong = unusable(file)
        if wrong is not None:
            found.append(wrong)
            continue
        size, digest = file_hash(file)
        if size != facts.get("bytes"):
            found.append(error("manifest-size", f"{name} has {size} bytes instead of {facts.get('bytes')}"))
        elif digest != facts.get("sha256"):
            found.append(error("sha256-mismatch", f"{name} is damaged: its checksum does not match"))
    return found
