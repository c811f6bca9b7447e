"""Documents of several sources in one fixed order, from any position.

Imports nothing heavy: data workers read with it, and they start in the time that Python takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from npt.data import documents
from npt.data.documents import Document, Pause, Place, Source, patiently
from npt.data.shards import LEFT_OVER, LeftOver, Unit, units
from npt.errors import UsageError

#: Where a source begins.
BEGINNING = Place(0, 0, -1, None)


@dataclass
class Reading:
    """This process's documents, taken from the sources in turn, each source's shards in the order of the seed.

    The order depends on nothing but what is given here. ``places`` say where each source goes on, ``left_over`` what
    it reads before its epoch ``first``. The first ``held_out`` documents of each source's shard 0 are never taken. A
    source that ends starts its next epoch. One that fails is tried again after each of ``delays``.
    """

    sources: Sequence[Source]
    shards: dict[str, int]
    held_out: int
    seed: int
    rank: int
    world_size: int
    places: dict[str, Place]
    left_over: dict[str, list[LeftOver]]
    first: dict[str, int]
    turn: int = 0
    delays: tuple[float, ...] = field(default_factory=lambda: documents.RETRY_SECONDS)

    def documents(self) -> Iterator[Document | Pause]:
        """The documents, without end, and a ``Pause`` before each wait for a source that fails.

        Raises ``UsageError`` for a source that has none, and what ``patiently`` raises.
        """
        opened = [self._of(source) for source in self.sources]
        turn = self.turn
        while True:
            document = next(opened[turn % len(opened)])
            if not isinstance(document, Pause):
                turn += 1
            yield document

    def _units(self, name: str, epoch: int) -> Sequence[Unit | LeftOver]:
        if epoch == LEFT_OVER:
            return self.left_over[name]
        return units(self.shards[name], self.world_size, self.rank, self.seed, name, epoch)

    def _of(self, source: Source) -> Iterator[Document | Pause]:
        """The documents of one source."""
        name = source.name
        epoch, number, taken, state = self.places[name]
        known, fruitless = False, 0
        while True:
            found = False
            todo = self._units(name, epoch)
            while number < len(todo):
                unit = todo[number]
                if taken < 0 and isinstance(unit, LeftOver):
                    taken, state = unit.taken, unit.state
                if taken < 0:
                    taken = self.held_out if unit.shard == 0 else 0
                for item in patiently(source, unit.shard, taken, state, known=known, delays=self.delays):
                    if isinstance(item, Pause):
                        yield item
                        continue
                    text, state = item
                    known, taken = True, taken + 1
                    if (taken - 1) % unit.parts == unit.part:
                        found = True
                        yield Document(name, Place(epoch, number, taken, state), text)
                number, taken, state = number + 1, -1, None
            # An epoch that was begun elsewhere may have nothing left; a whole one may not.
            fruitless = 0 if found else fruitless + 1
            if fruitless > 2:
                share = f" for process {self.rank} of {self.world_size}" if self.world_size > 1 else ""
                raise UsageError(f"the data source {name} has no document to train on{share}")
            epoch, number = self.first[name] if epoch == LEFT_OVER else epoch + 1, 0
