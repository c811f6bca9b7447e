"""Which checkpoints ``--save_total_limit`` deletes, and that it never deletes the last good ones.

A limit counts valid checkpoints of this trainer. What is broken, empty, unreadable, another trainer's or no folder
neither counts nor is touched: it may be all that somebody has, and a person has to judge it. The extension's clean-up
counts in the same way: test/fixtures/retention in its repository has cases for both.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from npt.checkpoint import find
from npt.checkpoint.verified import Verified
from npt.storage import atomic, reading

# Names in one line; the rest is counted.
NAMED = 4


class Unknown(Exception):
    """A file that says what has to be kept cannot be read."""


def _document(path: Path) -> dict[str, Any]:
    """A JSON object; empty where there is no such file. Raises ``Unknown`` where it cannot be read."""
    try:
        return reading.read_object(path)
    except OSError as error:
        if reading.is_absent(error):
            return {}
        raise Unknown(f"{path.name} {reading.failure(error)}") from None
    except reading.ContentError as content:
        raise Unknown(f"{path.name} is damaged: it {content}") from None


def protected(run: Path, best: str | None = None, shown: Path | None = None) -> dict[str, str]:
    """The checkpoints of a run that always stay, with the reason of each: the best, pinned ones, branch origins, and
    what a link beside them leads to.

    ``best`` is the best one as the trainer knows it; ``shown`` is the run's path for people, where ``run`` only leads
    to its folder. Raises ``Unknown`` where pins cannot be read: any may be pinned.
    """
    keep: dict[str, str] = {}
    for name, link in _linked(run / "checkpoints"):
        keep[name] = f"{link} is a link to it"
    for name in _branch_origins(run, shown or run):
        keep[name] = "a branch began there"
    # Where it cannot be read, the trainer still knows the best one, and writes the file anew.
    with contextlib.suppress(Unknown):
        keep[str(_document(run / "checkpoints" / "best.json").get("checkpoint"))] = "best"
    if best is not None:
        keep[best] = "best"
    pinned = _document(run / "pins.json").get("checkpoints", [])
    if not isinstance(pinned, list):
        raise Unknown("pins.json is damaged")
    return keep | {str(name): "pinned" for name in pinned}


def _linked(checkpoints: Path) -> list[tuple[str, str]]:
    """The names in a folder of checkpoints that a link in it leads to, each with the link's (``final`` made by hand).

    A link that is named as another step is no checkpoint of it, and keeps nothing.
    """
    found: list[tuple[str, str]] = []
    with contextlib.suppress(OSError):
        for name in sorted(os.listdir(checkpoints)):
            if find.step_of(name) is not None:
                continue
            # What is no link raises, too.
            with contextlib.suppress(OSError):
                target = checkpoints / os.readlink(checkpoints / name)
                if os.path.samefile(target.parent, checkpoints):
                    found.append((target.name, name))
    return found


def _branch_origins(run: Path, shown: Path) -> set[str]:
    """The checkpoints of a run that other runs beside it began from."""
    found: set[str] = set()
    try:
        own = _document(run / "run.json").get("id")
    except Unknown:
        own = None
    # A run that is a link has neighbours where the link is, and where it leads to.
    for folder in {shown.parent, Path(os.path.realpath(run)).parent}:
        for sibling in _folders(folder):
            if sibling.name == shown.name:
                continue
            try:
                parent = _document(sibling / "run.json").get("parent")
            except Unknown:
                # Its name still says where a branch that was made by itself began.
                parent = {"id": own, "checkpoint": find.PREFIX + _branch_step(sibling.name, shown.name)}
            # Without an id of its own, a run may be the parent of any branch.
            if isinstance(parent, dict) and (own is None or parent.get("id") == own):
                found.add(str(parent.get("checkpoint")))
    return found


def _folders(folder: Path) -> list[Path]:
    try:
        return [folder / name for name in os.listdir(folder)]
    except OSError:
        return []


def _branch_step(name: str, run: str) -> str:
    """The step in ``<run>-from-<step>`` or ``<run>-from-<step>-<n>``; empty for other names."""
    return name.removeprefix(f"{run}-from-").partition("-")[0] if name.startswith(f"{run}-from-") else ""


class Retention:
    """Keeps a run within ``--save_total_limit``; one for a whole segment, so that nothing is read or said twice."""

    def __init__(self, limit: int | None, verified: Verified, stopping: Callable[[], bool] = lambda: False) -> None:
        self._limit = limit
        self._verified = verified
        self._stopping = stopping
        self._said: set[tuple[str, str]] = set()

    def prune(self, written: Path, best: str | None = None, shown: Path | None = None) -> list[str]:
        """Deletes a run's oldest valid checkpoints beyond its newest ``limit`` valid ones; returns lines to show.

        ``written`` was just saved and stays; for ``best`` and ``shown`` see ``protected``. All that a limit keeps is
        known to be valid before anything is deleted, and looked at once more in between. A request to stop ends it: the
        next save goes on with it.
        """
        run = written.parent.parent
        found = _checkpoints(run)
        if self._limit is None or len(found) <= self._limit:
            return []
        passed: dict[str, str] = {}
        kept: list[Path] = []
        while found and len(kept) < self._limit and not self._stopping():
            self._judge(found.pop(), kept, passed)
        if written in found:
            found.remove(written)
            self._judge(written, kept, passed)
        if written not in kept:
            why = passed.get(written.name, "is gone")
            return self._refuse(f"{written.name}, which was just saved, {why}")
        try:
            keep = protected(run, best, shown)
        except Unknown as unknown:
            return self._refuse(f"{unknown}, so that any checkpoint may be pinned")
        deleted: list[str] = []
        held: dict[str, str] = {}
        for checkpoint in found:
            if self._stopping():
                break
            if checkpoint.name in keep:
                held[checkpoint.name] = keep[checkpoint.name]
                continue
            wrong = self._verified.problem(checkpoint) or self._delete(checkpoint, kept)
            if wrong is None:
                deleted.append(checkpoint.name)
            else:
                passed[checkpoint.name] = wrong
        return self._news(deleted, held, passed)

    def _judge(self, checkpoint: Path, valid: list[Path], passed: dict[str, str]) -> None:
        wrong = self._verified.problem(checkpoint)
        if wrong is None:
            valid.append(checkpoint)
        else:
            passed[checkpoint.name] = wrong

    def _delete(self, checkpoint: Path, kept: list[Path]) -> str | None:
        """Deletes one checkpoint; returns why it stays where it does, as a clause behind its name."""
        linked = checkpoint.is_symlink()
        if not linked and not os.access(checkpoint, os.W_OK | os.X_OK):
            return "is write-protected"
        lost = self._lost(kept)
        if lost is not None:
            return lost
        try:
            hidden = atomic.hide(checkpoint)
        except OSError as error:
            return f"cannot be deleted: {atomic.reason(error)}"
        try:
            # Somebody else may be deleting, too (another window, a person): who comes second puts back what they took.
            lost = self._lost(kept)
            if lost is not None:
                os.rename(hidden, checkpoint)
                return lost
            atomic.discard(hidden)
        except OSError as error:
            return f"cannot be deleted wholly: {hidden.name} stays ({atomic.reason(error)})"
        return None

    def _lost(self, kept: list[Path]) -> str | None:
        """Why nothing may go: one of those that are to stay is valid no more; a clause behind the other's name."""
        lost = next((other.name for other in kept if self._verified.problem(other) is not None), None)
        return None if lost is None else f"stays: {lost} is gone or was damaged just now"

    def _refuse(self, why: str) -> list[str]:
        new = ("", why) not in self._said
        self._said.add(("", why))
        return [f"warning: --save_total_limit deletes nothing: {why}"] if new else []

    def _news(self, deleted: list[str], held: dict[str, str], passed: dict[str, str]) -> list[str]:
        """One line: what was deleted, what was kept besides, and what was passed over, where that is new."""
        new = {name: why for name, why in passed.items() if (name, why) not in self._said}
        self._said |= set(passed.items())
        if not deleted and not new:
            return []
        parts = [f"deleted {_listed(deleted)}: --save_total_limit is {self._limit}"] if deleted else []
        if held:
            parts.append("kept besides: " + _listed([f"{name} ({why})" for name, why in held.items()]))
        if new:
            line = "; ".join(f"{name} {why}" for name, why in list(new.items())[:NAMED])
            more = f" and {len(new) - NAMED} more" if len(new) > NAMED else ""
            parts.append(f"not counted and not touched by --save_total_limit: {line}{more}")
        return ["; ".join(parts)]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _checkpoints(run: Path) -> list[Path]:
    """Everything in a run that is named as a checkpoint of ours is (a copy ``checkpoint-0100`` is not), by step."""
    try:
        names = os.listdir(run / "checkpoints")
    except OSError:
        return []
    steps = sorted({step for name in names if (step := find.step_of(name)) is not None})
    return [run / "checkpoints" / name for step in steps if (name := f"{find.PREFIX}{step}") in names]
