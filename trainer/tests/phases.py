"""What a trainer in a forked process is doing at this moment, so that a signal can be aimed at it."""

from __future__ import annotations

import mmap
import random
import time
from collections.abc import Callable
from typing import Any

from tests.conftest import LIMIT, Process

NAMES = ("step", "evaluation", "save")


class Phases:
    """Memory that a trainer shares with the test that forked it: how often each phase began and ended, and its length.

    Make one before each launch and pass ``report`` as ``before``. The phases are a training step, an evaluation, and
    everything that is done for a save on disk, in whichever thread.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 3 * 8 * len(NAMES))
        self._slots = memoryview(self._memory).cast("Q")

    def report(self) -> None:
        """In the trainer: its phases are counted from here on."""
        from npt.checkpoint.background import BackgroundSaver
        from npt.loop import Segment
        from npt.trainer import MultiLayerNPTTrainer

        submit = BackgroundSaver.submit
        for owner, name, phase in (
            (MultiLayerNPTTrainer, "train_step", "step"),
            (Segment, "_evaluate", "evaluation"),
        ):
            setattr(owner, name, self._counted(phase, getattr(owner, name)))
        BackgroundSaver.submit = lambda saver, work: submit(  # type: ignore[method-assign]
            saver, self._counted("save", work)
        )

    def _counted(self, phase: str, call: Callable[..., Any]) -> Callable[..., Any]:
        first = 3 * NAMES.index(phase)

        def counted(*arguments: Any, **named: Any) -> Any:
            started = time.monotonic_ns()
            self._slots[first] += 1
            try:
                return call(*arguments, **named)
            finally:
                self._slots[first + 2] = time.monotonic_ns() - started
                self._slots[first + 1] += 1

        return counted

    def begun(self, phase: str) -> int:
        """How often a phase has begun."""
        return self._slots[3 * NAMES.index(phase)]

    def inside(self, phase: str) -> bool:
        """Whether a phase has begun and not ended. Exact for a process that was killed."""
        first = 3 * NAMES.index(phase)
        return self._slots[first] > self._slots[first + 1]

    def seconds(self, phase: str) -> float:
        """How long a phase took the last time; 0 before its first end."""
        return self._slots[3 * NAMES.index(phase) + 2] / 1e9


def interrupt(
    process: Process, phases: Phases, phase: str, nth: int, number: int, draw: random.Random, length: float = 0.005
) -> bool:
    """Sends a signal at a random instant of the ``nth`` time that a phase begins; whether that is what it hit.

    The instant is drawn from the phase's last duration, or ``length`` seconds the first time; one in three comes in
    the last fifth, where files get their names. Gives up quietly where the process ends before.
    """
    until = time.monotonic() + LIMIT
    while phases.begun(phase) < nth or not phases.inside(phase):
        if process.poll() is not None:
            return False
        assert time.monotonic() < until, f"no {phase} number {nth}:\n{process.output}"
        time.sleep(0.0002)
    share = draw.uniform(0.8, 1.0) if draw.random() < 0.33 else draw.random()
    time.sleep(share * (phases.seconds(phase) or length))
    before = phases.begun(phase), phases.inside(phase)
    if process.poll() is not None:
        return False
    process.send(number)
    if number == 9:
        process.wait()
    return before[1] and (phases.begun(phase), phases.inside(phase)) == before
