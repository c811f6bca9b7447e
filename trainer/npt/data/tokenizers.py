"""Tokenizers: the model's own, or bytes where the model speaks bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from npt import hub
from npt.data.byte_tokenizer import ByteTokenizer
from npt.data.documents import Encoder
from npt.errors import UsageError


class Tokenizer(Encoder, Protocol):
    """What the data and the generated samples need."""

    @property
    def identity(self) -> str:
        """Tells tokenizers apart that make other tokens of the same text."""

    def encode_many(self, texts: Sequence[str]) -> list[list[int]]:
        """``encode`` of each text, with all cores."""

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids."""


class PretrainedTokenizer:
    """A Hugging Face tokenizer."""

    def __init__(self, tokenizer: Any, begin: list[int] | None = None) -> None:
        self._tokenizer = tokenizer
        self.begin: list[int] = begin or []
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if backend is not None:
            # What a tokenizer.json may ask for, and training does not.
            backend.no_truncation()
            backend.no_padding()
        end = tokenizer.eos_token_id
        self.end: list[int] = [] if end is None else [int(end)]

    def encode(self, text: str) -> list[int]:
        """Token ids without special tokens.

        By the fast call where there is one: offsets into the text, which nobody asks for, take three quarters of the
        time, and Python, so whoever answers a signal, stands still while they are made.
        """
        fast = getattr(getattr(self._tokenizer, "backend_tokenizer", None), "encode_batch_fast", None)
        if fast is None:
            return list(self._tokenizer.encode(text, add_special_tokens=False))
        return list(fast([text], add_special_tokens=False)[0].ids)

    def encode_many(self, texts: Sequence[str]) -> list[list[int]]:
        """``encode`` of each text, with all cores where there is the fast call."""
        fast = getattr(getattr(self._tokenizer, "backend_tokenizer", None), "encode_batch_fast", None)
        if fast is None:
            return [self.encode(text) for text in texts]
        return [encoding.ids for encoding in fast(list(texts), add_special_tokens=False)]

    @property
    def identity(self) -> str:
        """A digest of what decides tokens: the whole tokenizer where it can be written down, else its vocabulary."""
        backend = getattr(self._tokenizer, "backend_tokenizer", None)
        described = backend.to_str() if backend is not None else repr(sorted(self._tokenizer.get_vocab().items()))
        kind = "" if backend is not None else type(self._tokenizer).__name__
        return hashlib.sha256(f"{kind}{self.begin}{self.end}{described}".encode()).hexdigest()

    def decode(self, ids: Sequence[int]) -> str:
        """The text, special tokens left out."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True))


def load_tokenizer(model_name: str, vocabulary: int, bos: bool = False) -> Tokenizer:
    """The tokenizer of a model, with ``bos`` one that begins each document with its BOS token.

    Raises ``UsageError`` in one line where it has none or one of another vocabulary, or no BOS token though asked for.

    The demo's model and models of 256 tokens without a tokenizer of their own speak bytes, and so do randomly
    initialised presets, whose vocabulary means nothing.
    """
    # Not above: data workers take the classes of this module, and need no PyTorch.
    from npt.model.llama import DEMO_NAME

    folder = Path(model_name)
    local = folder.is_dir()
    nameless = vocabulary == ByteTokenizer.vocabulary and local and not list(folder.glob("tokenizer*"))
    if model_name == DEMO_NAME or model_name.startswith("random-") or nameless:
        if bos:
            raise UsageError(f"--bos: {model_name} reads bytes, none of which begins a document; leave --bos out")
        return ByteTokenizer()
    if not local:
        hub.unreachable()
    from transformers import AutoTokenizer

    try:
        loaded = AutoTokenizer.from_pretrained(model_name)
    except (OSError, ValueError, ImportError) as error:
        reason = hub.because(error, local)
        raise UsageError(f"--model_name: the tokenizer of {model_name} cannot be loaded: {reason}") from None
    if len(loaded) > vocabulary:
        raise UsageError(f"--model_name: {model_name} has {vocabulary} embeddings for a tokenizer of {len(loaded)}")
    if bos and loaded.bos_token_id is None:
        raise UsageError(f"--bos: the tokenizer of {model_name} has no BOS token; leave --bos out")
    return PretrainedTokenizer(loaded, [int(loaded.bos_token_id)] if bos else None)
