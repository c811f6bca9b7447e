"""Whether a checkpoint's files hold what a resume needs, and speak of the same checkpoint: steps, stages, layers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from npt.checkpoint import load, np_weights, optimizer, weight_names
from npt.checkpoint.finding import Finding, error, info, warning
from npt.checkpoint.pickles import rebuild
from npt.checkpoint.pickles.values import Global, Opaque
from npt.curriculum import STAGE_NAMES, Curriculum
from npt.errors import UsageError
from npt.model.np_component import MODULATIONS, NPShape
from npt.newer import newer

WEIGHTS, TRAINING, MULTI = "npt_weights.pt", "training_state.pt", "multi_layer_state.pt"
TRAINING_KEYS = (
    "global_step", "batch_count", "optimizer_state_dict", "scheduler_state_dict", "scaler_state_dict",
)  # fmt: skip
OUR_KEYS = ("rng_state", "data_state")
MULTI_KEYS = ("layers_to_train", "curriculum_schedule", "current_stage_index", "layer_weights")
MOMENTS = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer", "state1", "state2")
MATRIX = re.compile(r"(W_down|W_a_up|W_b_up)(_gate|_up|_down)?(\.\d+)?$")
NP_KEY = re.compile(r"layer_(\d+)_np\." + MATRIX.pattern)
# NP matrices start below 0.1 and stay near 1: beyond these a run has diverged.
HUGE_VALUE, HUGE_RMS = 1e4, 100.0
# A page of a file that was never written, in fp32.
ZERO_BLOCK = 1024


def whole(value: Any) -> bool:
    """Whether a value is a count: a whole number from 0 on, and no bool."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _missing(file: str, state: dict[str, Any], keys: tuple[str, ...]) -> list[Finding]:
    lacking = [key for key in keys if key not in state]
    return [error("missing-key", f"{file} lacks {', '.join(lacking)}")] if lacking else []


def check_weights(weights: Any) -> list[Finding]:
    """npt_weights.pt by itself: names, shapes, one modulation and one number of ranks."""
    if not isinstance(weights, dict):
        return [error("bad-value", f"{WEIGHTS} holds no dict of tensors")]
    unread = [f"{key} is {what}" for key, value in weights.items() if (what := _unread(key, value))]
    if unread:
        more = f" and {len(unread) - 3} more" if len(unread) > 3 else ""
        text = f"{WEIGHTS} holds weights that are no plain tensors: {', '.join(unread[:3])}{more}"
        return [error("unsupported-tensor", f"{text}; save them again as plain tensors: tensor.detach().cpu()")]
    named = dict(load.tensors_in(weights))
    known = {key: t for key, t in named.items() if weight_names.parse(key)}
    if not known:
        return [error("no-weights", f"{WEIGHTS} holds no NP tensor (such as layer_13_np.W_down)")]
    unclear, wrapped = weight_names.ambiguity(known), weight_names.wrapping(known)
    if unclear:
        return [error("ambiguous-names", f"{WEIGHTS}: {unclear}; save the weights again with one name for each tensor")]
    found: list[Finding] = [info("wrapped-names", f"{WEIGHTS}: {wrapped}")] if wrapped else []
    own = weight_names.short_keys(known)
    if len(own) < len(named):
        found.append(warning("unknown-weight", f"{WEIGHTS} holds {len(named) - len(own)} tensors of no NP component"))
    other = next((key for key, t in own.items() if t.dtype != torch.float32), None)
    if other is not None:
        found.append(warning("weight-type", f"{WEIGHTS}: {other} is {own[other].dtype}, not fp32"))
    layers = np_weights.layers_in(own)
    try:
        shape = np_weights.shape_of(own)
    except (UsageError, IndexError):
        return [*found, error("missing-weight", f"{WEIGHTS} lacks matrices of layer {layers[0]}")]
    expected = {f"layer_{layer}_np.{name}": size for layer in layers for name, size in _pieces(shape)}
    lacking = [key for key in expected if key not in own]
    strange = [key for key in own if key not in expected]
    if strange:
        found.append(error("mixed-modulation", f"{WEIGHTS}: not every layer is {shape.modulation}: {strange[0]}"))
    if lacking:
        found.append(error("missing-weight", f"{WEIGHTS} lacks {', '.join(lacking[:3])}"))
    for key in own:
        if key in expected and (tuple(own[key].shape) != expected[key] or 0 in expected[key]):
            text = f"{WEIGHTS}: {key} is {tuple(own[key].shape)}, expected {expected[key]}"
            found.append(error("weight-shape", text))
    return found


