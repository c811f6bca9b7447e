"""The zip container of a ``.pt`` file: its records, their checksums, and bytes that belong to none of them.

``torch.load`` compares no checksum and looks at nothing that it does not need (a flipped bit in a tensor loads
silently), so this is done here, record by record, in memory that does not grow with the file.
"""

from __future__ import annotations

import errno
import io
import re
import struct
import zipfile
import zlib
from typing import BinaryIO

from npt.checkpoint.finding import Finding, error, info, warning
from npt.checkpoint.torch_file import TorchFile
from npt.storage.reading import open_regular

END = struct.Struct("<4s4H2LH")
END64 = struct.Struct("<4sQ2H2L4Q")
LOCATOR = struct.Struct("<4sLQL")
LOCAL = struct.Struct("<4s5H3L2H")
# A data descriptor behind a record: none, or a checksum and two sizes of 4 or 8 bytes, with or without a signature.
DESCRIPTORS = (0, 12, 16, 20, 24)
# Data descriptor, names in UTF-8, and the two bits that say how hard DEFLATE tried.
ORDINARY_FLAGS = 0x0808 | 0x0006
ENCRYPTED = 0x2041
# Of the external attributes: torch's reader takes what it marks for empty, whatever data there is.
MARKED_AS_DIRECTORY = "is marked as a directory"
DIRECTORY_ATTRIBUTE = 0x10
# What reading a damaged directory can come to: nonsense offsets, sizes and names besides what zipfile itself notices.
DIRECTORY_DAMAGE = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, ValueError,
    OverflowError, MemoryError,
)  # fmt: skip
TENSOR_RECORD = re.compile(r"data/(\d+)$")
OTHER_RECORDS = ("data.pkl", "version", "byteorder", ".format_version", ".storage_alignment", ".data/serialization_id")


def check(opened: TorchFile, names: dict[str, str]) -> list[Finding]:
    """What is wrong with the container of an opened file; ``names`` are its tensors', by the key of their storage.

    The legacy format carries no checksums; its storages have to fill it to its end.
    """
    path = opened.path
    with open_regular(path) as file:
        size = file.seek(0, 2)
        if opened.format == "torch legacy":
            return _legacy(file, size, opened)
        if opened.format != "torch zip":
            return []
        try:
            return _archive(file, size, opened, names)
        except (*DIRECTORY_DAMAGE, OSError) as damage:
            # A place that no file has; any other error of the system is the disk's.
            if isinstance(damage, OSError) and damage.errno != errno.EINVAL:
                raise
            return [error("zip-central-directory", f"{path.name}: its zip directory is damaged ({damage})")]


def _archive(file: BinaryIO, size: int, opened: TorchFile, tensors: dict[str, str]) -> list[Finding]:
    name = opened.path.name
    found = _end(file, size, name)
    if any(item.code == "truncated" for item in found):
        return found
    with zipfile.ZipFile(file) as archive:
        records = archive.infolist()
        found += _names(records, name)
        layout = _layout(file, archive, name)
        found += layout
        if not layout:
            if not any(item.code in ("encrypted", "zip-compression-method") for item in found):
                found += _checksums(archive, name, tensors)
            found += _storages(archive, name, opened)
    return found


def _end(file: BinaryIO, size: int, name: str) -> list[Finding]:
    """The records at the file's end: it must be the archive's, and they must agree where the directory is."""
    file.seek(max(size - 65536 - END.size, 0))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + END.size > len(tail):
        return [
            error("truncated", f"{name} is cut off: the end of the zip archive is missing ({size} bytes are there)")
        ]
    _, _, _, _, _, length, start, comment = END.unpack_from(tail, at)
    if at + END.size != len(tail) or comment:
        return [error("trailing-data", f"{name} has {len(tail) - at - END.size} bytes after the end of its archive")]
    end = size - len(tail) + at
    if at >= LOCATOR.size and tail[at - LOCATOR.size :][:4] == b"PK\x06\x07":
        end = LOCATOR.unpack_from(tail, at - LOCATOR.size)[2]
        file.seek(end)
        wide = file.read(END64.size)
        if len(wide) < END64.size or wide[:4] != b"PK\x06\x06":
            return [error("zip-central-directory", f"{name}: the zip64 end record is not where its locator says")]
        length64, start64 = END64.unpack(wide)[-2:]
        if length not in (length64, 0xFFFFFFFF) or start not in (start64, 0xFFFFFFFF):
            return [error("zip-central-directory", f"{name}: its two end records name different directories")]
        length, start = length64, start64
    if start + length != end:
        return [error("zip-hidden-bytes", f"{name}: {end - start - length} bytes before its end belong to nothing")]
    return []


