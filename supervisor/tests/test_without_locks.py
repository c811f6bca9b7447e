"""Disks without flock(2) or fsync(2): a warning, and what process.json says instead of the lock."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any, Dict

import pytest
from conftest import Bench

POLITE = """
    stop = []
    signal.signal(signal.SIGINT, lambda n, f: stop.append(n))
    say("ready")
    while not stop:
        time.sleep(0.02)
    sys.exit(130)
"""


def poor_disk(folder: Path, number: int) -> Dict[str, str]:
    """The environment of programs whose disk has neither."""
    (folder / "site").mkdir(exist_ok=True)
    (folder / "site" / "sitecustomize.py").write_text(
        f"""
import fcntl, os
def fail(*_):
    raise OSError({number}, os.strerror({number}))
fcntl.flock = fail
def unsynced(*_):
    raise OSError({errno.EINVAL}, "Invalid argument")
os.fsync = unsynced
"""
    )
    return {**os.environ, "PYTHONPATH": str(folder / "site")}


@pytest.mark.parametrize("name", ["ENOSYS", "ENOLCK", "EOPNOTSUPP", "EINVAL", "EPERM"])
def test_training_goes_on_with_a_warning_and_a_second_is_refused(bench: Bench, name: str) -> None:
    environment = poor_disk(bench.folder, getattr(errno, name))
    first = bench.start(bench.trainer(POLITE), env=environment)
    bench.wait(lambda: "ready" in bench.log())
    process = bench.process()
    second = bench.start(bench.trainer("say('second')"), env=environment)
    _, errors = second.communicate(timeout=20)
    assert second.returncode == 2
    said = f"another trainer is already running in {bench.run} (process {process['pid']} on {socket.gethostname()})"
    assert said in errors.decode()
    first.send_signal(signal.SIGINT)
    output, _ = first.communicate(timeout=20)
    assert first.returncode == 130
    assert f"warning: {bench.run} is on a disk without file locks" in output.decode()
    assert not [path for path in bench.run.iterdir() if path.name.startswith(".tmp-")]


def refused(bench: Bench, document: Dict[str, Any], environment: Dict[str, str], age: float = 0) -> bool:
    bench.run.mkdir(parents=True, exist_ok=True)
    path = bench.run / "process.json"
    path.write_text(json.dumps(document))
    os.utime(path, (time.time() - age, time.time() - age))
    started = bench.start(bench.trainer("sys.exit(0)"), env=environment)
    _, errors = started.communicate(timeout=20)
    assert started.returncode in (0, 2), errors
    return started.returncode == 2


def test_another_machines_trainer_is_respected_while_it_shows_signs_of_life(bench: Bench) -> None:
    environment = poor_disk(bench.folder, errno.ENOLCK)
    environment.pop("SLURM_JOB_ID", None)
    away = {"schema": 1, "host": "another-machine", "boot_id": "b", "pid": 7, "start_ticks": 7, "job": "12"}
    assert refused(bench, away, environment)
    assert not refused(bench, away, environment, age=3600)
    assert not refused(bench, away, {**environment, "SLURM_JOB_ID": "12"}), "this job, requeued from there"
