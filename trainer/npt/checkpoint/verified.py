"""Remembering which checkpoints were found to be valid, for as long as their files stay the same.

Checkpoints are large and a limit asks for all of them after every save. So each is read once, and what this process
wrote itself, hashing it on its way to the disk, not at all.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from npt.checkpoint import find

State = tuple[int, int, int, int, int]


def state_of(found: os.stat_result) -> State:
    """What tells a file from any other, and from itself after a change: device, inode, size and times."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _states(checkpoint: Path) -> dict[str, State]:
    with os.scandir(checkpoint) as entries:
        found = {entry.name: os.stat(entry.path) for entry in entries}
    return {name: state_of(known) for name, known in found.items() if not stat.S_ISDIR(known.st_mode)}


class Verified:
    """Asks ``find.problem`` of a checkpoint once."""

    def __init__(self) -> None:
        self._known: dict[Path, dict[str, State]] = {}

    def note(self, checkpoint: Path, states: Mapping[str, State]) -> None:
        """A checkpoint that was just written: the states that its files had when all their bytes were on disk."""
        self._known[checkpoint] = dict(states)

    def unchanged(self, checkpoint: Path) -> bool:
        """Whether it was found valid and its files are still the same; reads nothing of them."""
        known = self._known.get(checkpoint)
        try:
            return known is not None and _states(checkpoint) == known
        except OSError:
            return False

    def problem(self, checkpoint: Path) -> str | None:
        """``find.problem``, reading the checkpoint only where it changed since the last time."""
        if self.unchanged(checkpoint):
            return None
        self._known.pop(checkpoint, None)
        try:
            before = _states(checkpoint)
        except OSError:
            return find.problem(checkpoint)
        found = find.problem(checkpoint)
        if found is None:
            # The states of before it was read: what changed meanwhile is a change like any other.
            self._known[checkpoint] = before
        return found