def _names(records: list[zipfile.ZipInfo], name: str) -> list[Finding]:
    found: list[Finding] = []
    seen: set[str] = set()
    roots = {record.orig_filename.partition("/")[0] for record in records}
    if len(roots) > 1:
        found.append(
            error("zip-several-roots", f"{name} has records outside its one folder: {', '.join(sorted(roots))}")
        )
    for record in records:
        own = record.orig_filename
        short = own.partition("/")[2]
        # torch finds records without regard to case, so that is when two are the same.
        if own.lower() in seen:
            found.append(error("zip-duplicate-record", f"{name} has two records named {own}"))
        seen.add(own.lower())
        if short not in OTHER_RECORDS and not TENSOR_RECORD.fullmatch(short):
            found.append(error("zip-extra-record", f"{name} has a record that torch does not write: {own}"))
        if record.flag_bits & ENCRYPTED:
            found.append(error("encrypted", f"{name}: record {own} is marked as encrypted; decrypt the file first"))
        elif record.flag_bits & ~ORDINARY_FLAGS:
            found.append(error("zip-flags", f"{name}: record {own} has unusual flags ({record.flag_bits:#x})"))
        if record.external_attr & DIRECTORY_ATTRIBUTE:
            found.append(error("zip-flags", f"{name}: record {own} {MARKED_AS_DIRECTORY}"))
        if record.compress_type == zipfile.ZIP_DEFLATED:
            found.append(warning("zip-compressed", f"{name}: record {own} is compressed, which torch never does"))
        elif record.compress_type != zipfile.ZIP_STORED:
            found.append(error("zip-compression-method", f"{name}: torch cannot read how record {own} is compressed"))
        elif record.compress_size != record.file_size:
            found.append(error("zip-header-mismatch", f"{name}: record {own} is stored, yet has two different sizes"))
    return found


def _layout(file: BinaryIO, archive: zipfile.ZipFile, name: str) -> list[Finding]:
    """The records must fill the file up to the directory, each with one name, without overlaps or gaps."""
    found: list[Finding] = []
    place = 0
    for record in sorted(archive.infolist(), key=lambda item: item.header_offset):
        own = record.orig_filename
        found += _gap(place, record.header_offset, first=place == 0, name=name)
        file.seek(record.header_offset)
        header = file.read(LOCAL.size)
        if len(header) < LOCAL.size or header[:4] != b"PK\x03\x04":
            found.append(error("zip-header-mismatch", f"{name}: record {own} does not begin with a record header"))
            return found
        _, _, flags, method, _, _, crc, stored, plain, name_length, extra = LOCAL.unpack(header)
        if file.read(name_length) != own.encode("utf-8" if record.flag_bits & 0x800 else "cp437", "replace"):
            found.append(error("zip-name-mismatch", f"{name}: record {own} has another name in front of its data"))
        if flags != record.flag_bits:
            found.append(error("zip-flags", f"{name}: record {own} has different flags in its two headers"))
        # torch writes zeros here and the real values behind the data; other writers repeat them.
        pairs = ((crc, record.CRC), (stored, record.compress_size), (plain, record.file_size))
        if method != record.compress_type or any(a not in (0, 0xFFFFFFFF, b) for a, b in pairs):
            found.append(error("zip-header-mismatch", f"{name}: the two headers of record {own} differ"))
        place = record.header_offset + LOCAL.size + name_length + extra + record.compress_size
    return found + _gap(place, archive.start_dir, first=False, name=name)


