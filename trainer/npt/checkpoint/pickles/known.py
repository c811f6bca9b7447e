"""What a pickle may name, by the list in ``globals.json``, which the extension decides by too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

Kind = Literal["safe", "unknown", "dangerous"]

_LIST: dict[str, Any] = json.loads((Path(__file__).parents[1] / "globals.json").read_text("utf-8"))
_HARMLESS = {module: frozenset(names) for module, names in _LIST["harmless"].items()}
_UNREAD = {module: frozenset(names) for module, names in _LIST["unread"].items()}
_MODULES: dict[str, str] = _LIST["python2"]["modules"]
_NAMES: dict[str, str] = _LIST["python2"]["names"]
_ROOTS = frozenset(_LIST["dangerous"]["roots"])
_VALUE_CLASS_ROOTS = frozenset(_LIST["dangerous"]["valueClassRoots"])
_PREFIXES: list[str] = _LIST["dangerous"]["prefixes"]
_PARTS = frozenset(_LIST["dangerous"]["parts"])
_CALLS_OF = frozenset(_LIST["dangerous"]["callsOf"])


def canonical(module: str, name: str) -> tuple[str, str]:
    """The name that Python 3 imports where a pickle has Python 2's."""
    renamed = _NAMES.get(f"{module} {name}")
    if renamed is not None:
        first, _, second = renamed.partition(" ")
        return first, second
    return _MODULES.get(module, module), name


def kind_of(module: str, name: str) -> Kind:
    """Judges an import by its canonical name. Names with dots walk attributes, so every part counts."""
    if name in _HARMLESS.get(module, ()):
        return "safe"
    if name in _UNREAD.get(module, ()):
        return "unknown"
    path = f"{module}.{name}"
    root, *rest = path.split(".")
    if any(path == prefix or path.startswith(f"{prefix}.") for prefix in _PREFIXES):
        return "dangerous"
    if any(part in _PARTS for part in rest):
        return "dangerous"
    return "dangerous" if root in _ROOTS and root not in _VALUE_CLASS_ROOTS else "unknown"


def call_is_dangerous(module: str, name: str) -> bool:
    """Whether a call of something unknown is of a library whose unlisted functions are how new attacks look."""
    if name in _UNREAD.get(module, ()):
        return False
    root = module.partition(".")[0]
    return root in _ROOTS or root in _CALLS_OF
