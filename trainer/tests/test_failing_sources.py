"""A source that fails does not cost the run: it is read again, and what was trained is saved before a run gives up."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import npt.data.documents
from npt.checkpoint import find, manifest
from npt.data.byte_tokenizer import ByteTokenizer
from npt.data.documents import Pause, patiently
from npt.data.streaming import StreamedText
from npt.errors import SourceError, UsageError
from tests import streamed_documents
from tests.conftest import SMALL, Process, events, free_port, same, series, weights
from tests.streamed_documents import Counted, Flaky, Shards
from tests.test_prefetch import LONG_STEPS, stream_here
from tests.test_resume_exact import assert_equal
from tests.test_torchrun import rank

Launch = Callable[..., Process]


class Unreliable(Shards):
    """A source that fails at given places, a given number of times each."""

    name = "x"

    def __init__(self, length: int, failures: dict[int, int]) -> None:
        self.length, self.failures = length, dict(failures)

    def text(self, shard: int, number: int) -> str:
        if self.failures.get(number, 0) > 0:
            self.failures[number] -= 1
            raise OSError(f"at {number}")
        return str(number)


class Raising(Shards):
    """A source that fails after its first documents."""

    name = "x"

    def __init__(self, error: Exception, length: int) -> None:
        self.error, self.length = error, length
        self.opened: list[int] = []

    def text(self, shard: int, number: int) -> str:
        return str(number)

    def open(self, shard: int, taken: int, state: str | None) -> Iterator[tuple[str, str | None]]:
        self.opened.append(taken)
        yield from super().open(shard, taken, state)
        raise self.error


@given(st.integers(0, 30), st.dictionaries(st.integers(0, 30), st.integers(0, 3)), st.integers(0, 5))
def test_every_document_comes_once_and_in_order(count: int, failures: dict[int, int], start: int) -> None:
    found = list(patiently(Unreliable(count, failures), 0, start, known=True, delays=(0.0, 0.0, 0.0)))
    assert [item[0] for item in found if not isinstance(item, Pause)] == [str(n) for n in range(start, count)]
    assert len([item for item in found if isinstance(item, Pause)]) == sum(
        times for number, times in failures.items() if start <= number < count
    )


@pytest.mark.parametrize("error", [KeyError("text"), TypeError("no"), UsageError("nothing there"), MemoryError()])
def test_what_another_attempt_would_not_change_is_not_tried_again(error: Exception) -> None:
    source = Raising(error, 1)
    with pytest.raises(type(error)):
        list(patiently(source, 0, 0, delays=(0.0,)))
    assert source.opened == [0]


def test_a_source_that_never_gave_anything_is_said_at_once() -> None:
    error = SourceError("--dataset_preset: x is not there; use --train_file", "not there")
    with pytest.raises(SourceError, match="not there"):
        next(patiently(Raising(error, 0), 0, 0, delays=(60.0,)))


def test_a_source_that_stays_broken_is_one_line_with_what_was_tried() -> None:
    with pytest.raises(UsageError, match=r"^x cannot be read, after 3 attempts in 0 s \(OSError: at 2\)$"):
        list(patiently(Unreliable(5, {2: 9}), 0, 0, delays=(0.0, 0.0)))


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_a_source_that_fails_now_and_then_gives_the_same_samples(
    workers: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(npt.data.documents, "RETRY_SECONDS", (0.0,))
    streamed_documents._failed.clear()

    def text(source: Shards, count: int) -> StreamedText:
        return StreamedText([source], ByteTokenizer(), 12, 8, 2, count)

    reliable, flaky = text(Counted("a", 60), 0), text(Flaky("a", 60), workers)
    for _ in range(40):
        assert torch.equal(flaky.next_batch(3), reliable.next_batch(3))
    assert same(flaky.state_dict(), reliable.state_dict())
    assert flaky.state_dict()["ranks"][0]["sources"]["a"]["epoch"] > 0
    flaky.close()
    said = [line for line in capfd.readouterr().out.splitlines() if line.startswith("warning: a cannot be read (")]
    # Each of the documents 5, 12, …, 54 failed once.
    assert len(said) == 8 and all("for a moment)" in line for line in said), said


def breaks(only: bool = True) -> None:
    """In a trainer: the dataset fails for good in the middle."""
    import npt.data.sources

    npt.data.documents.RETRY_SECONDS = (0.01, 0.01)
    found = streamed_documents.Breaking if only else streamed_documents.Stream
    npt.data.sources.HubSource = found  # type: ignore[assignment,misc]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_source_that_stays_broken_costs_nothing_that_was_trained(
    workers: int, train: Launch, long_steps_run: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    failed = train(*LONG_STEPS, "--num_workers", str(workers), "--output_dir", str(run), before=breaks)
    assert failed.code == 1, failed.output
    ended = json.loads((run / "exit.json").read_text())
    step = ended["step"]
    assert ended["why"] == "failed" and 0 < step < 20 and step % 5 != 0, failed.output
    errors = [line.removeprefix("error: ") for line in failed.output.splitlines() if line.startswith("error: ")]
    assert errors == [ended["error"]]
    assert "cannot be read, after 3 attempts" in errors[0] and "ConnectionError: the hub hung up" in errors[0]
    assert f"step {step} is saved, go on from it with --resume_from {run}" in errors[0]
    assert failed.output.count("trying again in") == 2 and "Traceback" not in failed.output
    assert manifest.problems(run / "checkpoints" / f"checkpoint-{step}") == []
    resumed = train("--resume_from", str(run), before=stream_here)
    assert resumed.code == 0, resumed.output
    assert_equal(run, long_steps_run)


def test_a_source_that_breaks_in_one_process_ends_all_of_them_saved(launch: Launch, tmp_path: Path) -> None:
    run = tmp_path / "run"
    port = free_port()

    def of(number: int) -> Callable[[], None]:
        return lambda: (rank(number, port)(), breaks(number == 1))[1]

    both = [
        launch(*LONG_STEPS, "--num_workers", "0", "--output_dir", str(run), before=of(number)) for number in range(2)
    ]
    assert [process.wait() for process in both] == [1, 1], both[0].output + both[1].output
    ended = json.loads((run / "exit.json").read_text())
    assert "ConnectionError: the hub hung up" in ended["error"] and f"step {ended['step']} is saved" in ended["error"]
    saved = run / "checkpoints" / f"checkpoint-{ended['step']}"
    assert manifest.problems(saved) == []
    state = torch.load(saved / "training_state.pt", weights_only=True)
    assert len(state["rng_state"]) == 2 and state["data_state"]["samples"] == ended["step"] * 2 * 40 * 2


def no_room(*_: Any, **__: Any) -> Any:
    raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.96 GiB.")


@pytest.mark.parametrize("where", ["forward", "the evaluation", "the update"])
def test_what_can_be_saved_soundly_is_saved_whatever_fails(where: str, train: Launch, tmp_path: Path) -> None:
    expected, run = tmp_path / "expected", tmp_path / "run"
    assert train(*SMALL, "--save_steps", "0", "--output_dir", str(expected)).code == 0

    def failing() -> None:
        import npt.loop
        from npt.trainer import MultiLayerNPTTrainer

        if where == "the evaluation":
            npt.loop.evaluate = no_room
            return
        train_step = MultiLayerNPTTrainer.train_step

        def step(self: Any, **how: Any) -> Any:
            if self.global_step == 7 and where == "forward":
                losses, calls = self.losses, [0]

                def second(*arguments: Any) -> Any:
                    calls[0] += 1
                    return losses(*arguments) if calls[0] == 1 else no_room()

                self.losses = second
            if self.global_step == 7 and where == "the update":
                self.optimizer.step = no_room
            return train_step(self, **how)

        MultiLayerNPTTrainer.train_step = step  # type: ignore[method-assign]

    words = [*SMALL, "--gradient_accumulation_steps", "1", "--save_steps", "0", "--output_dir", str(run)]
    if where == "forward":
        words += ["--gradient_accumulation_steps", "2"]
        expected = tmp_path / "twice"
        assert train(*words, "--output_dir", str(expected)).code == 0
    failed = train(*words, before=failing)
    assert failed.code == 1, failed.output
    ended = json.loads((run / "exit.json").read_text())
    assert ended["why"] == "failed" and "the GPU is out of memory (1.96 GiB more did not fit): lower" in ended["error"]
    newest, passed = find.newest_valid(run)
    assert passed == []
    if where == "the update":
        # Half of the weights may be those of the next step.
        assert newest is None and "is saved" not in ended["error"]
        return
    assert newest is not None and newest.name == ("checkpoint-7" if where == "forward" else "checkpoint-5")
    assert train("--resume_from", str(run)).code == 0
    assert same(weights(run), weights(expected)) and series(run) == series(expected)
    assert events(run)[-1]["why"] == "done"
