"""Samples packed from streams of documents and drawn from a buffer, with a position that any number of ranks share."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from npt.data import dealing, positions
from npt.data.documents import Pause, Source, Tokens, patiently, tokenized
from npt.data.positions import Position
from npt.data.prefetch import DataWorkers
from npt.data.reading import Reading
from npt.data.tokenizers import Tokenizer
from npt.data.window_buffer import WindowBuffer


class StreamedText:
    """Windows of ``max_length`` tokens, their starts ``stride`` apart, over documents taken from the sources in turn.

    Each process of a run, ``rank`` of ``world_size``, reads shards of its own, in an order of the ``seed`` and the
    epoch, packs their documents into windows, and draws its samples from a buffer of these. Which samples come depends
    on nothing else. The first ``held_out_documents`` of every source's first shard are never trained on; they are the
    held-out set. ``workers`` processes read and tokenise ahead (0: it is done here, when it is needed); what they have
    ready is not part of the position. With workers, sources and tokenizer must be picklable.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        tokenizer: Tokenizer,
        max_length: int,
        stride: int,
        held_out_documents: int,
        workers: int = 0,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.sources, self.tokenizer, self.workers = list(sources), tokenizer, workers
        self.max_length, self.stride, self.held_out_documents = max_length, stride, held_out_documents
        self.seed, self.rank, self.world_size = seed, rank, world_size
        #: What all processes together have taken.
        self.samples = 0
        self._shards: dict[str, int] = {}
        self._documents: Iterator[Tokens] | None = None
        self._prefetch: DataWorkers | None = None
        self._buffer = WindowBuffer(max_length, self._reach)
        #: What is known of the other processes: they were there when they last told.
        self._others: dict[int, dict[str, Any]] = {}
        self._go_to(self._beginning(), 0)

    @property
    def _names(self) -> list[str]:
        return [source.name for source in self.sources]

    @property
    def _reach(self) -> int:
        """Up to which difference of their numbers two windows overlap or adjoin."""
        return max(1, -(-self.max_length // self.stride))

    def _beginning(self) -> Position:
        return Position.beginning(self._names, self.max_length)

    def _go_to(self, position: Position, drawn: int) -> None:
        """Takes a position that was stored when this process, or for it another, was up to ``drawn`` samples behind."""
        self.close()
        self._position, self._due = position, drawn
        self._buffer.restore(position.windows, position.numbers, position.last)
        self._ids = array("i", position.remainder.tolist())
        self._start = 0

    def held_out(self) -> list[int]:
        """The tokens of the held-out documents of all sources."""
        ids: list[int] = []
        for source in self.sources:
            documents, taken = patiently(source, 0, 0), 0
            while taken < self.held_out_documents and (item := next(documents, None)) is not None:
                if isinstance(item, Pause):
                    print(item.line, flush=True)
                else:
                    taken += 1
                    ids += self.tokenizer.begin + self.tokenizer.encode(item[0]) + self.tokenizer.end
        return ids

    def _count_shards(self) -> None:
        for source in self.sources:
            if source.name not in self._shards:
                self._shards[source.name] = source.shards()

    def _from_here(self) -> Iterator[Tokens]:
        """The documents from the present position on."""
        self._count_shards()
        at = self._position
        reading = Reading(
            self.sources,
            dict(self._shards),
            self.held_out_documents,
            self.seed,
            self.rank,
            self.world_size,
            dict(at.places),
            dict(at.left_over),
            dict(at.first),
            at.turn,
        )
        if self.workers == 0:
            for document in reading.documents():
                if isinstance(document, Pause):
                    print(document.line, flush=True)
                else:
                    yield tokenized(document, self.tokenizer)
        self._prefetch = DataWorkers(self.workers, reading, self.tokenizer)
        while True:
            yield from self._prefetch.next_documents()

    def _pack(self) -> None:
        """Puts the next window into the buffer."""
        at = self._position
        while len(self._ids) - self._start < self.max_length:
            if self._documents is None:
                self._documents = self._from_here()
            document = next(self._documents)
            # Only now, not when a worker read it: a checkpoint's position is what was packed.
            at.places[document.source] = document.place
            at.turn += 1
            del self._ids[: self._start]
            self._start = 0
            self._ids.extend(document.ids)
        self._buffer.add(self._ids[self._start : self._start + self.max_length], at.following)
        at.following += 1
        self._start = min(self._start + self.stride, len(self._ids))

    def _draw(self) -> Tensor:
        while not self._buffer.full:
            self._pack()
        sample = self._buffer.draw(self.seed, self.rank, self._position.drawn)
        self._position.drawn += 1
        return sample

    def _catch_up(self) -> None:
        """Draws what this process had trained on when its position was stored by another, which knew an older one."""
        while self._position.drawn < self._due:
            self._draw()

    def close(self) -> None:
        """Ends the workers; a next batch would start others."""
        self._documents = None
        if self._prefetch is not None:
            self._prefetch.close()
            self._prefetch = None

    def next_batch(self, size: int, rank: int = 0, world_size: int = 1) -> Tensor:
        """The next ``size`` samples of this process as (size, max_length); each of the others takes as many of its own.

        Raises ``ValueError`` where the rank and the world size are not those that this was made for.
        """
        if (rank, world_size) != (self.rank, self.world_size):
            raise ValueError(f"made for rank {self.rank} of {self.world_size}, asked for rank {rank} of {world_size}")
        if self._prefetch is not None:
            self._prefetch.check()
        self._catch_up()
        samples = torch.stack([self._draw() for _ in range(size)])
        self._due = self._position.drawn
        self.samples += size * world_size
        return samples

    def _stored(self) -> dict[str, Any]:
        """This process's part of a checkpoint."""
        at = self._position
        at.windows, at.numbers, at.last = self._buffer.content(), self._buffer.numbers, self._buffer.last
        rest = self._ids[self._start :]
        at.remainder = torch.frombuffer(rest, dtype=torch.int32) if rest else torch.empty(0, dtype=torch.int32)
        return at.as_state(self.rank)

    def state_dict(self) -> dict[str, Any]:
        """The position: what all processes have in common, and this one's part of ``ranks``."""
        return {
            "samples": self.samples,
            "drawn": max(self._due, self._position.drawn),
            "sources": {name: {"shards": self._shards.get(name)} for name in self._names},
            "max_length": self.max_length,
            "stride": self.stride,
            "seed": self.seed,
            "world_size": self.world_size,
            "ranks": [self._stored()],
        }

    def joined(self, states: list[dict[str, Any]]) -> dict[str, Any]:
        """The states of all processes as one. Of one that told nothing, because it is gone, its last known place."""
        whole = positions.joined(states)
        self._others |= {part["rank"]: part for part in whole["ranks"]}
        whole["ranks"] = [self._others.get(rank) or self._beginning().as_state(rank) for rank in range(self.world_size)]
        return whole

    def load_state_dict(self, state: dict[str, Any]) -> list[str]:
        """Goes to a stored position; returns a line for what makes the samples differ from then.

        Raises what the sources do where it has to know how many shards they have now.
        """
        self.samples = int(state.get("samples", 0))
        if "ranks" not in state:
            # Another trainer's checkpoint, or one of a version that read all data in one process.
            self._others = {}
            self._go_to(self._beginning(), 0)
            return [_unknown(name) for name in self._names]
        notes = self._differences(state)
        before = {part["rank"]: Position.from_state(part) for part in state["ranks"]}
        due = int(state["drawn"])
        again = state["world_size"] == self.world_size and state["seed"] == self.seed
        notes += self._settle_sources(state, list(before.values()))
        if not again:
            self._caught_up(state, before, due)
        old = {rank: before.get(rank) or self._beginning() for rank in {*range(state["world_size"]), *before}}
        if state["max_length"] != self.max_length:
            for position in old.values():
                position.recut(int(state["stride"]), self.max_length)
        if not again:
            self._count_shards()
            theirs = [old[rank] for rank in range(state["world_size"])]
            old = dict(enumerate(dealing.dealt(theirs, self._shards, int(state["seed"]), self.world_size, self._reach)))
            before = old
        self._others |= {rank: old[rank].as_state(rank) for rank in before if rank != self.rank}
        self._go_to(old[self.rank], due)
        return notes

    def _differences(self, state: dict[str, Any]) -> list[str]:
        notes = [
            f"--{name} was {state[name]} and is {getattr(self, name)}: the samples differ"
            for name in ("max_length", "stride", "seed")
            if state[name] != getattr(self, name)
        ]
        if state["world_size"] != self.world_size:
            notes.append(
                f"{_processes(state['world_size'])} trained before, {_processes(self.world_size)} now: what is left of "
                "the data is divided anew; nothing is read twice, but the samples come in another order"
            )
        return notes

    def _settle_sources(self, state: dict[str, Any], old: list[Position]) -> list[str]:
        """Leaves in positions the sources that there are; returns a line for each that starts at its beginning."""
        notes: list[str] = []
        for source in self.sources:
            name = source.name
            known = all(name in position.places for position in old)
            then = state["sources"].get(name, {}).get("shards")
            if known and then is not None:
                self._count_shards()
            if known and then not in (None, self._shards.get(name)):
                notes.append(
                    f"{name} had {then} shards and has {self._shards[name]}: that source starts at its beginning"
                )
                known = False
            elif not known:
                notes.append(_unknown(name))
            if not known:
                for position in old:
                    position.begin(name)
        for position in old:
            for name in set(position.places) - set(self._names):
                del position.places[name], position.left_over[name], position.first[name]
        return notes

    def _caught_up(self, state: dict[str, Any], old: dict[int, Position], due: int) -> None:
        """Brings positions that were stored too early to where their processes were, by drawing as they did."""
        for rank in range(state["world_size"]):
            if rank in old and old[rank].drawn == due:
                continue
            then = StreamedText(
                self.sources, self.tokenizer, int(state["max_length"]), int(state["stride"]), self.held_out_documents,
                0, int(state["seed"]), rank, int(state["world_size"]),
            )  # fmt: skip
            then._go_to(old.get(rank) or then._beginning(), due)
            then._catch_up()
            old[rank] = Position.from_state(then._stored())


def _unknown(name: str) -> str:
    return f"the checkpoint does not say where it was in {name}: that source starts at its beginning"


def _processes(count: int) -> str:
    return "1 process" if count == 1 else f"{count} processes"
