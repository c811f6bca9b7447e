"""Names of NP tensors, whatever wrappers put into them (``names.json``, which the extension reads too)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

_NAMES: dict[str, Any] = json.loads((Path(__file__).parent / "names.json").read_text("utf-8"))
WRAPPERS: dict[str, str] = _NAMES["wrappers"]
LEADING = frozenset(_NAMES["leading"])
LONGEST = 500
BARE = re.compile(
    r"(?:layer_([0-9]{1,6})_np|layers\.([0-9]{1,6})\.np_component)"
    r"\.((?:W_down|W_a_up|W_b_up)(?:_(?:gate|up|down))?(?:\.[0-9]{1,4})?)"
)

Value = TypeVar("Value")


@dataclass(frozen=True)
class WeightName:
    """``short`` is the name as our trainer writes it; ``prefix`` what came before the layer; ``by`` who wrote parts."""

    short: str
    prefix: str
    by: tuple[str, ...]


def parse(name: Any) -> WeightName | None:
    """An NP tensor's name taken apart; None for any other."""
    if not isinstance(name, str) or len(name) > LONGEST:
        return None
    by: dict[str, None] = {}
    kept: list[str] = []
    before = 0
    for part in name.split("."):
        if part in WRAPPERS:
            by[WRAPPERS[part]] = None
        elif kept or part not in LEADING:
            kept.append(part)
        if not kept:
            before += len(part) + 1
    match = BARE.fullmatch(".".join(kept))
    if match is None:
        return None
    layer = int(match[1] or match[2])
    return WeightName(f"layer_{layer}_np.{match[3]}", name[:before], tuple(by))


def short_keys(weights: Mapping[str, Value]) -> dict[str, Value]:
    """The same under our trainer's names, in the same order; what is no NP tensor's keeps its own."""
    renamed: dict[str, Value] = {}
    for key, value in weights.items():
        name = parse(key)
        renamed[name.short if name else key] = value
    return renamed


def ambiguity(keys: Iterable[str]) -> str | None:
    """What keeps names from saying which tensor is which, in a clause; None where nothing does."""
    seen: dict[str, str] = {}
    prefixes: dict[str, str] = {}
    for key in keys:
        name = parse(key)
        if name is None:
            continue
        if name.short in seen:
            return f"it has one weight twice: {seen[name.short]} and {key}"
        seen[name.short] = key
        prefixes.setdefault(name.prefix, key)
    if len(prefixes) > 1:
        return f"its names begin differently: {', '.join(list(prefixes.values())[:3])}"
    return None


def wrapping(keys: Iterable[str]) -> str | None:
    """Who wrote parts into the names, in a clause; None where nobody did."""
    names = [name for name in map(parse, keys) if name is not None]
    by = dict.fromkeys(wrapper for name in names for wrapper in name.by)
    if not by:
        return None
    begin = f"begin with {names[0].prefix}, parts" if names[0].prefix else "hold parts"
    return f"its names {begin} that {' and '.join(by)} wrote; a resume reads them without"
