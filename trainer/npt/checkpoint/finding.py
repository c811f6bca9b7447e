"""One thing that validation noticed. Codes are those of docs/findings.md, so that both languages say the same."""

from __future__ import annotations

from dataclasses import dataclass

ERROR, WARNING = "error", "warning"


@dataclass(frozen=True)
class Finding:
    """What is wrong, in a sentence that names file and tensor; only errors make a checkpoint invalid."""

    severity: str
    code: str
    message: str


def error(code: str, message: str) -> Finding:
    """A finding after which a resume would fail or be wrong."""
    return Finding(ERROR, code, message)


def warning(code: str, message: str) -> Finding:
    """A finding that a resume survives."""
    return Finding(WARNING, code, message)
