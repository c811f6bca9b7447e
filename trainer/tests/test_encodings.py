"""Files in every encoding that people's tools leave them in, and what is no file where one belongs."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from npt.checkpoint import find, load
from npt.checkpoint.validate import examine
from npt.data.text_files import documents
from npt.errors import UsageError
from npt.run import optional
from npt.run.folder import read_json
from npt.run.metrics_log import last_segment
from npt.storage import reading
from npt.storage.canonical_json import finite

FIXTURES = Path(__file__).resolve().parents[2] / "test" / "fixtures"
CASES: list[dict[str, Any]] = (
    json.loads((FIXTURES / "encodings" / "cases.json").read_text())["cases"] if FIXTURES.is_dir() else []
)
needs_fixtures = pytest.mark.skipif(not CASES, reason="the fixtures are in the extension's repository")


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    """Opening a pipe waits for ever: the test then fails, and does not hang."""
    signal.alarm(60)
    yield
    signal.alarm(0)


@needs_fixtures
@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_document_is_read_as_the_extension_reads_it(case: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(base64.b64decode(case["base64"]))
    if "refused" in case:
        with pytest.raises(reading.ContentError) as refused:
            reading.read_object(path)
        assert str(refused.value) == case["refused"]
        with pytest.raises(UsageError, match=r"config\.json is "):
            read_json(path)
    elif "keys" in case:
        assert list(reading.read_object(path)) == case["keys"]
    else:
        assert finite(reading.read_object(path)) == case["value"]


TEXT = "a naïve 🙂\nsecond line\n"
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_training_text_in_any_encoding(tmp_path: Path, encoding: str, end: str) -> None:
    path = tmp_path / "train.txt"
    path.write_bytes(TEXT.replace("\n", end).encode(encoding))
    assert list(documents(path)) == [TEXT]
    big_endian = tmp_path / "marked.txt"
    big_endian.write_bytes(("\ufeff" + TEXT).encode("utf-16-be"))
    assert list(documents(big_endian)) == [TEXT]


WANTED = ["one\u0085\u2028x", "zwei 🙂", "three"]
RECORDS = [{"text": WANTED[0]}, {"content": WANTED[1], "id": 1}, WANTED[2]]
SHAPES: dict[str, Callable[[], str]] = {
    "one a line": lambda: "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in RECORDS),
    "one a line, the last without an end": lambda: "\n".join(json.dumps(item) for item in RECORDS),
    "blank lines between": lambda: "\n\n" + "\n \n".join(json.dumps(item) for item in RECORDS),
    "a list": lambda: json.dumps(RECORDS),
    "a list over several lines": lambda: json.dumps(RECORDS, indent=2, ensure_ascii=False),
    "records over several lines": lambda: "\n".join(json.dumps(item, indent=2) for item in RECORDS),
    "an item a line of a list": lambda: "[\n" + ",\n".join(json.dumps(item) for item in RECORDS) + "\n]\n",
}


@pytest.mark.parametrize("suffix", [".jsonl", ".JSONL", ".Json", ".ndjson"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_records_in_any_shape_and_encoding(tmp_path: Path, encoding: str, shape: str, suffix: str) -> None:
    path = tmp_path / f"train{suffix}"
    path.write_bytes(SHAPES[shape]().replace("\n", "\r\n" if encoding == "utf-16" else "\n").encode(encoding))
    assert list(documents(path)) == WANTED


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", b'{"text": "x"}\n{"text": \n', r"a\.jsonl, line 2: not JSON"),
        ("a.jsonl", b'{"text": "x"}\n\n{"id": 3}\n', r"a\.jsonl, line 3: no text"),
        ("a.json", b'[\n {"text": "x"},\n {"id": 3}\n]', r"a\.json, item 2 of the list in line 1: no text"),
        ("a.json", b'[\n {"text": "x"},\n {"text" 3}\n]', r"a\.json, line 3: not JSON"),
        ("a.jsonl", b'{"text": "x"}\n{"text": "\xf0\x9f\x99"}\n', r"a\.jsonl is not UTF-8 text \(line 2\)"),
        ("a.txt", b"one\ntwo\nthr\xe9e\n", r"a\.txt is not UTF-8 text \(line 3\)"),
        ("a.txt", b"x" * 20000 + b"\n" + b"\xf0\x9f", r"a\.txt is not UTF-8 text \(line 2\)"),
        ("a.txt", "a\nb".encode("utf-16") + b"\x00", r"a\.txt is not UTF-16 text \(line 2\)"),
        ("a.txt", "ab".encode("utf-32"), r"a\.txt is UTF-32 text: save it as UTF-8"),
        ("a.txt", b"one\ntwo\x00\x00", r"a\.txt, line 2: a zero byte"),
        ("a.jsonl", b'{"text": "x"}\n\x00\x00\n', r"a\.jsonl, line 2: not JSON"),
    ],
)
def test_what_is_no_text_is_named_with_its_line(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UsageError, match=said):
        list(documents(path))


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        # The path of a socket has to be short.
        short = Path(os.environ.get("TMPDIR", "/tmp")) / f"s{os.getpid()}"
        server.bind(str(short))
        os.rename(short, path)


KINDS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "pipe": (os.mkfifo, "is not a file but a named pipe"),
    "folder": (os.mkdir, "is not a file but a folder"),
    "device": (lambda path: os.symlink("/dev/zero", path), "is not a file but a device"),
    "socket": (_socket, "is not a file but a socket"),
    "link to nothing": (
        lambda path: os.symlink("nowhere", path),
        "is a symbolic link to nowhere, which does not exist",
    ),
    "link in a circle": (lambda path: os.symlink(path.name, path), "its symbolic links go in a circle"),
}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    target = tmp_path / "run" / "checkpoints" / "checkpoint-30"
    shutil.copytree(FIXTURES / "checkpoints" / "ours-dual" / "checkpoint-30", target)
    return target


def _replace(path: Path, kind: str) -> str:
    path.unlink(missing_ok=True)
    KINDS[kind][0](path)
    return KINDS[kind][1]


FILES = ["npt_weights.pt", "training_state.pt", "multi_layer_state.pt", "config.json", "manifest.json"]


@needs_fixtures
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FILES)
def test_what_is_no_file_is_named_and_not_opened(checkpoint: Path, name: str, kind: str) -> None:
    clause = _replace(checkpoint / name, kind)
    report = examine(checkpoint)
    assert any(item.message.startswith(name) and clause in item.message for item in report.findings), report.findings
    assert not any(item.code == "missing-file" and name in item.message for item in report.findings)
    assert report.verdict == ("unverifiable" if "circle" in kind else "invalid")
    assert find.newest_valid(checkpoint.parent.parent)[0] is None
    with pytest.raises(UsageError, match=rf"{name} .*{clause}"):
        load.read(checkpoint)
    if name == "npt_weights.pt":
        with pytest.raises(UsageError, match=rf"{name} .*{clause}"):
            find.locate(str(checkpoint))


@pytest.mark.parametrize("kind", KINDS)
def test_files_of_a_run_and_training_text_are_not_opened_either(tmp_path: Path, kind: str, capsys: Any) -> None:
    for name in ("run.json", "train.txt", "train.jsonl", "metrics.jsonl", "probe.pt"):
        clause = _replace(tmp_path / name, kind)
    with pytest.raises(UsageError, match=clause):
        read_json(tmp_path / "run.json")
    for name in ("train.txt", "train.jsonl"):
        with pytest.raises(UsageError, match=rf"{name} .*{clause}"):
            list(documents(tmp_path / name))
    with pytest.raises(OSError, match=r".*metrics\.jsonl"):
        last_segment(tmp_path / "metrics.jsonl")
    assert optional.load(tmp_path / "probe.pt", lambda content: content) is None
    # A link to nothing is as good as no optional file.
    assert clause in capsys.readouterr().out or kind == "link to nothing"


AS_NOBODY = """
import os, sys
from npt.checkpoint.validate import examine
from npt.checkpoint import find, load
from npt.errors import UsageError
examine(sys.argv[2]); load.read(find.Path(sys.argv[2]))
# Only now: the interpreter's own files need not be everybody's. Root may read everything.
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
report = examine(sys.argv[1])
print(report.verdict, *[item.message for item in report.findings], sep="\\n")
try:
    find.locate(sys.argv[1]); load.read(find.Path(sys.argv[1]))
