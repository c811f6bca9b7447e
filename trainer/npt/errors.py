"""The errors that end a run with one readable line instead of a stack trace."""

from __future__ import annotations


class UsageError(Exception):
    """Something the caller asked for cannot be done; printed as ``error: …``, exit code 2."""


class SourceError(UsageError):
    """A source of text cannot be read at the moment; the same read may work later. ``reason`` is one clause."""

    def __init__(self, line: str, reason: str | None = None) -> None:
        super().__init__(line)
        self.reason = reason or line


class TrainingError(Exception):
    """Training could not go on (NaN loss, full disk, …); printed as ``error: …``, exit code 1."""
