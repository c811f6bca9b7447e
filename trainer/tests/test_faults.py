"""Kill -9 and a full disk at any instant of a save leave the previous checkpoint usable."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from npt.checkpoint import find, manifest
from npt.checkpoint.save import Content, save
from npt.storage import atomic
from tests.conftest import SMALL, Process

Train = Callable[..., Process]


def content(step: int, size: int = 50_000) -> Content:
    weights = {f"layer_2_np.{name}": torch.full((size // 100, 100), float(step)) for name in ("W_down", "W_a_up")}
    moments = {i: {"exp_avg": torch.full((size // 100, 100), float(step))} for i in range(2)}
    return Content(
        step, 1, "teacher", weights, {"global_step": step, "optimizer_state_dict": {"state": moments}},
        {"layers_to_train": [2]}, {"schema": 1}, {"loss/total": 1.0}, {"name": "m", "fingerprint": "f"},
    )  # fmt: skip


def test_killed_inside_saves(tmp_path: Path) -> None:
    """A child saves without pause and is killed at a random instant; whatever is visible must be whole."""
    draw = random.Random(0)
    folder = tmp_path / "run" / "checkpoints"
    newest = 0
    inside = 0
    for _ in range(60):
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(writer, b"x")
            step = newest
            while True:
                step += 1
                save(folder, content(step))
        os.read(reader, 1)
        time.sleep(draw.uniform(0.0, 0.03))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(reader)
        os.close(writer)
        inside += bool(list(folder.glob(".tmp-*")))
        for checkpoint in find.list_checkpoints(tmp_path / "run"):
            step = find.step_of(checkpoint.name)
            assert manifest.problems(checkpoint) == []
            assert torch.load(checkpoint / "training_state.pt", weights_only=True)["global_step"] == step
        found = find.list_checkpoints(tmp_path / "run")
        latest = find.step_of(found[-1].name) if found else 0
        assert latest is not None and latest >= newest, "the newest checkpoint went back"
        newest = latest
        atomic.sweep(folder)
        assert not list(folder.glob(".*"))
        for old in found[:-2]:
            atomic.remove_tree(old)
    assert inside >= 10, "too few kills hit a save for this test to mean anything"


def test_a_sweep_leaves_the_living_and_other_hosts_alone(tmp_path: Path) -> None:
    alive = tmp_path / f".tmp-checkpoint-5-{atomic.host()}-1"
    elsewhere = tmp_path / ".tmp-checkpoint-5-some-other-host-999999999"
    dead = tmp_path / f".del-checkpoint-5-{atomic.host()}-999999999"
    for folder in (alive, elsewhere, dead):
        folder.mkdir()
    assert atomic.sweep(tmp_path) == [dead.name]
    assert alive.exists() and elsewhere.exists() and not dead.exists()


def test_a_complete_checkpoint_of_the_step_is_kept(tmp_path: Path) -> None:
    first = save(tmp_path, content(3))
    before = (first / "manifest.json").read_bytes()
    assert save(tmp_path, content(3)) == first
    assert (first / "manifest.json").read_bytes() == before


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small tmpfs needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("checked", [True, False], ids=["checked before", "hit while writing"])
def test_a_full_disk(small_disk: Path, train: Train, checked: bool) -> None:
    def blind() -> None:
        if not checked:
            import npt.storage.atomic

            npt.storage.atomic.free_bytes = lambda folder: 10**12

    run = small_disk / "run"
    full = train(*SMALL, "--np_rank", "32", "--output_dir", str(run), before=blind)
    assert full.code == 1, full.output
    errors = [line for line in full.output.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and "the disk is full" in errors[0], full.output
    assert "Traceback" not in full.output
    assert [c.name for c in find.list_checkpoints(run)] == ["checkpoint-5"]
    assert manifest.problems(run / "checkpoints" / "checkpoint-5") == []
    assert not list((run / "checkpoints").glob(".*"))
    assert json.loads((run / "exit.json").read_text())["why"] == "failed"
    subprocess.run(["mount", "-o", "remount,size=30m", str(small_disk)], check=True)
    resumed = train("--resume_from", str(run))
    assert resumed.code == 0, resumed.output


def test_a_folder_that_cannot_be_written(train: Train, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    done = train(*SMALL, "--output_dir", str(tmp_path / "file" / "run"))
    assert done.code == 2 and "cannot be written" in done.output and done.output.count("error:") == 1


def test_killed_during_a_runs_saves_and_latest_never_goes_back(launch: Train, tmp_path: Path) -> None:
    run = tmp_path / "run"
    often = [*SMALL, "--save_steps", "1", "--max_steps", "100000", "--output_dir", str(run)]
    draw = random.Random(1)
    newest = -1
    for attempt in range(8):
        arguments: list[Any] = often if attempt == 0 else ["--resume_from", str(run)]
        process = launch(*arguments)
        process.wait_for(lambda p=process: "saved" in p.output)  # type: ignore[misc]
        time.sleep(draw.uniform(0, 0.2))
        process.send(signal.SIGKILL)
        process.wait()
        latest, passed = find.newest_valid(run)
        assert latest is not None and passed == []
        step = find.step_of(latest.name)
        assert step is not None and step > newest
        newest = step
