"""Bytes of memory: what is held, what is free, and how they are said."""

from __future__ import annotations

import sys
from pathlib import Path

import torch


def size(count: int) -> str:
    """Bytes in the unit that fits: ``812 MB``, ``18.2 GB``."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def held(device: torch.device) -> int | None:
    """Bytes that training holds: the most so far on a GPU, at present in this process otherwise; None if not known."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if device.type == "mps":
        return torch.mps.driver_allocated_memory()
    return _told_by_linux("/proc/self/status", "VmRSS")


def available(device: torch.device) -> int | None:
    """Bytes that a device has free for this process; None where nobody says."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0]) + torch.cuda.memory_allocated(device)
    return _told_by_linux("/proc/meminfo", "MemAvailable") if device.type == "cpu" else None


def _told_by_linux(file: str, name: str) -> int | None:
    """The bytes of a line such as ``VmRSS:  1234 kB`` (proc(5)); None on other systems."""
    if sys.platform != "linux":
        return None
    try:
        lines = Path(file).read_text(encoding="ascii", errors="replace").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))
    except (OSError, StopIteration, ValueError, IndexError):
        return None
