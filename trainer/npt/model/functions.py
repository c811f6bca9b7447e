"""Elementwise parts of a decoder layer with gradients written by hand: fewer passes over memory, fewer kept tensors.

Their weights are frozen, so only the inputs have gradients. Checked against autograd in fp64.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from npt.model.precision import at_least_fp32


class _RMSNorm(torch.autograd.Function):
    """x · rsqrt(mean(x²) + eps) · weight over the last dimension."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        inverse = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_().div_(x.shape[-1]).add_(eps).rsqrt_()
        ctx.save_for_backward(x, weight, inverse)
        out: Tensor = (x * inverse).mul_(weight)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        x, weight, inverse = ctx.saved_tensors
        grad = grads[0] * weight
        along = (grad * x).mean(-1, keepdim=True).mul_(inverse * inverse)
        return grad.addcmul_(x, along, value=-1).mul_(inverse), None, None


def rms_norm(module: Any, hidden: Tensor) -> Tensor:
    """A ``LlamaRMSNorm`` at hidden (…, d), which is at least fp32; the result too."""
    out: Tensor = _RMSNorm.apply(hidden, module.weight.to(hidden.dtype), module.variance_epsilon)  # type: ignore[no-untyped-call]
    return out


class _GatedUp(torch.autograd.Function):
    """silu(gate) · up; keeps its two inputs and nothing else."""

    @staticmethod
    def forward(ctx: Any, gate: Tensor, up: Tensor) -> Tensor:
        ctx.save_for_backward(gate, up)
        return F.silu(gate).mul_(up)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        gate, up = ctx.saved_tensors
        grad = grads[0]
        for_up = F.silu(gate).mul_(grad)
        through = grad * up
        silu_backward = torch.ops.aten.silu_backward
        for_gate: Tensor
        if torch.compiler.is_compiling():
            # A compiled graph places its results itself, and torch 2.4's traces no call that names the place.
            for_gate = silu_backward(through, gate)
        else:
            for_gate = silu_backward.grad_input(through, gate, grad_input=through)
        return for_gate, for_up


def gated_up(gate: Tensor, up: Tensor) -> Tensor:
    """silu(gate) · up of two tensors of one shape. Without gradients ``gate`` is overwritten."""
    if not (torch.is_grad_enabled() and (gate.requires_grad or up.requires_grad)):
        return F.silu(gate, inplace=True).mul_(up)
    out: Tensor = _GatedUp.apply(gate, up)  # type: ignore[no-untyped-call]
    return out


def _rotate_(x: Tensor, cos: Tensor, sin: Tensor) -> None:
    # Half by half: a rotation of the whole by concatenation takes five times as long.
    half = x.shape[-1] // 2
    left, right = x[..., :half], x[..., half:]
    first = (left * cos).addcmul_(right, sin, value=-1)
    right.mul_(cos).addcmul_(left, sin)
    left.copy_(first)


class _Rotary(torch.autograd.Function):
    """Rotates pairs (i, i + half) of the last dimension of the first heads by given angles, in place."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor, heads: int) -> Tensor:
        ctx.save_for_backward(cos, sin)
        ctx.heads = heads
        ctx.mark_dirty(x)
        _rotate_(x[:, :, :heads], cos, sin)
        return x

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        cos, sin = ctx.saved_tensors
        grad = grads[0].clone()
        _rotate_(grad[:, :, : ctx.heads], cos, -sin)
        return grad, None, None, None


def rotate_(x: Tensor, cos: Tensor, sin: Tensor, heads: int) -> Tensor:
    """Gives the first ``heads`` of x (batch, tokens, all heads, size) their rotary embedding, in place.

    cos and sin are (1, tokens, 1, size / 2).
    """
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    if torch.compiler.is_compiling():
        # A function that changes its input would cut a graph in two, and a graph places its results itself.
        left, right = x[:, :, :heads].chunk(2, dim=-1)
        rotated = torch.cat([left * cos - right * sin, right * cos + left * sin], dim=-1)
        return torch.cat([rotated, x[:, :, heads:]], dim=2)
    out: Tensor = _Rotary.apply(x, cos, sin, heads)  # type: ignore[no-untyped-call]
    return out


class _QuadraticForm(torch.autograd.Function):
    """Σ δᵀ G δ for a symmetric G. The product G δ is the gradient too, so one product serves both passes."""

    @staticmethod
    def forward(ctx: Any, delta: Tensor, matrix: Tensor) -> Tensor:
        product = delta @ matrix
        ctx.save_for_backward(product)
        out: Tensor = torch.linalg.vecdot(product.flatten(), delta.flatten())
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (product,) = ctx.saved_tensors
        return product * (2.0 * grads[0]), None


def quadratic_form(delta: Tensor, matrix: Tensor) -> Tensor:
    """Σ_rows δᵀ G δ of delta (rows, d), at least fp32, with a symmetric matrix (d, d): a scalar."""
    out: Tensor = _QuadraticForm.apply(at_least_fp32(delta), matrix)  # type: ignore[no-untyped-call]
    return out
