"""What a resume makes of a stored optimizer state.

Our optimizer is AdamW: it takes what means the same, and starts afresh where the state is another optimizer's. The
extension's ``core/checkpoint/optimizerUse.ts`` decides alike, by the same list (``optimizers.json``).
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

_KINDS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "optimizers.json").read_text("utf-8"))["kinds"]
PLAIN = ("exp_avg", "exp_avg_sq", "step")
FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


@dataclass
class Use:
    """``state`` is AdamW's, by the numbers that it was stored under; empty where it starts afresh.

    ``afresh`` says why, ``converted`` how it differed; both are clauses about the stored state.
    """

    state: dict[int, dict[str, Tensor]] = field(default_factory=dict)
    afresh: str | None = None
    converted: str | None = None


def take(stored: dict[str, Any]) -> Use:
    """What AdamW takes of an optimizer's ``state_dict``, whose form ``is_state`` has found right."""
    if any(isinstance(number, str) for number in stored["state"]):
        return Use(afresh="its parameters have names instead of numbers")
    use = Use()
    for number, own in stored["state"].items():
        if not own:
            continue
        kind = next((kind for kind in _KINDS if all(name in own for name in kind["has"])), None)
        if kind is None:
            return Use(afresh=f"it keeps nothing of parameter {number} that AdamW does")
        moments = kind.get("adamw")
        if moments is None:
            return Use(afresh=f"it is {kind['name']}")
        why = _unusable(own, moments)
        if why is not None:
            return Use(afresh=f"{why} of parameter {number}")
        first, second = (own[name].to(torch.float32) for name in moments)
        step = own["step"]
        step = float(step.reshape(()).item()) if isinstance(step, Tensor) else float(step)
        use.state[number] = {
            "step": torch.tensor(step, dtype=torch.float32), "exp_avg": first, "exp_avg_sq": second,
        }  # fmt: skip
        use.converted = use.converted or _conversion(own, kind["name"], moments)
    return use


def is_state(stored: Any) -> bool:
    """Whether a value has the form of an optimizer's ``state_dict``."""
    if not isinstance(stored, dict) or not isinstance(stored.get("state"), dict):
        return False
    if not isinstance(stored.get("param_groups"), (list, tuple)):
        return False
    return all(
        isinstance(own, dict) and (isinstance(key, str) or (type(key) is int and key >= 0))
        for key, own in stored["state"].items()
    )


def parameters(stored: dict[str, Any]) -> list[Any]:
    """The parameters in the order of the groups: the n-th is the n-th tensor of npt_weights.pt."""
    groups = [group for group in stored["param_groups"] if isinstance(group, dict)]
    return [number for group in groups for number in group.get("params") or []]


def _unusable(own: dict[str, Any], moments: list[str]) -> str | None:
    for name in moments:
        if not isinstance(own.get(name), Tensor):
            return f"{name} cannot be read"
        if own[name].dtype not in FLOATS:
            return f"{name} is {str(own[name].dtype).removeprefix('torch.')}"
    step = own.get("step")
    if isinstance(step, Tensor):
        return None if step.numel() == 1 else "there is no step count"
    number = isinstance(step, (int, float)) and not isinstance(step, bool) and math.isfinite(step)
    return None if number else "there is no step count"


def _conversion(own: dict[str, Any], name: str, moments: list[str]) -> str | None:
    if moments[0] != "exp_avg":
        return f"it is {name}, which means the same"
    if "max_exp_avg_sq" in own:
        return "AMSGrad's maxima are left out"
    more = next((entry for entry in own if entry not in PLAIN), None)
    if more is not None:
        return f"it is {name}, of which {more} is left out"
    for moment in moments:
        if own[moment].dtype != torch.float32:
            return f"its moments are {str(own[moment].dtype).removeprefix('torch.')} and become fp32"
    return None if isinstance(own["step"], Tensor) else "its step counts are plain numbers, as before torch 1.12"


def fitted(stored: Any, weights: dict[str, Tensor], step: int, *, merged: bool) -> tuple[dict[str, Any], str | None]:
    """The optimizer's ``state_dict`` with AdamW's moments, numbered as the weights are, and a line where it differs.

    ``merged``: another trainer's merge, whose optimizer state belongs to one of its parts.
    """

    def afresh(why: str) -> tuple[dict[str, Any], str]:
        return {"state": {}, "param_groups": []}, f"the optimizer starts afresh: {why}"

    if not is_state(stored):
        return afresh("there is no optimizer state")
    if merged:
        return afresh("the checkpoint was merged from several runs, and its optimizer state is not of its weights")
    use = take(stored)
    if use.afresh is not None:
        return afresh(use.afresh)
    if not use.state:
        return afresh(f"its state is empty at step {step}") if step > 0 else (stored, None)
    position = {number: at for at, number in enumerate(parameters(stored))}
    sizes = [tensor.shape for tensor in weights.values()]
    state: dict[int, dict[str, Tensor]] = {}
    for number, own in use.state.items():
        at = position.get(number)
        if at is None or len(position) != len(sizes) or any(own[name].shape != sizes[at] for name in PLAIN[:2]):
            return afresh("its state does not fit the weights")
        state[at] = own
    groups = [{**stored["param_groups"][0], "params": list(range(len(sizes)))}]
    converted = use.converted and f"the optimizer state is converted: {use.converted}"
    return {"state": state, "param_groups": groups}, converted
