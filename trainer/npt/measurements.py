"""The metrics of a training step, summed over its micro-batches without waiting for the device."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from npt.losses import Losses
from npt.model.npt_layer import NPTDecoderLayer
from npt.model.precision import widest
from npt.model.products import full_precision
from npt.model.scaffold import Pass


class Measurements:
    """Sums of losses, norms and similarities, in fp64 where there is one, by the names that the metrics log uses."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}

    def _add(self, name: str, value: Tensor) -> None:
        value = value.detach().to(widest(value.device))
        self.sums[name] = self.sums[name] + value if name in self.sums else value

    @torch.no_grad()
    @full_precision()
    def add(self, result: Pass, losses: Losses, layers: Mapping[int, NPTDecoderLayer]) -> None:
        """Adds a micro-batch."""
        self._add("loss/total", losses.total)
        self._add("loss/fidelity", losses.fidelity)
        for index, part in result.layers.items():
            gate = layers[index].np_component.modulation("_gate")
            z, a = part.codes["_gate"].flatten(0, -2).float(), part.attention.flatten(0, -2).float()
            v_a, v_b = gate.norms(z)
            self._add(f"mlp_direct_loss/layer_{index}", losses.direct_mlp[index])
            self._add(f"regularization/layer_{index}", losses.reg[index])
            self._add(f"v_a_attention_similarity/layer_{index}", gate.similarity(z, a))
            self._add(f"v_a_norm/layer_{index}", v_a)
            self._add(f"v_b_norm/layer_{index}", v_b)

    def means(self, micro_batches: int) -> dict[str, float]:
        """The means over the micro-batches, read from the device at once."""
        if not self.sums:
            return {}
        values: list[float] = torch.stack(list(self.sums.values())).tolist()
        return {name: value / micro_batches for name, value in zip(self.sums, values, strict=True)}


@torch.no_grad()
@full_precision()
def probe_similarity(layers: Mapping[int, NPTDecoderLayer], probe: Mapping[str, Tensor]) -> dict[str, float]:
    """``probe/v_a_attention_similarity/layer_N`` on a run's probe.pt (``layer_<i>``: (tokens, d))."""
    values: dict[str, float] = {}
    for index, layer in layers.items():
        a = probe.get(f"layer_{index}")
        if a is not None:
            gate = layer.np_component.modulation("_gate")
            a = a.to(gate.W_down.device)
            values[f"probe/v_a_attention_similarity/layer_{index}"] = gate.similarity(gate.code(a), a).item()
    return values
