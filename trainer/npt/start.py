"""How a start begins: in a new run, in the run it resumes, or in a branch of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from npt import effects
from npt.arguments import Arguments, changes, resolve
from npt.checkpoint import find, load, validate
from npt.checkpoint.find import Source
from npt.checkpoint.step import checkpoint_step
from npt.errors import UsageError
from npt.run.folder import RunFolder, free_name, move_aside, read_json
from npt.run.lock import RunLock
from npt.storage import paths

EXPERIMENTS = Path("experiments")
Say = Callable[[str], None]


@dataclass
class Start:
    """What will happen: with which arguments, in which run, from which checkpoint."""

    arguments: Arguments
    run: RunFolder
    source: Source | None = None
    stored: load.Stored | None = None
    parent: dict[str, Any] | None = None
    changed: dict[str, list[Any]] = field(default_factory=dict)
    step: int = 0
    moves_aside: bool = False
    seen: frozenset[str] = frozenset()

    @property
    def branches(self) -> bool:
        """Whether this start makes a new run from another's checkpoint."""
        return self.source is not None and self.source.run != self.run.given

    @property
    def evaluation_due(self) -> bool:
        """Whether the checkpoint's last evaluation is still to be made."""
        return self.stored is not None and bool(self.stored.training_state.get("evaluation_due", False))


def default_name(arguments: Arguments) -> str:
    """A new run's folder name: the W&B name, or the model and the time."""
    if arguments.wandb_name:
        return arguments.wandb_name.replace("/", "-")
    model = arguments.model_name.rstrip("/").rpartition("/")[2]
    return f"{model}-{time.strftime('%Y%m%d-%H%M%S')}"


def fresh(typed: Mapping[str, Any], script: Mapping[str, Any] | None = None) -> Start:
    """A start from nothing. Raises ``UsageError`` where a run with checkpoints is in the way."""
    arguments = resolve(typed, None, script)
    given = arguments.output_dir
    path = paths.absolute(given) if given else free_name(paths.absolute(EXPERIMENTS / default_name(arguments)))
    start = Start(arguments, RunFolder(path))
    if find.list_checkpoints(path):
        if not arguments.overwrite_output_dir:
            raise UsageError(
                f"{path} already has checkpoints; resume with --resume_from {given or path}, choose another "
                "--output_dir, or add --overwrite_output_dir to move that run aside"
            )
        start.moves_aside = True
    return start


def resumed(typed: Mapping[str, Any], say: Say, script: Mapping[str, Any] | None = None) -> Start:
    """A start from a checkpoint: in its run if it is the newest there, otherwise in a new run that branches off."""
    source = find.locate(str(typed["resume_from"]))
    seen = frozenset(c.name for c in find.list_checkpoints(source.run)) if source.run else frozenset()
    for line in source.passed_over:
        say(f"warning: {line}")
    if not typed.get("ignore_integrity", False):
        find.refuse_damaged(source)
        validate.refuse(source.checkpoint)
    stored = load.read(source.checkpoint, leave_unknown=bool(typed.get("ignore_integrity", False)))
    arguments = resolve(typed, stored.config, script)
    effects.refuse_other_base(stored.config, arguments, source.checkpoint.name)
    step = stored.step
    changed = changes(stored.config, arguments)
    given = paths.absolute(arguments.output_dir) if arguments.output_dir else None
    # A link in the path must not make the same folder look like another one.
    same = given is not None and source.run is not None and paths.same(given, source.run)
    target, parent = source.run, None
    if given is not None and not same:
        target = given
    elif source.run is None:
        target = free_name(paths.absolute(EXPERIMENTS) / f"{source.name}-from-{step}")
    elif not source.named_run:
        # Who names a run goes on in it: a checkpoint that came since is of another trainer, and the lock says so.
        newest, _ = find.newest_valid(source.run)
        if newest is not None and checkpoint_step(newest) > step:
            target = free_name(source.run.with_name(f"{source.run.name}-from-{step}"))
            say(f"{newest.name} is newer than {source.checkpoint.name}: branching into the new run {target.name}")
    assert target is not None
    if target != source.run:
        parent = _parent(source, step)
        if find.list_checkpoints(target) and not arguments.overwrite_output_dir:
            raise UsageError(f"{target} already has checkpoints; choose another --output_dir for the branch")
    return Start(
        arguments,
        RunFolder(target),
        source,
        stored,
        parent,
        changed,
        step,
        moves_aside=target != source.run and bool(find.list_checkpoints(target)),
        seen=seen,
    )


def _parent(source: Source, step: int) -> dict[str, Any]:
    try:
        identity = read_json(source.run / "run.json") if source.run else None
    except (UsageError, OSError):
        # Lineage then goes by the run's name, as it does for runs of other trainers.
        identity = None
    return {
        "id": str((identity or {}).get("id", "")),
        "run": source.name,
        "checkpoint": source.checkpoint.name,
        "step": step,
    }


def enter(start: Start, say: Say) -> None:
    """Locks the run, after moving one that is in the way aside.

    Raises ``UsageError`` where another trainer has the run, or had it since the checkpoint was chosen.
    """
    if start.moves_aside:
        given = start.run.given
        lock = RunLock.acquire(given)
        aside = move_aside(given)
        lock.release()
        say(f"the run that was in {given} is now {aside}")
        start.run = RunFolder(given)
    start.run.lock()
    if start.source is not None and not start.branches:
        later = [c.name for c in find.list_checkpoints(start.run.path) if c.name not in start.seen]
        if later:
            raise UsageError(
                f"another trainer just wrote {later[-1]} in {start.run.shown}; start again to go on from it"
            )
