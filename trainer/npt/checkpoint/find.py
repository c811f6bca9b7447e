"""Finding checkpoints: the newest valid one of a run, and what a ``--resume_from`` means."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from npt.checkpoint import manifest
from npt.errors import UsageError

PREFIX = "checkpoint-"


def step_of(name: str) -> int | None:
    """The step in a checkpoint folder's name; None for other names."""
    digits = name.removeprefix(PREFIX)
    return int(digits) if name.startswith(PREFIX) and digits.isascii() and digits.isdigit() else None


def list_checkpoints(run: Path) -> list[Path]:
    """The visible checkpoints of a run, by step."""
    folder = run / "checkpoints"
    if not folder.is_dir():
        return []
    steps = [(step_of(entry.name), entry) for entry in folder.iterdir() if entry.is_dir()]
    return [entry for step, entry in sorted((s, e) for s, e in steps if s is not None)]


@dataclass
class Source:
    """What to resume from: a checkpoint, its run (None for a checkpoint outside a run), and what was passed over."""

    checkpoint: Path
    run: Path | None
    passed_over: list[str] = field(default_factory=list)


def newest_valid(run: Path, below: int | None = None) -> tuple[Path | None, list[str]]:
    """The newest checkpoint of a run whose files are whole, and a line for each broken one passed over."""
    passed: list[str] = []
    for checkpoint in reversed(list_checkpoints(run)):
        step = step_of(checkpoint.name)
        if below is not None and step is not None and step >= below:
            continue
        wrong = manifest.problems(checkpoint)
        if not wrong:
            return checkpoint, passed
        passed.append(f"{checkpoint.name} is broken and passed over: {wrong[0]}")
    return None, passed


def run_of(checkpoint: Path) -> Path | None:
    """The run that a checkpoint's path is in, wherever it was moved."""
    return checkpoint.parent.parent if checkpoint.parent.name == "checkpoints" else None


def locate(text: str) -> Source:
    """What ``--resume_from`` names: a checkpoint folder, or a run. Raises ``UsageError`` for anything else."""
    path = Path(text).expanduser()
    if not path.exists():
        raise UsageError(f"NPT weights not found: {path} does not exist")
    path = path.resolve()
    if path.name == "checkpoints":
        path = path.parent
    if path.is_dir() and not (path / "npt_weights.pt").exists() and (path / "checkpoints").is_dir():
        newest, passed = newest_valid(path)
        if newest is None:
            reason = passed[0] if passed else "it has no checkpoint"
            raise UsageError(f"NPT weights not found: nothing to resume in {path} ({reason})")
        return Source(newest, path, passed)
    if not (path / "npt_weights.pt").is_file():
        raise UsageError(f"NPT weights not found: {path} has no npt_weights.pt")
    return Source(path, run_of(path))


def refuse_damaged(source: Source) -> None:
    """Raises ``UsageError`` where a checkpoint's files are not what its manifest says, naming the newest valid one."""
    wrong = manifest.problems(source.checkpoint)
    if not wrong:
        return
    newest = newest_valid(source.run)[0] if source.run else None
    hint = f"the newest valid checkpoint is {newest}" if newest else "the run has no valid checkpoint"
    raise UsageError(f"{source.checkpoint} is damaged: {wrong[0]}; {hint} (--ignore_integrity resumes from it anyway)")
