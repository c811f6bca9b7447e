"""A Llama decoder layer with an NP component; switched off it is the original layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from npt.model.np_component import NPComponent, NPShape


class NPTDecoderLayer(nn.Module):
    """Takes the place of a ``LlamaDecoderLayer`` and shares its frozen parts, which keep their names.

    On, the attention output is not added to the residual stream; it only modulates the MLP: out = h + MLP_a(norm(h)).
    Off (``npt_mode = False``), the layer computes what the original did.
    """

    def __init__(self, layer: nn.Module, shape: NPShape) -> None:
        super().__init__()
        self.self_attn: nn.Module = layer.self_attn  # type: ignore[assignment]
        self.mlp: nn.Module = layer.mlp  # type: ignore[assignment]
        self.input_layernorm: nn.Module = layer.input_layernorm  # type: ignore[assignment]
        self.post_attention_layernorm: nn.Module = layer.post_attention_layernorm  # type: ignore[assignment]
        self.np_component = NPComponent(shape)
        self.npt_mode = True

    def modulated_mlp(self, x: Tensor, codes: dict[str, Tensor]) -> Tensor:
        """The MLP at x (…, d) under the updates that ``codes`` stand for; returns (…, d)."""
        mlp: Any = self.mlp
        component = self.np_component
        gate = mlp.gate_proj(x) + component.modulation("_gate").apply_code(codes["_gate"], x)
        up = mlp.up_proj(x)
        if "_up" in codes:
            up = up + component.modulation("_up").apply_code(codes["_up"], x)
        hidden = mlp.act_fn(gate) * up
        out: Tensor = mlp.down_proj(hidden)
        if "_down" in codes:
            out = out + component.modulation("_down").apply_code(codes["_down"], hidden)
        return out

    def forward(self, hidden_states: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """The layer as Hugging Face calls it (with masks and caches), for inference; (batch, tokens, d) → the same."""
        attention: Tensor = self.self_attn(self.input_layernorm(hidden_states), *args, **kwargs)[0]
        if not self.npt_mode:
            hidden_states = hidden_states + attention
            return hidden_states + torch.as_tensor(self.mlp(self.post_attention_layernorm(hidden_states)))
        x = self.post_attention_layernorm(hidden_states)
        return hidden_states + self.modulated_mlp(x, self.np_component.codes(attention))
