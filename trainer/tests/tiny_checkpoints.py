"""Checkpoints that are valid in every respect and take a millisecond to write, and what can happen to them."""

from __future__ import annotations

import hashlib
import random
import shutil
from pathlib import Path

import torch

from npt.checkpoint import find, validate
from npt.checkpoint.save import Content
from npt.schedule import Schedule

HIDDEN, MLP, RANK = 8, 12, 2


def content(step: int) -> Content:
    """A checkpoint's content at a step from 1 on; other steps have other weights."""
    generator = torch.Generator().manual_seed(step)
    sizes = {"W_down": (HIDDEN, RANK), "W_a_up": (RANK, HIDDEN), "W_b_up": (RANK, MLP)}
    weights = {f"layer_2_np.{name}": torch.randn(*size, generator=generator) * 0.01 for name, size in sizes.items()}
    moments = {
        number: {"step": torch.tensor(float(step)), "exp_avg": weight * 0.1, "exp_avg_sq": weight.square()}
        for number, weight in enumerate(weights.values())
    }
    training = {
        "global_step": step,
        "batch_count": step,
        "optimizer_state_dict": {"state": moments, "param_groups": [{"lr": 1e-4, "params": [0, 1, 2]}]},
        "scheduler_state_dict": Schedule.fresh(1e-4, 10, 10_000).state_dict(),
        "scaler_state_dict": None,
        "schema": 1,
        "rng_state": [],
        "data_state": {"samples": step},
        "best": None,
    }
    multi = {
        "layers_to_train": [2],
        "curriculum_schedule": [
            {"name": "student", "until_step": 1_000_000, "mixing_ratio": 1.0, "mlp_mixing_ratio": None}
        ],
        "current_stage_index": 0,
        "layer_weights": {2: 1.0},
        "teacher_cache_hits": 0,
        "teacher_cache_misses": 0,
    }
    model = {"name": "m", "fingerprint": "f"}
    return Content(step, 1, "student", weights, training, multi, {"schema": 1}, {"loss/total": 1.0}, model)


def digest(path: Path) -> str:
    """A hash of a file, a folder with all that is in it, or of where a link leads."""
    found = hashlib.sha256()
    if path.is_symlink():
        found.update(f"link {path.readlink()}".encode())
    elif path.is_dir():
        for entry in sorted(path.iterdir()):
            found.update(f"{entry.name} {digest(entry)} ".encode())
    elif path.exists():
        found.update(path.read_bytes())
    return found.hexdigest()


_VERDICTS: dict[tuple[str, str], bool] = {}


def is_valid(checkpoint: Path) -> bool:
    """What validation, with all its levels, says of a checkpoint of ours. The same bytes are not validated twice."""
    if checkpoint.name != f"{find.PREFIX}{find.step_of(checkpoint.name)}" or not checkpoint.is_dir():
        return False
    if not (checkpoint / "manifest.json").is_file():
        return False
    key = checkpoint.name, digest(checkpoint.resolve())
    if key not in _VERDICTS:
        # By its own name, and not the one of a folder that it is a link to.
        _VERDICTS[key] = validate.examine(checkpoint).valid
    return _VERDICTS[key]


def valid_steps(run: Path) -> set[int]:
    """The steps of a run's valid checkpoints."""
    return {
        step
        for entry in (run / "checkpoints").iterdir()
        if (step := find.step_of(entry.name)) is not None and is_valid(entry)
    }


DAMAGES = (
    "truncate", "flip a bit", "zero", "lose a file", "lose the manifest", "empty the manifest", "empty the folder",
)  # fmt: skip


def damage(checkpoint: Path, kind: str, draw: random.Random) -> None:
    """Damages a checkpoint; where it is a link, what it leads to."""
    names = ["npt_weights.pt", "training_state.pt", "multi_layer_state.pt", "config.json"]
    file = checkpoint / draw.choice([name for name in names if (checkpoint / name).is_file()] or ["npt_weights.pt"])
    data = bytearray(file.read_bytes()) if file.is_file() else bytearray()
    if kind == "truncate":
        file.write_bytes(data[: draw.randrange(max(len(data), 1))])
    elif kind == "flip a bit" and data:
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        file.write_bytes(data)
    elif kind == "zero":
        file.write_bytes(bytes(len(data)))
    elif kind == "lose a file":
        file.unlink(missing_ok=True)
    elif kind == "lose the manifest":
        (checkpoint / "manifest.json").unlink(missing_ok=True)
    elif kind == "empty the manifest":
        (checkpoint / "manifest.json").write_bytes(b"")
    elif kind == "empty the folder":
        for entry in checkpoint.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
