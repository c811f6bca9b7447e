"""Whether a checkpoint can be resumed from: its files, their checksums, what they hold, and that they agree.

Nothing that a file holds is executed (``torch_file`` says how it is read), and the loader of a resume reads it the same
way: what is called valid here is what it accepts.
"""

from __future__ import annotations

import json
import os
import stat
import time
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from npt.argument_table import refused
from npt.checkpoint import agreement, container, find, load, manifest, np_weights, weight_names
from npt.checkpoint.finding import ERROR, Finding, error, info, verdict_of, warning
from npt.checkpoint.pickles import rebuild
from npt.checkpoint.pickles.machine import PickleError
from npt.errors import UsageError
from npt.newer import newer
from npt.program import say
from npt.storage import paths, reading
from npt.storage.atomic import DELETED, TEMPORARY

WEIGHTS, TRAINING, MULTI = manifest.STATE_FILES
CONFIG = "config.json"
FILES = (*manifest.STATE_FILES, CONFIG, manifest.NAME)

# What the extension judges by, too.
_TIMES: dict[str, float] = json.loads((Path(__file__).parent / "times.json").read_text("utf-8"))
# Other trainers write under the final name; a file younger than this may still be growing.
WRITING_SECONDS = _TIMES["writing"]
# Clocks of machines that share a disk differ by this much.
CLOCK_SLACK_SECONDS = _TIMES["clock_slack"]
# What the first part of a file looks like.
HALF_WRITTEN = ("truncated", "pickle-truncated", "empty-file", "config-unreadable")
# What stays true of a file that is still being written.
STAYING = ("dangerous-global", "nested-pickle", "unknown-call")
# Of a file's own problems, those that a resume survives.
WARNINGS = ("encoded-pickle",)
# After these a file's values still are what it says they are, and can be compared with the other files'.
OUTER = ("manifest-size", "sha256-mismatch", "checksum-mismatch", "missing-file", "trailing-data", "unused-record")


@dataclass
class Report:
    """What validation found; ``step`` and ``layers`` are None where they cannot be told."""

    path: Path
    findings: list[Finding] = field(default_factory=list)
    step: int | None = None
    layers: list[int] | None = None

    @property
    def verdict(self) -> str:
        """``valid``, ``incomplete``, ``invalid``, ``dangerous`` or ``unverifiable``, as the extension says it."""
        return verdict_of(self.findings)

    @property
    def valid(self) -> bool:
        """Whether a resume works: warnings alone leave a checkpoint valid."""
        return all(item.severity != ERROR for item in self.findings)


def examine(checkpoint: str | PathLike[str]) -> Report:
    """Everything that is wrong with a checkpoint folder.

    Raises ``UsageError`` where the path is no checkpoint's, or leads nowhere any more once it was read.
    """
    # Not where a link leads to: the name says the step, and the folder above is the run's.
    path = paths.absolute(checkpoint)
    report = Report(path)
    try:
        mode = os.stat(path).st_mode
    except OSError as refused:
        if reading.is_absent(refused):
            raise UsageError(f"{path} does not exist") from None
        # Something may be there that is as good as any: it is not known, and that is the answer.
        report.findings.append(error("unreadable-file", f"{path} {reading.failure(refused)}"))
        return report
    if stat.S_ISREG(mode):
        raise UsageError(f"{path} is a file; name the checkpoint folder that it is in")
    if not stat.S_ISDIR(mode):
        raise UsageError(f"{path} is not a folder but {reading.kind_of(mode)}")
    obstacles = _obstacles(path)
    if len(obstacles) == len(FILES):
        # The folder itself keeps everything from being looked at.
        first = next(iter(obstacles.values()))
        report.findings.append(error(first.code, f"{path} {first.message.partition(' ')[2]}"))
        return report
    present = [name for name in (*manifest.STATE_FILES, manifest.NAME) if os.path.lexists(path / name)]
    if path.name.startswith((TEMPORARY, DELETED)):
        doing = "written" if path.name.startswith(TEMPORARY) else "deleted"
        report.findings.append(error(f"being-{doing}", f"{path.name} is being {doing}, or that was interrupted"))
        return report
    if not present:
        if (path / "checkpoints").is_dir():
            raise UsageError(f"{path} is a run: name one of the checkpoints in it")
        report.findings.append(error("missing-file", f"{path.name} holds none of a checkpoint's files"))
        return report
    before = _states(path)
    known = before.keys() | obstacles.keys()
    if CONFIG not in known and manifest.NAME not in known and _recent(before.values()):
        message = f"{path.name} is being written: its {CONFIG} is not there yet"
        report.findings.append(error("being-written", message))
        return report
    _look_into(report, obstacles)
    _notice_changes(report, before)
    # Another process' limit, or a person, may have deleted it meanwhile: its files went one by one.
    if not os.path.lexists(path):
        raise UsageError(f"{path} was deleted or moved while it was read")
    return report


