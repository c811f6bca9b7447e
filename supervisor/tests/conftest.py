"""Fake trainers, written for each test, and the supervisor run as the program that it is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional

import pytest

SUPERVISE = Path(__file__).resolve().parents[1] / "npt_supervise.py"
#: The supervisor must run on older Pythons than its tests: set this to one of them.
PYTHON = os.environ.get("SUPERVISOR_PYTHON", sys.executable)


#: Ends a test that would wait for ever, in seconds; a slow machine is no fault.
LIMIT = 120.0


class Bench:
    """A run's folder, a trainer script, and every process that a test starts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run = folder / "experiments" / "run"
        self.trainers = 0
        self.started: "List[subprocess.Popen[bytes]]" = []

    def trainer(self, body: str) -> List[str]:
        """A trainer whose code is `body`; `run`, `say`, `os`, `sys`, `time`, `signal` and `json` are there for it.

        Each has a file of its own: on a busy machine one that was started may not have read its file yet.
        """
        self.trainers += 1
        script = self.folder / f"trainer{self.trainers}.py"
        head = f"""
            import fcntl, json, os, pathlib, signal, sys, time
            run = pathlib.Path({str(self.run)!r})
            def say(text):
                print(text, flush=True)
        """
        script.write_text(textwrap.dedent(head) + textwrap.dedent(body))
        return [sys.executable, str(script)]

    def start(self, argv: List[str], *options: str, **more: Any) -> "subprocess.Popen[bytes]":
        command = [PYTHON, str(SUPERVISE), "run", "--run-dir", str(self.run), *options, "--", *argv]
        follower = subprocess.Popen(command, **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more})
        self.started.append(follower)
        return follower

    def follow(self) -> "subprocess.Popen[bytes]":
        command = [PYTHON, str(SUPERVISE), "follow", "--run-dir", str(self.run)]
        follower = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.started.append(follower)
        return follower

    def call(self, *words: str, timeout: float = LIMIT) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [PYTHON, str(SUPERVISE), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=timeout,
            universal_newlines=True,
            check=False,
        )

    def supervised(self, argv: List[str], *options: str) -> "subprocess.CompletedProcess[str]":
        return self.call("run", "--run-dir", str(self.run), *options, "--", *argv)

    def json(self, name: str) -> Optional[Dict[str, Any]]:
        try:
            document = json.loads((self.run / name).read_text())
        except (FileNotFoundError, NotADirectoryError):
            return None
        assert isinstance(document, dict)
        return document

    def log(self) -> str:
        try:
            return (self.run / "train.log").read_text()
        except FileNotFoundError:
            return ""

    def process(self) -> Dict[str, Any]:
        """process.json once it is there."""
        self.wait(lambda: self.json("process.json") is not None)
        found = self.json("process.json")
        assert found is not None
        return found

    def wait(self, condition: Callable[[], bool], seconds: float = LIMIT) -> None:
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, f"waited {seconds} s; log: {self.log()!r}"
            time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


#: In the environment of all that these tests start, and of what that starts in its turn.
MARK = "NPT_TESTS_OF"


def started_here(word: str = "") -> "Dict[int, str]":
    """The processes that these tests started and that still run, by pid, each with its command line; with `word`, those
    that have it there or in their environment."""
    found: Dict[int, str] = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc") else []:
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            environment = Path(f"/proc/{name}/environ").read_bytes()
            command = Path(f"/proc/{name}/cmdline").read_bytes()
        except OSError:
            continue
        mark = f"{MARK}={os.getpid()}".encode()
        if mark in environment.split(b"\0") and word.encode() in environment + command and alive(int(name)):
            found[int(name)] = command.replace(b"\0", b" ").decode("utf-8", "replace")
    return found


def end_all(word: str) -> None:
    """Ends what a test started, those that its processes started included."""
    for pid in started_here(word):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left() -> Iterator[None]:
    """No test leaves a process behind: a stand-in for a trainer would run for ever."""
    os.environ[MARK] = str(os.getpid())
    yield
    until = time.monotonic() + LIMIT / 4
    while started_here() and time.monotonic() < until:
        time.sleep(0.05)
    left = started_here()
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left, f"these processes were left behind: {left}"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    process = bench.json("process.json")
    if process is not None and alive(process["pid"]):
        os.kill(process["pid"], signal.SIGKILL)
    for follower in bench.started:
        follower.kill()
        follower.communicate()
