"""What a log line says about how training gets on."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from npt.memory import held
from npt.run.pace import Pace, duration
from tests.conftest import SMALL, Process

Train = Callable[..., Process]


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (89.4, "89 s"),
        (90, "2 min"),
        (12 * 60, "12 min"),
        (59.6 * 60, "1 h 0 min"),
        (72 * 60, "1 h 12 min"),
        (23 * 3600 + 59.7 * 60, "1 d 0 h"),
        (76 * 3600 + 100, "3 d 4 h"),
    ],
)
def test_spans_are_said_in_their_two_largest_units(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_what_is_left_counts_all_that_lies_between_steps() -> None:
    clock = Clock()
    pace = Pace(500, 1000, clock)
    clock.now += 100  # ten steps, and an evaluation
    assert pace.left(510) == pytest.approx(4900)
    assert pace.left(510) == pytest.approx(4900), "no step more tells nothing new"


def test_one_slow_interval_does_not_turn_the_estimate_over() -> None:
    clock = Clock()
    pace = Pace(0, 100_000, clock)
    for step in range(10, 1001, 10):
        clock.now += 10
        pace.left(step)
    clock.now += 600
    after = pace.left(1010)
    assert 99_000 < after < 99_000 * 6, after
    for step in range(1020, 3001, 10):
        clock.now += 10
        after = pace.left(step)
    assert after == pytest.approx(97_000, rel=0.01)


def test_a_step_and_memory_are_said_in_units_that_fit() -> None:
    clock = Clock()
    pace = Pace(0, 20, clock)
    clock.now += 30
    assert pace.said(10, 0.0042, 812_000_000) == "4.2 ms/step  812 MB  30 s left"
    clock.now += 30
    assert pace.said(20, 1.5, 18_240_000_000) == "1.50 s/step  18.2 GB"
    assert pace.said(20, 0.25, None) == "250 ms/step"


def test_this_process_holds_memory() -> None:
    found = held(torch.device("cpu"))
    assert found is None or 10_000_000 < found < 10**12


def test_each_log_line_says_what_is_left(train: Train, tmp_path: Path) -> None:
    words = [*SMALL, "--max_steps", "3", "--logging_steps", "1", "--generation_steps", "0"]
    done = train(*words, "--output_dir", str(tmp_path / "run"))
    assert done.code == 0, done.output
    lines = [line for line in done.output.splitlines() if line.startswith("step ")]
    assert len(lines) == 3
    for line in lines[:2]:
        assert re.search(r"tokens/s  [\d.]+ m?s/step  ([\d.]+ [MG]B  )?\d+ s left$", line), line
    assert re.search(r" m?s/step(  [\d.]+ [MG]B)?$", lines[2]), lines[2]
