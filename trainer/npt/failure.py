"""What ended a run, as one line that says what to do."""

from __future__ import annotations

import re

import torch

from npt.errors import TrainingError, UsageError
from npt.storage import atomic, reading

# What libraries say where they raise a plain RuntimeError for it.
_DEVICE_MEMORY = ("CUDA out of memory", "CUDA error: out of memory", "STATUS_ALLOC_FAILED", "MPS backend out of memory")
_MEMORY = ("DefaultCPUAllocator", "can't allocate memory")
_TRIED = re.compile(r"[Tt]ried to allocate (?:more than )?(\d[\d.]* ?(?:[KMGT]i?B|bytes))")


def out_of_memory(error: BaseException) -> str | None:
    """What to lower where memory ran out, a GPU's or the machine's; None for any other error."""
    text = str(error)
    if isinstance(error, torch.cuda.OutOfMemoryError) or any(part in text for part in _DEVICE_MEMORY):
        what = "the GPU is out of memory"
    elif isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and any(part in text for part in _MEMORY)):
        what = "this machine is out of memory"
    else:
        return None
    tried = _TRIED.search(text)
    return (
        f"{what}{f' ({tried[1]} more did not fit)' if tried else ''}: lower --batch_size, with more "
        "--gradient_accumulation_steps in return, or --max_length, --np_rank or --num_ranks, or add --mixed_precision"
    )


def describe(error: BaseException) -> str:
    """One line for exit.json and the console."""
    memory = out_of_memory(error)
    if memory is not None:
        return memory
    if isinstance(error, OSError) and atomic.is_full(error):
        return f"the disk is full: {error.filename or ''} {error.strerror}"
    if isinstance(error, reading.WrongKindError):
        return f"{error.filename} {error.strerror}"
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename} cannot be used: {error.strerror}"
    if isinstance(error, (TrainingError, UsageError)):
        return str(error)
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"
