"""Writing, replacing and deleting so that a crash at any instant leaves the old or the new, never a part."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import shutil
import socket
import stat
import sys
from pathlib import Path
from typing import Any

from npt.storage.canonical_json import finite

TEMPORARY = ".tmp-"
DELETED = ".del-"
FULL = (errno.ENOSPC, errno.EDQUOT)
# What fsync answers where a file system has none (some FUSE and network disks): a write there is as durable as it gets.
NO_SYNC = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
# Of a folder, only these say that what was renamed in it may be lost; many file systems cannot sync folders at all.
LOSING = (errno.EIO, *FULL)


def host() -> str:
    """This machine's name, as it goes into the names of temporary files."""
    return socket.gethostname().replace("/", "_") or "localhost"


def temporary_beside(target: Path) -> Path:
    """The temporary sibling of a target: ``.tmp-<name>-<host>-<pid>``."""
    return target.with_name(f"{TEMPORARY}{target.name}-{host()}-{os.getpid()}")


def sync(descriptor: int) -> None:
    """Makes what was written to an open file durable, as far as its file system can."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NO_SYNC:
            raise


def fsync_folder(folder: Path) -> None:
    """Makes renames in a folder durable, as far as its file system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno in LOSING:
            raise


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file and syncs it to disk; for files inside a folder that is itself temporary."""
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        sync(file.fileno())


def json_bytes(document: Any) -> bytes:
    """A document as readable JSON; non-finite numbers become strings."""
    return (json.dumps(finite(document), indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def replace_bytes(path: Path, content: bytes) -> None:
    """Replaces a file atomically."""
    temporary = temporary_beside(path)
    try:
        write_bytes(temporary, content)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    fsync_folder(path.parent)


def create_bytes(path: Path, content: bytes) -> None:
    """Writes a file where none is. Raises ``FileExistsError`` where one came since anybody looked."""
    temporary = temporary_beside(path)
    try:
        write_bytes(temporary, content)
        _create(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    fsync_folder(path.parent)


def _create(temporary: Path, path: Path) -> None:
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:
        # No hard links here: between these two lines somebody may be faster.
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        os.rename(temporary, path)


def create_folder(temporary: Path, target: Path) -> None:
    """Gives a finished folder its name. Raises ``FileExistsError`` where anything but an empty folder has it."""
    for name in sorted(os.listdir(temporary)):
        descriptor = os.open(temporary / name, os.O_RDONLY)
        try:
            sync(descriptor)
        finally:
            os.close(descriptor)
    fsync_folder(temporary)
    try:
        os.rename(temporary, target)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        raise
    fsync_folder(target.parent)


def replace_json(path: Path, document: Any) -> None:
    """Replaces a JSON file atomically."""
    replace_bytes(path, json_bytes(document))


def link_or_copy(source: Path, target: Path) -> None:
    """Gives a file a second name, or makes a synced copy where its file system has no hard links or is another."""
    source = Path(os.path.realpath(source))
    try:
        os.link(source, target)
    except OSError:
        # Whatever keeps it from being linked: where that keeps it from being copied, too, copying says so.
        with open(source, "rb") as read, open(target, "wb") as write:
            shutil.copyfileobj(read, write, 1 << 20)
            write.flush()
            sync(write.fileno())


def hide(path: Path) -> Path:
    """Renames a file, folder or link out of sight and returns its hidden path: the first half of deleting it.

    ``discard`` is the second half, ``os.rename`` back undoes it. A kill in between leaves what ``sweep`` finishes.
    """
    hidden = path.with_name(f"{DELETED}{path.name}-{host()}-{os.getpid()}")
    if os.path.lexists(hidden):
        discard(hidden)
    os.rename(path, hidden)
    fsync_folder(path.parent)
    return hidden


def discard(path: Path) -> None:
    """Deletes a file, a link (never what it leads to) or a folder with all that is in it."""
    if stat.S_ISDIR(os.lstat(path).st_mode):
        shutil.rmtree(path)
    else:
        path.unlink()


#: Linux's renameat2 and macOS's renamex_np both call swapping two names flag 2 (RENAME_EXCHANGE, RENAME_SWAP).
_SWAP = 2
_WORKING_FOLDER = -100  # AT_FDCWD


def _swapped(a: Path, b: Path) -> bool:
    """Swaps the names of two folders in one step; False where the system or this file system cannot."""
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "linux":
            done = library.renameat2(_WORKING_FOLDER, os.fsencode(a), _WORKING_FOLDER, os.fsencode(b), _SWAP)
        elif sys.platform == "darwin":
            done = library.renamex_np(os.fsencode(a), os.fsencode(b), _SWAP)
        else:
            return False
    except (OSError, AttributeError):
        return False
    return bool(done == 0)


def replace_folder(temporary: Path, target: Path) -> None:
    """Puts a finished folder in the place of whatever is there, at no instant of which nothing is there.

    Where names cannot be swapped (some network and FUSE disks), what is there is renamed first, for as long as the
    next rename takes, and comes back if that fails.
    """
    if os.path.lexists(target) and _swapped(temporary, target):
        fsync_folder(target.parent)
        # A kill before this is done leaves what ``sweep`` finishes.
        discard(temporary)
        return
    hidden = hide(target) if os.path.lexists(target) else None
    try:
        os.rename(temporary, target)
    except BaseException:
        if hidden is not None:
            os.rename(hidden, target)
        raise
    fsync_folder(target.parent)
    if hidden is not None:
        discard(hidden)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _orphaned(name: str) -> bool:
    """Whether a leftover's name says that its process, on this host, is dead."""
    rest, _, pid = name.rpartition("-")
    if not (pid.isascii() and pid.isdigit() and rest.endswith("-" + host())):
        return False
    return int(pid) == os.getpid() or not _alive(int(pid))


def sweep(folder: Path, of: str = "") -> list[str]:
    """Removes leftovers in a folder whose process on this host is dead; returns their names.

    With ``of`` only those of the target of that name: in a folder that is not ours. Files, folders and links alike.
    What cannot be removed is passed over with a line; it stops nobody.
    """
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    swept: list[str] = []
    for name in names:
        if not name.startswith((TEMPORARY, DELETED)) or not _orphaned(name):
            continue
        if of and not name.startswith(f"{TEMPORARY}{of}-{host()}-"):
            continue
        try:
            discard(folder / name)
        except FileNotFoundError:
            continue
        except OSError as error:
            print(f"warning: {name} is left over from an earlier start and stays: {reason(error)}")
            continue
        swept.append(name)
    return swept


def free_bytes(folder: Path) -> int:
    """The bytes that can still be written where the folder is; no end of them where the file system does not say."""
    try:
        space = os.statvfs(folder)
    except OSError:
        return sys.maxsize
    return space.f_bavail * space.f_frsize if space.f_blocks else sys.maxsize


def is_full(error: BaseException) -> bool:
    """Whether an error says that the disk (or the quota) is full."""
    return isinstance(error, OSError) and error.errno in FULL


def reason(error: OSError) -> str:
    """What the system says, without number and path."""
    return error.strerror or str(error)