def _gap(end: int, start: int, *, first: bool, name: str) -> list[Finding]:
    if start < end:
        return [error("zip-overlap", f"{name}: two records share {end - start} bytes")]
    if start > end and (first or start - end not in DESCRIPTORS):
        return [error("zip-hidden-bytes", f"{name}: {start - end} bytes at {end} belong to no record")]
    return []


def _checksums(archive: zipfile.ZipFile, name: str, tensors: dict[str, str]) -> list[Finding]:
    records = archive.infolist()
    if all(record.CRC == 0 for record in records if record.file_size > 0):
        # Written with torch.serialization.set_crc32_options(False): there is nothing to compare with.
        return [info("no-checksums", f"{name} carries no checksums (every CRC is zero)")]
    found: list[Finding] = []
    for record in records:
        try:
            with archive.open(record) as data:
                while data.read(1 << 20):
                    pass
        except (zipfile.BadZipFile, zlib.error, EOFError) as damage:
            match = TENSOR_RECORD.search(record.orig_filename)
            of = f" (tensor {tensors[match[1]]})" if match and match[1] in tensors else ""
            if isinstance(damage, zipfile.BadZipFile):
                message = (
                    f"{name} is damaged: the checksum of record {record.orig_filename}{of} does not match its data"
                )
                found.append(error("checksum-mismatch", message))
            else:
                message = f"{name} is damaged: record {record.orig_filename}{of} cannot be unpacked"
                found.append(error("unreadable-data", message))
    return found


def _storages(archive: zipfile.ZipFile, name: str, opened: TorchFile) -> list[Finding]:
    """The storages that the pickle names against the records: each has to have one, of its size."""
    sizes = {record.orig_filename.partition("/")[2]: record.file_size for record in archive.infolist()}
    if opened.value is None:
        return []  # said of the pickle
    storages = opened.storages
    found: list[Finding] = []
    for key, storage in storages.items():
        size = sizes.get(f"data/{key}")
        if size is None:
            found.append(error("missing-record", f"{name}: the tensor data of record data/{key} is missing"))
        elif size != storage.bytes:
            message = f"{name}: record data/{key} has {size} bytes where its tensors need {storage.bytes}"
            found.append(error("storage-size", message))
    unused = [item for item in sizes if item.startswith("data/") and item[5:] not in storages]
    if unused:
        found.append(
            warning("unused-record", f"{name}: {len(unused)} data records are used by no tensor ({unused[0]})")
        )
    return found


def _legacy(file: BinaryIO, size: int, opened: TorchFile) -> list[Finding]:
    """A file of before torch 1.6: five pickles, then for each storage its number of elements and its bytes."""
    name, keys, storages = opened.path.name, opened.keys, opened.storages
    if keys is None:
        return []  # said of the pickles
    file.seek(opened.data_start)
    for number, key in enumerate(keys, 1):
        head, storage = file.read(8), storages.get(key)
        if len(head) < 8:
            return [error("truncated", f"{name} is cut off before storage {number} of {len(keys)}")]
        if storage is None:
            return [error("pickle-malformed", f"{name}: storage {number} belongs to no tensor")]
        # Little-endian whatever machine wrote it.
        numel = int.from_bytes(head, "little", signed=True)
        if numel != storage.numel:
            return [error("storage-size", f"{name}: a storage of {storage.numel} elements has {numel} in the file")]
        if file.seek(storage.bytes, io.SEEK_CUR) > size:
            return [error("truncated", f"{name} is cut off inside storage {number} of {len(keys)}")]
    absent = next((key for key in storages if key not in keys), None)
    if absent is not None:
        return [error("missing-record", f"{name}: storage {absent} is not in the file")]
    rest = size - file.tell()
    found = [error("trailing-data", f"{name} has {rest} bytes after its last storage")] if rest else []
    return found + ([info("no-checksums", f"{name} carries no checksums")] if keys else [])
