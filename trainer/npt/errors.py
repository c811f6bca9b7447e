"""The errors that end a run with one readable line instead of a stack trace."""

from __future__ import annotations


class UsageError(Exception):
    """Something the caller asked for cannot be done; printed as ``error: …``, exit code 2."""


class TrainingError(Exception):
    """Training could not go on (NaN loss, full disk, …); printed as ``error: …``, exit code 1."""
