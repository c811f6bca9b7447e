"""Kill -9 inside a trainer's saves: what is visible always loads, and the newest never goes back.

``NPT_KILLS`` sets how many kills have to land inside a save (the default only keeps the test alive) and prints where
they did.
"""

from __future__ import annotations

import json
import os
import random
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from npt.checkpoint import find, manifest
from npt.storage import atomic
from tests.conftest import SMALL, Process
from tests.phases import Phases, interrupt

KILLS = int(os.environ.get("NPT_KILLS", "30"))
# A rank that makes writing a good part of a save; evaluations only now and then, for best.json.
ARGUMENTS = [
    *SMALL, "--np_rank", "64", "--save_steps", "1", "--eval_steps", "3", "--logging_steps", "1000",
    "--generation_steps", "100000", "--max_steps", "1000000", "--save_total_limit", "3", "--batch_size", "1",
]  # fmt: skip


def leftover(checkpoints: Path, pid: int) -> str:
    """What a killed process was in the middle of, by what it left behind: how many files were there, or a deletion."""
    for entry in checkpoints.iterdir():
        if entry.name.endswith(f"-{atomic.host()}-{pid}"):
            if entry.name.startswith(atomic.DELETED):
                return "deleting an old one"
            return f"{len(list(entry.iterdir()))} files written" if entry.is_dir() else "best.json"
    return "between"


def assert_loads(checkpoint: Path) -> None:
    """Asserts that a visible checkpoint is whole and can be loaded."""
    assert manifest.problems(checkpoint) == []
    for name in manifest.STATE_FILES:
        state = torch.load(checkpoint / name, weights_only=True)
        if name == "training_state.pt":
            assert state["global_step"] == find.step_of(checkpoint.name)


def test_killed_inside_saves(
    launch: Callable[..., Process], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    checkpoints = run / "checkpoints"
    draw = random.Random(0)
    where: Counter[str] = Counter()
    newest, attempts, visible, length = 0, 0, 0, 0.01
    while where.total() < KILLS:
        attempts += 1
        assert attempts <= 3 * KILLS + 20, f"too few kills hit a save: {where} in {attempts} attempts"
        background = draw.choice(("--async_save", "--no-async_save"))
        phases = Phases()
        arguments = ["--resume_from", str(run)] if newest else [*ARGUMENTS, "--output_dir", str(run)]
        process = launch(*arguments, background, before=phases.report)
        hit = interrupt(process, phases, "save", draw.randint(1, 3), signal.SIGKILL, draw, length)
        length = phases.seconds("save") or length
        assert process.wait() == -signal.SIGKILL, process.output
        assert not [e.name for e in checkpoints.glob(".*") if not e.name.endswith(f"-{process.pid}")], "not swept"
        if hit:
            where[leftover(checkpoints, process.pid)] += 1
        found = find.list_checkpoints(run)
        visible += len(found)
        for checkpoint in found:
            assert_loads(checkpoint)
        latest, passed = find.newest_valid(run)
        assert passed == []
        step = find.step_of(latest.name) if latest else 0
        assert step is not None and step >= newest, "the newest checkpoint went back"
        newest = step
        if (checkpoints / "best.json").exists():
            best = json.loads((checkpoints / "best.json").read_bytes())
            assert (checkpoints / best["checkpoint"]).is_dir()
    assert newest > 0
    if "NPT_KILLS" in os.environ:
        with capsys.disabled():
            print(
                f"\n{KILLS} kills inside saves ({attempts} attempts), {visible} visible checkpoints looked at, 0 "
                f"that do not load, the newest never went back (now step {newest}): {dict(sorted(where.items()))}"
            )