def _obstacles(path: Path) -> dict[str, Finding]:
    """What keeps those of a checkpoint's files from being read that are there, by their names."""
    found = {name: manifest.unusable(path / name) for name in FILES}
    return {name: item for name, item in found.items() if item is not None and item.code != "missing-file"}


State = tuple[int, int, int]


def _states(path: Path) -> dict[str, State]:
    """Size, time of the last change (nanoseconds) and inode of each of a checkpoint's files."""
    states: dict[str, State] = {}
    for name in FILES:
        try:
            found = reading.regular(path / name)
        except OSError:
            continue
        if found is None:
            continue
        states[name] = (found.st_size, found.st_mtime_ns, found.st_ino)
    return states


def _recent(states: Iterable[State]) -> bool:
    # A file dated in the future says nothing.
    return any(-CLOCK_SLACK_SECONDS <= time.time() - changed / 1e9 < WRITING_SECONDS for _, changed, _ in states)


def _notice_changes(report: Report, before: dict[str, State]) -> None:
    """A file that changed while it was read was being written, and what was found in it says nothing.

    The same where another trainer, which writes in place, has left the first part of a file behind moments ago.
    """
    after = _states(report.path)
    growing = [name for name, state in before.items() if after.get(name) != state]
    if manifest.NAME not in before:
        half = {
            name for name in before for item in report.findings if item.code in HALF_WRITTEN and name in item.message
        }
        growing += [name for name in half if name not in growing and _recent([before[name]])]
    if growing:
        report.findings = [item for item in report.findings if item.code in STAYING]
        message = f"{report.path.name} is being written: {', '.join(growing)} changed moments ago"
        report.findings.append(error("being-written", message))


def _look_into(report: Report, obstacles: dict[str, Finding]) -> None:
    path, found = report.path, report.findings
    ours = os.path.lexists(path / manifest.NAME)
    facts: dict[str, Any] = {}
    if ours:
        found += manifest.check(path)
        facts = _json(path / manifest.NAME, found) or {}
    found += [item for item in obstacles.values() if item not in found]
    config = _json(path / CONFIG, found)
    values = {name: _load(path / name, found) for name in manifest.STATE_FILES if _readable(path / name)}
    if MULTI in values:
        values[MULTI] = rebuild.plain(values[MULTI])
    training, multi, weights = (values.get(name) for name in (TRAINING, MULTI, WEIGHTS))
    if isinstance(training, dict):
        ours = ours or "schema" in training
        step = rebuild.plain(training.get("global_step"))
        report.step = step if agreement.whole(step) else None
    old = not ours and not os.path.lexists(path / MULTI) and isinstance(training, dict) and "config" in training
    required = [WEIGHTS, TRAINING, *([] if old else [MULTI, CONFIG]), *([manifest.NAME] if ours else [])]
    named = " ".join(item.message for item in found)
    for name in required:
        if not os.path.lexists(path / name) and f"{name} is missing" not in named:
            found.append(error("missing-file", f"{name} is missing; use another checkpoint, its save was interrupted"))
    if training is not None:
        found += agreement.check_training(training, ours)
    if weights is not None:
        found += agreement.check_weights(weights)
    if multi is not None:
        found += agreement.check_multi(multi)
    _compare(report, values, facts, config, ours)
    if not ours and report.valid:
        found.append(info("other-trainer", "another NPT trainer wrote this checkpoint, without a manifest"))
    for name, value in values.items():
        found += agreement.check_numbers(name, value, report.step)


