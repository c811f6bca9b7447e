"""Copying the state of training aside while training goes on.

A checkpoint's tensors only change when the optimizer steps. So they are copied by the thread that will write them,
while the next step's forward and backward pass run, and only the optimizer waits for the copy: usually it is long done.
"""

from __future__ import annotations

import threading
import time

import numpy
import torch
from torch import Tensor


class Snapshot:
    """Kept fp32 memory on the host for every tensor of a checkpoint, filled by one thread while another trains.

    ``begin``, ``add`` for every tensor, then ``copy`` (in any thread). Until it is done, nothing may change the tensors
    that were added: who is about to calls ``wait``. The memory is used again by the next snapshot, so the one before
    must have been written by then.
    """

    def __init__(self) -> None:
        self._kept: dict[str, Tensor] = {}
        self._pending: list[tuple[Tensor, Tensor]] = []
        self._copied = threading.Event()
        self._copied.set()
        self.waited = 0.0

    def begin(self) -> None:
        """Starts a snapshot; the tensors of the one before are no longer needed."""
        self._pending.clear()
        self._copied.clear()
        self.waited = 0.0

    def add(self, name: str, source: Tensor) -> Tensor:
        """The memory that ``copy`` will fill with ``source``, contiguous fp32 of the same shape."""
        kept = self._kept.get(name)
        if kept is None or kept.shape != source.shape:
            # Pinned where a GPU copies into it: several times faster, and it does not hold up the GPU's other work.
            kept = torch.empty(source.shape, dtype=torch.float32, pin_memory=source.is_cuda)
            self._kept[name] = kept
        self._pending.append((source.detach(), kept))
        return kept

    def copy(self) -> None:
        """Fills what was added."""
        try:
            for source, kept in self._pending:
                if source.device.type == "cpu":
                    # NumPy copies in this thread alone; PyTorch would start threads beside those that are training.
                    numpy.copyto(kept.numpy(), source.numpy())
                else:
                    kept.copy_(source)
        finally:
            self._pending.clear()
            self._copied.set()

    def wait(self) -> None:
        """Waits until everything is copied; ``waited`` holds the seconds that this took since ``begin``."""
        if self._copied.is_set():
            return
        started = time.perf_counter()
        self._copied.wait()
        self.waited += time.perf_counter() - started
