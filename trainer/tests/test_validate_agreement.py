"""The cases that this side and the extension's TypeScript side share (test/fixtures/validation/README.md)."""

from __future__ import annotations

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

from npt.checkpoint.finding import ERROR
from npt.checkpoint.validate import examine, validate_checkpoint

FIXTURES = Path(__file__).resolve().parents[2] / "test" / "fixtures"
CASES: list[dict[str, Any]] = (
    json.loads((FIXTURES / "validation" / "cases.json").read_text())["cases"] if FIXTURES.is_dir() else []
)
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
    else:
        value = math.nan if step["value"] == "nan" else math.inf
        struct.pack_into("<f", data, start + step["index"] * 4, value)
        struct.pack_into("<I", data, crc_at, zlib.crc32(data[start : start + length]))
    path.write_bytes(data)


def operate(folder: Path, step: dict[str, Any]) -> Path:
    """One step of a case's surgery; the folder, which may have another name then."""
    if step["do"] == "rename":
        return folder.rename(folder.with_name(step["to"]))
    path = folder / step["file"]
    if step["do"] == "remove":
        path.unlink()
    elif step["do"] == "write":
        path.write_text(step["text"])
    elif step["do"] == "copy":
        shutil.copyfile(FIXTURES / "checkpoints" / step["fixture"] / step["file"], path)
    elif step["do"] == "truncate":
        os.truncate(path, int(path.stat().st_size * step["keep"]))
    elif step["do"] == "replace":
        text = path.read_text()
        assert step["from"] in text
        path.write_text(text.replace(step["from"], step["to"], 1))
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
    old = time.time() - 3600
    for path in folder.iterdir():
        os.utime(path, (old, old))
    report = examine(folder)
    assert report.valid is case["valid"], report.findings
    if "code" in case:
        errors = {item.code for item in report.findings if item.severity == ERROR}
        assert case["code"] in errors, report.findings
    assert validate_checkpoint(folder) is case["valid"]
    assert capsys.readouterr().out
