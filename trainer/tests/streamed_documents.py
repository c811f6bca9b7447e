"""Datasets for data workers to stream: they import this module, so it imports nothing heavy."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from npt.errors import UsageError

Read = Iterator[tuple[str, "str | None"]]


class Shards:
    """A dataset in shards of the same length; ``text`` says what document ``number`` of ``shard`` is."""

    name = "shards"
    count, length = 1, 0

    def shards(self) -> int:
        return self.count

    def text(self, shard: int, number: int) -> str:
        raise NotImplementedError

    def open(self, shard: int, taken: int, state: str | None) -> Read:
        assert state in (None, f"{shard}:{taken}"), "the state that came with the last document"
        for number in range(taken, self.length):
            yield self.text(shard, number), f"{shard}:{number + 1}"


class Stream(Shards):
    """In the place of ``npt.data.presets.HubSource``, without a network: 3 shards of 300 documents."""

    count, length = 3, 300

    def __init__(self, dataset: Any) -> None:
        self.dataset, self.name = dataset, "stream"

    def text(self, shard: int, number: int) -> str:
        draw = random.Random(f"{self.dataset}{shard}{number}")
        return "".join(draw.choice("abcdefgh ") for _ in range(draw.randint(1, 400)))


#: How many documents ``Stalling`` and ``Breaking`` give for training: twice what the buffer of windows takes first.
READABLE = 175
#: How many of shard 0 are held out.
HELD_OUT = 200
#: Names the file that ``Stalling`` makes when it comes to where it stops giving.
STALLED = "NPT_TEST_STALLED"


class Ending(Stream):
    """The same documents from a hub that has no more after some time."""

    given = 0

    def open(self, shard: int, taken: int, state: str | None) -> Read:
        for document in super().open(shard, taken, state):
            if shard > 0 or taken >= HELD_OUT:
                if self.given == READABLE:
                    self.end()
                self.given += 1
            yield document

    def end(self) -> None:
        raise NotImplementedError


class Stalling(Ending):
    """It goes silent."""

    def end(self) -> None:
        with open(os.environ[STALLED], "w"):
            pass
        time.sleep(600)


class Breaking(Ending):
    """It fails for good."""

    def end(self) -> None:
        raise ConnectionError("the hub hung up")


_failed: set[int] = set()


@dataclass
class Counted(Shards):
    """``count`` shards of ``length`` documents that say which they are."""

    name: str
    length: int
    count: int = 1

    def text(self, shard: int, number: int) -> str:
        return f"{self.name}{shard}.{number} " * (number % 5 + 1)


@dataclass
class Flaky(Counted):
    """``Counted`` from a hub that fails once at every seventh document, in a way of its own each time."""

    def open(self, shard: int, taken: int, state: str | None) -> Read:
        for number, document in enumerate(super().open(shard, taken, state), taken):
            if number % 7 == 5 and number not in _failed:
                _failed.add(number)
                raise (ConnectionError, TimeoutError, EOFError, RuntimeError, HubError)[number % 5](
                    "for a moment\nand more"
                )
            yield document


class HubError(Exception):
    """An error of a library's own."""


class Unreachable(Counted):
    """A hub that is gone after 20 documents."""

    def open(self, shard: int, taken: int, state: str | None) -> Read:
        yield from super().open(shard, taken, state)
        raise UsageError("--dataset_preset: the hub cannot be read (gone)")


class Broken(Counted):
    """A library that fails in its own way."""

    def open(self, shard: int, taken: int, state: str | None) -> Read:
        yield "one", None
        raise LookupError("no such column\nand much more")


class Killed(Counted):
    """A worker that the system kills while it reads."""

    def open(self, shard: int, taken: int, state: str | None) -> Read:
        yield "one", None
        os.kill(os.getpid(), 9)
        time.sleep(600)
