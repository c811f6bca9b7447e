"""Files that a run can do without (probe.pt, wandb.json, best.json): whatever is in their place stops nobody.

One that cannot be used is renamed, so that nothing is lost, and made anew; one that cannot be written is left out.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from npt import SCHEMA
from npt.storage import atomic, reading

T = TypeVar("T")


class Unusable(Exception):
    """What is in a file is not what belongs there; the message is a clause to put behind its name."""


def load(path: Path, read: Callable[[bytes], T]) -> T | None:
    """What ``read`` makes of a file; None where there is none, or none that can be used, which is said in one line."""
    try:
        os.stat(path)  # a link to nothing is nothing, too
        with reading.open_regular(path) as file:
            content = file.read()
        if not any(content):
            raise Unusable("holds only zeros" if content else "is empty")
        return read(content)
    except FileNotFoundError:
        return None
    except OSError as error:
        _put_aside(path, reading.failure(error))
    except (Unusable, reading.ContentError) as unusable:
        _put_aside(path, str(unusable))
    except Exception as damage:
        # A damaged file can make its reader fail in any way.
        _put_aside(path, f"is damaged ({(str(damage).splitlines() or [type(damage).__name__])[0][:200]})")
    return None


def json_object(content: bytes) -> dict[str, Any]:
    """The JSON object in a file, of a schema that this trainer reads. Raises ``Unusable``, or what ``json`` raises."""
    document = reading.parse_object(content)
    schema = document.get("schema", 1)
    if not isinstance(schema, int) or schema > SCHEMA:
        raise Unusable(f"has schema {schema}; this trainer reads up to {SCHEMA}")
    return document


def store(path: Path, content: bytes) -> None:
    """Writes a file atomically; where that fails, one line says that it is left out."""
    try:
        atomic.replace_bytes(path, content)
    except OSError as error:
        print(f"warning: {path.name} cannot be written ({atomic.reason(error)}); going on without it")


def _put_aside(path: Path, why: str) -> None:
    number = 1
    while os.path.lexists(aside := path.with_name(f"{path.name}.damaged-{number}")):
        number += 1
    try:
        os.rename(path, aside)
    except OSError:
        print(f"warning: {path.name} {why}; going on without it")
        return
    print(f"warning: {path.name} {why}: it is made anew, and what was there is now {aside.name}")
