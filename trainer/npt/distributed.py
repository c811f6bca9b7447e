"""Several processes that train one run together, as torchrun starts them."""

from __future__ import annotations

import contextlib
import ctypes
import signal
import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from npt.launched import launch

# Rank 0 alone saves and writes samples of text while the others wait for its next gradient.
PATIENCE = timedelta(hours=2)


class Group:
    """The processes of a run: rank 0 writes everything, and all take each step together. One process is a group too."""

    def __init__(self, rank: int, world_size: int) -> None:
        self.rank, self.world_size = rank, world_size

    @staticmethod
    def join() -> Group:
        """The group that the environment describes (``npt.launched``); without one, this process alone."""
        started = launch()
        if started.kind == "torchrun":
            _stop_with_parent()
        if started.world_size == 1:
            return Group(0, 1)
        if not dist.is_initialized():
            backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
            dist.init_process_group(backend, timeout=PATIENCE)
        return Group(dist.get_rank(), dist.get_world_size())

    @property
    def main(self) -> bool:
        """Whether this process writes the run's files."""
        return self.rank == 0

    @property
    def local_rank(self) -> int:
        """This process's number on its machine."""
        return launch().local_rank if self.world_size > 1 else 0

    def average(self, values: Sequence[Tensor]) -> None:
        """Replaces every tensor by its mean over the processes, in a single exchange."""
        if self.world_size == 1 or not values:
            return
        flat = torch.cat([value.reshape(-1) for value in values])
        dist.all_reduce(flat)
        flat /= self.world_size
        at = 0
        for value in values:
            value.copy_(flat[at : at + value.numel()].view_as(value))
            at += value.numel()

    def highest(self, number: int) -> int:
        """The highest of the numbers that the processes say, the same for all of them."""
        if self.world_size == 1:
            return number
        shared = torch.tensor([number])
        dist.all_reduce(shared, op=dist.ReduceOp.MAX)
        return int(shared)

    def share(self, value: Any) -> Any:
        """Rank 0's value, on every process."""
        if self.world_size == 1:
            return value
        held = [value]
        dist.broadcast_object_list(held, src=0)
        return held[0]

    def gather(self, value: Any) -> list[Any]:
        """Every process's value, by rank, on rank 0; an empty list on the others."""
        if self.world_size == 1:
            return [value]
        found: list[Any] | None = [None] * self.world_size if self.main else None
        dist.gather_object(value, found, dst=0)
        return found or []

    def is_loss(self, error: BaseException) -> bool:
        """Whether an exchange failed because another process of the group is gone, whose own message says why."""
        if self.world_size == 1 or not isinstance(error, RuntimeError):
            return False
        return isinstance(error, dist.DistError) or "gloo/transport" in str(error)

    def finish(self) -> None:
        """Waits until all processes are done: one that leaves early breaks exchanges that are still under way."""
        if self.world_size > 1:
            dist.barrier()

    def leave(self) -> None:
        """Ends the group."""
        if self.world_size > 1 and dist.is_initialized():
            dist.destroy_process_group()


def _stop_with_parent() -> None:
    """Where torchrun's agent is killed, its processes save and stop instead of training on unseen (Linux, prctl(2))."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, int(signal.SIGTERM))  # PR_SET_PDEATHSIG
