"""Writes checkpoints as other NPT trainers do (contract section 7): four files in turn, under their final names.

usage: python write_in_place.py CHECKPOINTS
Goes on until it is ended; keeps the newest four. Writing is slowed down, so that a reader meets every state of it.
"""

from __future__ import annotations

import io
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

HIDDEN, MLP, RANK, LAYERS = 64, 160, 8, (1, 2)
PIECES, PAUSE = 8, 0.004


def trickle(path: Path, data: bytes) -> None:
    """A file that grows piece by piece, as one does on a slow disk."""
    size = len(data) // PIECES + 1
    with open(path, "wb", buffering=0) as file:
        for at in range(0, len(data), size):
            time.sleep(PAUSE)
            file.write(data[at : at + size])


def saved(value: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def write(checkpoints: Path, step: int) -> None:
    shapes = {"W_down": (HIDDEN, RANK), "W_a_up": (RANK, HIDDEN), "W_b_up": (RANK, MLP)}
    weights = {f"layer_{i}_np.{name}": torch.randn(shape) for i in LAYERS for name, shape in shapes.items()}
    optimizer = torch.optim.AdamW([torch.nn.Parameter(t.clone()) for t in weights.values()], lr=1e-3)
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    optimizer.param_groups[0]["lr"] = np.float64(4e-5)
    training = {
        "global_step": step,
        "batch_count": step * 4,
        "optimizer_state_dict": optimizer.state_dict(),
        "scheduler_state_dict": {"last_epoch": step, "_last_lr": [np.float64(4e-5)]},
        "scaler_state_dict": None,
    }
    multi = {
        "layers_to_train": list(LAYERS),
        "curriculum_schedule": [{"name": "student", "until_step": 10**6, "mixing_ratio": 0.0}],
        "current_stage_index": 0,
        "layer_weights": dict.fromkeys(LAYERS, 1.0),
    }
    config = {"model_name": "demo", "batch_size": 4, "learning_rate": 5e-5, "max_steps": 10**6}
    folder = checkpoints / f"checkpoint-{step}"
    folder.mkdir()
    time.sleep(PAUSE)
    trickle(folder / "npt_weights.pt", saved(weights))
    trickle(folder / "training_state.pt", saved(training))
    trickle(folder / "multi_layer_state.pt", saved(multi))
    trickle(folder / "config.json", json.dumps(config, indent=2).encode())


def main(checkpoints: Path) -> None:
    step = 0
    while True:
        step += 10
        write(checkpoints, step)
        shutil.rmtree(checkpoints / f"checkpoint-{step - 40}", ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
