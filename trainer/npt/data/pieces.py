"""A long text in pieces whose tokens, one after the other, are those of the whole text.

A tokenizer takes a text at once, and needs a hundred times its size while it does. What it makes of a place depends on
little around it: a text is cut only where its tokens just before the cut come out the same with and without what
follows, and each piece is tokenised with some of the text before it, whose tokens are then left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from npt.data.documents import Encoder

#: Characters of a piece.
PIECE = 1 << 18
#: Characters before and after a cut that decide whether it is one.
CONTEXT = 256
#: Cuts are looked for in this many characters before the longest end of a piece.
_SEARCHED = 4096
#: More places than this are not tried; a text without a clean cut, such as one endless word, is cut where it may be.
_TRIES = 64


class Piece(NamedTuple):
    """``text`` of which the first ``known`` tokens belong to the piece before; ``fresh`` characters are new in it."""

    text: str
    known: int
    fresh: int


def pieces(parts: Iterable[str], tokenizer: Encoder, size: int = PIECE) -> Iterator[Piece]:
    """The text that the parts make together, in pieces of at most ``size`` characters (2 × ``CONTEXT`` or more)."""
    context, known, rest = "", 0, ""
    for part in parts:
        rest += part
        while len(rest) >= size + CONTEXT:
            cut, tokens = _cut(rest, size, tokenizer)
            yield Piece(context + rest[:cut], known, cut)
            context, known, rest = rest[cut - CONTEXT : cut], tokens, rest[cut:]
    if rest:
        yield Piece(context + rest, known, len(rest))


def _cut(text: str, latest: int, tokenizer: Encoder) -> tuple[int, int]:
    """Where to cut, at ``latest`` or before, and how many tokens the ``CONTEXT`` characters before are."""
    for cut in islice(_candidates(text, latest), _TRIES):
        before = tokenizer.encode(text[cut - CONTEXT : cut])
        both = tokenizer.encode(text[cut - CONTEXT : cut + CONTEXT])
        if both[: len(before)] == before:
            return cut, len(before)
    return latest, len(tokenizer.encode(text[latest - CONTEXT : latest]))


def _candidates(text: str, latest: int) -> Iterator[int]:
    """Places where a text may be cut, the likeliest first: before a space that ends a word, then anywhere."""
    earliest = max(CONTEXT, latest - _SEARCHED)
    at = latest
    for _ in range(_TRIES // 2):
        at = text.rfind(" ", earliest, at)
        if at < 0:
            break
        if not text[at - 1].isspace():
            yield at
    yield from range(latest, earliest, -1)
