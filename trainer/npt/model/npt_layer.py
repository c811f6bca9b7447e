"""A Llama decoder layer with an NP component; switched off it is the original layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from npt.model.functions import gated_up
from npt.model.np_component import NPComponent, NPShape
from npt.model.products import PLAIN, Products

# Changes a projection's output (tokens, out) in place, given which it is (``_gate``, ``_up``, ``_down``) and its input.
Modulate = Callable[[Tensor, str, Tensor], Tensor]


def frozen_mlp(module: nn.Module, x: Tensor, products: Products, modulate_: Modulate | None = None) -> Tensor:
    """A Llama's MLP with frozen weights at x (…, d), each projection as ``modulate_`` leaves it; returns (…, d)."""
    mlp: Any = module

    def project(projection: Any, suffix: str, inputs: Tensor) -> Tensor:
        out = products.linear(inputs, projection.weight, projection.bias)
        return out if modulate_ is None else modulate_(out, suffix, inputs)

    # Flattened and cast once: every product below would do it by itself.
    tokens = x.flatten(0, -2).to(mlp.gate_proj.weight.dtype)
    hidden = gated_up(project(mlp.gate_proj, "_gate", tokens), project(mlp.up_proj, "_up", tokens))
    return project(mlp.down_proj, "_down", hidden).view(x.shape)


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

    def modulated_mlp(self, x: Tensor, codes: dict[str, Tensor], products: Products) -> Tensor:
        """The MLP at x (…, d) under the updates that ``codes`` stand for; returns (…, d)."""
        flat = {suffix: z.flatten(0, -2) for suffix, z in codes.items()}

        def modulate_(projected: Tensor, suffix: str, inputs: Tensor) -> Tensor:
            if suffix not in flat:
                return projected
            return self.np_component.modulation(suffix).modulate_(projected, flat[suffix], inputs)

        return frozen_mlp(self.mlp, x, products, modulate_)

    def forward(self, hidden_states: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """The layer as Hugging Face calls it (with masks and caches), for inference; (batch, tokens, d) → the same."""
        attention: Tensor = self.self_attn(self.input_layernorm(hidden_states), *args, **kwargs)[0]
        if not self.npt_mode:
            hidden_states = hidden_states + attention
            return hidden_states + torch.as_tensor(self.mlp(self.post_attention_layernorm(hidden_states)))
        x = self.post_attention_layernorm(hidden_states)
        return hidden_states + self.modulated_mlp(x, self.np_component.codes(attention), PLAIN)
