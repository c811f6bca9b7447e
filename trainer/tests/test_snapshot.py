"""Copies made while training goes on: what is saved is the state at the save, and the optimizer waits for it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from npt.checkpoint.snapshot import Snapshot


def test_a_snapshot_keeps_its_memory_and_fills_it_when_told() -> None:
    snapshot, source = Snapshot(), torch.arange(12.0).view(3, 4)
    snapshot.begin()
    first = snapshot.add("w", source[:, 1:3])
    snapshot.copy()
    assert first.is_contiguous() and torch.equal(first, torch.tensor([[1.0, 2.0], [5.0, 6.0], [9.0, 10.0]]))
    snapshot.begin()
    again = snapshot.add("w", source[:, :2])
    assert again.data_ptr() == first.data_ptr()
    other = snapshot.add("w64", source.double())
    snapshot.copy()
    assert torch.equal(again, source[:, :2]) and other.dtype == torch.float32
    snapshot.begin()
    assert snapshot.add("w", source).shape == source.shape, "another shape needs other memory"


def test_who_changes_tensors_waits_for_the_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot, source = Snapshot(), torch.zeros(4)
    snapshot.wait()
    snapshot.begin()
    kept = snapshot.add("w", source)
    waiting = threading.Event()
    wait = snapshot._copied.wait

    def waits() -> bool:
        waiting.set()
        return wait()

    def when_somebody_waits() -> None:
        waiting.wait()
        snapshot.copy()

    monkeypatch.setattr(snapshot._copied, "wait", waits)
    thread = threading.Thread(target=when_somebody_waits)
    thread.start()
    snapshot.wait()
    source += 1.0
    thread.join()
    assert torch.equal(kept, torch.zeros(4))
    assert snapshot.waited > 0.0


def test_a_copy_that_fails_does_not_make_training_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = Snapshot()
    snapshot.begin()
    snapshot.add("w", torch.zeros(2))

    def fail(*_: object) -> None:
        raise OSError("no memory")

    monkeypatch.setattr("npt.checkpoint.snapshot.numpy.copyto", fail)
    with pytest.raises(OSError, match="no memory"):
        snapshot.copy()
    snapshot.wait()


class OnGpu(torch.Tensor):
    """A tensor that says that it lies on a GPU."""

    @property
    def is_cuda(self) -> bool:
        return True


class StandIns:
    """Streams and events of a GPU that is not there: what they are given is kept, in order."""

    def __init__(self) -> None:
        self.given: list[str] = []
        self.now = "training"
        stand_ins = self

        class Stream:
            def __init__(self, name: str = "copies") -> None:
                self.name = name

            def wait_stream(self, other: Stream) -> None:
                stand_ins.given.append(f"{self.name} after {other.name}")

            def synchronize(self) -> None:
                stand_ins.given.append(f"the host waits for {self.name}")

        class Event:
            def __init__(self, enable_timing: bool) -> None:
                assert enable_timing

            def record(self, stream: Stream) -> None:
                stand_ins.given.append(f"{stream.name} noted")

            def synchronize(self) -> None:
                stand_ins.given.append("the host waits for a note")

            def elapsed_time(self, other: Event) -> float:
                return 250.0

        self.stream, self.event = Stream, Event
        self.training = Stream("training")

    @contextlib.contextmanager
    def within(self, stream: Any) -> Iterator[None]:
        before, self.now = self.now, stream.name
        yield
        self.now = before


def test_a_gpu_copies_on_a_stream_of_its_own_and_only_the_optimizer_comes_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gpu = StandIns()
    monkeypatch.setattr("npt.checkpoint.snapshot.torch.cuda.Stream", lambda device: gpu.stream())
    monkeypatch.setattr("npt.checkpoint.snapshot.torch.cuda.Event", gpu.event)
    monkeypatch.setattr("npt.checkpoint.snapshot.torch.cuda.current_stream", lambda device: gpu.training)
    monkeypatch.setattr("npt.checkpoint.snapshot.torch.cuda.stream", gpu.within)

    def memory(shape: torch.Size, *, pinned: bool) -> torch.Tensor:
        assert pinned
        kept = torch.empty(shape)
        fill = kept.copy_

        def copy(source: torch.Tensor, non_blocking: bool) -> None:
            gpu.given.append(f"copied on {gpu.now}{', the host going on' if non_blocking else ''}")
            fill(source)

        kept.copy_ = copy  # type: ignore[method-assign, assignment]
        return kept

    monkeypatch.setattr("npt.checkpoint.snapshot._host_memory", memory)
    snapshot = Snapshot()
    source = torch.arange(6.0).view(2, 3).as_subclass(OnGpu)
    for _ in range(2):
        gpu.given.clear()
        snapshot.begin()
        kept = snapshot.add("w", source[:, :2])
        assert gpu.given == ["copies after training", "copied on copies, the host going on"]
        gpu.given.clear()
        assert snapshot.waited == 0.0
        snapshot.wait()
        snapshot.wait()
        assert gpu.given == ["training noted", "training after copies", "training noted"], "once, and not by the host"
        snapshot.copy()
        assert gpu.given[3:] == ["the host waits for copies"]
        assert snapshot.waited == 0.25
        assert torch.equal(kept, torch.tensor([[0.0, 1.0], [3.0, 4.0]]))
