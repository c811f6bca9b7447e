"""Samples packed from streams of documents, with a position that says which document is next and what is left over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from npt.data.tokenizers import Tokenizer
from npt.errors import UsageError

# A source: its name, and its documents from a given number on.
Source = tuple[str, Callable[[int], Iterator[str]]]


class StreamedText:
    """Windows of ``max_length`` tokens, their starts ``stride`` apart, over documents taken from the sources in turn.

    Documents are taken round robin, so the order depends on nothing but the sources. A source that ends starts again.
    The first ``held_out_documents`` of every source are never trained on; they are the held-out set.
    """

    def __init__(
        self, sources: list[Source], tokenizer: Tokenizer, max_length: int, stride: int, held_out_documents: int
    ) -> None:
        self.sources, self.tokenizer = sources, tokenizer
        self.max_length, self.stride, self.held_out_documents = max_length, stride, held_out_documents
        self.samples = 0
        self.taken = {name: 0 for name, _ in sources}
        self.restarts = {name: 0 for name, _ in sources}
        self.turn = 0
        self.remainder: list[int] = []
        self._open: dict[str, Iterator[str]] = {}

    def held_out(self) -> list[int]:
        """The tokens of the held-out documents of all sources."""
        ids: list[int] = []
        for _, documents in self.sources:
            for _, text in zip(range(self.held_out_documents), documents(0), strict=False):
                ids += self.tokenizer.encode(text) + self.tokenizer.end
        return ids

    def _next_document(self) -> str:
        name, documents = self.sources[self.turn % len(self.sources)]
        for _ in range(2):
            if name not in self._open:
                self._open[name] = documents(self.held_out_documents + self.taken[name])
            text = next(self._open[name], None)
            if text is not None:
                self.taken[name] += 1
                self.turn += 1
                return text
            del self._open[name]
            self.taken[name] = 0
            self.restarts[name] += 1
        raise UsageError(f"the data source {name} has no document to train on")

    def _next_sample(self) -> list[int]:
        while len(self.remainder) < self.max_length:
            self.remainder += self.tokenizer.encode(self._next_document()) + self.tokenizer.end
        sample = self.remainder[: self.max_length]
        del self.remainder[: self.stride]
        return sample

    def next_batch(self, size: int, rank: int = 0, world_size: int = 1) -> Tensor:
        """The next ``size`` samples of this rank as (size, max_length); all ranks together take size × world_size."""
        samples = [self._next_sample() for _ in range(size * world_size)]
        self.samples += len(samples)
        return torch.tensor(samples[rank * size : (rank + 1) * size], dtype=torch.long)

    def state_dict(self) -> dict[str, Any]:
        """The position: documents taken of each source, whose turn it is, and the tokens not yet used up."""
        return {
            "samples": self.samples,
            "sources": {name: {"documents": n, "restarts": self.restarts[name]} for name, n in self.taken.items()},
            "turn": self.turn,
            "remainder": list(self.remainder),
            "max_length": self.max_length,
            "stride": self.stride,
        }

    def load_state_dict(self, state: dict[str, Any]) -> list[str]:
        """Goes to a stored position; returns a line for what makes the samples differ from then."""
        self.samples = int(state.get("samples", 0))
        known: dict[str, dict[str, int]] = state.get("sources", {})
        self._open.clear()
        notes: list[str] = []
        for name in self.taken:
            if name in known and "documents" in known[name]:
                self.taken[name] = int(known[name]["documents"])
                self.restarts[name] = int(known[name]["restarts"])
            else:
                notes.append(f"the checkpoint does not say where it was in {name}: that source starts at its beginning")
        self.turn = int(state.get("turn", 0))
        self.remainder = [int(token) for token in state.get("remainder", [])]
        for name in ("max_length", "stride"):
            if name in state and state[name] != getattr(self, name):
                notes.append(f"--{name} was {state[name]} and is {getattr(self, name)}: the samples differ")
        return notes
