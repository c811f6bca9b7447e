"""Documents of a source, read on from where it failed, and what is known of each.

Imports nothing heavy: data workers read with it, and they start in the time that Python takes.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from npt.errors import SourceError, UsageError

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


class Source(Protocol):
    """A dataset in shards, each a sequence of documents. Data workers get a copy of it: it must be picklable."""

    @property
    def name(self) -> str:
        """Tells it from the others of a run."""

    def shards(self) -> int:
        """How many shards there are."""

    def open(self, shard: int, taken: int, state: str | None) -> Iterator[tuple[str, str | None]]:
        """The documents of a shard after its first ``taken``, each with the state that the source is in behind it.

        ``state`` is what came with the last document taken; None where none is known, then only ``taken`` counts.
        """


class Place(NamedTuple):
    """How far a source has been read: ``taken`` documents of unit number ``unit`` of an epoch (``npt.data.shards``).

    ``taken`` counts from the shard's first document on; -1: the unit has not been begun. ``state`` is the source's own.
    """

    epoch: int
    unit: int
    taken: int
    state: str | None


class Document(NamedTuple):
    """A document, and where its source is once it has been taken."""

    source: str
    place: Place
    text: str


class Tokens(NamedTuple):
    """The same with the document's token ids, 32-bit, those that begin and end it included."""

    source: str
    place: Place
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
    source: Source,
    shard: int,
    taken: int,
    state: str | None = None,
    *,
    known: bool = False,
    delays: tuple[float, ...] | None = None,
) -> Iterator[tuple[str, str | None] | Pause]:
    """What ``source.open`` gives, read on from the same document where reading fails.

    Before each wait a ``Pause`` comes. A source that never gave a document (unless it is ``known`` to) is not tried
    again: then something is wrong that a person should hear of at once. Raises ``UsageError`` in one line where every
    attempt failed, and what a further one would not change as it is.
    """
    delays = RETRY_SECONDS if delays is None else delays
    attempts = 0
    while True:
        try:
            for text, reached in source.open(shard, taken, state):
                taken, state = taken + 1, reached
                known, attempts = True, 0
                yield text, state
            return
        except Exception as error:
            lasting = isinstance(error, LASTING) or (isinstance(error, UsageError) and type(error) is not SourceError)
            if lasting or not known:
                raise
            if attempts == len(delays):
                raise UsageError(
                    f"{source.name} cannot be read, after {attempts + 1} attempts in {sum(delays):.0f} s "
                    f"({reason(error)})"
                ) from error
            wait = delays[attempts]
            attempts += 1
            yield Pause(f"warning: {source.name} cannot be read ({reason(error)}); trying again in {wait:g} s")
            time.sleep(wait)


def tokenized(document: Document, tokenizer: Encoder) -> Tokens:
    """A document's tokens."""
    ids = array("i", tokenizer.begin)
    ids.extend(tokenizer.encode(document.text))
    ids.extend(tokenizer.end)
    return Tokens(document.source, document.place, ids)
