#!/usr/bin/env python3
"""Makes a folder that transformers loads: ``python scripts/export_model.py <checkpoint> --output DIR``."""

from __future__ import annotations

import sys
from pathlib import Path

WORKSPACE = Path(__file__).resolve().parents[1]
if str(WORKSPACE) not in sys.path:
    sys.path.insert(0, str(WORKSPACE))

if __name__ == "__main__":
    from npt import program
    from npt.commands import export

    sys.exit(program.run(export.main))
