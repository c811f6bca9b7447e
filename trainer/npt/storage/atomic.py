"""Writing, replacing and deleting so that a crash at any instant leaves the old or the new, never a part."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import socket
from pathlib import Path
from typing import Any

from npt.storage.canonical_json import finite

TEMPORARY = ".tmp-"
DELETED = ".del-"
FULL = (errno.ENOSPC, errno.EDQUOT)


def host() -> str:
    """This machine's name, as it goes into the names of temporary files."""
    return socket.gethostname().replace("/", "_") or "localhost"


def temporary_beside(target: Path) -> Path:
    """The temporary sibling of a target: ``.tmp-<name>-<host>-<pid>``."""
    return target.with_name(f"{TEMPORARY}{target.name}-{host()}-{os.getpid()}")


def fsync_folder(folder: Path) -> None:
    """Makes renames in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot sync folders; there the rename is as durable as it gets.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file and syncs it to disk; for files inside a folder that is itself temporary."""
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def json_bytes(document: Any) -> bytes:
    """A document as readable JSON; non-finite numbers become strings."""
    return (json.dumps(finite(document), indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def replace_json(path: Path, document: Any) -> None:
    """Replaces a JSON file atomically."""
    temporary = temporary_beside(path)
    try:
        write_bytes(temporary, json_bytes(document))
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    fsync_folder(path.parent)


def remove_tree(folder: Path) -> None:
    """Deletes a folder: first out of sight by a rename, then its content."""
    hidden = folder.with_name(f"{DELETED}{folder.name}-{host()}-{os.getpid()}")
    if hidden.exists():
        shutil.rmtree(hidden)
    os.rename(folder, hidden)
    fsync_folder(folder.parent)
    shutil.rmtree(hidden)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def sweep(folder: Path) -> list[str]:
    """Removes leftovers in a folder whose process on this host is dead; returns their names."""
    if not folder.is_dir():
        return []
    swept: list[str] = []
    for entry in sorted(folder.iterdir()):
        if not entry.name.startswith((TEMPORARY, DELETED)):
            continue
        rest, _, pid = entry.name.rpartition("-")
        if not pid.isdigit() or not rest.endswith("-" + host()):
            continue
        if int(pid) == os.getpid() or not _alive(int(pid)):
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()
            swept.append(entry.name)
    return swept


def free_bytes(folder: Path) -> int:
    """The bytes that can still be written where the folder is."""
    space = os.statvfs(folder)
    return space.f_bavail * space.f_frsize


def is_full(error: BaseException) -> bool:
    """Whether an error says that the disk (or the quota) is full."""
    return isinstance(error, OSError) and error.errno in FULL