def _compare(
    report: Report, values: dict[str, Any], facts: dict[str, Any], config: dict[str, Any] | None, ours: bool
) -> None:
    """The checks of files against each other, of those that are sound by themselves."""
    found = report.findings
    wrong = [item for item in found if item.severity == ERROR and item.code not in OUTER]
    unsound = {item.message.partition(":")[0].partition(" ")[0] for item in wrong}
    training = values.get(TRAINING) if TRAINING not in unsound else None
    multi = values.get(MULTI) if MULTI not in unsound else None
    weights = values.get(WEIGHTS) if WEIGHTS not in unsound else None
    if training is not None and report.step is not None:
        found += agreement.check_steps(report.step, find.step_of(report.path.name), training, facts)
        if multi is not None:
            found += agreement.check_stage(report.step, multi, facts, ours)
    if multi is not None:
        report.layers = sorted(int(layer) for layer in multi["layers_to_train"])
    if weights is None:
        return
    weights = weight_names.short_keys({key: t for key, t in load.tensors_in(weights) if weight_names.parse(key)})
    report.layers = report.layers or np_weights.layers_in(weights)
    if multi is not None:
        found += agreement.check_layers(weights, multi)
    if training is not None:
        found += agreement.check_optimizer(weights, training, ours)
    if ours and config is not None:
        found += agreement.check_config(config, np_weights.shape_of(weights))


def _readable(path: Path) -> bool:
    return manifest.unusable(path) is None


def _load(path: Path, found: list[Finding]) -> Any:
    """The value of a file, or None with a finding; the container is checked in either case."""
    try:
        opened = load.open_file(path)
    except UsageError as refused:
        found.append(error("unreadable-file", str(refused)))
        return None
    own = container.check(opened, load.tensor_names(opened))
    damaged = any(item.severity == ERROR for item in own)
    for problem in opened.problems:
        # What the container's own check says of a damaged archive is the better explanation.
        if problem.code != "zip-central-directory" or not damaged:
            make = warning if problem.code in WARNINGS else error
            advice = load.REFUSED.get(problem.code)
            found.append(make(problem.code, f"{path.name}: {problem.message}{f'; {advice}' if advice else ''}"))
    found += own
    # torch leaves a tensor whose record is marked so at whatever memory held: there is no value to look at.
    if opened.value is None or any(container.MARKED_AS_DIRECTORY in item.message for item in own):
        return None
    try:
        return opened.with_tensors()
    except (PickleError, OSError, zlib.error) as damage:
        if not damaged:
            found.append(error("unreadable-data", f"{path.name}: {damage}"))
        return None


def _json(path: Path, found: list[Finding]) -> dict[str, Any] | None:
    try:
        document = reading.read_object(path)
    except OSError:
        return None  # missing, or said already
    except reading.ContentError as content:
        if path.name == CONFIG:
            found.append(error("config-unreadable", f"{CONFIG} {content}; copy a neighbouring checkpoint's"))
        return None
    wrong = newer(document)
    if path.name == CONFIG and wrong is not None:
        found.append(error("newer-schema", f"{CONFIG} {wrong}"))
        return None
    if path.name == CONFIG:
        for name, why in refused(document).items():
            found.append(warning("config-value", f"{CONFIG}: {name}: {why}; a resume needs --{name}"))
    return document


def refuse(checkpoint: Path, *, resumes: bool = True) -> None:
    """Raises ``UsageError`` in one line where a checkpoint is not valid: nothing goes on from one, a resume or not."""
    report = examine(checkpoint)
    if report.valid:
        return
    worst = [item for item in report.findings if item.severity == ERROR and verdict_of([item]) == report.verdict]
    anyway = ""
    if resumes and report.verdict != "dangerous":
        anyway = " (--ignore_integrity resumes from it anyway, if it can be read)"
    raise UsageError(f"{report.path} is {report.verdict}: {worst[0].message}{anyway}")


def validate_checkpoint(checkpoint_path: str | PathLike[str]) -> bool:
    """Prints what a checkpoint is and everything that is wrong with it; True where a resume works.

    The checkpoint may be ours or another trainer's. Unlike ``torch.load`` this notices changed bytes.
    """
    try:
        report = examine(checkpoint_path)
    except UsageError as problem:
        say(f"error: {problem}")
        return False
    show(report)
    return report.valid


def show(report: Report) -> None:
    """The report as lines: step, layers, findings, and what to do where it is not valid."""
    if report.step is not None:
        say(f"Checkpoint step: {report.step}")
    if report.layers is not None:
        say(f"NPT layers: {report.layers}")
    for item in report.findings:
        say(f"{item.severity}: {item.message}")
    if report.valid:
        say(f"valid: {report.path}")
        return
    run = find.run_of(report.path)
    newest = find.newest_valid(run)[0] if run is not None else None
    hint = f"; the newest checkpoint of this run whose files are whole is {newest}" if newest else ""
    if newest == report.path:
        hint = ""
    say(f"not valid: {report.path}{hint or '; use another checkpoint or another copy'}")