# What the rebuilds of tensors make that are no plain ones.
REBUILDS = {
    "_rebuild_qtensor": "quantized",
    "_rebuild_sparse_tensor": "sparse",
    "_rebuild_sparse_csr_tensor": "sparse",
    "_rebuild_nested_tensor": "a nested tensor",
    "_rebuild_meta_tensor_no_storage": "a tensor of the meta device, which has no data",
    "_rebuild_device_tensor_from_numpy": "NumPy data of another device",
    "_rebuild_xla_tensor": "NumPy data of another device",
    "_rebuild_mlc_tensor": "NumPy data of another device",
    "_reconstruct": "a NumPy array",
    "_frombuffer": "a NumPy array",
}
# Besides the floating types, those that a weight may have been saved as.
INTEGERS = (torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8)


def _unread(key: Any, value: Any) -> str | None:
    """What a weight is that is not read; None for one that is, and for what is no weight."""
    if weight_names.parse(key) is None:
        return None
    if isinstance(value, Tensor):
        plain = value.is_floating_point() or value.dtype in INTEGERS
        return None if plain else f"of type {str(value.dtype).removeprefix('torch.')}"
    if not isinstance(value, Opaque) or not isinstance(value.callable, Global):
        return "no tensor"
    name = value.callable.name
    if name in REBUILDS:
        return REBUILDS[name]
    first, second = (*value.args, None, None)[:2] if isinstance(value.args, tuple) else (None, None)
    of = first if name == "_rebuild_wrapper_subclass" else second if name.startswith("_rebuild_from_type") else None
    return f"a {of.qualified}" if isinstance(of, Global) else f"made by {value.of}"


def _pieces(shape: NPShape) -> Iterator[tuple[str, tuple[int, int]]]:
    """The names and sizes of one layer's matrices."""
    for suffix in MODULATIONS[shape.modulation]:
        into, out = shape.widths(suffix)
        for rank in range(shape.num_ranks):
            end = f".{rank}" if shape.num_ranks > 1 else ""
            yield f"W_down{suffix}{end}", (shape.hidden_size, shape.np_rank)
            yield f"W_a_up{suffix}{end}", (shape.np_rank, into)
            yield f"W_b_up{suffix}{end}", (shape.np_rank, out)


def check_training(state: Any, ours: bool) -> list[Finding]:
    """training_state.pt by itself."""
    if not isinstance(state, dict):
        return [error("bad-value", f"{TRAINING} holds no dict")]
    wrong = newer(state)
    if wrong is not None:
        return [error("newer-schema", f"{TRAINING} {wrong}")]
    found = _missing(TRAINING, state, TRAINING_KEYS + (OUR_KEYS if ours else ()))
    for key in ("global_step", "batch_count"):
        if key in state and not whole(rebuild.plain(state[key])):
            found.append(error("bad-value", f"{TRAINING}: {key} is not a count"))
    if "optimizer_state_dict" not in state:
        return found
    if not optimizer.is_state(state["optimizer_state_dict"]):
        return [*found, error("bad-value", f"{TRAINING}: optimizer_state_dict is not the state of an optimizer")]
    for group in state["optimizer_state_dict"]["param_groups"]:
        rate = group.get("lr", 0.0) if isinstance(group, dict) else 0.0
        if isinstance(rate, float) and not math.isfinite(rate):
            found.append(error("non-finite", f"{TRAINING}: the optimizer's learning rate is {rate}"))
    return found


