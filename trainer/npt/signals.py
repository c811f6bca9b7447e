"""Signals only ask; training finishes its step, saves, and only then ends (contract section 5).

This module imports nothing heavy, so that the handlers are in place before PyTorch is imported: a Ctrl+C during the
imports is then a request to stop like any other.

A Python handler runs between two byte codes of the main thread, so not while that is inside a long product or a library
that waits for a network. What has to be said or done at once is therefore done by a thread that the C handler itself
wakes (``signal.set_wakeup_fd``): it says what is being waited for, ends the process where there is nothing to save,
ends it without a save on SIGQUIT, and shows where every thread is on SIGUSR2.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

#: How long a process with nothing to save may take to end by itself before it is ended.
PATIENCE_SECONDS = 3.0
ASKING = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1")
#: A byte that is no signal: the thread looks again at what may be done.
_LOOK = 0


class Stopped(BaseException):
    """Raised where a wait is given up because somebody asked to stop.

    No ``Exception``: libraries that read from a network take those for reasons to try again.
    """


class StopRequest:
    """Whether a signal asked to stop, and which one came first."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        #: What is going on, for whoever asks a second time; a clause such as "step 41".
        self.doing = "loading"
        #: Called before the process is ended at once; it writes down how the run ended.
        self.before_exit: Callable[[signal.Signals], None] | None = None
        self._unsaved = False
        self._waiting = False
        self._deciding = threading.RLock()
        self._wake = -1

    @property
    def why(self) -> str:
        """``preempted`` after SIGUSR1, ``stopped`` after any other."""
        return "preempted" if self.signal == getattr(signal, "SIGUSR1", None) else "stopped"

    @property
    def exit_code(self) -> int:
        """128 + n, as shells report a signal."""
        return 128 + int(self.signal or 0)

    def install(self) -> None:
        """Takes over SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2 and SIGQUIT. An ignored SIGHUP (nohup) stays ignored."""
        reader, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        threading.Thread(target=self._listen, args=(reader,), name="signals", daemon=True).start()
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        for name in (*ASKING, "SIGQUIT", "SIGUSR2"):
            number = getattr(signal, name, None)
            if number is None or (name == "SIGHUP" and signal.getsignal(number) == signal.SIG_IGN):
                continue
            signal.signal(number, self._receive)

    def check(self) -> None:
        """Raises ``Stopped`` where somebody asked to stop: for the places that wait or repeat something long."""
        if self.signal is not None:
            raise Stopped

    @contextlib.contextmanager
    def wait(self, what: str) -> Iterator[None]:
        """Around what may wait for others and can be given up anywhere: there, a signal raises ``Stopped`` at once.

        In the main thread, where Python runs handlers.
        """
        before, self.doing = self.doing, what
        self._waiting = True
        try:
            self.check()
            yield
        finally:
            self._waiting = False
            self.doing = before

    def keep(self) -> None:
        """From here on there is work that only a save keeps."""
        with self._deciding:
            self._unsaved = True

    def kept(self) -> None:
        """Everything is on disk."""
        with self._deciding:
            self._unsaved = False
        if self._wake >= 0:
            with contextlib.suppress(OSError):
                os.write(self._wake, bytes([_LOOK]))

    def _receive(self, number: int, frame: FrameType | None) -> None:
        # The thread does the rest, which may not wait for the main thread.
        if signal.Signals(number).name in ASKING:
            self._ask(signal.Signals(number))
            if self._waiting:
                self._waiting = False
                raise Stopped

    def _ask(self, received: signal.Signals) -> bool:
        """Notes a request; whether it is the first."""
        if self.signal is not None:
            return False
        self.signal = received
        return True

    def _listen(self, reader: int) -> None:
        """The thread: hears every signal at once."""
        heard = False
        until: float | None = None
        while True:
            patience = None if until is None else max(0.0, until - time.monotonic())
            if select.select([reader], [], [], patience)[0]:
                for number in os.read(reader, 64):
                    if number == _LOOK:
                        until = time.monotonic() + PATIENCE_SECONDS if heard else None
                    elif signal.Signals(number) == getattr(signal, "SIGQUIT", None):
                        self._end(signal.Signals(number), "ending without a save; the last checkpoint stays")
                    elif number == getattr(signal, "SIGUSR2", None):
                        self._show_stacks()
                    elif signal.Signals(number).name in ASKING:
                        self._ask(signal.Signals(number))
                        self._tell(signal.Signals(number), again=heard)
                        heard = True
                        until = until or time.monotonic() + PATIENCE_SECONDS
            elif self.signal is not None:
                until = None
                with self._deciding:
                    # A step that is being made counts from when it is done: what it began with is on disk.
                    if not self._unsaved:
                        self._end(self.signal, f"ending; there is nothing to save ({self.doing})")

    def _tell(self, received: signal.Signals, again: bool) -> None:
        if again:
            hint = " (Ctrl+\\ ends it without a save)" if sys.stdin is not None and sys.stdin.isatty() else ""
            self._say(f"{received.name} again: already stopping, still waiting for {self.doing}{hint}\n")
        elif self._unsaved:
            self._say(f"\n{received.name} received: finishing the step, then saving and stopping\n")
        else:
            self._say(f"\n{received.name} received: stopping; nothing has to be saved\n")

    def _end(self, received: signal.Signals, what: str) -> None:
        """Ends the process now, whatever the main thread is doing."""
        if self.before_exit is not None:
            # Whatever goes wrong here, the process is to end.
            with contextlib.suppress(Exception):
                self.before_exit(received)
        self._say(f"{received.name}: {what}\n")
        os._exit(128 + int(received))

    @staticmethod
    def _show_stacks() -> None:
        """A run that hangs is asked where: the stacks of all threads, on the console.

        From here, where no other thread runs Python: a handler in C (``faulthandler.register``) would need no thread to
        go on, but reads the frames of threads that change them meanwhile, which now and then ends the process.
        """
        with contextlib.suppress(OSError, ValueError):
            if sys.__stderr__ is not None:
                faulthandler.dump_traceback(file=sys.__stderr__, all_threads=True)

    @staticmethod
    def _say(text: str) -> None:
        # Not print: that may be in the middle of another print. A terminal that is gone raises EIO.
        try:
            os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, text.encode())
        except (OSError, ValueError):
            return


STOP = StopRequest()
