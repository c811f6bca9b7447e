"""Running the trainer's program in a forked process: a real process to signal and kill, without a new interpreter."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import torch

# Read when the library is imported: no test waits for a network.
os.environ["HF_HUB_OFFLINE"] = "1"

import transformers.models.llama.modeling_llama  # noqa: F401 - imported once, for all forked processes
from torch import Tensor

from npt.signals import StopRequest

torch.set_num_threads(1)
os.environ.setdefault("OMP_NUM_THREADS", "1")

TRAINER = Path(__file__).resolve().parents[1]
SCHEMAS = TRAINER.parent / "schemas"

#: Ends a test that would wait for ever, in seconds; a slow machine is no fault.
LIMIT = 300.0

SMALL = [
    "--demo_mode",
    "--max_length",
    "32",
    "--stride",
    "16",
    "--batch_size",
    "2",
    "--num_eval_samples",
    "4",
    "--np_rank",
    "4",
    "--num_ranks",
    "2",
    "--curriculum_stages",
    "teacher:6,mixed:6:0.5,student:8",
    "--max_steps",
    "20",
    "--warmup_steps",
    "3",
    "--save_steps",
    "5",
    "--eval_steps",
    "5",
    "--logging_steps",
    "1",
    # A sample takes longer than all the steps beside it: who is about samples asks for them.
    "--generation_steps",
    "0",
]
#: Samples of text at two steps of ``SMALL``.
SAMPLES = ["--generation_steps", "7"]


def free_port() -> str:
    """A port of this machine that nobody listens at, as torchrun's variables name it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


class Process:
    """A trainer running in a forked child."""

    def __init__(self, pid: int, log: Path) -> None:
        self.pid = pid
        self.log = log
        self.code: int | None = None

    @property
    def output(self) -> str:
        """Everything it has printed."""
        return self.log.read_text(errors="replace")

    def send(self, number: int) -> None:
        """Sends a signal."""
        os.kill(self.pid, number)

    def poll(self) -> int | None:
        """The exit code, or None while it runs; -n after a fatal signal n."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code

    def wait(self, seconds: float = LIMIT) -> int:
        """The exit code, once it has ended. Kills the process when it takes too long."""
        until = time.monotonic() + seconds
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                self.send(signal.SIGKILL)
                os.waitpid(self.pid, 0)
                pytest.fail(f"the trainer did not end within {seconds} s:\n{self.output}")
            time.sleep(0.005)
        return code

    def wait_for(self, condition: Callable[[], bool], seconds: float = LIMIT) -> None:
        """Waits until something is true of its files or output."""
        until = time.monotonic() + seconds
        while not condition():
            if self.poll() is not None or time.monotonic() > until:
                pytest.fail(f"it never came true:\n{self.output}")
            time.sleep(0.002)


def _child(argv: list[str], cwd: Path, log: Path, before: Callable[[], None] | None) -> None:
    code = 70
    try:
        os.setsid()
        os.chdir(cwd)
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        sys.stdout = sys.__stdout__ = open(1, "w", closefd=False)  # type: ignore[misc] # noqa: SIM115
        sys.stderr = sys.__stderr__ = open(2, "w", closefd=False)  # type: ignore[misc] # noqa: SIM115
        sys.argv = ["scripts/train_multi_layer_npt.py", *argv]
        import npt.main
        import npt.session
        import npt.signals

        # The first call after a fork makes PyTorch's thread pool anew, without a lock: two threads of a model's loader
        # that came first would now and then find none ("Invalid thread pool!").
        torch.set_num_threads(1)
        stop = StopRequest()
        npt.signals.STOP = npt.session.STOP = stop
        stop.install()
        if before is not None:
            before()
        code = npt.main.main(argv)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        # The log is this process's console by now, unless it could not even be opened.
        traceback.print_exc()
    os._exit(code)


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts the trainer with arguments; every process that still runs at the end of the test is killed."""
    started: list[Process] = []

    def start(*argv: str, before: Callable[[], None] | None = None, cwd: Path | None = None) -> Process:
        log = tmp_path / f"console-{len(started)}.txt"
        pid = os.fork()
        if pid == 0:
            _child(list(argv), cwd or tmp_path, log, before)
        log.touch()
        started.append(Process(pid, log))
        return started[-1]

    yield start
    for process in started:
        if process.code is None:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                process.send(signal.SIGKILL)
                os.waitpid(process.pid, 0)


def run_forked(argv: list[str], folder: Path, before: Callable[[], None] | None = None) -> tuple[int, str]:
    """Runs the trainer to its end without a fixture of one test: its exit code and output."""
    log = folder / "console.txt"
    pid = os.fork()
    if pid == 0:
        _child(argv, folder, log, before)
    log.touch()
    process = Process(pid, log)
    return process.wait(), process.output


@pytest.fixture(scope="session")
def long_steps_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with ``LONG_STEPS`` that nothing interrupted."""
    from tests.test_prefetch import LONG_STEPS, stream_here

    folder = tmp_path_factory.mktemp("long")
    words = [*LONG_STEPS, "--num_workers", "0", "--output_dir", str(folder / "run")]
    code, output = run_forked(words, folder, stream_here)
    assert code == 0, output
    return folder / "run"


@pytest.fixture
def train(launch: Callable[..., Process]) -> Callable[..., Process]:
    """Runs the trainer to its end."""

    def run(*argv: str, **how: Any) -> Process:
        process = launch(*argv, **how)
        process.wait()
        return process

    return run


def events(run: Path) -> list[dict[str, Any]]:
    """The lines of a run's metrics.jsonl."""
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines() if line]


def series(run: Path) -> dict[tuple[int, str], Any]:
    """Every metric by step and name as a reader sees it: a segment drops what came after its resume step.

    Time, throughput, memory and the probe (logged wherever a checkpoint happens to be saved) are left out.
    """
    found: dict[tuple[int, str], Any] = {}
    for event in events(run):
        if event["event"] == "start":
            found = {key: value for key, value in found.items() if key[0] <= event["resume_step"]}
        if event["event"] == "metrics":
            for name, value in event["metrics"].items():
                if not name.startswith(("throughput/", "system/", "probe/")):
                    found[event["step"], name] = value
    return found


def weights(run: Path, name: str = "final") -> dict[str, Tensor]:
    """A checkpoint's weights."""
    loaded: dict[str, Tensor] = torch.load(run / "checkpoints" / name / "npt_weights.pt", weights_only=True)
    return loaded


def same(a: Any, b: Any) -> bool:
    """Whether two nested values are equal, tensors bit by bit."""
    if isinstance(a, Tensor):
        return isinstance(b, Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def check_schema(name: str, document: Any) -> None:
    """Validates a document against one of the repository's schemas."""
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    jsonschema.validate(document, schema, cls=jsonschema.Draft202012Validator)
