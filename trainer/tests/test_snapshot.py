"""Copies made while training goes on: what is saved is the state at the save, and the optimizer waits for it."""

from __future__ import annotations

import threading

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
