"""What ``--mixed_precision`` means on a device."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

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
    """The 16-bit type of the matrix products (None: everything in fp32), and whether gradients need a scaler."""

    device: str
    dtype: torch.dtype | None
    scales: bool

    @staticmethod
    def choose(mixed: bool, device: torch.device, before: str | None = None) -> PrecisionPlan:
        """bf16 where the device has it, otherwise fp16 with a gradient scaler; ``before`` is a type that it was."""
        if not mixed:
            return PrecisionPlan(device.type, None, False)
        bf16 = multiplies_bf16(device) if before not in ("bfloat16", "float16") else before == "bfloat16"
        return PrecisionPlan(device.type, torch.bfloat16 if bf16 else torch.float16, scales=not bf16)

    def autocast(self) -> AbstractContextManager[Any]:
        """The context for matrix products."""
        return nullcontext() if self.dtype is None else torch.autocast(self.device, dtype=self.dtype)

    def scaler(self) -> Any:
        """A gradient scaler, or None where none is needed."""
        return torch.amp.GradScaler(self.device) if self.scales else None

    def cast_base(self, model: nn.Module) -> None:
        """Stores the frozen projections of the decoder layers in the 16-bit type.

        The values are those that autocast would make anew for every product: it caches casts of trained weights only.
        Embedding, norms and head stay fp32, because the residual stream and the fidelity term do.
        """
        if self.dtype is None:
            return
        for name, module in model.named_modules():
            if isinstance(module, nn.Linear) and ".layers." in name:
                module.to(self.dtype)
