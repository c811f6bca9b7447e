"""In which order the shards of a dataset are read, and by which process of a run.

The order is a function of the seed, the dataset's name and the epoch, by SHA-256: it depends on no library's generator.
Imports nothing heavy: data workers read with it.
"""

from __future__ import annotations

import hashlib
import math
from typing import NamedTuple, TypeVar

#: The epoch of what ``npt.data.dealing`` left over from before: no shard's order, but a list.
LEFT_OVER = -1


class Unit(NamedTuple):
    """A shard, or of its documents those whose number in it is ``part`` modulo ``parts``."""

    shard: int
    part: int
    parts: int


class LeftOver(NamedTuple):
    """A unit that another division of the dataset left over, and how much of it had been read (see ``Place``)."""

    shard: int
    part: int
    parts: int
    taken: int
    state: str | None


def drawn(*parts: object) -> int:
    """A number of 64 bits that depends on nothing but ``parts``."""
    return int.from_bytes(hashlib.sha256("|".join(map(str, parts)).encode()).digest()[:8], "big")


def units(shards: int, world_size: int, rank: int, seed: int, name: str, epoch: int) -> list[Unit]:
    """What the process ``rank`` of ``world_size`` reads in an epoch, in order.

    All ranks together read every document once.
    """
    order = sorted(range(shards), key=lambda shard: (drawn(seed, name, epoch, shard), shard))
    return divided([Unit(shard, 0, 1) for shard in order], world_size, rank)


AnyUnit = TypeVar("AnyUnit", Unit, LeftOver)


def divided(whole: list[AnyUnit], world_size: int, rank: int) -> list[AnyUnit]:
    """A rank's share of units, the same number for each rank, so that all of them come to an end together.

    Units are dealt out as they are; what cannot be, at the end, is divided by the numbers of its documents.
    """
    rest = len(whole) % world_size
    even = len(whole) - rest
    parts = world_size // math.gcd(rest, world_size)
    # Part by part: a rank that gets several has them of different units.
    small = [
        unit._replace(part=unit.part + unit.parts * part, parts=unit.parts * parts)
        for part in range(parts)
        for unit in whole[even:]
    ]
    return whole[rank:even:world_size] + small[rank::world_size]
