"""Interrupted at random, in every phase and way, and resumed: the run equals one that never stopped, bit by bit.

``NPT_STRESS`` sets how many runs (the default only keeps the test alive) and prints what was hit.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import SMALL, Process, events, same
from tests.phases import NAMES, Phases, interrupt
from tests.test_prefetch import stream_here

Train = Callable[..., Process]
RUNS = int(os.environ.get("NPT_STRESS", "6"))
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGKILL)
AIMS = list(itertools.product(SIGNALS, NAMES))
# Every evaluated step is saved: "best" then does not depend on where a stop saves in between.
ARGUMENTS = [
    *SMALL, "--no-demo_mode", "--model_size", "demo", "--train_layers", "2,3", "--dataset_preset", "small",
    "--wandb_mode", "disabled", "--save_steps", "2", "--eval_steps", "4",
]  # fmt: skip


def settings(number: int) -> tuple[int, bool, int, bool]:
    """A run's accumulation, mixed precision, workers, asynchronous saves: each 16 runs have all of them."""
    bits = number * 7 % 16
    return (1, 3)[bits & 1], bool(bits & 2), (0, 2)[bits >> 2 & 1], bool(bits & 8)


def rows(run: Path) -> dict[tuple[int, str], Any]:
    """Every metric by step and name, as a reader sees them after resumes, without time, throughput and memory."""
    found: dict[tuple[int, str], Any] = {}
    for event in events(run):
        if event["event"] == "start":
            found = {key: value for key, value in found.items() if key[0] <= event["resume_step"]}
        for name, value in event.get("metrics", {}).items():
            if not name.startswith(("throughput/", "system/")):
                found[event["step"], name] = value
    return found


def assert_equal(run: Path, expected: Path, what: str) -> None:
    """Asserts that all that training produced is the same, to the last bit."""
    for file in ("npt_weights.pt", "training_state.pt", "multi_layer_state.pt"):
        ours, theirs = (torch.load(p / "checkpoints" / "final" / file, weights_only=True) for p in (run, expected))
        for key in theirs:
            assert same(ours[key], theirs[key]), f"{what}: {file} {key}"
        assert list(ours) == list(theirs), what
    ours, theirs = rows(run), rows(expected)
    more = {key[1] for key in ours.keys() - theirs.keys()}
    assert all(name.startswith("probe/") for name in more), "a stop saves, and a save probes; nothing else is added"
    assert {key: ours.get(key) for key in theirs} == theirs, what


def test_random_interruptions(
    launch: Train, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    references: dict[tuple[int, bool], Path] = {}
    hits: Counter[str] = Counter()
    resumes = 0

    def start(phases: Phases, *arguments: str) -> Process:
        def before() -> None:
            stream_here()
            phases.report()

        return launch(*arguments, before=before)

    for number in range(RUNS):
        draw = random.Random(number)
        accumulation, mixed, workers, background = settings(number)
        arguments = [
            *ARGUMENTS, "--gradient_accumulation_steps", str(accumulation),
            "--mixed_precision" if mixed else "--no-mixed_precision",
        ]  # fmt: skip
        expected = references.get((accumulation, mixed))
        if expected is None:
            # One reference whatever the workers and the way of saving: neither may change anything.
            expected = tmp_path_factory.mktemp("reference") / "run"
            done = start(Phases(), *arguments, "--num_workers", "0", "--no-async_save", "--output_dir", str(expected))
            assert done.wait() == 0, done.output
            references[accumulation, mixed] = expected
        run = tmp_path_factory.mktemp("stressed") / "run"
        arguments += ["--num_workers", str(workers), "--async_save" if background else "--no-async_save"]
        aims = [AIMS[number % len(AIMS)], *(draw.choice(AIMS) for _ in range(draw.randint(0, 2)))]
        phases = Phases()
        process = start(phases, *arguments, "--output_dir", str(run))
        for sent, phase in aims:
            often = {"step": 10, "evaluation": 3, "save": 5}[phase]
            hit = interrupt(process, phases, phase, draw.randint(1, often), sent, draw)
            code = process.wait()
            assert code in (0, 128 + sent, -sent), process.output
            if code == 0:
                break
            hits[f"{sent.name} in {phase}" if hit else f"{sent.name} elsewhere"] += 1
            resumes += 1
            from_start = not list((run / "checkpoints").glob("checkpoint-*"))
            again = [*arguments, "--output_dir", str(run)] if from_start else ["--resume_from", str(run)]
            phases = Phases()
            process = start(phases, *again)
        assert process.wait() == 0, process.output
        assert_equal(run, expected, f"run {number}: {arguments[len(ARGUMENTS) :]}, {aims}")
    if "NPT_STRESS" in os.environ:
        with capsys.disabled():
            print(f"\n{RUNS} runs, {resumes} resumes, all equal; hit: {dict(sorted(hits.items()))}")
    assert sum(hits[f"{s.name} in {p}"] for s, p in AIMS) >= RUNS // 2, f"too few were hit where aimed: {hits}"
