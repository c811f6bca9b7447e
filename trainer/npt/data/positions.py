"""Where a process is in its stream of samples, as a checkpoint stores it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from npt.data.documents import Place
from npt.data.reading import BEGINNING
from npt.data.shards import LEFT_OVER, LeftOver


@dataclass
class Position:
    """One process's position: of the documents that it has packed, not of those that were read ahead.

    ``drawn`` samples were taken, ``turn`` documents packed; ``places``, ``left_over`` and ``first`` are those of
    ``npt.data.reading``. ``remainder`` (tokens,) is what no window holds yet, ``windows`` (windows, tokens) with their
    ``numbers`` wait in the buffer, ``following`` is the next one's number, ``last`` the number drawn last.
    """

    places: dict[str, Place]
    left_over: dict[str, list[LeftOver]]
    first: dict[str, int]
    windows: Tensor
    drawn: int = 0
    turn: int = 0
    remainder: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int32))
    numbers: list[int] = field(default_factory=list)
    following: int = 0
    last: int | None = None

    @staticmethod
    def beginning(names: Iterable[str], max_length: int) -> Position:
        """Before the first document."""
        names = list(names)
        return Position(
            dict.fromkeys(names, BEGINNING),
            {name: [] for name in names},
            dict.fromkeys(names, 0),
            torch.empty(0, max_length, dtype=torch.int32),
        )

    def begin(self, name: str) -> None:
        """Goes to the beginning of one source."""
        self.places[name], self.left_over[name], self.first[name] = BEGINNING, [], 0

    def as_state(self, rank: int) -> dict[str, Any]:
        """Plain values and tensors."""
        return {
            "rank": rank,
            "drawn": self.drawn,
            "turn": self.turn,
            "sources": {
                name: {
                    "epoch": place.epoch,
                    "unit": place.unit,
                    "taken": place.taken,
                    "state": place.state,
                    "first": self.first[name],
                    "left_over": [list(unit) for unit in self.left_over[name]] if place.epoch == LEFT_OVER else [],
                }
                for name, place in self.places.items()
            },
            "remainder": self.remainder,
            "windows": self.windows,
            "numbers": list(self.numbers),
            "following": self.following,
            "last": self.last,
        }

    @staticmethod
    def from_state(state: dict[str, Any]) -> Position:
        """What ``as_state`` made."""
        sources: dict[str, Any] = state["sources"]
        return Position(
            {name: Place(s["epoch"], s["unit"], s["taken"], s["state"]) for name, s in sources.items()},
            {name: [LeftOver(*unit) for unit in s["left_over"]] for name, s in sources.items()},
            {name: s["first"] for name, s in sources.items()},
            state["windows"],
            state["drawn"],
            state["turn"],
            state["remainder"],
            list(state["numbers"]),
            state["following"],
            state["last"],
        )

    def recut(self, stride: int, max_length: int) -> None:
        """Puts the windows' tokens back before the remainder, for samples of ``max_length`` tokens; each token once.

        ``stride`` is that of the windows that there are.
        """
        tokens: list[Tensor] = []
        known = {*self.numbers, self.following}
        for place in sorted(range(len(self.numbers)), key=lambda place: self.numbers[place]):
            window = self.windows[place]
            tokens.append(window[:stride] if self.numbers[place] + 1 in known else window)
        self.remainder = torch.cat([*tokens, self.remainder])
        self.windows, self.numbers, self.last = torch.empty(0, max_length, dtype=torch.int32), [], None


def joined(states: list[dict[str, Any]]) -> dict[str, Any]:
    """The states of several processes as one: rank 0's, with every process's own part."""
    return {**states[0], "ranks": [part for state in states for part in state["ranks"]]}
