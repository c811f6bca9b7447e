"""Evaluation by all processes of a run: the same metrics, and given up by all of them or by none."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from npt.checkpoint import manifest
from npt.distributed import Group
from npt.evaluation import evaluate
from tests.conftest import SMALL, Process, free_port, same, series, weights
from tests.test_devices import demo_trainer
from tests.test_torchrun import pair, rank


class Told(Group):
    """One of several processes, whose values come one after the other: rank 0's last."""

    def __init__(self, rank: int, world_size: int, told: list[Any]) -> None:
        super().__init__(rank, world_size)
        self.told = told

    def gather(self, value: Any) -> list[Any]:
        self.told.insert(0, value)
        return self.told if self.main else []


@pytest.mark.parametrize(("samples", "processes"), [(4, 2), (5, 2), (1, 3), (7, 3)])
def test_processes_together_find_what_one_finds(samples: int, processes: int) -> None:
    trainer = demo_trainer()
    texts = torch.randint(0, 256, (samples, 16), generator=torch.Generator().manual_seed(1))
    alone = evaluate(trainer.model, trainer.scaffold, trainer.losses, texts, 2)
    told: list[Any] = []
    calls: list[int] = []
    for number in reversed(range(processes)):
        asked: list[None] = []
        found = evaluate(
            trainer.model, trainer.scaffold, trainer.losses, texts, 2, lambda: asked.append(None),  # noqa: B023
            Told(number, processes, told),
        )  # fmt: skip
        calls.append(len(asked))
        assert (found == {}) == (number != 0)
    assert len(set(calls)) == 1, "one process asks whether to go on more often than another: they would wait for ever"
    assert found.keys() == alone.keys()
    for name, value in alone.items():
        assert found[name] == pytest.approx(value, rel=1e-6, abs=1e-9), name
    sizes = [len(texts[number * 2 :: 2 * processes]) for number in range(processes)]
    assert sum(part.get("eval_loss/total", 0) > 0 for part in told) == sum(size > 0 for size in sizes)


def asked_in_evaluation() -> None:
    """In a trainer: it is asked to stop between two batches of its first evaluation, and nobody else is."""
    from npt import loop

    original = loop.agree_and_check

    def agree(*arguments: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        original(*arguments)

    loop.agree_and_check = agree


def test_one_that_is_asked_to_stop_stops_all(tmp_path: Path, launch: Callable[..., Process]) -> None:
    whole, run = tmp_path / "whole", tmp_path / "run"
    pair(launch, *SMALL, "--output_dir", str(whole))
    port = free_port()
    both = [
        launch(*SMALL, "--output_dir", str(run), before=lambda: rank(0, port)()),
        launch(*SMALL, "--output_dir", str(run), before=lambda: (rank(1, port)(), asked_in_evaluation())[0]),
    ]
    assert [process.wait() for process in both] == [143, 143], both[0].output + both[1].output
    assert "the evaluation at step 5 is left to the next start" in both[0].output
    ended = json.loads((run / "exit.json").read_text())
    assert (ended["why"], ended["step"]) == ("stopped", 5)
    assert manifest.problems(run / "checkpoints" / "checkpoint-5") == []
    pair(launch, "--resume_from", str(run))
    assert series(run) == series(whole) and same(weights(run), weights(whole))
    best = [json.loads((path / "checkpoints" / "best.json").read_text()) for path in (run, whole)]
    assert best[0] == best[1]