def check_multi(state: Any) -> list[Finding]:
    """multi_layer_state.pt by itself."""
    if not isinstance(state, dict):
        return [error("bad-value", f"{MULTI} holds no dict")]
    state = rebuild.plain(state)
    found = _missing(MULTI, state, MULTI_KEYS)
    layers = state.get("layers_to_train", [0])
    if not _distinct_layers(layers):
        found.append(error("bad-value", f"{MULTI}: layers_to_train is not a list of different layers"))
        layers = []
    if "curriculum_schedule" in state:
        found += _check_schedule(state["curriculum_schedule"])
    if not whole(state.get("current_stage_index", 0)):
        found.append(error("bad-value", f"{MULTI}: current_stage_index is not an index"))
    if "layer_weights" in state:
        found += _check_layer_weights(state["layer_weights"], list(layers))
    return found


def _distinct_layers(layers: Any) -> bool:
    return isinstance(layers, (list, tuple)) and all(map(whole, layers)) and 0 < len(layers) == len(set(layers))


def _check_schedule(schedule: Any) -> list[Finding]:
    def wrong(what: str) -> list[Finding]:
        return [error("curriculum-malformed", f"{MULTI}: {what}; give --curriculum_stages on resume")]

    if not isinstance(schedule, (list, tuple)) or not schedule:
        return wrong("curriculum_schedule is not a list of stages")
    start = 0
    for number, stage in enumerate(schedule):
        if not isinstance(stage, dict) or not whole(stage.get("until_step")):
            return wrong(f"stage {number} of the curriculum has no end")
        if stage.get("name") not in STAGE_NAMES:
            return wrong(f"stage {number} of the curriculum is not one of {', '.join(STAGE_NAMES)}")
        if stage["until_step"] <= start:
            return wrong(f"stage {number} of the curriculum ends at step {stage['until_step']}, not after {start}")
        for key in ("mixing_ratio", "mlp_mixing_ratio"):
            ratio = stage.get(key)
            if isinstance(ratio, (int, float)) and not 0.0 <= ratio <= 1.0:
                return wrong(f"stage {number} of the curriculum has a mixing ratio of {ratio}")
        start = stage["until_step"]
    return []


def _check_layer_weights(weights: Any, layers: list[int]) -> list[Finding]:
    if isinstance(weights, (list, tuple)) and len(weights) == len(layers):
        weights = dict(zip(layers, weights, strict=True))
    numbers = isinstance(weights, dict) and all(
        str(k).isdigit() and isinstance(v, (int, float)) for k, v in weights.items()
    )
    if not numbers:
        return [error("bad-value", f"{MULTI}: layer_weights gives no number for each layer")]
    known = {int(layer): value for layer, value in weights.items()}
    for layer, value in known.items():
        if not math.isfinite(value):
            return [error("non-finite", f"{MULTI}: the loss weight of layer {layer} is {value}")]
    without = [layer for layer in layers if layer not in known]
    return [warning("layer-weights", f"{MULTI} has no loss weight for layer {without[0]}")] if without else []


def check_steps(step: int, folder: int | None, training: dict[str, Any], facts: dict[str, Any]) -> list[Finding]:
    """The step of the training state against the folder's name, the manifest and the schedule."""
    found: list[Finding] = []
    if folder is not None and folder != step:
        found.append(error("step-folder", f"the folder is named for step {folder}, but {TRAINING} is at step {step}"))
    if whole(facts.get("step")) and facts["step"] != step:
        found.append(error("step-manifest", f"manifest.json is of step {facts['step']}, but {TRAINING} of step {step}"))
    schedule = rebuild.plain(training.get("scheduler_state_dict"))
    if isinstance(schedule, dict):
        origin, counted = schedule.get("origin_step"), schedule.get("last_epoch")
        if isinstance(origin, int) and origin > step + 1:
            message = f"{TRAINING}: the learning rate schedule begins at step {origin}, after the checkpoint's {step}"
            found.append(error("step-scheduler", message))
        elif isinstance(counted, int) and counted != step:
            message = f"{TRAINING}: the learning rate scheduler has counted {counted} steps, the checkpoint {step}"
            found.append(warning("step-scheduler", message))
    return found


