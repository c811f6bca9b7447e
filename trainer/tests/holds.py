"""Where a trainer in a forked process waits for a test, so that what the test does comes at that moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def held(owner: Any, name: str, when: Callable[..., bool], gate: Path) -> None:
    """In a trainer: a call says that it was reached, and waits for a file before it goes on."""
    original = getattr(owner, name)

    def call(*arguments: Any, **named: Any) -> Any:
        if not gate.exists() and when(*arguments):
            print(f"held in {name}", flush=True)
            while not gate.exists():
                time.sleep(0.01)
        return original(*arguments, **named)

    setattr(owner, name, call)


def hold_step(gate: Path) -> None:
    """After step 7, which is logged."""
    from npt.trainer import MultiLayerNPTTrainer

    held(MultiLayerNPTTrainer, "train_step", lambda trainer: trainer.global_step == 7, gate)


def hold_save(gate: Path) -> None:
    """In the save of step 5."""
    from npt.checkpoint import save

    held(save, "_fill", lambda folder, content: content.step == 5, gate)
