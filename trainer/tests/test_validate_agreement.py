"""The cases that this side and the extension's TypeScript side share (test/fixtures/validation/README.md)."""

from __future__ import annotations

import base64
import gzip
import json
import math
import os
import shutil
import struct
import time
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest

from npt.checkpoint.validate import examine, validate_checkpoint

FIXTURES = Path(__file__).resolve().parents[2] / "test" / "fixtures"
CASES: list[dict[str, Any]] = [
    case
    for name in ("cases.json", "formats.json")
    if FIXTURES.is_dir()
    for case in json.loads((FIXTURES / "validation" / name).read_text())["cases"]
]
pytestmark = pytest.mark.skipif(not CASES, reason="the fixtures are in the extension's repository")


def place_of(path: Path, record: str) -> tuple[int, int, int]:
    """Where a record's data begins, its length, and where its CRC is in the central directory."""
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        info = next(item for item in archive.infolist() if item.filename.endswith(f"/{record}"))
    name_length, extra_length = struct.unpack_from("<HH", data, info.header_offset + 26)
    start = info.header_offset + 30 + name_length + extra_length
    entry = data.index(b"PK\x01\x02")
    while not data.startswith(info.filename.encode(), entry + 46):
        entry = data.index(b"PK\x01\x02", entry + 46)
    return start, info.file_size, entry + 16


def change_record(path: Path, step: dict[str, Any]) -> None:
    start, length, crc_at = place_of(path, step["record"])
    data = bytearray(path.read_bytes())
    if step["do"] == "flip":
        data[start + int(step["at"] * length)] ^= 1 << step["bit"]
    elif step["do"] == "zero":
        data[start : start + step["length"]] = bytes(step["length"])
    elif step["do"] == "directory":
        struct.pack_into("<I", data, crc_at + 22, 0x10)
    else:
        if step["do"] == "float":
            value = math.nan if step["value"] == "nan" else math.inf
            struct.pack_into("<f", data, start + step["index"] * 4, value)
        else:
            old, new = bytes.fromhex(step["from"]), bytes.fromhex(step["to"])
            assert len(old) == len(new)
            at = data.index(old, start, start + length)
            data[at : at + len(new)] = new
        struct.pack_into("<I", data, crc_at, zlib.crc32(data[start : start + length]))
    path.write_bytes(data)


def written(step: dict[str, Any]) -> bytes:
    """The content of a file that a case writes."""
    if "text" in step:
        return bytes(step["text"].encode())
    return gzip.decompress(base64.b64decode(step["gzip"])) if "gzip" in step else base64.b64decode(step["base64"])


def operate(folder: Path, step: dict[str, Any]) -> Path:
    """One step of a case's surgery; the folder, which may have another name then."""
    if step["do"] == "rename":
        return folder.rename(folder.with_name(step["to"]))
    path = folder / step["file"]
    if step["do"] == "remove":
        path.unlink()
    elif step["do"] == "write":
        path.write_bytes(written(step))
    elif step["do"] == "append":
        path.write_bytes(path.read_bytes() + bytes.fromhex(step["hex"]))
    elif step["do"] == "copy":
        shutil.copyfile(FIXTURES / "checkpoints" / step["fixture"] / step["file"], path)
    elif step["do"] == "truncate":
        os.truncate(path, int(path.stat().st_size * step["keep"]))
    elif step["do"] == "replace":
        text = path.read_text()
        assert step["from"] in text
        path.write_text(text.replace(step["from"], step["to"], 1))
    elif step["do"] == "encode":
        # utf-8-sig writes its mark itself.
        mark = "" if step["to"] == "utf-8-sig" else "\ufeff"
        path.write_bytes((mark + path.read_text("utf-8")).encode(step["to"]))
    elif step["do"] == "special":
        path.unlink()
        if step["kind"] == "pipe":
            os.mkfifo(path)
        elif step["kind"] == "folder":
            path.mkdir()
        else:
            path.symlink_to("nowhere" if step["kind"] == "nowhere" else path.name)
    else:
        change_record(path, step)
    return folder


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_both_sides_agree(case: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = FIXTURES / "checkpoints" / case["fixture"]
    folder = tmp_path / source.name
    shutil.copytree(source, folder)
    for step in case["surgery"]:
        folder = operate(folder, step)
    changed = time.time() - (0 if case.get("fresh") else 3600)
    for path in folder.iterdir():
        os.utime(path, (changed, changed), follow_symlinks=False)
    report = examine(folder)
    codes = sorted({item.code for item in report.findings})
    assert (report.verdict, codes) == (case["verdict"], case["codes"]), report.findings
    assert validate_checkpoint(folder) is (case["verdict"] == "valid")
    assert capsys.readouterr().out
