"""A ``.pt`` file opened without running anything: its values, where its tensors' bytes are, and what Python would run.

As the extension's ``core/torchfile/torchFile.ts``. PyTorch reads none of it: what is accepted does not depend on its
version, and its own loader's words reach nobody.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from npt.checkpoint.pickles import encoded
from npt.checkpoint.pickles.machine import Act, Limits, PickleError, Result, read_pickle
from npt.checkpoint.pickles.rebuild import TorchInterpreter
from npt.checkpoint.pickles.values import DTYPES, StorageRef, TensorRef
from npt.storage.reading import open_regular

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
MAX_PICKLE_BYTES = 128 * 1024 * 1024
NESTED_LIMITS = Limits(opcodes=200_000, copied=16 * 1024 * 1024)
MAX_DEPTH, MAX_FOLLOWED, MAX_PICKLES, MAX_ARCHIVES_DEEP = 3, 100, 8, 3
PICKLE_RECORD = re.compile(r"(?:.*/)?data\.pkl", re.IGNORECASE | re.DOTALL)
# What the first bytes of files say that are neither zip nor pickle.
OTHER_FORMATS: tuple[tuple[str, int, bytes], ...] = (
    ("7z archive", 0, b"7z\xbc\xaf'\x1c"),
    ("gzip file", 0, b"\x1f\x8b\x08"),
    ("RAR archive", 0, b"Rar!\x1a\x07"),
    ("xz file", 0, b"\xfd7zXZ\x00"),
    ("Zstandard file", 0, b"\x28\xb5\x2f\xfd"),
    ("bzip2 file", 0, b"BZh"),
    ("tar archive", 257, b"ustar"),
    ("NumPy array", 0, b"\x93NUMPY"),
    ("HDF5 file", 0, b"\x89HDF\r\n\x1a\n"),
    ("GGUF model", 0, b"GGUF"),
    ("ELF program", 0, b"\x7fELF"),
    ("empty zip archive", 0, b"PK\x05\x06"),
    ("Git LFS pointer", 0, b"version https://git-lfs"),
    ("HTML page", 0, b"<!DOCTYPE"),
    ("HTML page", 0, b"<html"),
)


@dataclass(frozen=True)
class Problem:
    """What is wrong with one file: a code of docs/findings.md, and a clause without the file's name."""

    code: str
    message: str


@dataclass(frozen=True)
class Place:
    """Where a storage's bytes are: an offset in the file, or a record that has to be unpacked."""

    offset: int
    record: zipfile.ZipInfo | None = None


@dataclass
class TorchFile:
    """``value`` has ``TensorRef`` for tensors and inert records for objects; None where it cannot be read."""

    path: Path
    format: str
    value: Any = None
    storages: dict[str, StorageRef] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    keys: list[str] | None = None
    """The legacy format's list of storages, in the order of their data."""
    data_start: int = 0
    problems: list[Problem] = field(default_factory=list)
    little_endian: bool = True
    _pickle: tuple[bytes, int] = (b"", 0)

    def with_tensors(self) -> Any:
        """The value with real tensors in it. Raises ``PickleError`` where their data is not there."""
        with open_regular(self.path) as file:
            storages = _Storages(self, file)
            return read_pickle(self._pickle[0], TorchInterpreter(storages.tensor), self._pickle[1]).value


def open_file(path: Path) -> TorchFile:
    """Opens a file. Raises ``OSError`` where the system refuses; whatever is wrong with it is in its problems."""
    with open_regular(path) as file:
        return _open(path, file, 0)


def _open(path: Path, file: BinaryIO, depth: int) -> TorchFile:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    head = file.read(4096)
    if not head:
        return TorchFile(path, "empty", problems=[Problem("empty-file", "it is empty")])
    if head[:4] == b"PK\x03\x04":
        return _open_zip(path, file, depth)
    other = _other_format(head, size)
    if other is not None:
        return TorchFile(path, "other", problems=[other])
    return _open_pickles(path, file, size, depth)


