"""Prints the step of a checkpoint (or of a run's newest valid one): ``python -m npt.checkpoint.step <path>``."""

from __future__ import annotations

import sys
from pathlib import Path

from npt.checkpoint import find
from npt.errors import UsageError
from npt.storage import reading


def checkpoint_step(checkpoint: Path) -> int:
    """A checkpoint's step, from its manifest or name if these say it, else from its training state."""
    try:
        return int(reading.read_object(checkpoint / "manifest.json")["step"])
    except (OSError, ValueError, KeyError, TypeError):
        named = find.step_of(checkpoint.name)
    if named is None:
        # Only now, because importing PyTorch takes seconds.
        from npt.checkpoint import load

        named = int(load.read_values(checkpoint / "training_state.pt")["global_step"])
    return named


def main() -> int:
    """Prints the step; 2 where there is no checkpoint."""
    try:
        print(checkpoint_step(find.locate(sys.argv[1]).checkpoint))
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
