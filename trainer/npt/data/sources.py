"""Which texts a run trains and evaluates on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from npt.arguments import Arguments
from npt.data.byte_tokenizer import ByteTokenizer
from npt.data.windows import WindowedText, held_out_windows
from npt.errors import UsageError

DEMO_TEXT = Path(__file__).resolve().parents[1] / "demo" / "text"


@dataclass
class Texts:
    """Training samples, held-out samples (samples, tokens), and the tokenizer they came through."""

    train: WindowedText
    held_out: Tensor
    tokenizer: ByteTokenizer


def _bytes(path: Path) -> Tensor:
    return torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.uint8)


def load_texts(arguments: Arguments) -> Texts:
    """The texts that the arguments name. Raises ``UsageError`` in one line where they cannot be had."""
    a = arguments
    if not a.demo_mode:
        raise UsageError("only --demo_mode has data so far")
    train = WindowedText(_bytes(DEMO_TEXT / "train.txt"), a.max_length, a.stride, a.seed, "demo")
    held_out = held_out_windows(_bytes(DEMO_TEXT / "heldout.txt"), a.max_length, a.num_eval_samples)
    return Texts(train, held_out, ByteTokenizer())
