"""Keeping sums and differences in full precision."""

from __future__ import annotations

import torch
from torch import Tensor


def matching(tensor: Tensor, weight: Tensor) -> Tensor:
    """The tensor in the weight's type, for a product of both; as it is where autocast sees to that itself."""
    if tensor.dtype == weight.dtype or torch.is_autocast_enabled(tensor.device.type):
        return tensor
    return tensor.to(weight.dtype)


def at_least_fp32(tensor: Tensor) -> Tensor:
    """The tensor in fp32 when it is in a 16-bit type, otherwise as it is (fp64 stays fp64)."""
    return tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor


def widest(device: torch.device) -> torch.dtype:
    """The type to sum many numbers in on a device: fp64, but on Apple's GPUs, which have none."""
    return torch.float32 if device.type == "mps" else torch.float64
