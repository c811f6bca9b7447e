"""What GPUs multiply at most: dense products in FLOP/s, from NVIDIA's data sheets."""

from __future__ import annotations

import re

import torch

#: By words of a card's name: TFLOP/s in 16 bits summed in fp32, in TF32 (None where it has no such unit) and in fp32.
#: Figures that a data sheet gives "with sparsity" are halved.
_CARDS: dict[tuple[str, ...], tuple[float, float | None, float]] = {
    ("B200",): (2250, 1100, 75),
    ("H200",): (989, 494, 67),
    ("H100",): (989, 494, 67),
    ("H100", "NVL"): (835, 417, 60),
    ("H100", "PCIe"): (756, 378, 51),
    ("A100",): (312, 156, 19.5),
    ("A30",): (165, 82, 10.3),
    ("A40",): (149.7, 74.8, 37.4),
    ("A10",): (125, 62.5, 31.2),
    ("A10G",): (70, 35, 35),
    ("L40S",): (362, 183, 91.6),
    ("L40",): (181, 90.5, 90.5),
    ("L4",): (121, 60, 30.3),
    ("RTX", "A6000"): (154.8, 77.4, 38.7),
    ("RTX", "6000", "Ada"): (364.2, 182.1, 91.1),
    ("RTX", "4090"): (165.2, 82.6, 82.6),
    ("RTX", "3090"): (71, 35.6, 35.6),
    ("V100",): (125, None, 15.7),
    ("V100", "PCIE"): (112, None, 14),
    ("T4",): (65, None, 8.1),
}

#: A part of a card, and a card's little sister.
_OTHERS = {"mig", "laptop", "max-q", "mobile"}


def of_card(name: str, dtype: torch.dtype | None, *, tf32: bool) -> float | None:
    """The most FLOP/s of a card, by the name that CUDA gives it, for products in a 16-bit ``dtype`` (None: in fp32).

    None where the card is not known.
    """
    words = {word.lower() for word in re.split(r"[\s_-]+", name)} | {word.lower() for word in name.split()}
    if words & _OTHERS:
        return None
    fitting = [card for card in _CARDS if all(word.lower() in words for word in card)]
    if not fitting:
        return None
    sixteen, shortened, plain = _CARDS[max(fitting, key=len)]
    return 1e12 * (sixteen if dtype is not None else (shortened or plain) if tf32 else plain)


def of_device(device: torch.device, dtype: torch.dtype | None) -> float | None:
    """``of_card`` for a device as PyTorch is set; None for anything but a known GPU."""
    if device.type != "cuda":
        return None
    tf32 = torch.get_float32_matmul_precision() != "highest"
    return of_card(torch.cuda.get_device_name(device), dtype, tf32=tf32)
