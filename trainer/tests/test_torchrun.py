"""Two processes under torchrun: they train as one, stop at the same step, and a resume is exact."""

from __future__ import annotations

import contextlib
import fcntl
import inspect
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.distributed.elastic.multiprocessing import api

from npt.checkpoint import manifest
from tests.conftest import LIMIT, SAMPLES, SMALL, TRAINER, Process, events, free_port, same, series, weights
from tests.test_prefetch import ARGUMENTS, stream_here

PASSES_USR1_ON = "TORCHELASTIC_SIGNALS_TO_HANDLE" in inspect.getsource(api)


def torchrun(processes: int, run: Path, *arguments: str, cwd: Path) -> subprocess.Popen[str]:
    """torchrun as the extension starts it: under the supervisor, which holds the run's lock."""
    command = [
        sys.executable, str(TRAINER.parent / "supervisor" / "npt_supervise.py"), "run", "--run-dir", str(run),
        "--launcher", "torchrun", "--",
        sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}",
        str(TRAINER / "scripts" / "train_multi_layer_npt.py"), *arguments, "--output_dir", str(run),
    ]  # fmt: skip
    return subprocess.Popen(
        command, cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def rank(number: int, port: str) -> Callable[[], None]:
    """In a trainer: one of two processes, with the variables that torchrun sets."""
    return lambda: os.environ.update(
        RANK=str(number), LOCAL_RANK=str(number), WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=port
    )


def pair(launch: Callable[..., Process], *arguments: str) -> None:
    """Runs two processes to their end without torchrun's agent."""
    port = free_port()

    both = [launch(*arguments, before=rank(number, port)) for number in range(2)]
    for process in both:
        assert process.wait() == 0, process.output
    assert both[0].output.count("done: step") == 1 and "done: step" not in both[1].output


def agent_of(run: Path) -> int:
    """The process that process.json names: torchrun's agent."""
    return int(json.loads((run / "process.json").read_bytes())["pid"])


def is_locked(run: Path) -> bool:
    with open(run / "run.lock") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.005)


def test_two_processes(tmp_path: Path, launch: Callable[..., Process]) -> None:
    whole, part = tmp_path / "whole", tmp_path / "part"
    pair(launch, *SMALL, *SAMPLES, "--output_dir", str(whole))
    second = torchrun(2, part, *SMALL, *SAMPLES, cwd=tmp_path)
    wait_until((part / "checkpoints" / "checkpoint-5").exists)
    os.kill(agent_of(part), signal.SIGUSR1)
    output, _ = second.communicate(timeout=LIMIT)
    wait_until(lambda: not is_locked(part))
    end = [e for e in events(part) if e["event"] == "end"][-1]
    # Where torchrun cannot be told to pass the signal on, its agent dies of it, and its processes save and stop.
    assert end["why"] in ("preempted" if PASSES_USR1_ON else "stopped", "done"), output
    state = torch.load(part / "checkpoints" / f"checkpoint-{end['step']}" / "training_state.pt", weights_only=True)
    assert state["data_state"]["samples"] == end["step"] * 4 and len(state["rng_state"]) == 2
    if end["why"] != "done":
        pair(launch, "--resume_from", str(part))
    assert same(weights(part), weights(whole))
    assert series(part) == series(whole)


def test_the_lock_is_held_to_the_end_even_without_an_agent(tmp_path: Path, launch: Callable[..., Process]) -> None:
    run = tmp_path / "run"
    follower = torchrun(1, run, *SMALL, "--max_steps", "100000", "--save_steps", "100000", cwd=tmp_path)
    wait_until(lambda: (run / "train.log").exists() and "step 5/" in (run / "train.log").read_text())
    refused = launch(*SMALL, "--output_dir", str(run))
    assert refused.wait() == 2
    assert f"another trainer is already running in {run} (process {agent_of(run)} on" in refused.output
    os.kill(agent_of(run), signal.SIGKILL)
    follower.communicate(timeout=LIMIT)
    # The trainer that lost its agent saves and stops; until then, nobody else gets in.
    wait_until(lambda: events(run)[-1]["event"] == "end" or not is_locked(run))
    wait_until(lambda: not is_locked(run))
    end = events(run)[-1]
    assert end["event"] == "end" and end["why"] == "stopped", "the lock was let go of before the end"
    assert manifest.problems(run / "checkpoints" / f"checkpoint-{end['step']}") == []


