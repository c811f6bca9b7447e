"""Signals only set a flag; the training loop asks for it between steps.

This module imports nothing heavy, so that the handlers are in place before PyTorch is imported: a Ctrl+C during the
imports is then a request to stop like any other.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

GRACE_SECONDS = 1.0


class StopRequest:
    """Whether a signal asked to stop, and which one came first."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self.before_exit: Callable[[signal.Signals], None] | None = None
        self._interrupted_at: float | None = None

    @property
    def why(self) -> str:
        """``preempted`` after SIGUSR1, ``stopped`` after any other."""
        return "preempted" if self.signal == getattr(signal, "SIGUSR1", None) else "stopped"

    @property
    def exit_code(self) -> int:
        """128 + n, as shells report a signal."""
        return 128 + int(self.signal or 0)

    def install(self) -> None:
        """Takes over SIGINT, SIGTERM, SIGHUP and SIGUSR1. A SIGHUP that is ignored (nohup) stays ignored."""
        for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1"):
            number = getattr(signal, name, None)
            if number is None or (name == "SIGHUP" and signal.getsignal(number) == signal.SIG_IGN):
                continue
            signal.signal(number, self._receive)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        received = signal.Signals(number)
        now = time.monotonic()
        if self.signal is None:
            self.signal = received
            self._say(f"\n{received.name} received: finishing the step, then saving and stopping\n")
        if received == signal.SIGINT:
            if self._interrupted_at is None:
                self._interrupted_at = now
            elif now - self._interrupted_at > GRACE_SECONDS:
                # Closer ones are the same keypress, delivered to the process and to its group.
                if self.before_exit is not None:
                    self.before_exit(received)
                self._say("second Ctrl+C: exiting at once, the last checkpoint stays\n")
                os._exit(128 + int(received))

    @staticmethod
    def _say(text: str) -> None:
        # Not print: a handler may run inside another print. A terminal that is gone raises EIO.
        try:
            os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, text.encode())
        except (OSError, ValueError):
            return


STOP = StopRequest()
