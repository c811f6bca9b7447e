"""The tokens of local text: made in pieces, on all cores, in memory that does not grow with the text."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from npt.data.pieces import Piece, pieces
from npt.data.text_files import documents, holds_records, parts
from npt.data.tokenizers import Tokenizer

#: Characters that are tokenised together: enough for every core, and a hundred times as many bytes while they are.
TOGETHER = 1 << 20

# How much has been tokenised so far, in bytes of text.
Told = Callable[[int], None]
T = TypeVar("T", str, Piece)


def tokens(paths: Sequence[Path], tokenizer: Tokenizer, told: Told | None = None) -> Iterator[array[int]]:
    """The token ids of all files in order, 32-bit, each document between the tokens that begin and end one.

    ``told`` is called with the bytes of text that have been tokenised. Raises ``UsageError`` as
    ``npt.data.text_files.documents`` does.
    """
    read = 0
    for path in paths:
        for text, ids in _of_records(path, tokenizer) if holds_records(path) else _of_text(path, tokenizer):
            yield ids
            read += len(text.encode(errors="surrogatepass"))
            if told is not None:
                told(read)


def _of_records(path: Path, tokenizer: Tokenizer) -> Iterator[tuple[str, array[int]]]:
    for batch in _batches(documents(path), len):
        for text, found in zip(batch, tokenizer.encode_many(batch), strict=True):
            ids = array("i", tokenizer.begin)
            ids.extend(found)
            ids.extend(tokenizer.end)
            yield text, ids


def _of_text(path: Path, tokenizer: Tokenizer) -> Iterator[tuple[str, array[int]]]:
    yield "", array("i", tokenizer.begin)
    for batch in _batches(pieces(parts(path), tokenizer), lambda piece: piece.fresh):
        for piece, found in zip(batch, tokenizer.encode_many([piece.text for piece in batch]), strict=True):
            yield piece.text[len(piece.text) - piece.fresh :], array("i", found[piece.known :])
    yield "", array("i", tokenizer.end)


def _batches(items: Iterator[T], size: Callable[[T], int]) -> Iterator[list[T]]:
    batch: list[T] = []
    total = 0
    for item in items:
        batch.append(item)
        total += size(item)
        if total >= TOGETHER:
            yield batch
            batch, total = [], 0
    if batch:
        yield batch
