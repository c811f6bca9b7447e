"""Documents of several sources in one fixed order, from any position.

Imports nothing heavy: data workers read with it, and they start in the time that Python takes.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from npt.errors import UsageError

# A source: its name, and its documents from a given number on.
Source = tuple[str, Callable[[int], Iterator[str]]]


class Encoder(Protocol):
    """What turns a document into tokens."""

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
    """The same with the document's token ids, 32-bit, the end token included."""

    source: str
    taken: int
    restarts: int
    ids: array[int]


@dataclass
class Reading:
    """Documents taken from the sources in turn, so that the order depends on nothing but the sources.

    ``taken`` documents of each source come before; the first ``skip`` of each are never taken. A source that ends
    starts again, and ``restarts`` counts that.
    """

    sources: list[Source]
    skip: int
    taken: dict[str, int]
    restarts: dict[str, int]
    turn: int

    def documents(self) -> Iterator[Document]:
        """The documents, without end. Raises ``UsageError`` for a source that has none, and what the sources raise."""
        taken, restarts = dict(self.taken), dict(self.restarts)
        opened: dict[str, Iterator[str]] = {}
        turn = self.turn
        while True:
            name, documents = self.sources[turn % len(self.sources)]
            for _ in range(2):
                if name not in opened:
                    opened[name] = documents(self.skip + taken[name])
                text = next(opened[name], None)
                if text is not None:
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
    ids = array("i", tokenizer.encode(document.text))
    ids.extend(tokenizer.end)
    return Tokens(document.source, document.taken, document.restarts, ids)
