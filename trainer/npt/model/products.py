"""Matrix products with frozen weights, split where the machine's kernel needs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

# Rows, inputs and outputs of a product.
Shape = tuple[int, int, int]


class Products:
    """y = x Wᵀ for frozen W, and its gradient for x.

    ``splits`` says into how many blocks of rows a product of some shape is cut. oneDNN gives some 16-bit products on
    CPUs to half of its threads: 1024 × 768 by 768 ran at 1.3 TFLOP/s on two cores in one piece and at 2.3 in two. Which
    shapes these are is found by a probe (``npt.gemm_probe``) and stored, because blocks may round differently.
    """

    def __init__(self, splits: Mapping[Shape, int] | None = None) -> None:
        self.splits = dict(splits or {})

    def multiply(self, x: Tensor, weight: Tensor) -> Tensor:
        """x @ weight for matrices (rows, in) and (in, out), without a graph."""
        blocks = self.splits.get((x.shape[0], x.shape[1], weight.shape[1]), 1)
        if blocks == 1:
            return x @ weight
        out = x.new_empty(x.shape[0], weight.shape[1])
        for rows, part in zip(x.chunk(blocks), out.chunk(blocks), strict=True):
            torch.mm(rows, weight, out=part)
        return out

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """x Wᵀ (+ bias) for x (…, in) and a frozen weight (out, in), in the weight's type."""
        x = x.to(weight.dtype)
        if bias is not None or not self.splits:
            return F.linear(x, weight, bias)
        flat = x.reshape(-1, x.shape[-1])
        apply: Any = _FrozenLinear.apply
        out: Tensor = apply(flat, weight, self) if x.requires_grad else self.multiply(flat, weight.t())
        # A view of a matrix as itself would make changes in place cost a copy.
        return out if x.dim() == 2 else out.view(*x.shape[:-1], -1)


class _FrozenLinear(torch.autograd.Function):
    """``Products.linear`` with a gradient for x alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, products: Products) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.products = products
        return products.multiply(x, weight.t())

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (weight,) = ctx.saved_tensors
        return ctx.products.multiply(grads[0].contiguous(), weight), None, None


# Every product in one piece.
PLAIN = Products()


@contextmanager
def full_precision() -> Iterator[None]:
    """fp32 products in full fp32, whatever backend was chosen: for quadratic forms of differences and for metrics."""
    before = torch.get_float32_matmul_precision()
    if before == "highest":
        yield
        return
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
