"""Streamed samples: every document once, in shuffled order, divided among ranks, from any position, anew for others."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from npt.data import window_buffer
from npt.data.byte_tokenizer import ByteTokenizer
from npt.data.documents import Source
from npt.data.shards import units
from npt.data.streaming import StreamedText
from npt.errors import UsageError
from tests.streamed_documents import Counted


class Lines(Counted):
    """Documents of one length, so that a window is just one of them: its name, shard and number."""

    def text(self, shard: int, number: int) -> str:
        return f"{self.name}{shard:02}.{number:04}"[:8].ljust(8)


WIDTH = 8


@pytest.fixture(autouse=True)
def small_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A buffer that an epoch of a few hundred documents fills several times."""
    monkeypatch.setattr(window_buffer, "WINDOWS", 16)
    monkeypatch.setattr(window_buffer, "LEAST", 16)


def stream(
    source: Source | list[Source], rank: int = 0, world_size: int = 1, seed: int = 3, **how: Any
) -> StreamedText:
    sources = source if isinstance(source, list) else [source]
    length, stride = how.get("max_length", WIDTH), how.get("stride", WIDTH)
    return StreamedText(sources, ByteTokenizer(), length, stride, how.get("held_out", 3), 0, seed, rank, world_size)


def texts(samples: Tensor) -> list[str]:
    return [bytes(row.tolist()).decode() for row in samples]


