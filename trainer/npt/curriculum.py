"""The curriculum: which stage a step is in, and what its NPT layers are fed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from npt.errors import UsageError

STAGE_NAMES = ("teacher", "mixed", "student")
HINT = "write name:steps[:mixing_ratio[:mlp_mixing_ratio]], for example teacher:5000,mixed:5000:0.5,student:20000"


@dataclass(frozen=True)
class Stage:
    """One entry of a curriculum.

    ``until_step`` is the first step that is no longer in the stage. ``mixing_ratio`` says how much of the attention's
    input is the student's: 0 is the teacher's hidden state, 1 the student's. ``mlp_mixing_ratio`` does the same for
    the input of the MLP; ``None`` means the student's own.
    """

    name: str
    until_step: int
    mixing_ratio: float
    mlp_mixing_ratio: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """The stage as plain values, as checkpoints store it."""
        return {
            "name": self.name,
            "until_step": self.until_step,
            "mixing_ratio": self.mixing_ratio,
            "mlp_mixing_ratio": self.mlp_mixing_ratio,
        }


class Curriculum:
    """Stages with cumulative, exclusive ends. A step decides its stage by itself, so a resume has nothing to restore.

    ``stage_at(step)`` takes the number of finished steps: it is the stage that the *next* update belongs to. After
    the last end the last stage stays.
    """

    def __init__(self, stages: Sequence[Stage]) -> None:
        if not stages:
            raise UsageError(f"the curriculum is empty; {HINT}")
        self.stages = tuple(stages)

    def index_at(self, step: int) -> int:
        """The index of the stage at ``step`` finished steps."""
        for index, stage in enumerate(self.stages):
            if step < stage.until_step:
                return index
        return len(self.stages) - 1

    def stage_at(self, step: int) -> Stage:
        """The stage at ``step`` finished steps."""
        return self.stages[self.index_at(step)]

    @property
    def end(self) -> int:
        """The first step after the last stage's written length."""
        return self.stages[-1].until_step

    def describe(self) -> str:
        """The absolute ranges, for people: ``teacher 0–20000, mixed 20000–50000 (ratio 0.5)``."""
        start, parts = 0, []
        for stage in self.stages:
            ratio = f" (ratio {stage.mixing_ratio:g})" if stage.name == "mixed" else ""
            mlp = "" if stage.mlp_mixing_ratio is None else f" (MLP ratio {stage.mlp_mixing_ratio:g})"
            parts.append(f"{stage.name} {start}–{stage.until_step}{ratio}{mlp}")
            start = stage.until_step
        return ", ".join(parts)

    def as_list(self) -> list[dict[str, Any]]:
        """The stages as plain values, as ``multi_layer_state.pt`` stores them."""
        return [stage.as_dict() for stage in self.stages]

    @staticmethod
    def from_list(stages: Sequence[dict[str, Any]]) -> Curriculum:
        """The inverse of ``as_list``; other trainers' lists lack ``mlp_mixing_ratio``."""
        return Curriculum(
            [
                Stage(
                    name=str(stage["name"]),
                    until_step=int(stage["until_step"]),
                    mixing_ratio=1.0 if stage["name"] == "student" else float(stage["mixing_ratio"]),
                    mlp_mixing_ratio=(
                        None if stage.get("mlp_mixing_ratio") is None else float(stage["mlp_mixing_ratio"])
                    ),
                )
                for stage in stages
            ]
        )

    def as_text(self) -> str:
        """The curriculum in the form that ``parse`` reads."""
        start, parts = 0, []
        for stage in self.stages:
            part = f"{stage.name}:{stage.until_step - start}"
            if stage.name == "mixed" or stage.mlp_mixing_ratio is not None:
                part += f":{stage.mixing_ratio!r}"
            if stage.mlp_mixing_ratio is not None:
                part += f":{stage.mlp_mixing_ratio!r}"
            parts.append(part)
            start = stage.until_step
        return ",".join(parts)


def _ratio(text: str, what: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 <= value <= 1.0:
        raise UsageError(f"--curriculum_stages: {where}: the {what} must be a number from 0 to 1, not '{text}'")
    return value


def parse(text: str) -> Curriculum:
    """Reads ``name:steps[:mixing_ratio[:mlp_mixing_ratio]][,…]``; ``steps`` is a stage's length.

    Raises ``UsageError`` naming the offending part and its position (counted from 1).
    """
    if not text.strip():
        raise UsageError(f"--curriculum_stages is empty; {HINT}")
    stages: list[Stage] = []
    until = 0
    for position, entry in enumerate(text.split(","), start=1):
        where = f"stage {position} ('{entry.strip()}')"
        fields = [field.strip() for field in entry.split(":")]
        if not 2 <= len(fields) <= 4:
            raise UsageError(f"--curriculum_stages: {where} is not a stage; {HINT}")
        name = fields[0]
        if name not in STAGE_NAMES:
            raise UsageError(f"--curriculum_stages: {where}: unknown stage '{name}'; use teacher, mixed or student")
        if not (fields[1].isascii() and fields[1].isdigit() and int(fields[1]) > 0):
            raise UsageError(
                f"--curriculum_stages: {where}: the length must be a whole number of steps above 0, not '{fields[1]}'"
            )
        until += int(fields[1])
        fixed = {"teacher": 0.0, "student": 1.0}.get(name)
        if fixed is None and len(fields) < 3:
            raise UsageError(f"--curriculum_stages: {where}: mixed needs a mixing ratio, for example mixed:5000:0.5")
        ratio = _ratio(fields[2], "mixing ratio", where) if len(fields) > 2 else fixed
        if fixed is not None and ratio != fixed:
            raise UsageError(
                f"--curriculum_stages: {where}: {name} always has the mixing ratio {fixed:g}; use mixed for others"
            )
        assert ratio is not None
        mlp = _ratio(fields[3], "MLP mixing ratio", where) if len(fields) > 3 else None
        stages.append(Stage(name, until, ratio, mlp))
    return Curriculum(stages)
