"""Random interruptions, again and again: NPT_STRESS sets how many runs (the default only keeps the test alive)."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import SMALL, Process, same, series, weights

Train = Callable[..., Process]
RUNS = int(os.environ.get("NPT_STRESS", "3"))
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGKILL)


def test_random_interruptions(launch: Train, train: Train, tmp_path_factory: pytest.TempPathFactory) -> None:
    references: dict[tuple[int, bool], Path] = {}
    for number in range(RUNS):
        draw = random.Random(number)
        accumulation, mixed = draw.choice((1, 3)), draw.random() < 0.3
        arguments = [
            *SMALL, "--gradient_accumulation_steps", str(accumulation), "--save_steps", str(draw.choice((1, 4, 7))),
            "--mixed_precision" if mixed else "--no-mixed_precision",
        ]  # fmt: skip
        expected = references.get((accumulation, mixed))
        if expected is None:
            expected = tmp_path_factory.mktemp("reference") / "run"
            assert train(*arguments, "--output_dir", str(expected)).code == 0
            references[accumulation, mixed] = expected
        run = tmp_path_factory.mktemp("stressed") / "run"
        process = launch(*arguments, "--output_dir", str(run))
        for _ in range(draw.randint(1, 3)):
            process.wait_for(lambda p=process: "stage " in p.output or "complete" in p.output)  # type: ignore[misc]
            time.sleep(draw.uniform(0, 0.5))
            process.send(draw.choice(SIGNALS))
            if process.wait() == 0:
                break
            from_start = not list((run / "checkpoints").glob("checkpoint-*"))
            again = [*arguments, "--output_dir", str(run)] if from_start else ["--resume_from", str(run)]
            process = launch(*again)
        assert process.wait() == 0, process.output
        assert same(weights(run), weights(expected)), f"run {number}"
        assert series(run) == series(expected), f"run {number}"
