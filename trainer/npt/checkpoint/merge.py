"""Layer-wise checkpoints, each with layers of its own, as one checkpoint that a resume goes on from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from npt import SCHEMA
from npt.checkpoint import find, load, np_weights
from npt.checkpoint.save import Content
from npt.curriculum import Curriculum
from npt.errors import UsageError


def sources_in(paths: Sequence[str]) -> list[find.Source]:
    """The checkpoints that paths name: checkpoints, runs, or folders of sequential runs (``layer_<n>_…`` in them)."""
    found: list[find.Source] = []
    for text in paths:
        path = Path(text).expanduser()
        nested = [run for run in path.glob("layer_*") if (run / "checkpoints").is_dir()] if path.is_dir() else []
        if nested and not (path / "checkpoints").is_dir():
            found += [find.locate(str(run)) for run in sorted(nested, key=_layer_number)]
        else:
            found.append(find.locate(text))
    if len(found) < 2:
        raise UsageError("merging needs at least two checkpoints")
    return found


def _layer_number(run: Path) -> tuple[int, str]:
    digits = run.name.split("_")[1]
    return (int(digits) if digits.isascii() and digits.isdigit() else 0, run.name)


def refuse_misfits(parts: Sequence[load.Stored]) -> None:
    """Raises ``UsageError`` where checkpoints are of different shapes or models, or share a layer, naming both."""
    first, shape = parts[0], np_weights.shape_of(parts[0].weights)
    owner: dict[int, load.Stored] = {}
    for part in parts:
        other = np_weights.shape_of(part.weights)
        if other != shape:
            raise UsageError(
                f"{first.path} has {_told(shape)} and {part.path} has {_told(other)}: they cannot be merged"
            )
        for a, b, what in (
            (first.config.get("model_name"), part.config.get("model_name"), "model"),
            (first.fingerprint, part.fingerprint, "base model's fingerprint"),
        ):
            if a is not None and b is not None and a != b:
                raise UsageError(
                    f"the {what} of {first.path} is {a}, that of {part.path} is {b}: they cannot be merged"
                )
        for layer in np_weights.layers_in(part.weights):
            if layer in owner:
                raise UsageError(f"layer {layer} is in both {owner[layer].path} and {part.path}; leave one out")
            owner[layer] = part


def _told(shape: Any) -> str:
    return (
        f"{shape.modulation} modulation, {shape.num_ranks} × rank {shape.np_rank}, hidden {shape.hidden_size}, "
        f"MLP {shape.mlp_size}"
    )


def merge(parts: Sequence[load.Stored]) -> tuple[Content, list[str]]:
    """The merged checkpoint, and lines for the user.

    Curriculum, schedule, arguments, random states and the data's position are those of the checkpoint with the highest
    step. A layer's optimizer state goes with its layer.
    """
    refuse_misfits(parts)
    base = max(parts, key=lambda part: part.step)
    by_layer = {layer: part for part in parts for layer in np_weights.layers_in(part.weights)}
    layers = sorted(by_layer)
    weights: dict[str, Tensor] = {}
    moments: dict[int, dict[str, Any]] = {}
    for layer in layers:
        part = by_layer[layer]
        state = part.training_state["optimizer_state_dict"]["state"]
        for number, (key, tensor) in enumerate(part.weights.items()):
            if not key.startswith(f"layer_{layer}_np."):
                continue
            own = state.get(number)
            if own is not None and _fits(own, tensor):
                moments[len(weights)] = own
            weights[key] = tensor.to(torch.float32)
    notes = _notes(parts, base, by_layer, weights, moments)
    info = {
        "sources": [str(part.path) for part in parts],
        "steps": [part.step for part in parts],
        "layers": [np_weights.layers_in(part.weights) for part in parts],
    }
    loss_weights = {layer: _loss_weight(by_layer[layer], layer) for layer in layers}
    config = base.config | {
        "schema": SCHEMA,
        "train_layers": layers,
        "layer_weights": ",".join(repr(loss_weights[layer]) for layer in layers),
        "merge_info": info,
    }
    group = (base.training_state["optimizer_state_dict"].get("param_groups") or [{}])[0]
    training = base.training_state | {
        "schema": SCHEMA,
        "optimizer_state_dict": {
            "state": moments,
            "param_groups": [{**group, "params": list(range(len(weights)))}],
        },
        "best": None,
        "merge_info": info,
    }
    multi = base.multi_layer_state | {
        "layers_to_train": layers,
        "layer_weights": loss_weights,
        "teacher_cache_hits": sum(int(part.multi_layer_state["teacher_cache_hits"]) for part in parts),
        "teacher_cache_misses": sum(int(part.multi_layer_state["teacher_cache_misses"]) for part in parts),
    }
    curriculum = _curriculum(base)
    multi |= {"curriculum_schedule": curriculum.as_list(), "current_stage_index": curriculum.index_at(base.step)}
    fingerprint = next((part.fingerprint for part in parts if part.fingerprint), "")
    model = {"name": str(base.config.get("model_name", "")), "fingerprint": fingerprint}
    stage = curriculum.stage_at(base.step).name
    return Content(base.step, 1, stage, weights, training, multi, config, {}, model), notes


def _fits(own: dict[str, Any], tensor: Tensor) -> bool:
    return all(
        not isinstance(value, Tensor) or value.dim() == 0 or value.shape == tensor.shape for value in own.values()
    )


def _loss_weight(part: load.Stored, layer: int) -> float:
    weights = {int(k): float(v) for k, v in dict(part.multi_layer_state.get("layer_weights") or {}).items()}
    return weights.get(layer, 1.0)


def _curriculum(part: load.Stored) -> Curriculum:
    from npt import curriculum
    from npt.argument_table import ARGUMENTS, usable

    stages = part.multi_layer_state.get("curriculum_schedule")
    if stages:
        return Curriculum.from_list(stages)
    return curriculum.parse(usable(part.config, "curriculum_stages", ARGUMENTS["curriculum_stages"].default))


def _notes(
    parts: Sequence[load.Stored],
    base: load.Stored,
    by_layer: dict[int, load.Stored],
    weights: dict[str, Tensor],
    moments: dict[int, dict[str, Any]],
) -> list[str]:
    notes = list(dict.fromkeys(note for part in parts for note in part.notes if "teacher" in note))
    keys = list(weights)
    kept = {layer for number in moments for layer in np_weights.layers_in({keys[number]: weights[keys[number]]})}
    fresh = [layer for layer in sorted(by_layer) if layer not in kept]
    if kept:
        notes.append(f"the optimizer state of the layers {sorted(kept)} goes with them")
    if fresh:
        notes.append(f"the optimizer state of the layers {fresh} does not fit or is not there: it starts afresh")
    if len({part.step for part in parts}) > 1:
        steps = ", ".join(str(part.step) for part in parts)
        notes.append(f"the checkpoints are of the steps {steps}: the merged one goes on at {base.step}, the highest")
    notes.append(f"arguments, curriculum, schedule and the data's position are those of {base.path}")
    return notes
