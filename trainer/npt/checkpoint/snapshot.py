"""Copying the state of training aside while training goes on.

A checkpoint's tensors only change when the optimizer steps. So they are copied while the next step's forward and
backward pass run, and only the optimizer waits for the copy: usually it is long done. On a CPU the thread that will
write them copies; a GPU copies by itself, on a stream beside the one that trains.
"""

from __future__ import annotations

import threading
import time

import numpy
import torch
from torch import Tensor


class Snapshot:
    """Kept fp32 memory on the host for every tensor of a checkpoint, filled while training goes on.

    ``begin``, ``add`` for every tensor, both in the thread that trains; then ``copy`` (in any thread), after which the
    memory is filled. Until then nothing may change the tensors that were added: who is about to calls ``wait``. The
    memory is used again by the next snapshot, so the one before must have been written by then.
    """

    def __init__(self) -> None:
        self._kept: dict[str, Tensor] = {}
        self._pending: list[tuple[Tensor, Tensor]] = []
        self._copied = threading.Event()
        self._copied.set()
        self._waited = 0.0
        self._on_gpu: _Staging | None = None

    def begin(self) -> None:
        """Starts a snapshot; the tensors of the one before are no longer needed."""
        self._pending.clear()
        self._copied.clear()
        self._waited = 0.0
        if self._on_gpu is not None:
            self._on_gpu.begin()

    def add(self, name: str, source: Tensor) -> Tensor:
        """The memory that ``copy`` leaves filled with ``source``, contiguous fp32 of the same shape."""
        kept = self._kept.get(name)
        if kept is None or kept.shape != source.shape:
            kept = self._kept[name] = _host_memory(source.shape, pinned=source.is_cuda)
        if source.is_cuda:
            if self._on_gpu is None:
                self._on_gpu = _Staging(source.device)
            self._on_gpu.copy(source.detach(), kept)
        else:
            self._pending.append((source.detach(), kept))
        return kept

    def copy(self) -> None:
        """Fills what was added; for a GPU's tensors it waits until the GPU has."""
        try:
            for source, kept in self._pending:
                if source.device.type == "cpu":
                    # NumPy copies in this thread alone; PyTorch would start threads beside those that are training.
                    numpy.copyto(kept.numpy(), source.numpy())
                else:
                    kept.copy_(source)
            if self._on_gpu is not None:
                self._on_gpu.finish()
        finally:
            self._pending.clear()
            self._copied.set()

    def wait(self) -> None:
        """Lets what comes next change the tensors: it waits until all are copied; on a GPU the device, not the host."""
        if self._on_gpu is not None:
            self._on_gpu.hold_back()
        elif not self._copied.is_set():
            started = time.perf_counter()
            self._copied.wait()
            self._waited += time.perf_counter() - started

    @property
    def waited(self) -> float:
        """Seconds that training stood still in ``wait`` since ``begin``."""
        return self._waited + (0.0 if self._on_gpu is None else self._on_gpu.held_back())


class _Staging:
    """Copies of a GPU's tensors on a stream of its own. All but ``finish`` and ``held_back`` in the training thread."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._before: torch.cuda.Event | None = None
        self._after: torch.cuda.Event | None = None
        self.begin()

    def begin(self) -> None:
        # The copies see what the training stream has been given so far, and nothing later.
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        self._before = self._after = None

    def copy(self, source: Tensor, kept: Tensor) -> None:
        """Queues a copy into pinned memory; the host goes on at once."""
        with torch.cuda.stream(self._stream):
            kept.copy_(source, non_blocking=True)

    def finish(self) -> None:
        """Waits until every copy is done."""
        self._stream.synchronize()

    def hold_back(self) -> None:
        """What the training stream is given from now on comes after the copies."""
        if self._after is not None:
            return
        training = torch.cuda.current_stream(self._device)
        before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        before.record(training)
        training.wait_stream(self._stream)
        after.record(training)
        self._before, self._after = before, after

    def held_back(self) -> float:
        """Seconds that the training stream stood still for the copies; 0 where it has not come to them."""
        if self._before is None or self._after is None:
            return 0.0
        self._after.synchronize()
        return float(self._before.elapsed_time(self._after)) / 1000


def _host_memory(shape: torch.Size, *, pinned: bool) -> Tensor:
    """Memory for a tensor; a GPU copies into ``pinned`` memory by itself, and several times faster."""
    return torch.empty(shape, dtype=torch.float32, pin_memory=pinned)
