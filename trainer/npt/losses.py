"""The losses of a pass, without ever making logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from npt.model.functions import quadratic_form
from npt.model.npt_layer import NPTDecoderLayer
from npt.model.precision import at_least_fp32
from npt.model.products import full_precision
from npt.model.scaffold import Pass


@dataclass
class Losses:
    """The total that gradients come from, and its parts, each a scalar tensor."""

    total: Tensor
    fidelity: Tensor
    direct_mlp: dict[int, Tensor]
    reg: dict[int, Tensor]


class LossFunction:
    """Σ_layers weight · (direct_mlp_weight · direct_mlp + lambda_reg · reg) + fidelity_weight · fidelity.

    Fidelity is the MSE between the student's and the teacher's logits. With δ the difference of the final normed
    states it is Σ δᵀ(WᵀW)δ / (tokens · V), so the head W (V, d) is squared once and then never runs; that product is
    kept in fp32, because a quadratic form of bf16 differences is off by percents.
    """

    def __init__(
        self,
        head: nn.Module,
        layer_weights: dict[int, float],
        *,
        direct_mlp_weight: float,
        fidelity_weight: float,
        lambda_reg: float,
    ) -> None:
        self.layer_weights = layer_weights
        self.direct_mlp_weight = direct_mlp_weight
        self.fidelity_weight = fidelity_weight
        self.lambda_reg = lambda_reg
        module: Any = head
        weight: Tensor = module.weight.detach()
        self._vocabulary = weight.shape[0]
        # A bias of the head, if there is one, cancels in the difference of two logits.
        self._gram = gram(weight)

    def fidelity(self, student: Tensor, teacher: Tensor) -> Tensor:
        """MSE between the logits of two final normed states, each (batch, tokens, d)."""
        delta = (at_least_fp32(student) - at_least_fp32(teacher)).flatten(0, -2)
        with full_precision():
            return quadratic_form(delta, self._gram.to(delta.dtype)) / (delta.shape[0] * self._vocabulary)

    def __call__(self, result: Pass, layers: dict[int, NPTDecoderLayer]) -> Losses:
        """The losses of one pass; ``layers`` are the model's NPT layers."""
        with torch.autocast(result.student.device.type, enabled=False):
            fidelity = self.fidelity(result.student, result.teacher)
            direct: dict[int, Tensor] = {}
            reg: dict[int, Tensor] = {}
            total = self.fidelity_weight * fidelity
            for index, part in result.layers.items():
                direct[index] = F.mse_loss(at_least_fp32(part.output), part.target)
                reg[index] = layers[index].np_component.regularization(part.codes)
                total = total + self.layer_weights[index] * (
                    self.direct_mlp_weight * direct[index] + self.lambda_reg * reg[index]
                )
        return Losses(total, fidelity, direct, reg)


def gram(weight: Tensor, block: int = 4096) -> Tensor:
    """WᵀW of the head's weight (V, d) in fp32 (fp64 for fp64 weights), block by block over the vocabulary."""
    dtype = torch.float64 if weight.dtype == torch.float64 else torch.float32
    total = torch.zeros(weight.shape[1], weight.shape[1], dtype=dtype, device=weight.device)
    for start in range(0, weight.shape[0], block):
        rows = weight[start : start + block].to(dtype)
        total.addmm_(rows.t(), rows)
    return total