def check_stage(step: int, multi: dict[str, Any], facts: dict[str, Any], ours: bool) -> list[Finding]:
    """The stored stage and the manifest's against the one that the step is in."""
    curriculum = Curriculum.from_list(rebuild.plain(multi["curriculum_schedule"]))
    index = curriculum.index_at(step)
    name = curriculum.stages[index].name
    stored = multi["current_stage_index"]
    found: list[Finding] = []
    # Other trainers store the stage that ends at a boundary; a resume computes the stage anew in any case.
    at_boundary = stored == index - 1 and curriculum.stages[stored].until_step == step
    if at_boundary and not ours:
        message = f"step {step} is where {name} begins; {MULTI} still names the stage before it, as other trainers do"
        found.append(info("stage-boundary", message))
    elif stored != index:
        message = f"{MULTI} names stage {stored}, but step {step} is in stage {index} ({name})"
        found.append(error("stage-mismatch", message) if ours else warning("stage-mismatch", message))
    if isinstance(facts.get("stage"), str) and facts["stage"] != name:
        message = f"manifest.json names the stage {facts['stage']}, but step {step} is in {name}"
        found.append(error("stage-manifest", message))
    return found


def check_layers(weights: dict[str, Tensor], multi: dict[str, Any]) -> list[Finding]:
    """The layers that have weights against those that are trained."""
    present, wanted = np_weights.layers_in(weights), [int(layer) for layer in multi["layers_to_train"]]
    missing = [layer for layer in wanted if layer not in present]
    extra = [layer for layer in present if layer not in wanted]
    found: list[Finding] = []
    if missing:
        found.append(error("layer-missing", f"{WEIGHTS} has no tensors of the trained layers {missing}"))
    if extra:
        found.append(warning("layer-extra", f"{WEIGHTS} has tensors of the layers {extra}, which are not trained"))
    return found


def check_optimizer(weights: dict[str, Tensor], training: dict[str, Any], ours: bool) -> list[Finding]:
    """The optimizer state against the weights: whose it is, as many parameters, and moments of their shapes."""
    state = training.get("optimizer_state_dict")
    if not isinstance(state, dict) or not optimizer.is_state(state):
        return []

    def afresh(code: str, why: str) -> list[Finding]:
        return [warning(code, f"{TRAINING}: a resume starts the optimizer afresh: {why}")]

    use = optimizer.take(state)
    if use.afresh and any(isinstance(number, str) for number in state["state"]):
        return afresh("optimizer-other", use.afresh)
    merged = "merge_info" in training
    if merged and not ours:
        why = "the checkpoint was merged from several runs, and its optimizer state does not belong to its weights"
        return [info("merged-checkpoint", f"{TRAINING}: a resume starts the optimizer afresh: {why}")]
    numbers = optimizer.parameters(state)
    if len(numbers) != len(weights) or len(set(numbers)) != len(numbers):
        message = (
            f"{TRAINING}: the optimizer state is of {len(numbers)} parameters, {WEIGHTS} has {len(weights)} tensors"
        )
        return [error("optimizer-mismatch", message)]
    moments: dict[int, dict[str, Any]] = state["state"]
    stray = next((number for number in moments if number not in numbers), None)
    if stray is not None:
        return [error("optimizer-mismatch", f"{TRAINING}: no parameter group has parameter {stray}, which has moments")]
    if use.afresh:
        return afresh("optimizer-other", use.afresh)
    wrong = _misfit(dict(zip(numbers, weights.items(), strict=True)), moments)
    if wrong is not None:
        sizes = [next((tuple(own[n].shape) for n in MOMENTS if _tensor(own.get(n))), ()) for own in moments.values()]
        if not ours and sorted(sizes) == sorted(tuple(weight.shape) for weight in weights.values()):
            return afresh("optimizer-order", f"its state is in another order than {WEIGHTS} ({wrong})")
        return [error("optimizer-mismatch", f"{TRAINING}: the optimizer state does not fit: {wrong}")]
    if merged:
        message = "merged from several runs; each layer's optimizer state came along with it"
        return [info("merged-checkpoint", f"{TRAINING}: {message}")]
    if use.converted:
        return [info("optimizer-converted", f"{TRAINING}: a resume converts the optimizer state: {use.converted}")]
    step = training.get("global_step", 0)
    if not use.state and isinstance(step, int) and step > 0:
        return afresh("optimizer-empty", f"its state is empty at step {step}")
    return []


