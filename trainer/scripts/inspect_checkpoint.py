#!/usr/bin/env python3
"""Shows what a checkpoint holds: ``python scripts/inspect_checkpoint.py <checkpoint or run>``."""

from __future__ import annotations

import sys
from pathlib import Path

WORKSPACE = Path(__file__).resolve().parents[1]
if str(WORKSPACE) not in sys.path:
    sys.path.insert(0, str(WORKSPACE))

if __name__ == "__main__":
    from npt import program
    from npt.commands import inspect

    sys.exit(program.run(inspect.main))
