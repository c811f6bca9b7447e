"""A folder that is held open, so that it can be renamed or moved while it is in use.

A path names whatever is there at the moment; a descriptor is the folder itself. On Linux the system's own link to the
descriptor (``/proc/self/fd/<n>``) is a path through which every file operation reaches that folder, also in the middle
of a rename. macOS tells where an open folder is now (``F_GETPATH``, fcntl(2)); there a rename can still come between
two operations, and what fails is tried again.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from pathlib import Path
from typing import Any

LINKS = Path("/proc/self/fd")
_F_GETPATH = 50
_held: list[OpenFolder] = []


class OpenFolder:
    """A folder that exists. Raises ``OSError`` where it cannot be opened."""

    def __init__(self, given: Path) -> None:
        self.given = given
        self.descriptor = os.open(given, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        link = LINKS / str(self.descriptor)
        self._link = link if sys.platform == "linux" and link.exists() else None
        _held.append(self)

    @property
    def path(self) -> Path:
        """A path that leads to the folder, wherever it is now."""
        return self._link or self.shown

    @property
    def shown(self) -> Path:
        """The path that a person would use: as it was given while that leads here, else where the folder is now."""
        if self._is_here(self.given):
            return self.given
        return self._found() or self.given

    @property
    def moved(self) -> bool:
        """Whether the path that was given leads here no more."""
        return not self._is_here(self.given)

    @property
    def gone(self) -> bool:
        """Whether the folder was deleted, so that nothing can be in it any more."""
        try:
            deleted = os.fstat(self.descriptor).st_nlink == 0
        except OSError as error:
            # A network disk's way to say that another machine deleted it.
            return error.errno in (errno.ESTALE, errno.ENOENT)
        return deleted or (self._link is None and not self._is_here(self.given) and self._found() is None)

    def identity(self) -> dict[str, Any]:
        """What ``process.json`` says of the folder: device and inode, and its path."""
        found = os.fstat(self.descriptor)
        return {"device": found.st_dev, "inode": found.st_ino, "path": str(self.shown)}

    def _found(self) -> Path | None:
        """Where the system says the folder is; None where it does not say, or where another one is there."""
        try:
            if self._link is not None:
                where = Path(os.readlink(self._link))
            elif sys.platform == "darwin":
                import fcntl

                where = Path(os.fsdecode(fcntl.fcntl(self.descriptor, _F_GETPATH, bytes(1024)).rstrip(b"\0")))
            else:
                return None
        except OSError:
            return None
        return where if self._is_here(where) else None

    def _is_here(self, path: Path) -> bool:
        try:
            here, there = os.fstat(self.descriptor), path.stat()
        except OSError:
            return False
        return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)


def readable(text: str) -> str:
    """A message in which the links to held folders are written as their paths."""

    def path_of(match: re.Match[str]) -> str:
        for folder in _held:
            if folder.descriptor == int(match[1]):
                return str(folder.shown)
        return match[0]

    return re.sub(re.escape(str(LINKS)) + r"/(\d+)", path_of, text)


def is_folder(described: Any, run: Path) -> bool:
    """Whether ``folder`` of a ``process.json`` is this folder: by device and inode, by path where there are none.

    A process.json of an older trainer has no ``folder``, and is believed.
    """
    if not isinstance(described, dict):
        return described is None
    try:
        found = run.stat()
    except OSError:
        return False
    if described.get("inode") and found.st_ino:
        return (described.get("device"), described["inode"]) == (found.st_dev, found.st_ino)
    return described.get("path") in (str(run), str(run.resolve()))
