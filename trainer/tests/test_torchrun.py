"""Two processes under torchrun: they train as one, stop at the same step, and a resume is exact."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from tests.conftest import SMALL, TRAINER, Process, events, same, series, weights


def torchrun(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2",
        "--signals-to-handle=SIGTERM,SIGINT,SIGHUP,SIGQUIT,SIGUSR1",
        str(TRAINER / "scripts" / "train_multi_layer_npt.py"), *arguments,
    ]  # fmt: skip
    return subprocess.Popen(
        command, cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def pair(launch: Callable[..., Process], *arguments: str) -> None:
    """Runs two processes to their end with the variables that torchrun sets, without its agent."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])

    def rank(number: int) -> Callable[[], None]:
        return lambda: os.environ.update(
            RANK=str(number), LOCAL_RANK=str(number), WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=port
        )

    both = [launch(*arguments, before=rank(number)) for number in range(2)]
    for process in both:
        assert process.wait(120) == 0, process.output
    assert both[0].output.count("done: step") == 1 and "done: step" not in both[1].output


def test_two_processes(tmp_path: Path, launch: Callable[..., Process]) -> None:
    whole, part = tmp_path / "whole", tmp_path / "part"
    pair(launch, *SMALL, "--output_dir", str(whole))
    second = torchrun(*SMALL, "--output_dir", str(part), cwd=tmp_path)
    until = time.monotonic() + 60
    while not (part / "checkpoints" / "checkpoint-5").exists() and time.monotonic() < until:
        time.sleep(0.005)
    second.send_signal(signal.SIGUSR1)
    output, _ = second.communicate(timeout=120)
    end = [e for e in events(part) if e["event"] == "end"][-1]
    assert end["why"] in ("preempted", "done"), output
    state = torch.load(part / "checkpoints" / f"checkpoint-{end['step']}" / "training_state.pt", weights_only=True)
    assert state["data_state"]["samples"] == end["step"] * 4 and len(state["rng_state"]) == 2
    if end["why"] == "preempted":
        pair(launch, "--resume_from", str(part))
    assert same(weights(part), weights(whole))
    assert series(part) == series(whole)
