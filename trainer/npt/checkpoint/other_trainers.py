"""Checkpoints that other NPT trainers wrote, translated into the form of ours, with a line for all that they lack."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from npt.argument_table import usable
from npt.checkpoint.np_weights import layers_in, shape_of
from npt.checkpoint.pickles.rebuild import attributes, plain
from npt.curriculum import Curriculum
from npt.schedule import Schedule


def translate(
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