def _other_format(head: bytes, size: int) -> Problem | None:
    for name, at, magic in OTHER_FORMATS:
        if head.startswith(magic, at):
            return Problem("other-archive", f"it is a {name}, not a torch file")
    if size > 9 and head[8:10] == b'{"' and not any(head[4:8]):
        return Problem("other-archive", "it is a safetensors file, not a torch file")
    if not any(head):
        return Problem("zeroed-file", "it begins with nothing but zeros: it was never written")
    return None


# --- zip -----------------------------------------------------------------------------------------------------------


def _open_zip(path: Path, file: BinaryIO, depth: int) -> TorchFile:
    opened = TorchFile(path, "torch zip")
    try:
        with zipfile.ZipFile(file) as archive:
            _read_zip(opened, file, archive, depth)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as damage:
        if isinstance(damage, OSError) and damage.errno is not None:
            raise
        opened.value = None
        opened.problems.append(Problem("zip-central-directory", "its zip archive is damaged"))
    return opened


def _read_zip(opened: TorchFile, file: BinaryIO, archive: zipfile.ZipFile, depth: int) -> None:
    records = archive.infolist()
    names = [record.orig_filename for record in records]
    kind = _archive_kind(names)
    if records and kind != "torch zip":
        code = "torchscript-archive" if kind == "TorchScript archive" else "other-archive"
        opened.format = "other"
        opened.problems.append(Problem(code, f"it is a {kind}, not a torch checkpoint"))
        return
    first = next((name for name in names if name.endswith("/data.pkl")), names[0] if names else "")
    root = first.partition("/")[0]
    by_name = {record.orig_filename: record for record in records}
    order = by_name.get(f"{root}/byteorder")
    if order is not None:
        said = _bytes_of(file, order, 64)
        opened.little_endian = said != b"big"
        if said not in (b"little", b"big"):
            opened.problems.append(Problem("byte-order", "its byte order record says neither little nor big"))
    pickles = [record for record in records if record.orig_filename.lower() == f"{root}/data.pkl".lower()]
    if not pickles:
        opened.problems.append(Problem("missing-record", "it has no data.pkl record: the values are missing"))
    interpreter = TorchInterpreter()
    for record in pickles[:8]:
        if record.file_size > MAX_PICKLE_BYTES:
            opened.problems.append(Problem("pickle-limit", f"its data.pkl claims {record.file_size} bytes"))
            continue
        data = _bytes_of(file, record, MAX_PICKLE_BYTES)
        if data is None:
            opened.problems.append(Problem("pickle-malformed", "its data.pkl cannot be read out of the archive"))
            continue
        result = read_pickle(data, interpreter)
        opened.problems += judge(result.acts)
        if result.error is not None:
            opened.problems.append(_broken(result.error))
        elif result.end < len(data):
            rest = len(data) - result.end
            opened.problems.append(Problem("pickle-trailing-data", f"{rest} bytes follow the end of its pickle"))
        if result.value is not None:
            opened.value, opened._pickle = result.value, (data, 0)
    opened.problems += _nested(opened.path, interpreter, depth)
    opened.storages = interpreter.storages
    for key in interpreter.storages:
        found = by_name.get(f"{root}/data/{key}")
        if found is not None:
            stored = found.compress_type == zipfile.ZIP_STORED
            opened.places[key] = Place(_data_start(file, found), None if stored else found)


def _archive_kind(names: list[str]) -> str:
    if any(re.search(r"(^|/)constants\.pkl$", name) or re.match(r"[^/]+/code/", name) for name in names):
        return "TorchScript archive"
    if any(re.search(r"/(data\.pkl|data/[^/]+|version)$", name, re.IGNORECASE) for name in names):
        return "torch zip"
    if "[Content_Types].xml" in names:
        return "Office document"
    return "NumPy archive (.npz)" if any(name.endswith(".npy") for name in names) else "zip archive of another kind"


def _data_start(file: BinaryIO, record: zipfile.ZipInfo) -> int:
    file.seek(record.header_offset + 26)
    lengths = file.read(4)
    if len(lengths) < 4:
        raise zipfile.BadZipFile
    return record.header_offset + 30 + int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little")


