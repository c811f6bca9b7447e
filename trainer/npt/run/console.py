"""The console: readable lines, flushed at once, also into ``train.log``, and a lost terminal stops nothing."""

from __future__ import annotations

import contextlib
import io
import sys
from pathlib import Path
from typing import TextIO

from npt.storage.reading import regular


class _Tee(io.TextIOBase):
    """Writes to a stream and, once there is one, to a log file."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.log: TextIO | None = None

    def write(self, text: str) -> int:
        # A terminal that was closed raises EIO for every print; training goes on without it.
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()
        if self.log is not None:
            with contextlib.suppress(OSError, ValueError):
                self.log.write(text)
                self.log.flush()
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding


def install() -> None:
    """Wraps standard output and error; safe to call twice."""
    if not isinstance(sys.stdout, _Tee):
        sys.stdout = _Tee(sys.stdout)
    if not isinstance(sys.stderr, _Tee):
        sys.stderr = _Tee(sys.stderr)


def log_to(path: Path) -> None:
    """From now on, everything printed also goes to the end of a file. Raises ``OSError`` where it is none."""
    regular(path)
    file = open(path, "a", encoding="utf-8")  # noqa: SIM115 - it stays open until the process ends
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, _Tee):
            stream.log = file
