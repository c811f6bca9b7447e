"""Local text, tokenised once: its tokens are kept in a file that later starts, other runs and other ranks map.

An entry is a folder named by the texts' content and the tokenizer. It is made under its lock by whoever comes first,
in a temporary file that gets its name when it is whole; a kill leaves nothing that counts. It can be deleted at any
time. Where the cache cannot be written, tokens are made in memory at every start, and that is said.

Short texts are not worth a file: they take less time than it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import mmap
import os
import time
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from npt.data.tokenized import tokens
from npt.data.tokenizers import Tokenizer
from npt.data.windows import digest
from npt.errors import UsageError
from npt.run.lock import NO_LOCKS
from npt.run.pace import duration
from npt.signals import STOP
from npt.storage import atomic, reading

SCHEMA = 1
#: Bytes of text from which on its tokens are kept.
WORTH_KEEPING = 4 << 20
#: Bytes of text up to which tokens may be in memory where they cannot be kept.
FITS_MEMORY = 1 << 30
#: Where they are kept, instead of the user's cache folder.
PLACE = "NPT_CACHE_DIR"
#: A file that changed less than this before it was read may change again within what a file system's clock tells apart.
_SETTLED_SECONDS = 2.0
_READ = 1 << 22
_SAID_SECONDS = 10.0
_LOOK_SECONDS = 0.2
_ITEM = array("i").itemsize


@dataclass(frozen=True)
class LocalText:
    """The tokens of local text, int32 (tokens,), and where they are kept: None in memory."""

    tokens: Tensor
    entry: Path | None = None

    def fingerprint(self, count: int) -> str:
        """A digest of the first ``count`` tokens, computed once where they are kept."""
        if self.entry is None:
            return digest(self.tokens[:count])
        known = _object(self.entry / "fingerprints.json") or {}
        found = known.get(str(count))
        if isinstance(found, str):
            return found
        made = _digest_of_file(self.entry / "tokens", count * _ITEM)
        with contextlib.suppress(OSError):
            atomic.replace_json(self.entry / "fingerprints.json", {**known, str(count): made})
        return made


def _digest_of_file(path: Path, size: int) -> str:
    """``digest`` of a file's first bytes, read rather than mapped: what is mapped counts as this process's memory."""
    hashed = hashlib.sha256()
    with open(path, "rb") as file:
        while size and (part := file.read(min(size, _READ))):
            hashed.update(part)
            size -= len(part)
    return hashed.hexdigest()[:16]


def read(paths: Sequence[Path], tokenizer: Tokenizer) -> LocalText:
    """The tokens of all files in order, from the cache where they are in it.

    Raises ``UsageError`` naming file and line for what cannot be read or is no text, and for a file that changes while
    it is read.
    """
    if _size(paths) < WORTH_KEEPING:
        return LocalText(_in_memory(paths, tokenizer))
    try:
        place = _place()
        entry = place / "tokens" / _key(paths, tokenizer, place / "files")
        if not _is_made(entry):
            with _lock(entry):
                if not _is_made(entry):
                    _make(entry, paths, tokenizer)
        return LocalText(_mapped(entry), entry)
    except OSError as error:
        where = f" in {error.filename}" if error.filename else ""
        problem = f"tokens cannot be kept{where} ({atomic.reason(error)})"
        hint = f"{PLACE} names another folder for them"
        if _size(paths) > FITS_MEMORY:
            raise UsageError(
                f"{problem}, and those of {_size(paths) / 1e9:.1f} GB of text may not fit: {hint}"
            ) from None
        print(f"warning: {problem} and are made in memory; {hint}")
        return LocalText(_in_memory(paths, tokenizer))


def _size(paths: Sequence[Path]) -> int:
    """Bytes of text; 0 for what cannot be looked at, of which reading it says why."""
    total = 0
    for path in paths:
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total


def _in_memory(paths: Sequence[Path], tokenizer: Tokenizer) -> Tensor:
    ids = array("i")
    for part in tokens(paths, tokenizer, _progress(paths)):
        ids.extend(part)
    return torch.frombuffer(ids, dtype=torch.int32) if ids else torch.empty(0, dtype=torch.int32)


def _place() -> Path:
    named = os.environ.get(PLACE)
    if named:
        return Path(named).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "npt"


# --- What an entry is of ---------------------------------------------------------------------------------------------


def _key(paths: Sequence[Path], tokenizer: Tokenizer, known: Path) -> str:
    kinds = [(path.suffix.lower(), _content(path, known)) for path in paths]
    return hashlib.sha256(json.dumps([SCHEMA, tokenizer.identity, kinds]).encode()).hexdigest()[:32]


def _content(path: Path, known: Path) -> str:
    """The digest of a file's content; remembered for as long as nothing about the file changes."""
    try:
        before = _identity(path)
        remembered = known / f"{hashlib.sha256(json.dumps(before).encode()).hexdigest()[:32]}.json"
        found = _object(remembered)
        if found is not None and found.get("identity") == before and isinstance(found.get("sha256"), str):
            return str(found["sha256"])
        hashed = hashlib.sha256()
        with reading.open_regular(path) as file:
            while part := file.read(_READ):
                hashed.update(part)
                STOP.check()
        after = _identity(path)
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist") from None
    except OSError as error:
        raise UsageError(f"{path} {reading.failure(error)}") from None
    if after != before:
        raise _changed(path)
    if time.time() - max(os.stat(path).st_mtime, os.stat(path).st_ctime) > _SETTLED_SECONDS:
        # A cache that is only read serves as well, a little slower.
        with contextlib.suppress(OSError):
            known.mkdir(parents=True, exist_ok=True)
            atomic.replace_json(remembered, {"schema": SCHEMA, "identity": before, "sha256": hashed.hexdigest()})
    return hashed.hexdigest()