def all_of(source: Counted, held_out: int = 3) -> set[str]:
    return {
        source.text(shard, number)
        for shard in range(source.count)
        for number in range(held_out if shard == 0 else 0, source.length)
    }


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 5), st.integers(0, 3))
def test_shards_are_dealt_out_whole_and_once(shards: int, world_size: int, seed: int, epoch: int) -> None:
    dealt = [units(shards, world_size, rank, seed, "x", epoch) for rank in range(world_size)]
    assert all(dealt), "every rank has something to read"
    found = [(shard, number) for rank in dealt for shard, part, parts in rank for number in range(part, 12, parts)]
    assert sorted(found) == [(shard, number) for shard in range(shards) for number in range(12)]
    assert len({len(rank) for rank in dealt}) == 1
    assert all(unit.parts == 1 for rank in dealt for unit in rank[: shards // world_size])


def test_the_order_of_shards_is_the_seeds_and_the_epochs() -> None:
    orders = {tuple(units(20, 1, 0, seed, name, epoch)) for seed in (1, 2) for name in ("a", "b") for epoch in (0, 1)}
    assert len(orders) == 8
    # Of no library's making: the same for ever.
    assert [unit.shard for unit in units(6, 1, 0, 42, "a", 0)] == [3, 0, 1, 2, 4, 5]


@pytest.mark.parametrize("world_size", [1, 2, 3, 5])
@pytest.mark.parametrize("shards", [1, 2, 4])
def test_an_epoch_is_every_document_once_by_one_rank_and_shuffled(world_size: int, shards: int) -> None:
    source = Lines("d", 120, shards)
    epochs: list[list[str]] = [[], []]
    for rank in range(world_size):
        for document in stream(source, rank, world_size)._from_here():
            if document.place.epoch > 1:
                break
            epochs[document.place.epoch].append(bytes(document.ids.tolist()).decode())
    for documents in epochs:
        assert len(documents) == len(set(documents)) and set(documents) == all_of(source)
    if shards > 2:
        assert epochs[0] != epochs[1], "each epoch has an order of its own"


def test_samples_are_shuffled_within_a_document_stream() -> None:
    samples = texts(stream(Lines("d", 120)).next_batch(100))
    assert samples != sorted(samples) and len(set(samples)) == 100


def test_neighbours_in_a_document_are_never_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows that overlap are neighbours, too."""
    source = Counted("d", 60, 2)
    monkeypatch.setattr(window_buffer, "WINDOWS", 64)
    letters = stream(source, max_length=12, stride=5)
    numbers: list[int] = []
    for _ in range(900):
        letters.next_batch(1)
        assert letters._buffer.last is not None
        numbers.append(letters._buffer.last)
    assert all(abs(a - b) > 3 for a, b in pairwise(numbers))
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("world_size", [1, 2])
@pytest.mark.parametrize("cut", [0, 1, 37, 250])
def test_interrupted_is_uninterrupted(cut: int, world_size: int) -> None:
    sources: list[Source] = [Counted("a", 40, 3), Counted("b", 7)]
    for rank in range(world_size):

        def fresh(rank: int = rank) -> StreamedText:
            return stream(sources, rank, world_size, held_out=2, max_length=12)

        everything = fresh().next_batch(300, rank, world_size)
        first, second = fresh(), fresh()
        head = first.next_batch(cut, rank, world_size) if cut else everything[:0]
        assert second.load_state_dict(first.state_dict()) == []
        assert second.samples == cut * world_size
        assert torch.equal(torch.cat([head, second.next_batch(300 - cut, rank, world_size)]), everything)


def all_ranks(source: Source | list[Source], world_size: int, **how: Any) -> list[StreamedText]:
    return [stream(source, rank, world_size, **how) for rank in range(world_size)]


def taken(streams: list[StreamedText], count: int) -> list[str]:
    return [text for s in streams for text in texts(s.next_batch(count, s.rank, s.world_size))]


def stored(streams: list[StreamedText]) -> dict[str, Any]:
    return streams[0].joined([s.state_dict() for s in streams])


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 5), st.lists(st.tuples(st.integers(1, 5), st.integers(1, 25)), min_size=2, max_size=4))
def test_another_number_of_ranks_reads_nothing_twice_and_leaves_nothing_out(
    shards: int, history: list[tuple[int, int]]
) -> None:
    source = Lines("d", 700 // shards + 200, shards)
    whole = all_of(source)
    seen: list[str] = []
    streams: list[StreamedText] = []
    for world_size, count in history:
        following = all_ranks(source, world_size)
        if streams:
            state = stored(streams)
            for s in following:
                notes = s.load_state_dict(state)
                assert bool(notes) == (world_size != len(streams))
        streams = following
        seen += taken(streams, count)
    assert set(seen) <= whole and len(set(seen)) == len(seen)
    # On to the end of the epoch: what had been taken does not come again before everything else has.
    rest: Counter[str] = Counter(seen)
    for _ in range(20):
        rest.update(taken(streams, len(whole) // 10 // len(streams)))
    assert set(rest) == whole


def test_another_number_of_ranks_in_different_epochs() -> None:
    """One rank has the shorter part and is an epoch ahead: what the other still lacks of its own is read."""
    source = Lines("d", 60, 3)
    streams = all_ranks(source, 2)
    before = Counter(taken(streams, 100))
    (one,) = all_ranks(source, 1)
    said = one.load_state_dict(stored(streams))
    assert said == [
        "2 processes trained before, 1 process now: what is left of the data is divided anew; nothing is read twice, "
        "but the samples come in another order"
    ]
    whole = all_of(source)
    for _ in range(200):
        before.update(texts(one.next_batch(1)))
        if all(before[text] >= 2 for text in whole):
            break
    assert max(before.values()) - min(before.values()) <= 2


def test_a_rank_that_is_gone_is_brought_to_where_it_was() -> None:
    """Of a process that died between two checkpoints only an older place is known, and how far it had got."""
    source = Lines("d", 150, 4)
    expected = all_ranks(source, 2)
    streams = all_ranks(source, 2)
    for s in expected:
        s.next_batch(40, s.rank, 2)
    first = [s.next_batch(10, s.rank, 2) for s in streams]
    assert len(first) == 2 and len(stored(streams)["ranks"]) == 2
    streams[0].next_batch(30, 0, 2)
    alone = streams[0].joined([streams[0].state_dict()])
    again = all_ranks(source, 2)
    for s in again:
        assert s.load_state_dict(alone) == []
    assert taken(again, 50) == taken(expected, 50)
    never = all_ranks(source, 2)
    never[0].next_batch(40, 0, 2)
    untold = never[0].joined([never[0].state_dict()])
    for s in never:
        assert s.load_state_dict(untold) == []
    expected = all_ranks(source, 2)
    taken(expected, 40)
    assert taken(never, 50) == taken(expected, 50)
    # And so it is where another number of processes goes on.
    whole = all_ranks(source, 2)
    before = taken(whole, 40)
    (one,) = all_ranks(source, 1)
    one.load_state_dict(alone)
    (other,) = all_ranks(source, 1)
    other.load_state_dict(stored(whole))
    after = taken([one], 100)
    assert after == taken([other], 100) and not set(after) & set(before)


def test_what_makes_samples_differ_is_said() -> None:
    source = Lines("d", 100, 4)
    first = stream(source)
    seen = texts(first.next_batch(50))
    state = first.state_dict()
    reseeded = stream(source, seed=4)
    assert reseeded.load_state_dict(state) == ["--seed was 3 and is 4: the samples differ"]
    assert not set(texts(reseeded.next_batch(200))) & set(seen), "nothing is read twice"
    longer = stream(source, max_length=16, stride=16)
    assert longer.load_state_dict(state) == [
        "--max_length was 8 and is 16: the samples differ",
        "--stride was 8 and is 16: the samples differ",
    ]
    after = [text[i : i + 8] for text in texts(longer.next_batch(150)) for i in (0, 8)]
    assert not set(after) & set(seen) and len(set(after)) == len(after), "nor left out of the buffer"
    fewer = stream(Lines("d", 100, 3))
    assert fewer.load_state_dict(state) == ["d had 4 shards and has 3: that source starts at its beginning"]
    fewer.next_batch(50)
    other = stream([source, Lines("e", 100)])
    assert other.load_state_dict(state) == [
        "the checkpoint does not say where it was in e: that source starts at its beginning"
    ]
    without = stream(Lines("e", 100))
    assert len(without.load_state_dict(other.state_dict())) == 0
    without.next_batch(50)
    older = {
        "samples": 7,
        "sources": {"d": {"documents": 12, "restarts": 0}},
        "turn": 12,
        "remainder": [1],
        "stride": 8,
    }
    for unknown in (older, {"samples": 7}):
        again = stream(source)
        said = "the checkpoint does not say where it was in d: that source starts at its beginning"
        assert again.load_state_dict(unknown) == [said]
        assert again.samples == 7
        assert torch.equal(again.next_batch(5), stream(source).next_batch(5))


def test_a_source_without_documents_to_train_on_is_one_line() -> None:
    with pytest.raises(UsageError, match=re.escape("the data source d has no document to train on")):
        stream(Lines("d", 3)).next_batch(1)
    with pytest.raises(UsageError, match="for process 0 of 2"):
        stream(Lines("d", 4), 0, 2).next_batch(1, 0, 2)


def test_held_out_documents_are_the_first_of_the_first_shard() -> None:
    sources: list[Source] = [Lines("a", 9, 2), Lines("b", 1, 2)]
    assert bytes(stream(sources).held_out()).decode() == "a00.0000a00.0001a00.0002b00.0000"


def test_it_is_made_for_one_rank() -> None:
    with pytest.raises(ValueError, match="made for rank 0 of 1, asked for rank 1 of 2"):
        stream(Lines("d", 9)).next_batch(1, 1, 2)