except UsageError as error:
    print("refused:", error)
"""


@needs_fixtures
@pytest.mark.parametrize(
    ("path", "mode", "said"),
    [
        ("", 0o000, "no permission to enter the folder {} (its right x is missing)"),
        ("", 0o444, "no permission to enter the folder {} (its right x is missing)"),
        ("..", 0o000, "no permission to enter the folder {} (its right x is missing)"),
        *[(name, 0o000, f"{name} cannot be read: no permission to read it (its right r is missing)") for name in FILES],
    ],
)
def test_what_may_not_be_read_is_not_missing(path: str, mode: int, said: str) -> None:
    # Where everybody may go, unlike pytest's own folders.
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        whole = FIXTURES / "checkpoints" / "ours-dual" / "checkpoint-30"
        checkpoint = Path(place) / "checkpoint-30"
        shutil.copytree(whole, checkpoint)
        target = Path(os.path.normpath(checkpoint / path))
        os.chmod(target, mode)
        try:
            done = subprocess.run(
                [sys.executable, "-c", AS_NOBODY, str(checkpoint), str(whole)],
                capture_output=True, text=True, timeout=120, cwd=Path(__file__).resolve().parents[1],
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            )  # fmt: skip
        finally:
            os.chmod(target, 0o755)
    lines = done.stdout.splitlines()
    assert lines[:1] == ["unverifiable"], done.stdout + done.stderr
    assert said.format(target) in lines[1]
    assert not any("missing;" in line or "empty" in line for line in lines)
    assert lines[-1].startswith("refused:")
    assert said.format(target) in lines[-1]
