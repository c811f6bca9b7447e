"""An interrupted and resumed run equals one that never stopped, bit by bit."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.conftest import SAMPLES, SMALL, Process, events, same, series, weights


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Finished runs by their gradient_accumulation_steps."""
    return {}


def reference(
    accumulation: int, made: dict[int, Path], train: Callable[..., Process], folder: pytest.TempPathFactory
) -> Path:
    if accumulation not in made:
        run = folder.mktemp("reference") / "run"
        assert train(*arguments(run, accumulation)).code == 0
        made[accumulation] = run
    return made[accumulation]


def arguments(run: Path, accumulation: int) -> list[str]:
    return [*SMALL, *SAMPLES, "--gradient_accumulation_steps", str(accumulation), "--output_dir", str(run)]


def assert_equal(run: Path, expected: Path) -> None:
    assert same(weights(run), weights(expected))
    assert series(run) == series(expected)
    ours, theirs = (
        torch.load(path / "checkpoints" / "final" / "training_state.pt", weights_only=True) for path in (run, expected)
    )
    for key in ("optimizer_state_dict", "scheduler_state_dict", "rng_state", "data_state", "batch_count", "best"):
        assert same(ours[key], theirs[key]), key


@pytest.mark.parametrize("accumulation", [1, 3])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP])
def test_stopped_by_a_signal(
    number: signal.Signals,
    accumulation: int,
    train: Callable[..., Process],
    launch: Callable[..., Process],
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    uninterrupted: dict[int, Path],
) -> None:
    expected = reference(accumulation, uninterrupted, train, tmp_path_factory)
    run = tmp_path / "run"
    step = random.Random(f"{number}{accumulation}").randint(1, 18)
    process = launch(*arguments(run, accumulation))
    process.wait_for(lambda: f"step {step}/" in process.output)
    process.send(number)
    code = process.wait()
    assert code == 128 + number, process.output
    ended = events(run)[-1]
    assert ended["why"] == ("preempted" if number == signal.SIGUSR1 else "stopped")
    assert (run / "checkpoints" / f"checkpoint-{ended['step']}").is_dir()
    resumed = train("--resume_from", str(run))
    assert resumed.code == 0, resumed.output
    assert_equal(run, expected)


@pytest.mark.parametrize("accumulation", [1, 3])
@pytest.mark.parametrize("attempt", range(3))
def test_killed_again_and_again(
    attempt: int,
    accumulation: int,
    train: Callable[..., Process],
    launch: Callable[..., Process],
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    uninterrupted: dict[int, Path],
) -> None:
    expected = reference(accumulation, uninterrupted, train, tmp_path_factory)
    run = tmp_path / "run"
    draw = random.Random(attempt * 10 + accumulation)
    process = launch(*arguments(run, accumulation))
    first = run / "checkpoints" / "checkpoint-5"
    for step in sorted(draw.sample(range(6, 20), 2)):
        process.wait_for(lambda p=process, s=step: f"step {s}/" in p.output and first.is_dir())  # type: ignore[misc]
        process.send(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        process = launch("--resume_from", str(run))
    assert process.wait() == 0, process.output
    assert_equal(run, expected)


def test_a_branch_goes_on_as_its_parent_did(train: Callable[..., Process], tmp_path: Path) -> None:
    run = tmp_path / "experiments" / "run"
    assert train(*arguments(run, 1)).code == 0
    branched = train("--resume_from", str(run / "checkpoints" / "checkpoint-10"))
    assert branched.code == 0, branched.output
    assert "branching into the new run run-from-10" in branched.output
    branch = tmp_path / "experiments" / "run-from-10"
    assert same(weights(branch), weights(run))
    assert sorted(os.listdir(run / "checkpoints")) == [
        "best.json", "checkpoint-10", "checkpoint-15", "checkpoint-20", "checkpoint-5", "final",
    ]  # fmt: skip


def test_another_batch_size_goes_on_at_the_same_sample(train: Callable[..., Process], tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert train(*arguments(run, 1), "--max_steps", "10").code == 0
    resumed = train("--resume_from", str(run), "--max_steps", "12", "--batch_size", "5")
    assert resumed.code == 0, resumed.output
    assert "not bit-identically" in resumed.output
    state = torch.load(run / "checkpoints" / "checkpoint-12" / "training_state.pt", weights_only=True)
    assert state["data_state"]["samples"] == 10 * 2 + 2 * 5
