"""Texts and byte strings that spell a pickle another way: base64, hex, zlib, gzip, one inside the other.

Loading the file runs nothing of it; a program that decodes them and goes on loading would. As the extension's
``core/torchfile/pickle/encoded.ts``.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

MAX_LAYERS = 4
SHORTEST, LONGEST = 8, 16 * 1024 * 1024
PRINTED = bytes([*range(9, 14), *range(0x20, 0x7F)])


@dataclass
class Budget:
    """What is left of the work that one file may cause."""

    bytes: int = 64 * 1024 * 1024
    tries: int = 100_000

    def spend(self, size: int) -> bool:
        """Takes bytes from it; whether there were as many."""
        self.bytes -= size
        return self.bytes >= 0


@dataclass(frozen=True)
class Decoded:
    """Bytes, and the encodings that they were found in, the outermost first."""

    bytes: bytes
    how: tuple[str, ...]


def of_text(text: str, budget: Budget) -> Iterator[Decoded]:
    """Everything that a text decodes to, and what that decodes to."""
    if SHORTEST <= len(text) <= LONGEST and text.endswith(".") and all(ord(c) < 0x100 for c in text):
        # A pickle of protocol 0 is text itself.
        yield from _found(text.encode("latin-1"), ("plain text",), budget)
    yield from _of_text(text, budget, ())


def _of_text(text: str, budget: Budget, how: tuple[str, ...]) -> Iterator[Decoded]:
    budget.tries -= 1
    if not SHORTEST <= len(text) <= LONGEST or len(how) >= MAX_LAYERS or budget.tries < 0:
        return
    digits = re.sub(r"\\x|0x|[\s:,]", "", text)
    if len(digits) >= SHORTEST and len(digits) % 2 == 0 and re.fullmatch(r"[0-9a-fA-F]+", digits):
        yield from _found(bytes.fromhex(digits), (*how, "hex"), budget)
    letters = re.sub(r"\s", "", re.sub(r"^data:[^,]{0,100},", "", text))
    if len(letters) >= SHORTEST and re.fullmatch(r"[A-Za-z0-9+/_-]+={0,2}", letters):
        whole = letters.rstrip("=").replace("-", "+").replace("_", "/")
        whole = whole[: len(whole) - 1] if len(whole) % 4 == 1 else whole
        yield from _found(base64.b64decode(whole + "=" * (-len(whole) % 4)), (*how, "base64"), budget)


def of_bytes(data: bytes, budget: Budget, how: tuple[str, ...] = ()) -> Iterator[Decoded]:
    """The same of a byte string, but for itself."""
    budget.tries -= 1
    if not SHORTEST <= len(data) <= LONGEST or len(how) >= MAX_LAYERS or budget.tries < 0:
        return
    if data[:2] == b"\x1f\x8b":
        yield from _unpacked(data, (*how, "gzip"), budget)
    elif data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0:
        yield from _unpacked(data, (*how, "zlib"), budget)
    elif not data.translate(None, PRINTED):
        yield from _of_text(data.decode("latin-1"), budget, how)


def _unpacked(data: bytes, how: tuple[str, ...], budget: Budget) -> Iterator[Decoded]:
    reader = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        found = reader.decompress(data, LONGEST)
    except zlib.error:
        return  # bytes that only look compressed
    if not reader.unconsumed_tail:
        yield from _found(found, how, budget)


def _found(data: bytes, how: tuple[str, ...], budget: Budget) -> Iterator[Decoded]:
    if budget.spend(len(data)):
        yield Decoded(data, how)
        yield from of_bytes(data, budget, how)
