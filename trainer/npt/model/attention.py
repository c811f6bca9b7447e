"""Causal self-attention over whole sequences with a Llama layer's own projections."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# On CPUs the plain product-softmax-product is faster than the fused kernel up to about this many tokens
# (measured on 2 cores with 4 heads of 32 and with 12 heads of 64).
EAGER_BELOW = 384


def rotary(model: nn.Module, hidden: Tensor) -> tuple[Tensor, Tensor]:
    """cos and sin of the rotary embedding for positions 0… of hidden (batch, tokens, d)."""
    decoder: Any = model.model
    positions = torch.arange(hidden.shape[1], device=hidden.device).unsqueeze(0)
    cos, sin = decoder.rotary_emb(hidden, positions)
    return cos, sin


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    turned = torch.cat((-x[..., half:], x[..., :half]), dim=-1)
    return x * cos + turned * sin


def attention(module: nn.Module, x: Tensor, rope: tuple[Tensor, Tensor]) -> Tensor:
    """The attention output, as ``LlamaAttention`` gives it, for normed inputs x; both are (batch, tokens, d)."""
    layer: Any = module
    batch, tokens, _ = x.shape
    shape = (batch, tokens, -1, layer.head_dim)
    cos, sin = (part.unsqueeze(1) for part in rope)
    query = _rotate(layer.q_proj(x).view(shape).transpose(1, 2), cos, sin)
    key = _rotate(layer.k_proj(x).view(shape).transpose(1, 2), cos, sin)
    value = layer.v_proj(x).view(shape).transpose(1, 2)
    query, key = query.to(value.dtype), key.to(value.dtype)
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key = key.repeat_interleave(groups, dim=1)
        value = value.repeat_interleave(groups, dim=1)
    if x.device.type == "cpu" and tokens < EAGER_BELOW:
        scores = (query * layer.scaling) @ key.transpose(2, 3)
        future = torch.ones(tokens, tokens, dtype=torch.bool, device=x.device).triu_(1)
        weights = scores.masked_fill(future, float("-inf")).softmax(dim=-1)
        mixed = weights.to(value.dtype) @ value
    else:
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True, scale=layer.scaling)
    out: Tensor = layer.o_proj(mixed.transpose(1, 2).reshape(batch, tokens, -1))
    return out
