"""Tokenizers: the model's own, or bytes where the model speaks bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from npt import hub
from npt.data.byte_tokenizer import ByteTokenizer
from npt.data.documents import Encoder
from npt.errors import UsageError


class Tokenizer(Encoder, Protocol):
    """What the data and the generated samples need."""

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids."""


class PretrainedTokenizer:
    """A Hugging Face tokenizer."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
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

    def decode(self, ids: Sequence[int]) -> str:
        """The text, special tokens left out."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True))


def load_tokenizer(model_name: str, vocabulary: int) -> Tokenizer:
    """The tokenizer of a model. Raises ``UsageError`` in one line where it has none or one of another vocabulary.

    The demo's model and models of 256 tokens without a tokenizer of their own speak bytes, and so do randomly
    initialised presets, whose vocabulary means nothing.
    """
    # Not above: data workers take the classes of this module, and need no PyTorch.
    from npt.model.llama import DEMO_NAME

    if model_name == DEMO_NAME or model_name.startswith("random-"):
        return ByteTokenizer()
    folder = Path(model_name)
    if vocabulary == ByteTokenizer.vocabulary and folder.is_dir() and not list(folder.glob("tokenizer*")):
        return ByteTokenizer()
    local = folder.is_dir()
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
    return PretrainedTokenizer(loaded)
