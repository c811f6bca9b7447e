"""Which process trains in a run: ``process.json``."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from npt import SCHEMA
from npt.launched import launch
from npt.storage import atomic


def boot_id() -> str:
    """What tells this boot of the machine from another; empty where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def start_ticks(pid: int) -> int:
    """When a process started, in clock ticks since boot (field 22 of ``/proc/<pid>/stat``); 0 where unknown."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    # The second field is the command in parentheses and may itself contain spaces and parentheses.
    return int(stat.rpartition(")")[2].split()[19])


def describe(segment: int, folder: dict[str, Any]) -> dict[str, Any]:
    """The content of ``process.json`` for this process, which trains in ``folder`` (device, inode, path)."""
    started = launch()
    return {
        "schema": SCHEMA,
        "host": atomic.host(),
        "boot_id": boot_id(),
        "pid": os.getpid(),
        "started": time.time(),
        "start_ticks": start_ticks(os.getpid()),
        "launcher": started.kind,
        "job": started.job,
        "segment": segment,
        "folder": folder,
    }


def is_here(document: dict[str, Any]) -> bool:
    """Whether a ``process.json`` names a process of this host."""
    return document.get("host") == atomic.host()


def is_alive(document: dict[str, Any]) -> bool:
    """Whether the very process that a ``process.json`` of this host names still runs: pids are reused."""
    pid, here = document.get("pid"), boot_id()
    if not isinstance(pid, int) or pid <= 0:
        return False
    if here and document.get("boot_id") not in ("", here):
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return not here or document.get("start_ticks") == start_ticks(pid)


def is_orphaned(document: dict[str, Any] | None) -> bool:
    """Whether ``process.json`` names nobody who trains: there is none, or its process of this host has ended."""
    return document is None or (is_here(document) and not is_alive(document))
