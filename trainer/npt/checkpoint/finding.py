"""One thing that validation noticed. Codes are those of docs/findings.md, so that both languages say the same."""

from __future__ import annotations

from dataclasses import dataclass

ERROR, WARNING, INFO = "error", "warning", "info"

# What a checkpoint is where an error of this code is found ("invalid" for all others); the worst comes first.
VERDICTS = ("dangerous", "invalid", "unverifiable", "incomplete")
VERDICT_OF = {
    "dangerous-global": "dangerous",
    "nested-pickle": "dangerous",
    "not-torch": "unverifiable",
    "other-archive": "unverifiable",
    "encrypted": "unverifiable",
    "unknown-call": "unverifiable",
    "unknown-global": "unverifiable",
    "unsupported-tensor": "unverifiable",
    "torchscript-archive": "unverifiable",
    "pickle-limit": "unverifiable",
    "unreadable-file": "unverifiable",
    "newer-schema": "unverifiable",
    "missing-file": "incomplete",
    "being-written": "incomplete",
    "being-deleted": "incomplete",
}


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


def info(code: str, message: str) -> Finding:
    """A finding that is nobody's fault and asks for nothing."""
    return Finding(INFO, code, message)


def verdict_of(findings: list[Finding]) -> str:
    """The worst that the errors make of a checkpoint; ``valid`` without any."""
    found = {VERDICT_OF.get(item.code, "invalid") for item in findings if item.severity == ERROR}
    return next((verdict for verdict in VERDICTS if verdict in found), "valid")