def _bytes_of(file: BinaryIO, record: zipfile.ZipInfo, limit: int) -> bytes | None:
    """A record's bytes, whatever its checksum and names say: torch compares neither, and what it would load counts."""
    start = _data_start(file, record)
    if record.compress_type == zipfile.ZIP_STORED:
        file.seek(start)
        return file.read(min(record.file_size, limit))
    if record.compress_type != zipfile.ZIP_DEFLATED:
        return None
    file.seek(start)
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(file.read(record.compress_size), limit)
    except zlib.error:
        return None


# --- pickles one behind the other ------------------------------------------------------------------------------------


class _Stream:
    """Reads consecutive pickles, taking in more of the file only where one does not end in what is there."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file, self.size, self.data, self.position = file, size, b"", 0

    def next(self, interpreter: TorchInterpreter) -> Result:
        while True:
            strings, texts = len(interpreter.byte_strings), len(interpreter.texts)
            result = read_pickle(self.data, interpreter, self.position)
            whole = len(self.data) >= min(self.size, MAX_PICKLE_BYTES)
            if result.error is None or result.error.code != "truncated" or whole:
                self.position = result.end
                return result
            # What the broken-off attempt has seen will be seen again.
            del interpreter.byte_strings[strings:]
            del interpreter.texts[texts:]
            interpreter.storages.clear()
            self.file.seek(0)
            self.data = self.file.read(min(self.size, MAX_PICKLE_BYTES, max(256 * 1024, len(self.data) * 4)))


def _open_pickles(path: Path, file: BinaryIO, size: int, depth: int) -> TorchFile:
    opened = TorchFile(path, "torch legacy")
    stream, interpreter = _Stream(file, size), TorchInterpreter()
    first = stream.next(interpreter)
    results = [first]
    values: list[Any] = []
    if first.value == LEGACY_MAGIC and isinstance(first.value, int):
        for number in range(4):
            # Only the third says what the file holds; a string in any of them may be a pickle.
            own = interpreter if number == 2 else TorchInterpreter()
            start = stream.position
            result = stream.next(own)
            if own is interpreter:
                opened._pickle = (b"", start)
            else:
                interpreter.byte_strings += own.byte_strings
                interpreter.texts += own.texts
            results.append(result)
            values.append(result.value)
            if result.error is not None:
                break
        protocol, _, opened.value, keys = (*values, None, None, None, None)[:4]
        if all(result.error is None for result in results):
            if protocol != 1001:
                opened.problems.append(Problem("pickle-malformed", "the legacy file names a protocol other than 1001"))
            if isinstance(keys, (list, tuple)) and all(isinstance(key, str) for key in keys):
                opened.keys = list(keys)
            else:
                opened.problems.append(Problem("pickle-malformed", "its list of storages is not a list of names"))
    else:
        opened.format, opened.value = "pickle", first.value
        while results[-1].error is None and stream.position < size and len(results) < 100:
            start = stream.position
            result = stream.next(interpreter)
            if result.error is not None:
                opened.problems.append(
                    Problem("pickle-trailing-data", f"{size - start} bytes follow the end of its last pickle")
                )
                result = Result(None, None, result.acts, result.end)
                results.append(result)
                break
            results.append(result)
    opened._pickle = (stream.data, opened._pickle[1])
    opened.storages, opened.data_start = interpreter.storages, stream.position
    opened.problems[:0] = [
        *judge([act for result in results for act in result.acts]),
        *_nested(path, interpreter, depth),
    ]
    error = next((result.error for result in results if result.error is not None), None)
    if error is not None:
        opened.value = None
        dangerous = any(problem.code == "dangerous-global" for problem in opened.problems)
        if opened.format == "pickle" and error.position < 4096 and not dangerous and zipfile.is_zipfile(file):
            again = _open_zip(path, file, depth)
            text = "it does not begin with the mark of a zip archive, though it is one"
            again.problems.insert(0, Problem("zip-header-mismatch", text))
            return again
        if opened.format == "pickle" and error.position < 2 and not dangerous:
            opened.problems.append(Problem("not-torch", "it is neither a torch file nor a pickle"))
        else:
            opened.problems.append(_broken(error))
    elif opened.format == "pickle" and opened.storages:
        text = "its pickle refers to tensors whose bytes are not in the file"
        opened.problems.append(Problem("missing-record", text))
    _place_legacy(opened)
    return opened


def _place_legacy(opened: TorchFile) -> None:
    """Each storage's data lies behind eight bytes that say its elements, in the order of the keys."""
    at = opened.data_start
    for key in opened.keys or []:
        storage = opened.storages.get(key)
        if storage is None:
            return
        opened.places[key] = Place(at + 8)
        at += 8 + storage.bytes


