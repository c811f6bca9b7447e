"""Saving in the background: training stands still only while the state is copied."""

from __future__ import annotations

import threading
from collections.abc import Callable


class BackgroundSaver:
    """Runs one save at a time in a thread. What goes wrong there is raised at the next step, never lost."""

    def __init__(self, background: bool) -> None:
        self._background = background
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def submit(self, work: Callable[[], None]) -> None:
        """Does the work in the background, after the one before; without a background, at once."""
        self.join()
        if not self._background:
            work()
            return

        def run() -> None:
            try:
                work()
            except BaseException as error:
                self._error = error

        self._thread = threading.Thread(target=run, name="checkpoint")
        self._thread.start()

    def check(self) -> None:
        """Raises what a finished save failed with."""
        if self._thread is not None and not self._thread.is_alive():
            self.join()

    def join(self) -> None:
        """Waits for the save in flight; raises what it failed with."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._error is not None:
            error, self._error = self._error, None
            raise error
