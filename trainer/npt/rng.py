"""The state of every random number generator, as plain values."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


def seed_all(seed: int) -> None:
    """Seeds Python, NumPy and PyTorch on every device."""
    import numpy

    random.seed(seed)
    numpy.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def capture() -> dict[str, Any]:
    """The state of Python's, NumPy's and PyTorch's generators (CPU and each CUDA device)."""
    import numpy

    version, words, gauss = random.getstate()
    legacy = numpy.random.get_state(legacy=False)
    assert isinstance(legacy, dict)
    keys = torch.tensor([int(word) for word in legacy["state"]["key"]], dtype=torch.int64)
    return {
        "python": [version, list(words), gauss],
        "numpy": {
            "bit_generator": str(legacy["bit_generator"]),
            "key": keys,
            "pos": int(legacy["state"]["pos"]),
            "has_gauss": int(legacy["has_gauss"]),
            "gauss": float(legacy["gauss"]),
        },
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def restore(state: dict[str, Any]) -> None:
    """Puts a captured state back; generators of devices that are no longer there are left out."""
    import numpy

    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    stored = state["numpy"]
    numpy.random.set_state(
        {
            "bit_generator": stored["bit_generator"],
            "state": {
                "key": numpy.array(stored["key"].tolist(), dtype=numpy.uint32),
                "pos": stored["pos"],
            },
            "has_gauss": stored["has_gauss"],
            "gauss": stored["gauss"],
        }
    )
    torch.set_rng_state(state["torch"])
    if torch.cuda.is_available():
        for index, device_state in enumerate(state["cuda"][: torch.cuda.device_count()]):
            torch.cuda.set_rng_state(device_state, index)


@contextmanager
def left_alone() -> Iterator[None]:
    """Around other libraries' calls: whatever they draw, training goes on with the numbers that it had."""
    state = capture()
    try:
        yield
    finally:
        restore(state)
