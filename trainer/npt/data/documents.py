"""Documents of several sources in one fixed order, from any position.

Imports nothing heavy: data workers read with it, and they start in the time that Python takes.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from npt.errors import SourceError, UsageError

# A source: its name, and its documents from a given number on.
Source = tuple[str, Callable[[int], Iterator[str]]]

#: Seconds before each further attempt to read on from a source that fails; about a minute, then it is given up.
RETRY_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
#: Mistakes in the data or in a program: another attempt makes them again.
LASTING = (
    LookupError,
    TypeError,
    AttributeError,
    NameError,
    ImportError,
    NotImplementedError,
    AssertionError,
    MemoryError,
)


class Encoder(Protocol):
    """What turns a document into tokens."""

    @property
    def begin(self) -> list[int]:
        """What stands before every document."""

    @property
    def end(self) -> list[int]:
        """What separates two documents."""

    def encode(self, text: str) -> list[int]:
        """The token ids of a text."""


class Document(NamedTuple):
    """A document, and where its source is once it has been taken."""

    source: str
    taken: int
    restarts: int
    text: str


class Tokens(NamedTuple):
    """The same with the document's token ids, 32-bit, those that begin and end it included."""

    source: str
    taken: int
    restarts: int
    ids: array[int]


class Pause(NamedTuple):
    """In the place of a document: reading failed and will be tried again; ``line`` says so."""

    line: str


def reason(error: Exception) -> str:
    """What went wrong, as one clause."""
    if isinstance(error, SourceError):
        return error.reason
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}".removesuffix(": ")


def patiently(
    source: Source, start: int, *, known: bool = False, delays: tuple[float, ...] | None = None
) -> Iterator[str | Pause]:
    """The documents of a source from number ``start`` on, read on from the same document where reading fails.

    Before each wait a ``Pause`` comes. A source that never gave a document (unless it is ``known`` to) is not tried
    again: then something is wrong that a person should hear of at once. Raises ``UsageError`` in one line where every
    attempt failed, and what a further one would not change as it is.
    """
    name, open_at = source
    delays = RETRY_SECONDS if delays is None else delays
    position, attempts = start, 0
    while True:
        try:
            for text in open_at(position):
                position += 1
                known, attempts = True, 0
                yield text
            return
        except Exception as error:
            lasting = isinstance(error, LASTING) or (isinstance(error, UsageError) and type(error) is not SourceError)
            if lasting or not known:
                raise
            if attempts == len(delays):
                raise UsageError(
                    f"{name} cannot be read, after {attempts + 1} attempts in {sum(delays):.0f} s ({reason(error)})"
                ) from error
            wait = delays[attempts]
            attempts += 1
            yield Pause(f"warning: {name} cannot be read ({reason(error)}); trying again in {wait:g} s")
            time.sleep(wait)


@dataclass
class Reading:
    """Documents taken from the sources in turn, so that the order depends on nothing but the sources.

    ``taken`` documents of each source come before; the first ``skip`` of each are never taken. A source that ends
    starts again, and ``restarts`` counts that. One that fails is tried again after each of ``delays``.
    """

    sources: list[Source]
    skip: int
    taken: dict[str, int]
    restarts: dict[str, int]
    turn: int
    delays: tuple[float, ...] = field(default_factory=lambda: RETRY_SECONDS)

    def documents(self) -> Iterator[Document | Pause]:
        """The documents, without end, and a ``Pause`` before each wait for a source that fails.

        Raises ``UsageError`` for a source that has none, and what ``patiently`` raises.
        """
        taken, restarts = dict(self.taken), dict(self.restarts)
        opened: dict[str, Iterator[str | Pause]] = {}
        known: set[str] = set()
        turn = self.turn
        while True:
            source = self.sources[turn % len(self.sources)]
            name = source[0]
            for _ in range(2):
                if name not in opened:
                    opened[name] = patiently(source, self.skip + taken[name], known=name in known, delays=self.delays)
                while isinstance(text := next(opened[name], None), Pause):
                    yield text
                if text is not None:
                    known.add(name)
                    break
                del opened[name]
                taken[name] = 0
                restarts[name] += 1
            else:
                raise UsageError(f"the data source {name} has no document to train on")
            taken[name] += 1
            turn += 1
            yield Document(name, taken[name], restarts[name], text)


def tokenized(document: Document, tokenizer: Encoder) -> Tokens:
    """A document's tokens."""
    ids = array("i", tokenizer.begin)
    ids.extend(tokenizer.encode(document.text))
    ids.extend(tokenizer.end)
    return Tokens(document.source, document.taken, document.restarts, ids)
