"""The console: readable lines, flushed at once, also into ``train.log``; a lost terminal or reader stops nothing.

What a console's encoding lacks is escaped, never lost, and no exit code depends on whether somebody reads.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path
from typing import TextIO

from npt.storage.reading import regular


class _Tee(io.TextIOBase):
    """Writes to a stream and, once there is one, to a log file."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.log: TextIO | None = None
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")

    def write(self, text: str) -> int:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self._let_go()
        if self.log is not None:
            with contextlib.suppress(OSError, ValueError):
                self.log.write(text)
                self.log.flush()
        return len(text)

    def _let_go(self) -> None:
        """Whoever read is gone (``| head``, a closed terminal), or the disk is full: what is left goes nowhere.

        What the stream still holds would otherwise fail once more when Python ends, which changes the exit code.
        """
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            self._let_go()

    def isatty(self) -> bool:
        try:
            return self._stream.isatty()
        except ValueError:
            return False

    def fileno(self) -> int:
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding


def _open_standard_streams() -> None:
    """Opens what a shell's ``>&-`` closed: the next file that is opened would take its place, and be printed into."""
    while True:
        number = os.open(os.devnull, os.O_RDWR)
        if number > 2:
            os.close(number)
            return
        os.set_inheritable(number, True)


def install() -> None:
    """Wraps standard output and error; safe to call twice."""
    if sys.stdout is None or sys.stderr is None:
        _open_standard_streams()
        sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if not isinstance(sys.stdout, _Tee):
        sys.stdout = _Tee(sys.stdout)
    if not isinstance(sys.stderr, _Tee):
        sys.stderr = _Tee(sys.stderr)


def log_to(path: Path) -> None:
    """From now on, everything printed also goes to the end of a file. Raises ``OSError`` where it is none."""
    regular(path)
    file = open(path, "a", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115 - it stays open to the end
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, _Tee):
            stream.log = file