def test_a_process_that_dies_is_one_line(tmp_path: Path, launch: Callable[..., Process]) -> None:
    run = tmp_path / "run"
    port = free_port()
    both = [
        launch(*SMALL, "--max_steps", "100000", "--output_dir", str(run), before=rank(number, port))
        for number in range(2)
    ]
    both[0].wait_for(lambda: "step 6/" in both[0].output)
    both[1].send(signal.SIGKILL)
    assert both[0].wait() == 1, both[0].output
    errors = [line for line in both[0].output.splitlines() if line.startswith("error: ")]
    assert errors == ["error: another process of the run ended; its own message, if it had time for one, says why"]
    assert "Traceback" not in both[0].output
    assert manifest.problems(run / "checkpoints" / "checkpoint-5") == []
    # Of what the others did between two checkpoints nothing is lost, either.
    ended = json.loads((run / "exit.json").read_bytes())
    assert ended["step"] >= 6 and manifest.problems(run / "checkpoints" / f"checkpoint-{ended['step']}") == []


def test_streamed_data_goes_on_exactly_after_a_process_died(tmp_path: Path, launch: Callable[..., Process]) -> None:
    """The one that saves knows of the other only what it told at the last checkpoint."""
    whole, part = tmp_path / "whole", tmp_path / "part"

    def both(*arguments: str) -> list[Process]:
        port = free_port()

        def of(number: int) -> Callable[[], None]:
            return lambda: (rank(number, port)(), stream_here())[0]

        return [launch(*arguments, "--num_workers", "0", before=of(number)) for number in range(2)]

    for process in both(*ARGUMENTS, "--output_dir", str(whole)):
        assert process.wait() == 0, process.output
    first = both(*ARGUMENTS, "--output_dir", str(part))
    first[0].wait_for(lambda: "step 8/" in first[0].output)
    first[1].send(signal.SIGKILL)
    assert first[0].wait() == 1, first[0].output
    step = json.loads((part / "exit.json").read_bytes())["step"]
    saved = torch.load(part / "checkpoints" / f"checkpoint-{step}" / "training_state.pt", weights_only=True)
    drawn = [each["drawn"] for each in saved["data_state"]["ranks"]]
    assert drawn[0] == saved["data_state"]["drawn"] == step * 2 * 3
    assert drawn[1] == step // 5 * 5 * 2 * 3, "what was known at the last checkpoint"
    for process in both("--resume_from", str(part)):
        assert process.wait() == 0, process.output
    assert same(weights(part), weights(whole)) and series(part) == series(whole)
    ours, theirs = (
        torch.load(run / "checkpoints" / "final" / "training_state.pt", weights_only=True)["data_state"]
        for run in (part, whole)
    )
    assert same(ours, theirs)


@pytest.mark.parametrize("to", ["supervisor", "agent"])
def test_stop_any_number_of_times_saves(to: str, tmp_path: Path) -> None:
    """Through the supervisor, which asks the workers; and at the agent itself, which leaves them at a second signal."""
    run = tmp_path / "run"
    follower = torchrun(2, run, *SMALL, "--max_steps", "100000", "--save_steps", "100000", cwd=tmp_path)
    log = run / "train.log"
    wait_until(lambda: log.exists() and "step 5/" in log.read_text())
    supervise = [sys.executable, str(TRAINER.parent / "supervisor" / "npt_supervise.py"), "stop", "--run-dir", str(run)]
    for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if to == "agent":
                os.kill(agent_of(run), number)
            else:
                os.kill(json.loads((run / "process.json").read_bytes())["supervisor"]["pid"], number)
                follower.send_signal(signal.SIGINT)
                subprocess.run(supervise, check=False, capture_output=True)
    output, _ = follower.communicate(timeout=LIMIT)
    wait_until(lambda: not is_locked(run))
    ended = json.loads((run / "exit.json").read_bytes())
    assert ended["why"] in ("stopped", "preempted") and ended["step"] >= 5, output
    assert manifest.problems(run / "checkpoints" / f"checkpoint-{ended['step']}") == [], output
    assert events(run)[-1]["event"] == "end" and events(run)[-1]["step"] == ended["step"]
