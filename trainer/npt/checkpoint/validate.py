"""Whether a checkpoint can be resumed from: its files, their checksums, what they hold, and that they agree.

Nothing that a file holds is executed: it is read with ``weights_only``, and the only other things allowed are NumPy
scalars, which other trainers' checkpoints have and which are harmless.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from npt.checkpoint import agreement, container, dialect, find, load, manifest
from npt.checkpoint.finding import ERROR, Finding, error
from npt.errors import UsageError
from npt.storage.atomic import DELETED, TEMPORARY

WEIGHTS, TRAINING, MULTI = manifest.STATE_FILES
CONFIG = "config.json"


@dataclass
class Report:
    """What validation found; ``step`` and ``layers`` are None where they cannot be told."""

    path: Path
    findings: list[Finding] = field(default_factory=list)
    step: int | None = None
    layers: list[int] | None = None

    @property
    def valid(self) -> bool:
        """Whether a resume works: warnings alone leave a checkpoint valid."""
        return all(item.severity != ERROR for item in self.findings)


def examine(checkpoint: str | PathLike[str]) -> Report:
    """Everything that is wrong with a checkpoint folder. Raises ``UsageError`` where the path is no checkpoint's."""
    path = Path(checkpoint).expanduser()
    if not path.is_dir():
        what = "is a file; name the checkpoint folder that it is in" if path.exists() else "does not exist"
        raise UsageError(f"{path} {what}")
    path = path.resolve()
    report = Report(path)
    present = [name for name in (*manifest.STATE_FILES, manifest.NAME) if (path / name).is_file()]
    if path.name.startswith((TEMPORARY, DELETED)):
        doing = "written" if path.name.startswith(TEMPORARY) else "deleted"
        report.findings.append(error(f"being-{doing}", f"{path.name} is being {doing}, or that was interrupted"))
        return report
    if not present:
        if (path / "checkpoints").is_dir():
            raise UsageError(f"{path} is a run: name one of the checkpoints in it")
        report.findings.append(error("missing-file", f"{path.name} holds none of a checkpoint's files"))
        return report
    _look_into(report)
    return report


def _look_into(report: Report) -> None:
    path, found = report.path, report.findings
    ours = (path / manifest.NAME).exists()
    facts: dict[str, Any] = {}
    if ours:
        found += manifest.check(path)
        facts = _json(path / manifest.NAME, found) or {}
    config = _json(path / CONFIG, found)
    values = {name: _load(path / name, found) for name in manifest.STATE_FILES if (path / name).is_file()}
    training, multi, weights = (values.get(name) for name in (TRAINING, MULTI, WEIGHTS))
    if isinstance(training, dict):
        ours = ours or "schema" in training
        step = dialect.plain(training.get("global_step"))
        report.step = step if agreement.whole(step) else None
    old = not ours and MULTI not in values and isinstance(training, dict) and "config" in training
    required = [WEIGHTS, TRAINING, *([] if old else [MULTI, CONFIG]), *([manifest.NAME] if ours else [])]
    named = " ".join(item.message for item in found)
    for name in required:
        if not (path / name).is_file() and f"{name} is missing" not in named:
            found.append(error("missing-file", f"{name} is missing; use another checkpoint, its save was interrupted"))
    if training is not None:
        found += agreement.check_training(training, ours)
    if weights is not None:
        found += agreement.check_weights(weights)
    if multi is not None:
        found += agreement.check_multi(multi)
    _compare(report, values, facts, config, ours)
    for name, value in values.items():
        found += agreement.check_numbers(name, value, report.step)


def _compare(
    report: Report, values: dict[str, Any], facts: dict[str, Any], config: dict[str, Any] | None, ours: bool
) -> None:
    """The checks of files against each other, of those that are sound by themselves."""
    found = report.findings
    unsound = {item.message.partition(":")[0].partition(" ")[0] for item in found if item.severity == ERROR}
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
    weights = {key: t for key, t in dialect.short_keys(weights).items() if agreement.NP_KEY.fullmatch(key)}
    report.layers = report.layers or dialect.layers_in(weights)
    if multi is not None:
        found += agreement.check_layers(weights, multi)
    if training is not None:
        found += agreement.check_optimizer(weights, training, ours)
    if ours and config is not None:
        found += agreement.check_config(config, dialect.shape_of(weights))


def _load(path: Path, found: list[Finding]) -> Any:
    """The value of a file, or None with a finding; the container is checked in either case."""
    try:
        value = load.read_file(path)
    except UsageError as refused:
        own = container.check(path, [])
        # The container's damage is the better explanation of why torch could not load it.
        found += own if any(item.severity == ERROR for item in own) else [error("unreadable-file", str(refused))]
        return None
    found += container.check(path, load.storage_names(value))
    return value


def _json(path: Path, found: list[Finding]) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, OSError, RecursionError):
        document = None
    if not isinstance(document, dict):
        if path.name == CONFIG:
            message = f"{CONFIG} is no JSON object; copy a neighbouring checkpoint's"
            found.append(error("config-unreadable", message))
        return None
    return document


def validate_checkpoint(checkpoint_path: str | PathLike[str]) -> bool:
    """Prints what a checkpoint is and everything that is wrong with it; True where a resume works.

    The checkpoint may be ours or another trainer's. Unlike ``torch.load`` this notices changed bytes.
    """
    try:
        report = examine(checkpoint_path)
    except UsageError as problem:
        print(f"error: {problem}")
        return False
    show(report)
    return report.valid


def show(report: Report) -> None:
    """The report as lines: step, layers, findings, and what to do where it is not valid."""
    if report.step is not None:
        print(f"Checkpoint step: {report.step}")
    if report.layers is not None:
        print(f"NPT layers: {report.layers}")
    for item in report.findings:
        print(f"{item.severity}: {item.message}")
    if report.valid:
        print(f"valid: {report.path}")
        return
    run = find.run_of(report.path)
    newest = find.newest_valid(run)[0] if run is not None else None
    hint = f"; the newest checkpoint of this run whose files are whole is {newest}" if newest else ""
    if newest == report.path:
        hint = ""
    print(f"not valid: {report.path}{hint or '; use another checkpoint or another copy'}")