def _identity(path: Path) -> list[Any]:
    """What changes whenever a file's content does, short of tampering."""
    found = os.stat(path)
    return [os.path.realpath(path), found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _changed(path: Path) -> UsageError:
    return UsageError(f"{path} changed while it was read; start again when it is complete")


def _object(path: Path) -> dict[str, Any] | None:
    """A JSON object; None where there is none that can be read."""
    try:
        return reading.read_object(path)
    except (OSError, reading.ContentError):
        return None


# --- Making and mapping one ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _lock(entry: Path) -> Iterator[None]:
    """Holds an entry's lock, after whoever makes it; without locks two may make it at once, each under its own name."""
    entry.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(entry / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        said = False
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not said:
                    print("waiting for another process, which tokenises the same text", flush=True)
                said = True
                STOP.check()
                time.sleep(_LOOK_SECONDS)
            except OSError as error:
                if error.errno not in NO_LOCKS:
                    raise
                break
        yield
    finally:
        os.close(descriptor)


def _is_made(entry: Path) -> bool:
    """Whether an entry is whole: one that somebody cut short is made again."""
    described = _object(entry / "entry.json")
    try:
        size = reading.regular(entry / "tokens")
    except OSError:
        return False
    return described is not None and size is not None and size.st_size == described.get("tokens", -1) * _ITEM


def _make(entry: Path, paths: Sequence[Path], tokenizer: Tokenizer) -> None:
    """Tokenises into an entry. Raises ``OSError`` where it cannot be written."""
    atomic.sweep(entry)
    before = [_identity(path) for path in paths]
    target = entry / "tokens"
    temporary = atomic.temporary_beside(target)
    count = 0
    try:
        with open(temporary, "wb") as file:
            for part in tokens(paths, tokenizer, _progress(paths)):
                file.write(part)
                count += len(part)
            file.flush()
            atomic.sync(file.fileno())
        for path, then in zip(paths, before, strict=True):
            if _identity(path) != then:
                raise _changed(path)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    made = {"schema": SCHEMA, "tokens": count, "files": [str(path) for path in paths], "time": time.time()}
    atomic.replace_json(entry / "entry.json", made)
    print(f"tokenised: {count:,} tokens, kept in {entry} ({count * _ITEM / 1e6:,.0f} MB)", flush=True)


def _mapped(entry: Path) -> Tensor:
    """An entry's tokens, mapped: processes on a machine share its pages, and the system takes them back at need.

    Raises ``OSError``.
    """
    with reading.open_regular(entry / "tokens") as file:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            return torch.empty(0, dtype=torch.int32)
        # A private copy of what is written, which nothing is: PyTorch wants memory that could be.
        mapped = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_COPY)
    if hasattr(mmap, "MADV_RANDOM"):
        mapped.madvise(mmap.MADV_RANDOM)
    return torch.frombuffer(mapped, dtype=torch.int32)


class _Progress:
    """Says every few seconds how much of the text is tokenised, and how long the rest takes."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._began = self._said = time.monotonic()

    def __call__(self, done: int) -> None:
        STOP.check()
        now = time.monotonic()
        if now - self._said < _SAID_SECONDS:
            return
        self._said = now
        left = (now - self._began) * max(0, self._total - done) / max(done, 1)
        print(
            f"tokenising: {min(done, self._total) / 1e6:,.0f} of {self._total / 1e6:,.0f} MB, {duration(left)} left",
            flush=True,
        )


def _progress(paths: Sequence[Path]) -> _Progress:
    return _Progress(_size(paths))
