"""Data workers: the same samples and positions however many there are, and their end in every way."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

from npt import rng
from npt.data.byte_tokenizer import ByteTokenizer
from npt.data.documents import Source
from npt.data.streaming import StreamedText
from npt.errors import TrainingError, UsageError
from tests import streamed_documents
from tests.conftest import LIMIT, SMALL, Process, events, same, series, weights
from tests.streamed_documents import Counted

COUNTED: list[Source] = [Counted("a", 311, 3), Counted("b", 77)]


def streamed(workers: int, sources: Sequence[Source] = COUNTED, rank: int = 0, world_size: int = 1) -> StreamedText:
    return StreamedText(sources, ByteTokenizer(), 12, 8, 2, workers, 5, rank, world_size)


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("world_size", [1, 3])
def test_batches_and_positions_are_the_same_as_without_workers(workers: int, world_size: int) -> None:
    for rank in {0, world_size - 1}:
        alone, ahead = streamed(0, COUNTED, rank, world_size), streamed(workers, COUNTED, rank, world_size)
        for batch in range(120):
            assert torch.equal(ahead.next_batch(5, rank, world_size), alone.next_batch(5, rank, world_size))
            if batch % 10 == 0:
                assert same(ahead.state_dict(), alone.state_dict())
            if batch == 60:
                # A resume in the middle, with another number of workers.
                position = ahead.state_dict()
                ahead.close()
                ahead = streamed(5 - workers, COUNTED, rank, world_size)
                assert ahead.load_state_dict(position) == []
        epoch = alone.state_dict()["ranks"][0]["sources"]["b"]["epoch"]
        assert epoch > 0, "the shorter source has begun again"
        ahead.close()


def test_random_numbers_are_left_alone() -> None:
    before = rng.capture()
    source = streamed(2)
    source.next_batch(3)
    source.close()
    assert same(rng.capture(), before)


def stat(pid: int | str) -> list[str]:
    """The fields of ``/proc/<pid>/stat`` from the state on; a dead process has ``X`` there."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ["X", "0"]


def workers_of(trainer: int) -> list[int]:
    """The living data workers of a process, oldest first: those that tokenise, then the one that reads."""

    def is_worker(pid: str) -> bool:
        state, parent = stat(pid)[:2]
        if parent != str(trainer) or state in "ZX":
            return False
        with contextlib.suppress(OSError):  # it ended between the two looks
            return b"npt.data.worker" in (Path("/proc") / pid / "cmdline").read_bytes()
        return False

    return sorted(int(e.name) for e in Path("/proc").iterdir() if e.name.isdigit() and is_worker(e.name))


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.005)


def all_gone(pids: list[int]) -> bool:
    return all(stat(pid)[0] in "ZX" for pid in pids)


@pytest.mark.parametrize(
    ("broken", "error", "said"),
    [
        (streamed_documents.Unreachable("x", 20), UsageError, "hub cannot be read"),
        (streamed_documents.Broken("x", 20), UsageError, "LookupError: no such column$"),
        (
            streamed_documents.Killed("x", 20),
            TrainingError,
            "data worker . of . .* was killed.*resume from the last checkpoint",
        ),
    ],
)
@pytest.mark.parametrize("workers", [1, 3])
def test_what_fails_in_a_worker_is_one_line(workers: int, broken: Source, error: type[Exception], said: str) -> None:
    source = streamed(workers, [broken])
    with pytest.raises(error, match=said):
        source.next_batch(500)
    pids = workers_of(os.getpid())
    source.close()
    assert all_gone(pids)


ARGUMENTS = [
    *SMALL, "--no-demo_mode", "--model_size", "demo", "--train_layers", "2,3", "--dataset_preset", "small",
    "--wandb_mode", "disabled", "--gradient_accumulation_steps", "3",
]  # fmt: skip


def stream_here() -> None:
    """In a trainer: the dataset is the tests' own."""
    import npt.data.sources

    npt.data.sources.HubSource = streamed_documents.Stream  # type: ignore[assignment,misc]


