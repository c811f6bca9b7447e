"""Which checkpoints ``--save_total_limit`` may delete."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from npt.checkpoint.find import list_checkpoints
from npt.storage import atomic


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def protected(run: Path) -> set[str]:
    """The checkpoints of a run that always stay: the best, pinned ones, and those that other runs branched from."""
    keep = {str(_document(run / "checkpoints" / "best.json").get("checkpoint"))}
    pinned = _document(run / "pins.json").get("checkpoints")
    keep |= {str(name) for name in pinned} if isinstance(pinned, list) else set()
    own = _document(run / "run.json").get("id")
    # Not `run.parent`: the path may be a link to the open folder, and the runs beside it are where that leads.
    for sibling in (run / os.pardir).iterdir():
        parent = _document(sibling / "run.json").get("parent")
        if isinstance(parent, dict) and own is not None and parent.get("id") == own:
            keep.add(str(parent.get("checkpoint")))
    return keep


def prune(run: Path, limit: int) -> list[str]:
    """Deletes the oldest checkpoints beyond the newest ``limit``, except protected ones; returns their names."""
    older = list_checkpoints(run)[:-limit]
    if not older:
        return []
    keep = protected(run)
    doomed = [checkpoint for checkpoint in older if checkpoint.name not in keep]
    for checkpoint in doomed:
        atomic.remove_tree(checkpoint)
    return [checkpoint.name for checkpoint in doomed]
