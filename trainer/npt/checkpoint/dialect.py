"""Checkpoints that other NPT trainers wrote, brought into the form of ours, with a line for all that they lack."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from npt.argument_table import usable
from npt.checkpoint.pickles.rebuild import attributes, numpy_array
from npt.curriculum import Curriculum
from npt.errors import UsageError
from npt.model.np_component import NPShape
from npt.schedule import Schedule

KEY = re.compile(r"^layer_(\d+)_np\.(.+)$")


def plain(value: Any, depth: int = 0) -> Any:
    """The value with NumPy arrays as lists, and objects that are nothing but attributes as dicts."""
    if depth > 50:
        return value  # no checkpoint's, and a value may contain itself
    array = numpy_array(value)
    if array is not None:
        return array
    named = attributes(value)
    if named is not None:
        return {key: plain(item, depth + 1) for key, item in named.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(plain(item, depth + 1) for item in value)
    return value


def layers_in(weights: Mapping[str, Tensor]) -> list[int]:
    """The layers that weights are of, ascending."""
    return sorted({int(match[1]) for key in weights if (match := KEY.match(key))})


def shape_of(weights: Mapping[str, Tensor]) -> NPShape:
    """The shape of the NP components that weights are of, from names and sizes alone."""
    names = {match[2] for key in weights if (match := KEY.match(key))}
    suffix = "_gate" if any(name.startswith("W_down_gate") for name in names) else ""
    triple = any(name.startswith("W_down_down") for name in names)
    ranks = sum(1 for name in names if name.partition(".")[0] == f"W_down{suffix}")
    end = ".0" if f"W_down{suffix}.0" in names else ""
    try:
        first = f"layer_{layers_in(weights)[0]}_np."
        down, b_up = weights[f"{first}W_down{suffix}{end}"], weights[f"{first}W_b_up{suffix}{end}"]
    except (IndexError, KeyError):
        raise UsageError("npt_weights.pt holds no NPT weights (layer_<i>_np.W_down, …)") from None
    modulation = "triple" if triple else ("dual" if suffix else "single")
    return NPShape(down.shape[0], b_up.shape[1], down.shape[1], ranks, modulation)


def adopt(
    weights: dict[str, Tensor],
    training: dict[str, Any],
    multi: dict[str, Any] | None,
    config: dict[str, Any],
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any], list[str]]:
    """Another trainer's training state, multi-layer state and configuration in our form, and what to tell the user."""
    notes = [
        "this checkpoint is from another NPT trainer, whose teacher had no rotary embeddings or causal mask: "
        "the teacher differs and the loss will jump"
    ]
    training = plain(training)
    step = int(training["global_step"])
    layers, shape = layers_in(weights), shape_of(weights)
    # Older checkpoints keep their arguments in the training state.
    resolved = {**(attributes(training.get("config")) or {}), **config} | {
        "train_layers": layers,
        "np_rank": shape.np_rank,
        "num_ranks": shape.num_ranks,
        "dual_modulation": shape.modulation != "single",
        "triple_modulation": shape.modulation == "triple",
    }
    if "gradient_clip_value" in resolved:
        resolved["gradient_clip"] = resolved.pop("gradient_clip_value")
    if multi is None:
        notes.append("it has no multi_layer_state.pt: the curriculum is --curriculum_stages or its default")
        multi = {"layers_to_train": layers, "layer_weights": dict.fromkeys(layers, 1.0)}
    else:
        multi = plain(multi)
        weights_by_layer = {int(k): float(v) for k, v in dict(multi.get("layer_weights") or {}).items()}
        if weights_by_layer:
            resolved["layer_weights"] = ",".join(repr(weights_by_layer.get(layer, 1.0)) for layer in layers)
        if multi.get("curriculum_schedule"):
            resolved["curriculum_stages"] = Curriculum.from_list(multi["curriculum_schedule"]).as_text()
    multi = {"teacher_cache_hits": 0, "teacher_cache_misses": 0} | multi
    groups = (training.get("optimizer_state_dict") or {}).get("param_groups") or [{}]
    base = float(usable(resolved, "learning_rate", groups[0].get("initial_lr", 5e-5)))
    rate = float(groups[0].get("lr", base))
    end = max(usable(resolved, "max_steps", step), step)
    samples = int(training.get("batch_count", 0)) * int(usable(resolved, "batch_size", 1))
    notes.append(
        f"it stores neither random states nor the data's position: going on at sample {samples}, not bit-identically"
    )
    training = {
        **training,
        "batch_count": int(training.get("batch_count", 0)),
        "scheduler_state_dict": Schedule(base, step, rate, rate, 0, end).state_dict(),
        "rng_state": [],
        "data_state": {"samples": samples},
        "best": None,
    }
    return training, multi, resolved, notes
