"""Documents for data workers to stream: they import this module, so it imports nothing heavy."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from typing import Any

from npt.errors import UsageError


def stream(dataset: Any, skip: int) -> Iterator[str]:
    """What ``npt.data.presets.stream`` does, without a network: 300 documents, then the end."""
    for number in range(skip, 300):
        draw = random.Random(f"{dataset}{number}")
        yield "".join(draw.choice("abcdefgh ") for _ in range(draw.randint(1, 400)))


#: Names the file that ``stalling`` makes when it comes to where it stops giving.
STALLED = "NPT_TEST_STALLED"


def stalling(dataset: Any, skip: int) -> Iterator[str]:
    """The same documents from a hub that goes silent after 270 of them: 200 are held out."""
    for number, document in enumerate(stream(dataset, skip), skip):
        if number == 270:
            with open(os.environ[STALLED], "w"):
                pass
            time.sleep(600)
        yield document


def breaking(dataset: Any, skip: int) -> Iterator[str]:
    """The same documents from a hub that fails from number 270 on."""
    for number, document in enumerate(stream(dataset, skip), skip):
        if number >= 270:
            raise ConnectionError("the hub hung up")
        yield document


_failed: set[int] = set()


def flaky(letter: str, count: int, skip: int) -> Iterator[str]:
    """``counted`` from a hub that fails once at every seventh document, in a way of its own each time."""
    for number, document in enumerate(counted(letter, count, skip), skip):
        if number % 7 == 5 and number not in _failed:
            _failed.add(number)
            raise (ConnectionError, TimeoutError, EOFError, RuntimeError, HubError)[number % 5](
                "for a moment\nand more"
            )
        yield document


class HubError(Exception):
    """An error of a library's own."""


def counted(letter: str, count: int, skip: int) -> Iterator[str]:
    """``count`` documents that say which they are."""
    return (f"{letter}{number}" * (number % 5 + 1) for number in range(skip, count))


def unreachable(skip: int) -> Iterator[str]:
    """A hub that is gone after 20 documents."""
    yield from (f"document {number}" for number in range(skip, 20))
    raise UsageError("--dataset_preset: the hub cannot be read (gone)")


def broken(skip: int) -> Iterator[str]:
    """A library that fails in its own way."""
    yield "one"
    raise LookupError("no such column\nand much more")


def killed(skip: int) -> Iterator[str]:
    """A worker that the system kills while it reads."""
    yield "one"
    os.kill(os.getpid(), 9)
    time.sleep(600)
