"""File systems that lack hard links, locks, fsync or a count of free space: everything works, and locks are replaced by
the next best guard."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from npt.checkpoint import manifest
from npt.checkpoint.save import save, write_final
from npt.errors import UsageError
from npt.run import process
from npt.run.lock import NO_LOCKS, RunLock
from npt.storage import atomic
from tests.conftest import SMALL, Process
from tests.tiny_checkpoints import content, is_valid

Train = Callable[..., Process]


def failing(number: int) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return fail


NO_LINKS = ["ENOSYS", "EPERM", "EOPNOTSUPP", "EXDEV", "EMLINK", "EACCES", "EINVAL", "EIO"]


@pytest.mark.parametrize("name", NO_LINKS)
def test_final_is_copied_where_there_are_no_links(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = save(tmp_path / "checkpoints", content(5))
    synced: list[int] = []
    fsync = os.fsync
    monkeypatch.setattr(os, "link", failing(getattr(errno, name)))
    monkeypatch.setattr(os, "fsync", lambda descriptor: (synced.append(descriptor), fsync(descriptor))[1])
    final = write_final(checkpoint)
    assert manifest.problems(final) == []
    assert (final / "npt_weights.pt").stat().st_ino != (checkpoint / "npt_weights.pt").stat().st_ino
    assert len(synced) >= 5, "a copy is on disk before it has its name"


@pytest.mark.parametrize("name", ["EINVAL", "ENOSYS", "EOPNOTSUPP"])
def test_without_fsync(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", failing(getattr(errno, name)))
    assert is_valid(save(tmp_path / "checkpoints", content(5)))
    atomic.replace_json(tmp_path / "x.json", {"a": 1})
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": 1}


@pytest.mark.parametrize("name", ["EIO", "ENOSPC", "EDQUOT"])
def test_a_disk_that_loses_what_is_written_is_an_error(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", failing(getattr(errno, name)))
    with pytest.raises(OSError):
        atomic.replace_json(tmp_path / "x.json", {"a": 1})
    with pytest.raises(OSError):
        atomic.fsync_folder(tmp_path)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["EACCES", "EISDIR", "EINVAL", "EBADF", "EPERM", "ENOTSUP"])
def test_folders_that_cannot_be_synced(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_ = os.open

    def opening(path: Any, flags: int, *mode: Any, **how: Any) -> int:
        if os.path.isdir(path):
            raise OSError(getattr(errno, name), "no")
        return open_(path, flags, *mode, **how)

    monkeypatch.setattr(os, "open", opening)
    assert is_valid(save(tmp_path / "checkpoints", content(5)))


def test_free_space_that_nobody_knows_is_no_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "statvfs", failing(errno.ENOSYS))
    assert is_valid(save(tmp_path / "checkpoints", content(5)))
    zeros = os.statvfs_result([4096, 4096, 0, 0, 0, 0, 0, 0, 0, 255])
    monkeypatch.setattr(os, "statvfs", lambda _: zeros)
    assert is_valid(save(tmp_path / "checkpoints", content(6)))


def poor() -> None:
    """In a trainer: a disk that has next to nothing."""
    os.link = failing(errno.ENOSYS)  # type: ignore[assignment]
    fcntl.flock = failing(errno.ENOLCK)  # type: ignore[assignment]
    os.fsync = failing(errno.ENOSYS)
    os.statvfs = failing(errno.ENOSYS)  # type: ignore[assignment]


def test_a_run_on_a_disk_that_has_next_to_nothing(train: Train, tmp_path: Path) -> None:
    run = tmp_path / "a"
    done = train(*SMALL, "--max_steps", "6", "--save_total_limit", "1", "--output_dir", str(run), before=poor)
    assert done.code == 0, done.output
    assert f"warning: {run} is on a disk without file locks" in done.output
    assert done.output.count("file locks") == 1
    resumed = train("--resume_from", str(run), "--max_steps", "8", before=poor)
    assert resumed.code == 0, resumed.output
    assert manifest.problems(run / "checkpoints" / "final") == []


def test_without_locks_a_trainer_that_lives_is_respected(launch: Train, train: Train, tmp_path: Path) -> None:
    run = tmp_path / "a"
    first = launch(*SMALL, "--max_steps", "100000", "--output_dir", str(run), before=poor)
    first.wait_for(lambda: (run / "checkpoints" / "checkpoint-5").exists())
    second = train("--resume_from", str(run), "--max_steps", "100001", before=poor)
    assert second.code == 2, second.output
    assert f"another trainer is already running in {run} (process {first.pid} on {atomic.host()})" in second.output
    first.send(9)
    first.wait()
    assert (run / "process.json").exists()
    after = train("--resume_from", str(run), "--max_steps", "6000", before=stop_at_once)
    assert after.code == 0 or "another trainer" not in after.output, after.output


def stop_at_once() -> None:
    """In a trainer: no locks, and a stop after its first step."""
    import signal

    import npt.trainer

    poor()
    step = npt.trainer.MultiLayerNPTTrainer.train_step

    def once(self: Any, **how: Any) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        return step(self, **how)

    npt.trainer.MultiLayerNPTTrainer.train_step = once  # type: ignore[method-assign]


def alone(run: Path, document: dict[str, Any]) -> bool:
    """Whether a start is let into a run without locks whose process.json says this."""
    (run / "process.json").write_text(json.dumps(document))
    try:
        RunLock.acquire(run).release()
    except UsageError:
        return False
    return True


@pytest.mark.parametrize("number", NO_LOCKS)
def test_the_guard_where_there_are_no_locks(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", failing(number))
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        found = tmp_path.stat()
        folder = {"device": found.st_dev, "inode": found.st_ino, "path": str(tmp_path)}
        lives = process.describe(1, folder) | {"pid": other.pid, "start_ticks": process.start_ticks(other.pid)}
        assert not alone(tmp_path, lives)
        assert alone(tmp_path, lives | {"start_ticks": 1}), "another process has got that pid"
        assert alone(tmp_path, lives | {"pid": 2**40})
        assert alone(tmp_path, lives | {"boot_id": "of before the machine was started"})
        assert alone(tmp_path, lives | {"folder": {"device": 1, "inode": 1, "path": "/the/original"}}), "a copied run"
        away = lives | {"host": "another-machine", "job": "7"}
        assert not alone(tmp_path, away), "it wrote a moment ago"
        monkeypatch.setenv("SLURM_JOB_ID", "7")
        assert alone(tmp_path, away), "this job, requeued from there"
        monkeypatch.delenv("SLURM_JOB_ID")
        (tmp_path / "process.json").write_text(json.dumps(away))
        long_ago = time.time() - 3600
        os.utime(tmp_path / "process.json", (long_ago, long_ago))
        RunLock.acquire(tmp_path).release()
    finally:
        other.communicate()
    for nothing in ("", "{", "[]", "{}", '{"pid": "x"}'):
        (tmp_path / "process.json").write_text(nothing)
        RunLock.acquire(tmp_path).release()
