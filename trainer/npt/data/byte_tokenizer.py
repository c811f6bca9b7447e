"""The demo's tokenizer: a token is a byte."""

from __future__ import annotations

from collections.abc import Sequence


class ByteTokenizer:
    """UTF-8 bytes as token ids 0…255."""

    name = "bytes"
    vocabulary = 256
    identity = "bytes"
    begin: list[int] = []  # noqa: RUF012 - never changed; no byte means a beginning
    end: list[int] = []  # noqa: RUF012 - nor an end

    def encode(self, text: str) -> list[int]:
        """The bytes of the text."""
        return list(text.encode("utf-8"))

    def encode_many(self, texts: Sequence[str]) -> list[list[int]]:
        """The bytes of each text."""
        return [self.encode(text) for text in texts]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of the bytes; what is not UTF-8 shows as a replacement character."""
        return bytes(int(i) for i in ids).decode("utf-8", errors="replace")
