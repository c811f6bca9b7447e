"""Samples packed from streams of documents, with a position that says which document is next and what is left over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from npt.data.documents import Pause, Reading, Source, Tokens, patiently, tokenized
from npt.data.prefetch import DataWorkers
from npt.data.tokenizers import Tokenizer


class StreamedText:
    """Windows of ``max_length`` tokens, their starts ``stride`` apart, over documents taken from the sources in turn.

    Documents are taken round robin, so the order depends on nothing but the sources. A source that ends starts again.
    The first ``held_out_documents`` of every source are never trained on; they are the held-out set. ``workers``
    processes read and tokenise ahead (0: it is done here, when it is needed); what they have ready is not part of the
    position. With workers, sources and tokenizer must be picklable.
    """

    def __init__(
        self,
        sources: list[Source],
        tokenizer: Tokenizer,
        max_length: int,
        stride: int,
        held_out_documents: int,
        workers: int = 0,
    ) -> None:
        self.sources, self.tokenizer, self.workers = sources, tokenizer, workers
        self.max_length, self.stride, self.held_out_documents = max_length, stride, held_out_documents
        self.samples = 0
        self.taken = {name: 0 for name, _ in sources}
        self.restarts = {name: 0 for name, _ in sources}
        self.turn = 0
        self.remainder: list[int] = []
        self._documents: Iterator[Tokens] | None = None
        self._prefetch: DataWorkers | None = None

    def held_out(self) -> list[int]:
        """The tokens of the held-out documents of all sources."""
        ids: list[int] = []
        for source in self.sources:
            documents, taken = patiently(source, 0), 0
            while taken < self.held_out_documents and (text := next(documents, None)) is not None:
                if isinstance(text, Pause):
                    print(text.line, flush=True)
                else:
                    taken += 1
                    ids += self.tokenizer.begin + self.tokenizer.encode(text) + self.tokenizer.end
        return ids

    def _from_here(self) -> Iterator[Tokens]:
        """The documents from the present position on."""
        reading = Reading(self.sources, self.held_out_documents, self.taken, self.restarts, self.turn)
        if self.workers == 0:
            for document in reading.documents():
                if isinstance(document, Pause):
                    print(document.line, flush=True)
                else:
                    yield tokenized(document, self.tokenizer)
        self._prefetch = DataWorkers(self.workers, reading, self.tokenizer)
        while True:
            yield from self._prefetch.next_documents()

    def _next_sample(self) -> list[int]:
        while len(self.remainder) < self.max_length:
            if self._documents is None:
                self._documents = self._from_here()
            document = next(self._documents)
            # Only now, not when a worker read it: a checkpoint's position is what was trained on.
            self.taken[document.source] = document.taken
            self.restarts[document.source] = document.restarts
            self.turn += 1
            self.remainder += document.ids
        sample = self.remainder[: self.max_length]
        del self.remainder[: self.stride]
        return sample

    def close(self) -> None:
        """Ends the workers; a next batch would start others."""
        self._documents = None
        if self._prefetch is not None:
            self._prefetch.close()
            self._prefetch = None

    def next_batch(self, size: int, rank: int = 0, world_size: int = 1) -> Tensor:
        """The next ``size`` samples of this rank as (size, max_length); all ranks together take size × world_size."""
        if self._prefetch is not None:
            self._prefetch.check()
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
        self.close()
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
