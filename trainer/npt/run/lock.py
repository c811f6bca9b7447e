"""One trainer per run, by an flock that dies with its process, and where there is none by what process.json says."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import Any

from npt.errors import UsageError
from npt.run import process
from npt.run.opened import is_folder, readable
from npt.storage import reading

INHERITED = "NPT_RUN_LOCK_FD"
# The inode of a lock that the supervisor of a job on several nodes holds: its descriptor stays on the first of them.
HELD = "NPT_RUN_LOCK_INODE"
BUSY = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
# What flock(2) answers where a file system has no locks (some network and FUSE disks), or where a sandbox has none.
NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL, errno.EPERM)
# Without locks, another machine's trainer is taken to be training while its log is as young as this.
SIGN_OF_LIFE_SECONDS = 120.0


class RunLock:
    """The lock on ``run.lock``; ``inherited`` tells that a supervisor took it and handed its descriptor on."""

    def __init__(self, descriptor: int, inherited: bool) -> None:
        self.descriptor = descriptor
        self.inherited = inherited

    @staticmethod
    def acquire(run: Path) -> RunLock:
        """Takes the lock of a run. Raises ``UsageError`` naming the holder where another process has it."""
        path = run / "run.lock"
        number = os.environ.get(INHERITED, "")
        if number.isdigit():
            if _is_same_file(int(number), path):
                return RunLock(int(number), inherited=True)
            if _is_same_file(0, path):
                return RunLock(_taken_from_standard_input(), inherited=True)
        if _is_held_for_us(path):
            return RunLock(-1, inherited=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            busy = error.errno in BUSY or (error.errno in NO_LOCKS and _trains(run, descriptor))
            if busy or error.errno not in NO_LOCKS:
                os.close(descriptor)
            if busy:
                raise UsageError(f"another trainer is already running in {run}{_holder(run)}") from None
            if error.errno not in NO_LOCKS:
                raise
            line = f"warning: {run} is on a disk without file locks: take care not to start two trainers in it"
            print(readable(line))
        return RunLock(descriptor, inherited=False)

    def release(self) -> None:
        """Lets go of a lock taken here; an inherited one belongs to the supervisor."""
        if not self.inherited:
            os.close(self.descriptor)


def _is_held_for_us(path: Path) -> bool:
    inode = os.environ.get(HELD, "")
    try:
        return inode.isdigit() and path.stat().st_ino == int(inode)
    except OSError:
        return False


def _taken_from_standard_input() -> int:
    """The lock where torchrun, which closes other descriptors, passed it on; programs started later do not get it."""
    descriptor = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return descriptor


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        here, there = os.fstat(descriptor), path.stat()
    except OSError:
        return False
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)


def _named(run: Path) -> dict[str, Any] | None:
    try:
        document = reading.read_object(run / "process.json")
    except (OSError, reading.ContentError):
        return None
    if not isinstance(document.get("pid"), int):
        return None
    return document if is_folder(document.get("folder"), run) else None


def _trains(run: Path, lock: int) -> bool:
    """Whether the process that process.json names trains, as far as can be told without a lock."""
    named = _named(run)
    if named is None or named["pid"] == os.getpid():
        return False
    if process.is_here(named):
        return process.is_alive(named)
    if named.get("job") is not None and named["job"] == os.environ.get("SLURM_JOB_ID"):
        return False  # This very job, before it was requeued.
    # Another machine's clock may differ: both times are the file system's.
    os.utime(lock)
    try:
        signs = [os.stat(run / name).st_mtime for name in ("metrics.jsonl", "process.json") if (run / name).is_file()]
    except OSError:
        return False
    return 0 <= os.fstat(lock).st_mtime - max(signs, default=0.0) < SIGN_OF_LIFE_SECONDS


def _holder(run: Path) -> str:
    named = _named(run)
    return f" (process {named['pid']} on {named.get('host')})" if named is not None else ""
