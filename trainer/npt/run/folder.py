"""The files at the top of a run's folder, and starting and ending a segment in it."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from npt import SCHEMA, TRAINER
from npt.errors import TrainingError, UsageError
from npt.newer import newer
from npt.run import process
from npt.run.lock import RunLock
from npt.run.metrics_log import MetricsLog, last_segment
from npt.run.opened import OpenFolder, readable
from npt.storage import atomic, reading

#: How often a run that trains looks whether its folder is still where it was.
LOOK_SECONDS = 1.0


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object, or None where there is no such file. Raises ``UsageError`` for anything else."""
    try:
        document = reading.read_object(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{path} {reading.failure(error)}") from None
    except reading.ContentError as wrong:
        raise UsageError(f"{path} {wrong}") from None
    wrong_schema = newer(document)
    if wrong_schema is not None:
        raise UsageError(f"{path} {wrong_schema}")
    return document


def git_state(folder: Path) -> dict[str, Any] | None:
    """The commit that a folder is at and whether it has changes; None outside a repository."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=5, check=True)
        return done.stdout.strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain", "-uno"))}
    except (OSError, subprocess.SubprocessError):
        return None


class RunFolder:
    """A run on disk. Everything that this process writes at its top goes through here."""

    def __init__(self, given: Path) -> None:
        self.given = given
        self.segment = 0
        self.metrics: MetricsLog | None = None
        self._lock: RunLock | None = None
        self._ending = threading.Lock()
        self._ended = False
        self._named = False  # Whether process.json is this process's own.
        self._looked = 0.0
        self._open: OpenFolder | None = None
        # From now on it may be renamed: between here and the first file written, a model is loaded.
        with contextlib.suppress(OSError):
            self._open = OpenFolder(given)

    @property
    def path(self) -> Path:
        """A path that leads to the folder, also after it was renamed; ``shown`` is the one for people."""
        return self._open.path if self._open is not None else self.given

    @property
    def shown(self) -> Path:
        """Where the folder is now."""
        return self._open.shown if self._open is not None else self.given

    @property
    def checkpoints(self) -> Path:
        """A path to the folder of its checkpoints."""
        return self.path / "checkpoints"

    def follow(self) -> None:
        """Looks, at most once a second, whether the folder was renamed, which is then said.

        Raises ``TrainingError`` where it was deleted: it is not made anew.
        """
        now = time.monotonic()
        if self._open is None or now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        if self._open.gone:
            raise TrainingError(
                f"the run's folder {self.given} was deleted while it trained; what was saved in it is gone with it"
            )
        if self._open.moved and self._open.shown != self._open.given:
            self._open.given = self._open.shown
            print(f"the run's folder is now {self.shown}")
            known = read_json(self.path / "process.json")
            if known is not None:
                atomic.replace_json(self.path / "process.json", {**known, "folder": self._open.identity()})

    @property
    def gone(self) -> bool:
        """Whether the folder was deleted."""
        return self._open is not None and self._open.gone

    def saving(self, save: Callable[[Path], Path]) -> Path:
        """Saves into ``checkpoints``; once more where the folder was renamed under a save (see ``OpenFolder``)."""
        while True:
            checkpoints = self.checkpoints
            try:
                return save(checkpoints)
            except TrainingError:
                if self.checkpoints == checkpoints:
                    raise

    @property
    def supervised(self) -> bool:
        """Whether a supervisor owns process.json and train.log of this run."""
        return os.environ.get("NPT_SUPERVISED") == "1" and (self._lock is None or self._lock.inherited)

    def lock(self) -> None:
        """Creates the folder and takes its lock."""
        try:
            if self._open is None:
                self.given.mkdir(parents=True, exist_ok=True)
                self._open = OpenFolder(self.given)
            self.checkpoints.mkdir(exist_ok=True)
            self._lock = RunLock.acquire(self.path)
        except OSError as error:
            raise UsageError(
                f"the run folder {self.shown} cannot be written: {error.strerror or error}; choose another --output_dir"
            ) from None

    def birth(self, argv: list[str], parent: dict[str, Any] | None, changed: dict[str, list[Any]]) -> None:
        """Writes ``run.json``, unless the run has one and a checkpoint.

        What a start left behind that died before its first checkpoint does not count, and is made anew.
        """
        if self._had_checkpoint():
            if os.path.lexists(self.path / "run.json"):
                return
        else:
            for name in ("probe.pt", "wandb.json", "checkpoints/best.json"):
                with contextlib.suppress(OSError):
                    (self.path / name).unlink()
        document = {
            "schema": SCHEMA,
            "id": str(uuid.uuid4()),
            "created": time.time(),
            "argv": argv,
            "cwd": os.getcwd(),
            "git": git_state(Path.cwd()),
            "trainer": TRAINER,
            "parent": parent,
            "changed": changed,
        }
        atomic.replace_json(self.path / "run.json", document)

    def _had_checkpoint(self) -> bool:
        """Whether there is a checkpoint, whatever its state, or was one, by what is logged."""
        with contextlib.suppress(OSError):
            if any(name.startswith("checkpoint-") or name == "final" for name in os.listdir(self.checkpoints)):
                return True
        with contextlib.suppress(OSError), reading.open_regular(self.path / "metrics.jsonl") as log:
            return any(line.startswith(b'{"event":"checkpoint"') for line in log)
        return False

    def identity(self) -> dict[str, Any] | None:
        """``run.json``, or None for a run of another trainer."""
        return read_json(self.path / "run.json")

    def begin_segment(self, resume_step: int, changed: dict[str, list[Any]], config: dict[str, Any]) -> MetricsLog:
        """Starts a segment: leftovers swept, process.json and config.json written, exit.json gone, start logged."""
        atomic.sweep(self.path)
        atomic.sweep(self.checkpoints)
        self.segment = last_segment(self.path / "metrics.jsonl") + 1
        atomic.replace_json(self.path / "config.json", config)
        self.metrics = MetricsLog(self.path / "metrics.jsonl", self.segment)
        with contextlib.suppress(FileNotFoundError):
            (self.path / "exit.json").unlink()
        # After all that may fail: from here on the segment ends with end_segment, which takes it away again.
        # A supervisor names this process before it does anything else, unless it was killed right after starting it.
        if not self.supervised or process.is_orphaned(read_json(self.path / "process.json")):
            assert self._open is not None, "lock() comes first"
            self._named = True
            atomic.replace_json(self.path / "process.json", process.describe(self.segment, self._open.identity()))
        self.metrics.start(resume_step, changed)
        return self.metrics

    def end_segment(self, why: str, step: int, signal: str | None, error: str | None) -> None:
        """Ends the segment once: exit.json, the end event, process.json gone, lock released."""
        with self._ending:
            if self._ended or self.segment == 0:
                return
            self._ended = True
            self._write_end(why, step, signal, error)

    def _write_end(self, why: str, step: int, signal: str | None, error: str | None) -> None:
        document = {
            "schema": SCHEMA,
            "why": why,
            "step": step,
            "segment": self.segment,
            "signal": signal,
            "error": None if error is None else readable(error),
            "time": time.time(),
        }
        # On a full disk none of this may work; what ended the run is then on the console.
        with contextlib.suppress(OSError):
            atomic.replace_json(self.path / "exit.json", document)
        if self.metrics is not None:
            with contextlib.suppress(OSError):
                self.metrics.end(why, step)
        if self._named:
            with contextlib.suppress(OSError):
                (self.path / "process.json").unlink()

    def command_line(self, argv: list[str]) -> str:
        """The command as a shell would take it, for the console."""
        return shlex.join(argv)


def move_aside(run: Path) -> Path:
    """Renames a run's folder to ``<run>-old-<n>`` and returns the new path; nothing is deleted."""
    number = 1
    while os.path.lexists(aside := run.with_name(f"{run.name}-old-{number}")):
        number += 1
    os.rename(run, aside)
    return aside


def free_name(run: Path) -> Path:
    """The path itself, or with ``-2``, ``-3``, … where it is taken."""
    candidate, number = run, 2
    while os.path.lexists(candidate):
        candidate = run.with_name(f"{run.name}-{number}")
        number += 1
    return candidate