#: Steps so long that a stream ends or stalls in the middle of one.
LONG_STEPS = [*ARGUMENTS, "--gradient_accumulation_steps", "40"]

Launch = Callable[..., Process]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """At most one finished run without workers."""
    return []


@pytest.fixture
def reference(launch: Launch, finished: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not finished:
        run = tmp_path_factory.mktemp("reference") / "run"
        done = launch(*ARGUMENTS, "--num_workers", "0", "--output_dir", str(run), before=stream_here)
        assert done.wait() == 0, done.output
        finished.append(run)
    return finished[0]


def assert_equal(run: Path, expected: Path) -> None:
    assert same(weights(run), weights(expected))
    assert series(run) == series(expected)
    ours, theirs = (
        torch.load(path / "checkpoints" / "final" / "training_state.pt", weights_only=True) for path in (run, expected)
    )
    assert same(ours, theirs), "the whole state is the same, the position and the random numbers included"


def test_checkpoints_are_the_same_bytes(launch: Launch, reference: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    done = launch(*ARGUMENTS, "--num_workers", "2", "--output_dir", str(run), before=stream_here)
    assert done.wait() == 0, done.output
    for name in ("checkpoint-10", "final"):
        for file in ("npt_weights.pt", "training_state.pt", "multi_layer_state.pt"):
            ours, theirs = ((path / "checkpoints" / name / file).read_bytes() for path in (run, reference))
            assert ours == theirs, f"{name}/{file}"


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_and_resumed_with_workers(workers: int, launch: Launch, reference: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    first = launch(*ARGUMENTS, "--num_workers", str(workers), "--output_dir", str(run), before=stream_here)
    first.wait_for(lambda: "step 11/" in first.output and len(workers_of(first.pid)) == workers)
    pids = workers_of(first.pid)
    for pid in pids:
        # A scheduler's signal to everyone, and a terminal's to a group: the trainer alone decides.
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGINT)
    first.wait_for(lambda: "step 13/" in first.output and "saved checkpoint-" in first.output)
    assert workers_of(first.pid) == pids
    first.send(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    wait_until(lambda: all_gone(pids))
    resumed = launch("--resume_from", str(run), "--num_workers", str(workers + 2), before=stream_here)
    assert resumed.wait() == 0, resumed.output
    assert_equal(run, reference)


@pytest.mark.parametrize("which", [0, -1], ids=["the one that tokenises", "the one that reads"])
def test_a_killed_worker(which: int, launch: Launch, reference: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = launch(*ARGUMENTS, "--num_workers", "2", "--output_dir", str(run), before=stream_here)
    process.wait_for(lambda: "step 6/" in process.output)
    pids = workers_of(process.pid)
    os.kill(pids[which], signal.SIGKILL)
    assert process.wait() == 1, process.output
    wait_until(lambda: all_gone(pids))
    errors = [line for line in process.output.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and f"(process {pids[which]}) was killed" in errors[0], process.output
    assert "Traceback" not in process.output
    assert events(run)[-1]["why"] == "failed"
    resumed = launch("--resume_from", str(run), before=stream_here)
    assert resumed.wait() == 0, resumed.output
    assert_equal(run, reference)


def test_an_interrupt_of_the_whole_group(launch: Launch, reference: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = launch(*ARGUMENTS, "--num_workers", "4", "--output_dir", str(run), before=stream_here)
    process.wait_for(lambda: "step 3/" in process.output)
    pids = workers_of(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait() == 130, process.output
    wait_until(lambda: all_gone(pids))
    resumed = launch("--resume_from", str(run), before=stream_here)
    assert resumed.wait() == 0, resumed.output
    assert_equal(run, reference)


def test_files_and_the_demo_start_no_worker(launch: Launch, tmp_path: Path) -> None:
    process = launch(*SMALL, "--num_workers", "4", "--output_dir", str(tmp_path / "run"))
    process.wait_for(lambda: "step 3/" in process.output)
    assert workers_of(process.pid) == []
    assert process.wait() == 0, process.output
