"""``probe.pt``: a few real attention outputs of each NPT layer, on which a run's NP components are measured."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from npt.run import optional


def load(path: Path, widths: Mapping[int, int]) -> dict[str, Tensor] | None:
    """The probe of a run: ``layer_<i>`` → (tokens, width). None where it has to be made: it is not there, damaged (then
    it was put aside), or lacks one of the layers in ``widths``."""

    def read(content: bytes) -> dict[str, Tensor] | None:
        found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
            raise optional.Unusable("is not a dict of tensors")
        for index, width in widths.items():
            value = found.get(f"layer_{index}")
            if value is None:
                return None
            if value.ndim != 2 or value.shape[0] == 0 or value.shape[1] != width or not value.is_floating_point():
                raise optional.Unusable(f"does not fit layer {index}")
            if not bool(torch.isfinite(value).all()):
                raise optional.Unusable(f"is not finite in layer {index}")
        return found

    return optional.load(path, read)


def store(path: Path, probe: Mapping[str, Tensor]) -> None:
    """Writes a run's probe; where that fails, it is said and the probe is only kept in memory."""
    content = io.BytesIO()
    torch.save(dict(probe), content)
    optional.store(path, content.getvalue())
