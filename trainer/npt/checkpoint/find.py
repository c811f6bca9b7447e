"""Finding checkpoints: the newest valid one of a run, and what a ``--resume_from`` means."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from npt.checkpoint import manifest
from npt.errors import UsageError
from npt.storage import paths, reading

PREFIX = "checkpoint-"


def step_of(name: str) -> int | None:
    """The step in a checkpoint folder's name; None for other names."""
    digits = name.removeprefix(PREFIX)
    return int(digits) if name.startswith(PREFIX) and digits.isascii() and digits.isdigit() else None


def list_checkpoints(run: Path) -> list[Path]:
    """The visible checkpoints of a run, by step: folders, and links to folders, whatever is in them."""
    try:
        entries = [(step_of(name), run / "checkpoints" / name) for name in os.listdir(run / "checkpoints")]
    except OSError:
        return []
    return [entry for step, entry in sorted((s, e) for s, e in entries if s is not None) if os.path.isdir(entry)]


def problem(checkpoint: Path) -> str | None:
    """Why a path is no complete valid checkpoint of this trainer, as a clause to put behind its name; None where it is.

    The same checks as validation's of manifest and checksums, and of the step against the folder's name. What only the
    values of tensors could tell is not asked: a file whose checksum fits is what a trainer wrote after looking at them.
    A checkpoint of another trainer, which has no manifest, is none of ours (see ``has_no_manifest``).
    """
    step = step_of(checkpoint.name)
    try:
        if not stat.S_ISDIR(os.stat(checkpoint).st_mode):
            return "is not a folder"
        names = os.listdir(checkpoint)
        if not names:
            return "is empty"
        if manifest.NAME not in names:
            return f"has no {manifest.NAME}: another trainer's, or unfinished"
        wrong = manifest.problems(checkpoint)
        if wrong:
            return f"is broken: {wrong[0]}"
        inside = reading.read_object(checkpoint / manifest.NAME).get("step")
    except FileNotFoundError:
        return "is a link to nothing" if checkpoint.is_symlink() else "is gone"
    except OSError as error:
        return reading.failure(error)
    except reading.ContentError as content:
        return f"is broken: its {manifest.NAME} {content}"
    # A copy, or a folder that was renamed: a resume would go by the step inside.
    return f"is broken: its manifest is of step {inside}" if step not in (None, inside) else None


def has_no_manifest(checkpoint: Path) -> bool:
    """Whether a folder has something in it, but no manifest: another trainer's, or one of its saves cut short."""
    try:
        names = os.listdir(checkpoint)
    except OSError:
        return False
    return bool(names) and manifest.NAME not in names


@dataclass
class Source:
    """What to resume from: a checkpoint, its run (None for a checkpoint outside a run), and what was passed over.

    ``named_run`` tells that the run was named, and the checkpoint chosen as its newest.
    """

    checkpoint: Path
    run: Path | None
    passed_over: list[str] = field(default_factory=list)
    named_run: bool = False

    @property
    def name(self) -> str:
        """What a branch of it is named after: its run, or the checkpoint where there is none around it."""
        return self.checkpoint.name if self.run is None else self.run.name


def newest_valid(run: Path, below: int | None = None) -> tuple[Path | None, list[str]]:
    """The newest checkpoint of a run whose files are whole, and a line for each broken one passed over.

    Of another trainer's, which has no checksums, weights and training state have to be there.
    """
    passed: list[str] = []
    for checkpoint in reversed(list_checkpoints(run)):
        step = step_of(checkpoint.name)
        if below is not None and step is not None and step >= below:
            continue
        wrong = _problem_without_manifest(checkpoint) if has_no_manifest(checkpoint) else problem(checkpoint)
        if wrong is None:
            return checkpoint, passed
        passed.append(passed_over(checkpoint.name, wrong))
    return None, passed


def _problem_without_manifest(checkpoint: Path) -> str | None:
    try:
        return next((f"is broken: {clause}" for clause in manifest.problems(checkpoint)), None)
    except OSError as error:
        return reading.failure(error)


def passed_over(name: str, wrong: str) -> str:
    """A line about a checkpoint that is not used, from its name and what is wrong with it."""
    what, _, why = wrong.partition(": ")
    passed = "passed over" if what.startswith("is ") else "is passed over"
    return f"{name} {what} and {passed}{f': {why}' if why else ''}"


def run_of(checkpoint: Path) -> Path | None:
    """The run that a checkpoint's path is in, wherever it was moved."""
    return checkpoint.parent.parent if checkpoint.parent.name == "checkpoints" else None


def _is_place(path: Path) -> bool:
    """Whether a path is where a run has a checkpoint, by its names alone."""
    return path.parent.name == "checkpoints" and (step_of(path.name) is not None or path.name in ("final", "best"))


def _in_its_run(path: Path) -> Path:
    """The path by which a checkpoint is in its run.

    Runs, their checkpoints and their ``checkpoints`` folders may be links: the path as given is in the run then, and
    the folder that it leads to may be anywhere. Only a link from outside (``latest``) is followed to such a place.
    """
    place = path
    for _ in range(40):
        if _is_place(place):
            return place
        if not place.is_symlink():
            break
        place = paths.absolute(place.parent / os.readlink(place))
    resolved = path.resolve()
    return resolved if _is_place(resolved) else path


def locate(text: str) -> Source:
    """What ``--resume_from`` names: a checkpoint folder, or a run. Raises ``UsageError`` for anything else."""
    path = paths.absolute(text)
    try:
        os.stat(path)
    except OSError as error:
        absent = "does not exist" if reading.is_absent(error) else reading.failure(error)
        raise UsageError(f"NPT weights not found: {path} {absent}") from None
    if path.name == "checkpoints":
        path = path.parent
    weights = path / "npt_weights.pt"
    try:
        has_weights = reading.regular(weights) is not None
    except OSError as error:
        raise UsageError(f"NPT weights not found: {weights} {reading.failure(error)}") from None
    if not has_weights and (path / "checkpoints").is_dir():
        newest, passed = newest_valid(path)
        if newest is None:
            reason = passed[0] if passed else "it has no checkpoint"
            raise UsageError(f"NPT weights not found: nothing to resume in {path} ({reason})")
        return Source(newest, path, passed, named_run=True)
    if not has_weights:
        raise UsageError(f"NPT weights not found: {path} has no npt_weights.pt")
    path = _in_its_run(path)
    return Source(path, run_of(path))


def refuse_damaged(source: Source) -> None:
    """Raises ``UsageError`` where a checkpoint's files are not what its manifest says, naming the newest valid one."""
    wrong = manifest.problems(source.checkpoint)
    if not wrong:
        return
    newest = newest_valid(source.run)[0] if source.run else None
    hint = f"the newest valid checkpoint is {newest}" if newest else "the run has no valid checkpoint"
    raise UsageError(f"{source.checkpoint} is damaged: {wrong[0]}; {hint} (--ignore_integrity resumes from it anyway)")
