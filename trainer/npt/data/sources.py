"""Which texts a run trains and evaluates on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from npt.arguments import Arguments
from npt.data.presets import PRESETS, HubSource
from npt.data.streaming import StreamedText
from npt.data.token_cache import read
from npt.data.tokenizers import Tokenizer, load_tokenizer
from npt.data.windows import WindowedText, held_out_windows
from npt.errors import UsageError

DEMO_TEXT = Path(__file__).resolve().parents[1] / "demo" / "text"
# Without a --validation_file the end of the training text is held out: this share of it.
HELD_OUT_SHARE = 0.05
HELD_OUT_DOCUMENTS = 200


@dataclass
class Texts:
    """Training samples, held-out samples (samples, tokens), and the tokenizer they came through."""

    train: WindowedText | StreamedText
    held_out: Tensor
    tokenizer: Tokenizer

    def close(self) -> None:
        """Ends what reads ahead."""
        if isinstance(self.train, StreamedText):
            self.train.close()


def _held_out(tokens: Tensor, a: Arguments) -> Tensor:
    # Without evaluations one sample still makes probe.pt, and begins the generated text.
    return held_out_windows(tokens, a.max_length, max(a.num_eval_samples, 1))


def _from_files(a: Arguments, tokenizer: Tokenizer) -> Texts:
    text = read([Path(name).expanduser() for name in a.train_file], tokenizer)
    tokens = text.tokens
    if a.validation_file:
        held_out = read([Path(a.validation_file).expanduser()], tokenizer).tokens
    else:
        share = max(int(len(tokens) * HELD_OUT_SHARE), a.max_length)
        tokens, held_out = tokens[:-share], tokens[-share:]
    train = WindowedText(tokens, a.max_length, a.stride, a.seed, "the training text", text.fingerprint(len(tokens)))
    return Texts(train, _held_out(held_out, a), tokenizer)


def _from_preset(a: Arguments, tokenizer: Tokenizer, rank: int, world_size: int) -> Texts:
    sources = [HubSource(dataset) for dataset in PRESETS[a.dataset_preset]]
    train = StreamedText(
        sources, tokenizer, a.max_length, a.stride, HELD_OUT_DOCUMENTS, a.num_workers, a.seed, rank, world_size
    )
    if a.validation_file:
        return Texts(train, _held_out(read([Path(a.validation_file).expanduser()], tokenizer).tokens, a), tokenizer)
    return Texts(train, _held_out(torch.tensor(train.held_out(), dtype=torch.int32), a), tokenizer)


def load_texts(a: Arguments, vocabulary: int, rank: int = 0, world_size: int = 1) -> Texts:
    """The texts that the arguments name. Raises ``UsageError`` in one line where they cannot be had.

    ``vocabulary`` is the model's; every token must have an embedding. Of a streamed dataset each of the ``world_size``
    processes of a run reads a part of its own.
    """
    tokenizer = load_tokenizer(a.model_name, vocabulary, a.bos)
    if a.train_file:
        return _from_files(a, tokenizer)
    if not a.demo_mode:
        return _from_preset(a, tokenizer, rank, world_size)
    if vocabulary < 256:
        raise UsageError(f"--demo_mode: its text is bytes, the model has only {vocabulary} tokens")
    train = read([DEMO_TEXT / "train.txt"], tokenizer).tokens
    held_out = read([DEMO_TEXT / "heldout.txt"], tokenizer).tokens
    windows = WindowedText(train, a.max_length, a.stride, a.seed, "the demo's text")
    return Texts(windows, _held_out(held_out, a), tokenizer)
