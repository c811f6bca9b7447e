"""A text in memory as training samples, in a shuffled order that any position can be found in again."""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from torch import Tensor

from npt.errors import UsageError

#: Tokens that are looked at together: a text may be larger than memory.
_TOGETHER = 1 << 22


def digest(tokens: Tensor) -> str:
    """Tells token ids (tokens,) from others."""
    hashed = hashlib.sha256()
    for start in range(0, len(tokens), _TOGETHER):
        hashed.update(tokens[start : start + _TOGETHER].contiguous().numpy().tobytes())
    return hashed.hexdigest()[:16]


class WindowedText:
    """Windows of ``max_length`` tokens whose starts are ``stride`` apart, shuffled anew in every epoch.

    Sample number i is window ``permutation(seed, i // windows)[i % windows]``: the whole position is one number, the
    samples consumed, whatever the batch size. ``fingerprint`` tells the text from others; where it is not given, it is
    computed.
    """

    def __init__(
        self, tokens: Tensor, max_length: int, stride: int, seed: int, name: str, fingerprint: str | None = None
    ) -> None:
        if len(tokens) < max_length:
            raise UsageError(f"{name} has {len(tokens)} tokens, a sample needs --max_length {max_length}")
        self.tokens, self.max_length, self.stride, self.seed, self.name = tokens, max_length, stride, seed, name
        self.windows = (len(tokens) - max_length) // stride + 1
        self.fingerprint = digest(tokens) if fingerprint is None else fingerprint
        self.position = 0
        self._epoch = -1
        self._order = torch.empty(0, dtype=torch.long)

    def window(self, index: int) -> Tensor:
        """Window ``index`` as int64 token ids (max_length,)."""
        start = index * self.stride
        return self.tokens[start : start + self.max_length].long()

    def _window_of_sample(self, sample: int) -> int:
        epoch, place = divmod(sample, self.windows)
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed((self.seed * 1_000_003 + epoch) % 2**63)
            self._order = torch.randperm(self.windows, generator=generator)
            self._epoch = epoch
        return int(self._order[place])

    def next_batch(self, size: int, rank: int = 0, world_size: int = 1) -> Tensor:
        """The next ``size`` samples of this rank as (size, max_length); all ranks together take size × world_size."""
        first = self.position + rank * size
        batch = torch.stack([self.window(self._window_of_sample(first + i)) for i in range(size)])
        self.position += size * world_size
        return batch

    def state_dict(self) -> dict[str, Any]:
        """The position: samples consumed, and what they were taken from."""
        return {
            "samples": self.position,
            "sources": {self.name: {"fingerprint": self.fingerprint, "tokens": len(self.tokens)}},
            "remainder": [],
            "max_length": self.max_length,
            "stride": self.stride,
            "seed": self.seed,
        }

    def load_state_dict(self, state: dict[str, Any]) -> list[str]:
        """Goes to a stored position; returns a line for everything that makes the samples differ from then."""
        self.position = int(state.get("samples", 0))
        if "sources" not in state:
            # Another trainer's checkpoint, or one made without data: only the number of samples is known.
            return []
        known = state["sources"].get(self.name)
        notes: list[str] = []
        if known is None or known.get("fingerprint") != self.fingerprint:
            notes.append("the training text is not the one of the checkpoint; going on at the same sample number")
        for name in ("max_length", "stride", "seed"):
            if state.get(name) != getattr(self, name):
                notes.append(f"--{name} was {state.get(name)} and is {getattr(self, name)}: the samples differ")
        return notes


def held_out_windows(tokens: Tensor, max_length: int, count: int) -> Tensor:
    """Up to ``count`` windows (windows, max_length) that do not overlap, spread evenly over the text."""
    available = len(tokens) // max_length
    if available == 0:
        raise UsageError(f"the held-out text has {len(tokens)} tokens, a sample needs --max_length {max_length}")
    taken = min(count, available)
    chosen = [index * available // taken for index in range(taken)]
    return torch.stack([tokens[i * max_length : (i + 1) * max_length] for i in chosen]).long()