def _tensor(value: Any) -> bool:
    return isinstance(value, Tensor)


def _misfit(weight_of: dict[int, tuple[str, Tensor]], moments: dict[int, dict[str, Any]]) -> str | None:
    for number, (key, weight) in weight_of.items():
        for name, moment in moments.get(number, {}).items():
            if name in MOMENTS and isinstance(moment, Tensor) and moment.shape != weight.shape:
                return f"{name} of parameter {number} is {tuple(moment.shape)}, {key} {tuple(weight.shape)}"
    return None


def check_config(config: dict[str, Any], shape: NPShape) -> list[Finding]:
    """Our config.json against the tensors; others' says a rank of 64 whatever was used."""
    actual = {"np_rank": shape.np_rank, "num_ranks": shape.num_ranks, "triple_modulation": shape.modulation == "triple"}
    wrong = [f"{name} is {config[name]}, in {WEIGHTS} {value}" for name, value in actual.items()
             if name in config and config[name] != value]  # fmt: skip
    return (
        [warning("config-mismatch", f"config.json: {', '.join(wrong)}; a resume goes by the tensors")] if wrong else []
    )


def check_numbers(file: str, value: Any, step: int | None) -> list[Finding]:
    """NaN and infinities; in weights also zeros where nothing should be, and sizes that no healthy run has."""
    found: list[Finding] = []
    for name, tensor in load.tensors_in(value):
        if not (tensor.is_floating_point() or tensor.is_complex()) or tensor.numel() == 0:
            continue
        flat = tensor.detach().reshape(-1)
        bad = ~torch.isfinite(flat if flat.element_size() > 1 else flat.float())
        if bool(bad.any()):
            first = int(bad.to(torch.uint8).argmax())
            place = ", ".join(str(int(i)) for i in torch.unravel_index(torch.tensor(first), tensor.shape))
            message = f"{file}: tensor {name} has {int(bad.sum())} values that are not finite (the first at [{place}])"
            strict = file == WEIGHTS or name.startswith("optimizer_state_dict.")
            found.append(error("non-finite", message) if strict else warning("non-finite", message))
        elif file == WEIGHTS:
            found += _doubtful(name, torch.view_as_real(flat).flatten() if flat.is_complex() else flat.float(), step)
    return found


def _doubtful(name: str, flat: Tensor, step: int | None) -> list[Finding]:
    largest, rms = float(flat.abs().max()), float(flat.square().mean().sqrt())
    if largest == 0.0:
        return [warning("zero-tensor", f"{WEIGHTS}: tensor {name} is zero everywhere")] if step != 0 else []
    if largest > HUGE_VALUE or rms > HUGE_RMS:
        return [warning("huge-values", f"{WEIGHTS}: tensor {name} has values up to {largest:.3g}")]
    blocks = flat[: flat.numel() // ZERO_BLOCK * ZERO_BLOCK].view(-1, ZERO_BLOCK)
    if blocks.numel() and bool((blocks == 0).all(1).any()):
        return [warning("zero-block", f"{WEIGHTS}: tensor {name} has {ZERO_BLOCK} zeros in a row")]
    return []
