"""A run's folder that is renamed, moved, copied or deleted while it trains."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from npt.checkpoint import manifest
from npt.run import opened
from tests.conftest import SMALL, Process, check_schema, events
from tests.holds import held, hold_save, hold_step
from tests.test_resume_exact import assert_equal

Launch = Callable[..., Process]


def hold_loading(gate: Path) -> None:
    from npt.model import llama

    held(llama, "load_base_model", lambda *_: True, gate)


def no_links(gate: Path) -> None:
    """A system without /proc, as macOS: only a descriptor's present path can be asked for, and a save can be hit."""
    opened.LINKS = Path("/nowhere")
    opened.OpenFolder._found = (  # type: ignore[method-assign]
        lambda folder: (
            found if folder._is_here(found := Path(os.readlink(f"/proc/self/fd/{folder.descriptor}"))) else None
        )
    )
    hold_save(gate)


def renamed(run: Path) -> Path:
    return run.rename(run.with_name("renamed"))


def moved_to_another_parent(run: Path) -> Path:
    (run.parent / "elsewhere" / "deep").mkdir(parents=True)
    return run.rename(run.parent / "elsewhere" / "deep" / run.name)


def its_parent_renamed(run: Path) -> Path:
    return run.parent.rename(run.parent.with_name("other")) / run.name


def another_in_its_place(run: Path) -> Path:
    away = renamed(run)
    (run / "checkpoints").mkdir(parents=True)
    return away


@pytest.mark.parametrize("hold", [hold_step, hold_save, no_links])
@pytest.mark.parametrize("move", [renamed, moved_to_another_parent, its_parent_renamed, another_in_its_place])
def test_a_run_that_moves_is_followed(
    move: Callable[[Path], Path], hold: Callable[[Path], None], launch: Launch, train: Launch, tmp_path: Path
) -> None:
    expected, run, gate = tmp_path / "expected", tmp_path / "experiments" / "run", tmp_path / "gate"
    assert train(*SMALL, "--output_dir", str(expected)).code == 0
    process = launch(*SMALL, "--save_total_limit", "2", "--output_dir", str(run), before=lambda: hold(gate))
    process.wait_for(lambda: "held in" in process.output)
    there = move(run)
    gate.touch()
    assert process.wait() == 0, process.output
    assert sorted(p.name for p in there.iterdir()) == [
        "checkpoints", "config.json", "exit.json", "metrics.jsonl", "probe.pt", "run.json", "run.lock", "train.log",
    ]  # fmt: skip
    assert {"checkpoint-15", "checkpoint-20", "final", "best.json"} <= {
        p.name for p in (there / "checkpoints").iterdir()
    }
    assert_equal(there, expected)
    assert "step 20/" in (there / "train.log").read_text()
    assert f"done: step 20, {there}" in process.output and "/proc/" not in process.output
    if move is another_in_its_place:
        assert [p.name for p in run.iterdir()] == ["checkpoints"] and list((run / "checkpoints").iterdir()) == []
    else:
        assert not run.exists()


def test_process_json_says_which_folder_it_is_about(launch: Launch, tmp_path: Path) -> None:
    run, gate = tmp_path / "run", tmp_path / "gate"
    process = launch(*SMALL, "--max_steps", "100000", "--output_dir", str(run), before=lambda: hold_step(gate))
    process.wait_for(lambda: "held in" in process.output and "saved checkpoint-5" in process.output)
    document = json.loads((run / "process.json").read_text())
    check_schema("process", document)
    found = run.stat()
    assert document["folder"] == {"device": found.st_dev, "inode": found.st_ino, "path": str(run)}
    there = renamed(run)
    copy = tmp_path / "copy"
    shutil.copytree(there, copy)
    assert opened.is_folder(document["folder"], there)
    assert not opened.is_folder(document["folder"], copy)
    gate.touch()
    process.wait_for(lambda: f"the run's folder is now {there}" in process.output)
    process.wait_for(lambda: json.loads((there / "process.json").read_text())["folder"]["path"] == str(there))
    # The copy is a run of its own: nobody trains in it, and it can be trained at the same time.
    second = launch("--resume_from", str(copy), "--max_steps", "7")
    assert second.wait() == 0, second.output
    process.send(signal.SIGTERM)
    assert process.wait() == 143, process.output
    assert not (there / "process.json").exists()


def test_renamed_while_it_loads(launch: Launch, train: Launch, tmp_path: Path) -> None:
    run, gate = tmp_path / "run", tmp_path / "gate"
    assert train(*SMALL, "--max_steps", "10", "--output_dir", str(run)).code == 0
    process = launch("--resume_from", str(run), "--max_steps", "12", before=lambda: hold_loading(gate))
    process.wait_for(lambda: "held in" in process.output)
    there = renamed(run)
    gate.touch()
    assert process.wait() == 0, process.output
    assert manifest.problems(there / "checkpoints" / "checkpoint-12") == []
    assert not run.exists()


@pytest.mark.parametrize("hold", [hold_step, hold_save, no_links])
def test_deleted_while_it_trains(hold: Callable[[Path], None], launch: Launch, tmp_path: Path) -> None:
    run, gate = tmp_path / "run", tmp_path / "gate"
    process = launch(*SMALL, "--max_steps", "100000", "--output_dir", str(run), before=lambda: hold(gate))
    process.wait_for(lambda: "held in" in process.output)
    while run.exists():
        # Its last save may still be putting a checkpoint in place.
        shutil.rmtree(run, ignore_errors=True)
    gate.touch()
    assert process.wait() == 1, process.output
    errors = [line for line in process.output.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and str(run) in errors[0], process.output
    assert "/proc/" not in process.output and "Traceback" not in process.output
    assert not run.exists()


@pytest.mark.parametrize(
    ("described", "belongs"),
    [
        (None, True),  # an older trainer's
        ({"device": 0, "inode": 0, "path": "RUN"}, True),
        ({"device": 0, "inode": 0, "path": "/elsewhere"}, False),
        ({}, False),
        ("a text", False),
    ],
)
def test_folders_without_an_identity_go_by_path(described: Any, belongs: bool, tmp_path: Path) -> None:
    if isinstance(described, dict) and described.get("path") == "RUN":
        described = {**described, "path": str(tmp_path)}
    assert opened.is_folder(described, tmp_path) == belongs


def test_the_segments_of_a_moved_run_stay_one_run(train: Launch, launch: Launch, tmp_path: Path) -> None:
    run, gate = tmp_path / "run", tmp_path / "gate"
    process = launch(*SMALL, "--output_dir", str(run), before=lambda: hold_step(gate))
    process.wait_for(lambda: "held in" in process.output)
    there = renamed(run)
    process.send(signal.SIGINT)
    gate.touch()
    assert process.wait() == 130, process.output
    assert f"resume with --resume_from {there}" in process.output
    assert train("--resume_from", str(there)).code == 0
    assert [event["segment"] for event in events(there) if event["event"] == "start"] == [1, 2]