# --- what follows from what a pickle would do -----------------------------------------------------------------------


def judge(acts: Iterable[Act]) -> list[Problem]:
    """What follows from what a pickle would do in Python."""
    acts = list(acts)
    called = {act.target for act in acts if act.what in ("call", "new")}
    problems: list[Problem] = []
    unknown: list[str] = []
    for act in acts:
        if act.dangerous:
            if act.what == "import" and act.target in called:
                continue
            verb = {"import": "imports", "computed-name": "imports", "setstate": "changes"}.get(act.what, "calls")
            problems.append(Problem("dangerous-global", f"loading it in Python {verb} {_quoted(act.target)}"))
        elif act.kind == "unknown" and act.what == "call":
            text = f"loading it in Python calls {_quoted(act.target)}, which this trainer does not know"
            problems.append(Problem("unknown-call", text))
        elif act.kind == "unknown" and not (act.what == "import" and act.target in called):
            unknown.append(act.target)
    names = list(dict.fromkeys(unknown))
    if names:
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        shown = ", ".join(_quoted(name) for name in names[:5])
        problems.append(Problem("unknown-global", f"it names what this trainer does not know or read: {shown}{more}"))
    return problems


def _quoted(text: str) -> str:
    """Text out of a file, made fit for one line."""
    shown = "".join(c if c.isprintable() else f"\\u{{{ord(c):x}}}" for c in text[:120])
    return f'"{shown}{"…" if len(text) > 120 else ""}"'


def _broken(broken: PickleError) -> Problem:
    code = {"truncated": "pickle-truncated", "limit": "pickle-limit"}.get(broken.code, "pickle-malformed")
    return Problem(code, f"its pickle cannot be read: at byte {broken.position}, {broken}")


@dataclass
class _Found:
    acts: list[Act] = field(default_factory=list)
    archives: list[bytes] = field(default_factory=list)


class _Budget:
    def __init__(self) -> None:
        self.bytes, self.strings = 64 * 1024 * 1024, 20_000


def _nested(path: Path, interpreter: TorchInterpreter, depth: int) -> list[Problem]:
    """Pickles in byte strings, which whatever reads the data opens; and in strings that have to be decoded first."""
    found = _Found()
    _inspect(interpreter.byte_strings, 1, _Budget(), found)
    problems: list[Problem] = []
    if found.acts:
        names = ", ".join(dict.fromkeys(_quoted(act.target) for act in found.acts))
        problems.append(Problem("nested-pickle", f"a byte string in it is itself a pickle that would run {names}"))
    for archive in found.archives:
        bad = _bad_archive(path, archive, depth)
        if bad is not None:
            problems.append(Problem("nested-pickle", f"a byte string in it is itself a torch file: {bad.message}"))
    decoding, budget = encoded.Budget(), _Budget()
    decoded = [d for text in interpreter.texts for d in encoded.of_text(text, decoding)]
    decoded += [d for data in interpreter.byte_strings for d in encoded.of_bytes(data, decoding)]
    for item in decoded:
        inner = _Found()
        _inspect([item.bytes], 1, budget, inner)
        what = f"a string in it is the {' of the '.join(item.how)} of a"
        if inner.acts:
            target = _quoted(inner.acts[0].target)
            problems.append(Problem("encoded-pickle", f"{what} pickle that would run {target}"))
        for archive in inner.archives:
            bad = _bad_archive(path, archive, depth)
            if bad is not None:
                problems.append(Problem("encoded-pickle", f"{what} torch file: {bad.message}"))
    return list(dict.fromkeys(problems))[:MAX_FOLLOWED]


