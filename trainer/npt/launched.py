"""Who started this process: torchrun as one of several, Slurm, or a shell. The one place that reads their variables.

Only the standard library is used: the first line that is printed depends on it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

_GROUP = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
_STRAY = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "TORCHELASTIC_RUN_ID")


@dataclass(frozen=True)
class Launch:
    """``kind`` is ``torchrun``, ``slurm`` or ``shell``; ``ignored`` are variables of a group that is not there.

    ``local_size`` is how many processes of the group are on this machine, as far as the environment says it.
    """

    kind: str
    rank: int = 0
    local_rank: int = 0
    world_size: int = 1
    job: str | None = None
    ignored: list[str] = field(default_factory=list)
    local_size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process speaks for the group."""
        return self.rank == 0

    @property
    def note(self) -> str | None:
        """One line where variables look like a group's and are not; None otherwise."""
        if not self.ignored:
            return None
        return (
            f"{', '.join(self.ignored)} in the environment, but torchrun started no group: ignored, one process trains"
        )


def _count(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else None


def launch(environment: Mapping[str, str] | None = None) -> Launch:
    """How this process was started, by its environment.

    A group is there where all of torch's rendezvous variables are, and make sense together; fewer of them are left
    over from something else (a shell inside a job, a container's image), and mean nothing.
    """
    known = os.environ if environment is None else environment
    job = known.get("SLURM_JOB_ID") or None
    if _count(job) is None:
        job = None
    rank, size = _count(known.get("RANK")), _count(known.get("WORLD_SIZE"))
    port = _count(known.get("MASTER_PORT"))
    whole = bool(known.get("MASTER_ADDR")) and port is not None and 0 < port < 65536
    if whole and rank is not None and size is not None and rank < size:
        local = _count(known.get("LOCAL_RANK"))
        kind = "slurm" if job else "torchrun" if known.get("TORCHELASTIC_RUN_ID") else "shell"
        here = _count(known.get("LOCAL_WORLD_SIZE")) or (local or 0) + 1
        return Launch(kind, rank, rank if local is None else local, size, job, local_size=here)
    stray = [f"{name}={known[name]}" for name in _STRAY if name in known]
    return Launch("slurm" if job else "shell", job=job, ignored=stray)
