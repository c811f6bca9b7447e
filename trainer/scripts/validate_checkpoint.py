#!/usr/bin/env python3
"""Says whether checkpoints can be resumed from: ``python scripts/validate_checkpoint.py <checkpoint>…``.

In Python: ``from scripts.validate_checkpoint import validate_checkpoint``.
"""

from __future__ import annotations

import sys
from pathlib import Path

WORKSPACE = Path(__file__).resolve().parents[1]
if str(WORKSPACE) not in sys.path:
    sys.path.insert(0, str(WORKSPACE))

from npt import validate_checkpoint  # noqa: E402 - found by the path above

__all__ = ["validate_checkpoint"]

if __name__ == "__main__":
    from npt import program
    from npt.commands import validate

    sys.exit(program.run(validate.main))