def _inspect(strings: list[bytes], depth: int, budget: _Budget, found: _Found) -> None:
    for data in strings:
        budget.strings -= 1
        budget.bytes -= len(data)
        if budget.strings < 0 or budget.bytes < 0:
            return
        if data[:4] == b"PK\x03\x04":
            if len(found.archives) < MAX_FOLLOWED:
                found.archives.append(data)
            continue
        at = 0
        for _ in range(MAX_PICKLES):
            if at >= len(data):
                break
            interpreter = TorchInterpreter()
            result = read_pickle(data, interpreter, at, NESTED_LIMITS)
            found.acts += [act for act in result.acts if act.dangerous][: MAX_FOLLOWED - len(found.acts)]
            if depth < MAX_DEPTH:
                _inspect(interpreter.byte_strings, depth + 1, budget, found)
            if result.error is not None or result.end == at:
                break
            at = result.end


def _bad_archive(path: Path, archive: bytes, depth: int) -> Problem | None:
    if depth >= MAX_ARCHIVES_DEEP:
        return None
    inner = _open(path, io.BytesIO(archive), depth + 1)
    codes = ("dangerous-global", "nested-pickle", "unknown-call")
    return next((problem for problem in inner.problems if problem.code in codes), None)


# --- tensors ---------------------------------------------------------------------------------------------------------


class _Storages:
    """Makes tensors of references, each storage's bytes read once and shared by its tensors."""

    def __init__(self, opened: TorchFile, file: BinaryIO) -> None:
        self.opened, self.file = opened, file
        self.read: dict[str, torch.UntypedStorage] = {}

    def tensor(self, reference: TensorRef) -> Tensor:
        """The tensor. Raises ``PickleError`` where its bytes are not there, or PyTorch has no such type."""
        name = reference.dtype
        dtype = getattr(torch, {"quint8": "uint8", "quint4x2": "uint8", "quint2x4": "uint8"}.get(name, name), None)
        if name.startswith("q"):
            dtype = {1: torch.uint8, 4: torch.int32}[DTYPES[name]]
        if dtype is None:
            raise PickleError(f"this PyTorch has no torch.{name}: a newer one reads it")
        storage = reference.storage
        shift = storage.view_offset * DTYPES[storage.dtype] // DTYPES[name]
        untyped = self.storage(storage)
        made = torch.empty(0, dtype=dtype).set_(untyped, reference.offset + shift, reference.shape, reference.stride)
        made = made.conj().resolve_conj() if reference.conjugated and made.is_complex() else made
        return -made if reference.negated else made

    def storage(self, storage: StorageRef) -> torch.UntypedStorage:
        """A storage's bytes in memory, in this machine's order."""
        found = self.read.get(storage.key)
        if found is None:
            data = self._bytes(storage)
            width = DTYPES[storage.dtype] // (2 if storage.dtype.startswith("complex") else 1)
            if not self.opened.little_endian and width > 1:
                data = _turned_round(data, width)
            made = torch.frombuffer(data, dtype=torch.uint8) if data else torch.empty(0, dtype=torch.uint8)
            found = made.untyped_storage()
            self.read[storage.key] = found
        return found

    def _bytes(self, storage: StorageRef) -> bytearray:
        whole = self.opened.storages[storage.key]
        place = self.opened.places.get(storage.key)
        if place is None:
            raise PickleError(f"the data of storage {storage.key[:40]} is not in the file")
        data = bytearray(whole.bytes)
        self.file.seek(place.offset)
        if place.record is None:
            count = self.file.readinto(data)  # type: ignore[attr-defined]
        else:
            packed = self.file.read(place.record.compress_size)
            unpacked = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, whole.bytes + 1)
            count = len(unpacked)
            data[: min(count, whole.bytes)] = unpacked[: whole.bytes]
        if count != whole.bytes:
            raise PickleError(f"the file ends inside storage {storage.key[:40]}")
        return data


def _turned_round(data: bytearray, width: int) -> bytearray:
    turned = bytearray(len(data))
    for at in range(width):
        turned[at::width] = data[width - 1 - at :: width]
    return turned
