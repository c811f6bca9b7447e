"""What some processes had before them, dealt out anew to another number of them: nothing twice, nothing left out."""

from __future__ import annotations

import torch

from npt.data.documents import Place
from npt.data.positions import Position
from npt.data.shards import LEFT_OVER, LeftOver, divided, drawn, units


def dealt(old: list[Position], shards: dict[str, int], seed: int, world_size: int, reach: int) -> list[Position]:
    """The positions of ``world_size`` processes, from those of the processes before, by rank.

    ``shards`` are the datasets' and ``seed`` the one that the processes before read with; windows within ``reach`` of
    each other are neighbours. What is left of the epochs that anybody has begun is read first, what was begun of it
    before the rest; then every process begins the same epoch.
    """
    new: list[Position] = []
    gap = max([0, *(position.following for position in old), *(n for p in old for n in p.numbers)]) + reach + 1
    windows = torch.cat([position.windows for position in old])
    numbers = [number + rank * gap for rank, position in enumerate(old) for number in position.numbers]
    left = {name: _left(old, name, shards[name], seed) for name in shards}
    for rank in range(world_size):
        own = range(rank, len(old), world_size)
        remainders = [old[before].remainder for before in own]
        new.append(
            Position(
                {name: Place(LEFT_OVER, 0, -1, None) for name in shards},
                {name: divided(units, world_size, rank) for name, (units, _) in left.items()},
                {name: until for name, (_, until) in left.items()},
                windows[rank::world_size].contiguous(),
                max(position.drawn for position in old),
                old[rank].turn if rank < len(old) else 0,
                torch.cat([torch.empty(0, dtype=torch.int32), *remainders]),
                numbers[rank::world_size],
                old[own[0]].following + own[0] * gap if own else len(old) * gap,
            )
        )
    return new


def _left(old: list[Position], name: str, shards: int, seed: int) -> tuple[list[LeftOver], int]:
    """What is left of a source, in the order in which it is to be read; and the epoch that nobody has begun."""
    until = 1 + max(
        position.first[name] - 1 if position.places[name].epoch == LEFT_OVER else position.places[name].epoch
        for position in old
    )
    found: list[tuple[int, LeftOver]] = []
    for rank, position in enumerate(old):
        epoch, number, taken, state = position.places[name]
        if epoch == LEFT_OVER:
            rest = position.left_over[name][number:]
            following = position.first[name]
        else:
            rest = [LeftOver(*unit, -1, None) for unit in units(shards, len(old), rank, seed, name, epoch)[number:]]
            following = epoch + 1
        if rest and taken >= 0:
            rest[0] = rest[0]._replace(taken=taken, state=state)
        found += [(epoch, unit) for unit in rest]
        for later in range(following, until):
            found += [(later, LeftOver(*unit, -1, None)) for unit in units(shards, len(old), rank, seed, name, later)]

    def place(item: tuple[int, LeftOver]) -> tuple[int, bool, int]:
        epoch, unit = item
        return epoch, unit.taken < 0, drawn(seed, name, epoch, unit.shard, unit.part)

    return [unit for _, unit in sorted(found, key=place)], until
