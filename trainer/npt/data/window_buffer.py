"""A buffer of windows from which the next sample is drawn, so that neighbours in a text are apart in training."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import torch
from torch import Tensor

from npt.data.shards import drawn

#: Windows that are held, and how many tokens they may be together (8 MB), though never fewer than the least.
WINDOWS, TOKENS, LEAST = 1024, 1 << 21, 64


def capacity(max_length: int) -> int:
    """How many windows of ``max_length`` tokens are held."""
    return max(LEAST, min(WINDOWS, TOKENS // max_length))


class WindowBuffer:
    """Windows (max_length,) with their numbers in the stream; which comes next depends on seed, rank and draw alone.

    Windows whose numbers differ by at most ``reach`` overlap or adjoin: they are never drawn one after the other,
    unless the buffer holds no others.
    """

    def __init__(self, max_length: int, reach: int) -> None:
        self.size, self.reach = capacity(max_length), reach
        self.windows = torch.empty(self.size, max_length, dtype=torch.int32)
        self.numbers: list[int] = []
        #: The number of the window that was drawn last.
        self.last: int | None = None

    @property
    def full(self) -> bool:
        """Whether there is no room for another window."""
        return len(self.numbers) >= self.size

    def add(self, window: array[int], number: int) -> None:
        """Puts a window of 32-bit token ids behind the others."""
        self.windows[len(self.numbers)] = torch.frombuffer(window, dtype=torch.int32)
        self.numbers.append(number)

    def draw(self, seed: int, rank: int, draw: int) -> Tensor:
        """Takes the window of draw number ``draw``, as int64 token ids (max_length,)."""
        chosen = self._choose(drawn(seed, "window", rank, draw))
        self.last = self.numbers[chosen]
        window = self.windows[chosen].long()
        end = len(self.numbers) - 1
        self.windows[chosen] = self.windows[end]
        self.numbers[chosen] = self.numbers[end]
        self.numbers.pop()
        return window

    def _choose(self, random: int) -> int:
        count, last = len(self.numbers), self.last
        first = random % count
        if last is None:
            return first
        farthest, distance = first, -1
        for step in range(count):
            place = (first + step) % count
            away = abs(self.numbers[place] - last)
            if away > self.reach:
                return place
            if away > distance:
                farthest, distance = place, away
        return farthest

    def content(self) -> Tensor:
        """A copy of the windows that are held (windows, max_length)."""
        return self.windows[: len(self.numbers)].clone()

    def restore(self, windows: Tensor, numbers: Sequence[int], last: int | None) -> None:
        """Holds these windows instead, more of them than its size where need be."""
        self.numbers, self.last = [int(number) for number in numbers], last
        if len(windows) > len(self.windows):
            self.windows = torch.empty(len(windows), self.windows.shape[1], dtype=torch.int32)
        self.windows[: len(windows)] = windows
