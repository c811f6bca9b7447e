"""Documents of a newer trainer: the one check of a schema number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from npt import SCHEMA


def newer(document: Mapping[str, Any]) -> str | None:
    """What to say of a document that a newer trainer wrote, as a clause behind its name; None for all others."""
    schema = document.get("schema", 1)
    if not isinstance(schema, (int, float)) or not schema > SCHEMA:
        return None
    return f"has schema {schema}; this trainer reads up to {SCHEMA}, a newer one is needed"
