#!/usr/bin/env python3
"""Trains NPT layers; ``--help`` lists the flags.

Signal handlers are in place before PyTorch is imported, so Ctrl+C never ends in a stack trace. The class is imported
on first use: ``from scripts.train_multi_layer_npt import MultiLayerNPTTrainer``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

WORKSPACE = Path(__file__).resolve().parents[1]
if str(WORKSPACE) not in sys.path:
    sys.path.insert(0, str(WORKSPACE))


def __getattr__(name: str) -> Any:
    if name == "MultiLayerNPTTrainer":
        from npt.trainer import MultiLayerNPTTrainer

        return MultiLayerNPTTrainer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if __name__ == "__main__":
    from npt.signals import STOP

    STOP.install()
    from npt.main import main

    sys.exit(main())
