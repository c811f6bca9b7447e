"""Two processes under torchrun: they train as one, stop at the same step, and a resume is exact."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch

from tests.conftest import SMALL, TRAINER, events, same, series, weights


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


def test_two_processes(tmp_path: Path) -> None:
    whole, part = tmp_path / "whole", tmp_path / "part"
    first = torchrun(*SMALL, "--output_dir", str(whole), cwd=tmp_path)
    output, _ = first.communicate(timeout=120)
    assert first.returncode == 0, output
    assert output.count("step 5/20") == 1
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
    third = torchrun("--resume_from", str(part), cwd=tmp_path)
    output, _ = third.communicate(timeout=120)
    assert third.returncode == 0, output
    assert same(weights(part), weights(whole))
    assert series(part) == series(whole)
