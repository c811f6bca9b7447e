"""Causal self-attention over whole sequences with a Llama layer's own projections."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from npt.model.functions import rotate_
from npt.model.products import Products

# In 16-bit types on CPUs the fused kernel's backward pass is slow: product-softmax-product with gradients takes 5 ms
# where it takes 12 at 256 tokens, and loses only above about this many. Everywhere else the fused kernel is as fast or
# faster at every length from 32 tokens (torch 2.13, 2 cores with AMX, 12 heads of 64, 1,024 tokens in a batch).
EAGER_BELOW = 1024


@dataclass
class Positions:
    """What depends on positions alone: the rotary cos and sin (1, tokens, 1, size / 2), and the mask once needed."""

    cos: Tensor
    sin: Tensor
    _masks: dict[tuple[torch.dtype, int], Tensor] = field(default_factory=dict)

    @staticmethod
    def of(model: nn.Module, hidden: Tensor) -> Positions:
        """Those of positions 0… of hidden (batch, tokens, d)."""
        decoder: Any = model.model
        positions = torch.arange(hidden.shape[1], device=hidden.device).unsqueeze(0)
        cos, sin = decoder.rotary_emb(hidden, positions)
        # Both halves of the last dimension are the same angles.
        half = cos.shape[-1] // 2
        return Positions(cos[..., :half].unsqueeze(2), sin[..., :half].unsqueeze(2))

    def mask(self, dtype: torch.dtype, groups: int) -> Tensor:
        """0 where a token may look and -inf elsewhere, for each of ``groups`` heads: (groups · tokens, tokens)."""
        mask = self._masks.get((dtype, groups))
        if mask is None:
            tokens = self.cos.shape[1]
            blocked = torch.full((tokens, tokens), float("-inf"), dtype=dtype, device=self.cos.device)
            mask = self._masks[dtype, groups] = blocked.triu_(1).repeat(groups, 1)
        return mask


@functools.cache
def fuses_groups(device: torch.device, dtype: torch.dtype, size: int) -> bool:
    """Whether PyTorch has a fused kernel here in which several heads of queries, of ``size``, share a head of keys.

    Where it has none it would take products that keep all weights of the attention.
    """
    query = torch.zeros(1, 2, 8, size, dtype=dtype, device=device, requires_grad=True)
    key = torch.zeros(1, 1, 8, size, dtype=dtype, device=device, requires_grad=True)
    try:
        with torch.enable_grad():
            found = F.scaled_dot_product_attention(query, key, key, is_causal=True, enable_gqa=True)
    except (TypeError, RuntimeError):  # an older PyTorch; a device that cannot
        return False
    return "ScaledDotProduct" in type(found.grad_fn).__name__


class Projections:
    """The query, key and value projections of a ``LlamaAttention`` as one matrix.

    The module's own weights become views of it, so nothing is kept twice and the module works as before.
    """

    def __init__(self, module: nn.Module) -> None:
        layer: Any = module
        parts = [layer.q_proj, layer.k_proj, layer.v_proj]
        self.weight = torch.cat([part.weight.data for part in parts])
        at = 0
        for part in parts:
            rows = part.weight.shape[0]
            part.weight.data = self.weight[at : at + rows]
            at += rows
        biases = [part.bias.data for part in parts if part.bias is not None]
        self.bias = torch.cat(biases) if biases else None
        self.head_dim: int = layer.head_dim
        self.scaling: float = layer.scaling
        self.queries = parts[0].weight.shape[0] // self.head_dim
        self.keys = parts[1].weight.shape[0] // self.head_dim
        grouped = self.queries > self.keys
        self.shares_keys = grouped and fuses_groups(self.weight.device, self.weight.dtype, self.head_dim)
        self.output: Any = layer.o_proj


def attention(projections: Projections, x: Tensor, positions: Positions, products: Products) -> Tensor:
    """The attention output, as ``LlamaAttention`` gives it, for normed inputs x; both are (batch, tokens, d)."""
    p = projections
    batch, tokens, _ = x.shape
    together = products.linear(x, p.weight, p.bias).view(batch, tokens, -1, p.head_dim)
    together = rotate_(together, positions.cos, positions.sin, p.queries + p.keys).transpose(1, 2)
    query, key, value = torch.split(together, [p.queries, p.keys, p.keys], dim=1)
    sixteen_bits = value.dtype in (torch.bfloat16, torch.float16)
    if x.device.type == "cpu" and sixteen_bits and tokens < EAGER_BELOW and query.requires_grad:
        mixed = _eager(query, key, value, positions, p.scaling)
    elif p.shares_keys:
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True, scale=p.scaling, enable_gqa=True)
    else:
        groups = p.queries // p.keys
        if groups > 1:
            key, value = (part.repeat_interleave(groups, dim=1) for part in (key, value))
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True, scale=p.scaling)
    return products.linear(mixed.transpose(1, 2).reshape(batch, tokens, -1), p.output.weight, p.output.bias)


def _eager(query: Tensor, key: Tensor, value: Tensor, positions: Positions, scaling: float) -> Tensor:
    """Product, softmax and product over (batch, heads, tokens, size); heads of queries that share keys are rows."""
    shape, tokens = query.shape, query.shape[2]
    groups = shape[1] // key.shape[1]
    query = query.reshape(-1, groups * tokens, shape[3])
    key, value = (part.reshape(-1, tokens, shape[3]) for part in (key, value))
    mask = positions.mask(value.dtype, groups).expand(query.shape[0], groups * tokens, tokens)
    scores = torch.baddbmm(mask, query, key.transpose(1, 2), alpha=scaling)
    return torch.bmm(scores.softmax(-1).to(value.dtype), value).view(shape)
