"""What NP weights are of, from their names and sizes alone: layers, ranks, modulation."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from npt.errors import UsageError
from npt.model.np_component import NPShape

KEY = re.compile(r"^layer_(\d+)_np\.(.+)$")


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
