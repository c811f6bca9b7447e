"""What ``--mixed_precision`` means on a device, and in which types the base model lies there."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from npt.model.precision import at_least_fp32

#: NVIDIA's first cards that multiply bf16 themselves (Ampere); before them it is emulated, slower than fp32.
_BF16_SINCE = (8, 0)


def multiplies_bf16(device: torch.device) -> bool:
    """Whether a device has bf16 products of its own; ``torch.cuda.is_bf16_supported`` counts emulated ones."""
    if device.type != "cuda":
        return True
    if torch.version.hip is not None:
        return bool(torch.cuda.is_bf16_supported())
    return torch.cuda.get_device_capability(device) >= _BF16_SINCE


@dataclass(frozen=True)
class PrecisionPlan:
    """The 16-bit type of the matrix products (None: in the weights' own), and whether gradients need a scaler.

    ``widens``: what the base model computes otherwise is in fp32, whatever it is stored in.
    """

    device: str
    dtype: torch.dtype | None
    scales: bool
    widens: bool = False

    @staticmethod
    def choose(mixed: bool, device: torch.device, before: str | None = None, *, widens: bool = False) -> PrecisionPlan:
        """bf16 where the device has it, otherwise fp16 with a gradient scaler; ``before`` is a type that it was."""
        if not mixed:
            return PrecisionPlan(device.type, None, False, widens)
        bf16 = multiplies_bf16(device) if before not in ("bfloat16", "float16") else before == "bfloat16"
        return PrecisionPlan(device.type, torch.bfloat16 if bf16 else torch.float16, not bf16, widens)

    def autocast(self) -> AbstractContextManager[Any]:
        """The context for matrix products."""
        return nullcontext() if self.dtype is None else torch.autocast(self.device, dtype=self.dtype)

    def scaler(self) -> Any:
        """A gradient scaler, or None where none is needed."""
        return torch.amp.GradScaler(self.device) if self.scales else None

    def place(self, model: nn.Module, device: torch.device) -> None:
        """Moves the base model to its device, each module in the type that it stays in, one after the other.

        Beside 16-bit products the frozen projections of the decoder layers are in that type, with the values that
        autocast would make anew for every product: it caches casts of trained weights only. Norms are fp32, because the
        residual stream and the fidelity term are; embedding and head stay as they are stored, and are widened in use.
        """
        decoder: Any = model.model
        for name, module in model.named_modules():
            if next(module.children(), None) is None:
                module.to(device=device, dtype=self._stays_in(name, module))
        model.to(device)  # what lies in no such module
        if self.widens and decoder.embed_tokens.weight.dtype in (torch.bfloat16, torch.float16):
            decoder.embed_tokens.register_forward_hook(_widened)

    def _stays_in(self, name: str, module: nn.Module) -> torch.dtype | None:
        """The type that a module is moved in; None for its own."""
        if self.dtype is not None and isinstance(module, nn.Linear) and ".layers." in name:
            return self.dtype
        # Without autocast the head's product needs both sides in one type.
        looked_up = self.dtype is not None and name in ("model.embed_tokens", "lm_head")
        return None if looked_up or not self.widens else torch.float32


def _widened(module: nn.Module, given: Any, found: Tensor) -> Tensor:
    return at_least_fp32(found)
