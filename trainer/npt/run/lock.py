"""One trainer per run, by an flock that dies with its process."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from pathlib import Path

from npt.errors import UsageError
from npt.run.opened import is_folder

INHERITED = "NPT_RUN_LOCK_FD"


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
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            raise UsageError(f"another trainer is already running in {run}{_holder(run)}") from None
        return RunLock(descriptor, inherited=False)

    def release(self) -> None:
        """Lets go of a lock taken here; an inherited one belongs to the supervisor."""
        if not self.inherited:
            os.close(self.descriptor)


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


def _holder(run: Path) -> str:
    try:
        process = json.loads((run / "process.json").read_bytes())
        if not is_folder(process.get("folder"), run):
            return ""
        return f" (process {int(process['pid'])} on {process['host']})"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ""
