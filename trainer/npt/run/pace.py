"""How training gets on, as its console says it: the time of a step, memory, and how long the rest takes."""

from __future__ import annotations

import time
from collections.abc import Callable

from npt.memory import size

#: Steps after which what was measured before counts half.
_HALF = 100.0


def duration(seconds: float) -> str:
    """A span in its two largest units: ``48 s``, ``12 min``, ``1 h 12 min``, ``3 d 4 h``."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} d {hours % 24} h"


def _each(seconds: float) -> str:
    return f"{seconds:.2f} s/step" if seconds >= 1 else f"{seconds * 1000:.{0 if seconds >= 0.01 else 1}f} ms/step"


class Pace:
    """Where a segment is on its way to ``max_steps``; ``clock`` gives seconds."""

    def __init__(self, step: int, max_steps: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_steps = max_steps
        self._clock = clock
        self._step, self._since = step, clock()
        #: Seconds a step, with all that lies between steps: evaluations, saves, waits for text.
        self._usual: float | None = None

    def left(self, step: int) -> float:
        """Seconds that the rest takes, from ``step`` finished steps on, as far as the steps so far tell."""
        now = self._clock()
        steps, seconds = step - self._step, now - self._since
        if steps > 0:
            present = seconds / steps
            weight = 1.0 if self._usual is None else 1 - 0.5 ** (steps / _HALF)
            self._usual = present if self._usual is None else self._usual + weight * (present - self._usual)
            self._step, self._since = step, now
        return (self._usual or 0.0) * (self._max_steps - step)

    def said(self, step: int, step_seconds: float, held: int | None) -> str:
        """A step's time, the bytes held, and what is left; the last step leaves nothing."""
        left = self.left(step)
        parts = [_each(step_seconds)]
        if held is not None:
            parts.append(size(held))
        if step < self._max_steps:
            parts.append(f"{duration(left)} left")
        return "  ".join(parts)
