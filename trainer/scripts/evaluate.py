#!/usr/bin/env python3
"""Measures checkpoints on a text: ``python scripts/evaluate.py <checkpoint>… [--file text] [--teacher]``."""

from __future__ import annotations

import sys
from pathlib import Path

WORKSPACE = Path(__file__).resolve().parents[1]
if str(WORKSPACE) not in sys.path:
    sys.path.insert(0, str(WORKSPACE))

if __name__ == "__main__":
    from npt import program
    from npt.commands import evaluate

    sys.exit(program.run(evaluate.main))
