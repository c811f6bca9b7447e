"""``metrics.jsonl``: one line an event, each in a single write, so that readers see whole lines at once."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from npt.storage.canonical_json import finite
from npt.storage.reading import open_regular, regular


def last_segment(path: Path) -> int:
    """The highest segment that has started in a metrics file; 0 where there is none."""
    highest = 0
    try:
        with open_regular(path) as file:
            for line in file:
                if b'"start"' not in line:
                    continue
                try:
                    event = json.loads(line)
                except ValueError:
                    continue
                if isinstance(event, dict) and event.get("event") == "start":
                    highest = max(highest, int(event.get("segment", 0)))
    except FileNotFoundError:
        return 0
    return highest


class MetricsLog:
    """Appends a segment's events to a metrics file. Raises ``OSError`` where something else is in its place."""

    def __init__(self, path: Path, segment: int) -> None:
        self.segment = segment
        self.mirror: Callable[[int, dict[str, float]], None] | None = None
        regular(path)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        size = os.fstat(self._descriptor).st_size
        if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
            # A kill left a torn line; without this the first line of the segment would be lost with it.
            os.write(self._descriptor, b"\n")

    def _append(self, event: dict[str, Any]) -> None:
        line = json.dumps(finite(event), separators=(",", ":"), ensure_ascii=False, allow_nan=False) + "\n"
        os.write(self._descriptor, line.encode())

    def start(self, resume_step: int, changed: dict[str, list[Any]]) -> None:
        """The segment begins at ``resume_step``; readers drop later points of earlier segments."""
        self._append(
            {
                "event": "start",
                "segment": self.segment,
                "resume_step": resume_step,
                "changed": changed,
                "time": time.time(),
            }
        )

    def metrics(self, step: int, values: dict[str, float]) -> None:
        """Numbers of one step; then also passed to ``mirror``, which so never has what a resume does not know of."""
        self._append(
            {"event": "metrics", "segment": self.segment, "step": step, "time": time.time(), "metrics": values}
        )
        if self.mirror is not None:
            self.mirror(step, values)

    def stage(self, step: int, name: str, index: int, mixing_ratio: float) -> None:
        """A stage begins at ``step`` finished steps."""
        self._append(
            {
                "event": "stage",
                "segment": self.segment,
                "step": step,
                "stage": name,
                "index": index,
                "mixing_ratio": mixing_ratio,
                "time": time.time(),
            }
        )

    def checkpoint(self, step: int, path: str, seconds: float, stall: float) -> None:
        """A checkpoint is complete; ``stall`` is how long training stood still for it."""
        self._append(
            {
                "event": "checkpoint",
                "segment": self.segment,
                "step": step,
                "path": path,
                "seconds": seconds,
                "stall": stall,
                "time": time.time(),
            }
        )

    def end(self, why: str, step: int) -> None:
        """The segment ends."""
        self._append({"event": "end", "segment": self.segment, "why": why, "step": step, "time": time.time()})

    def close(self) -> None:
        """Closes the file."""
        os.close(self._descriptor)
