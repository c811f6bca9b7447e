"""The trainer's arguments as data (``arguments.json``, which the extension reads as well), and reading their values.

A value that was typed and one that a ``config.json`` holds go through the same reader: what is clear is taken
(``"5e-3"`` for a number, 4.0 for a count), anything else is refused in one clause.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from npt import curriculum
from npt.errors import UsageError

TABLE = Path(__file__).with_name("arguments.json")

_WHOLE = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_CONTROL = re.compile(r"[\x00-\x1f]")
_DEVICE = re.compile(r"(auto|cpu|mps|cuda(:[0-9]+)?)")
_LAYERS = re.compile(r"([0-9]{1,4})(?:-([0-9]{1,4}))?")
_LAYER_WORDS = ("all", "upper_half", "lower_half", "upper", "lower")
# Beyond this a double, and so a program that is not Python, no longer tells neighbours apart.
_LARGEST = 2**53 - 1
_LONGEST_SHOWN = 60


class ValueRefused(ValueError):
    """A value that an argument cannot have; the text is one clause: what it is, and what it should be."""


@dataclass(frozen=True)
class Argument:
    """One entry of the table."""

    name: str
    entry: dict[str, Any]

    @property
    def kind(self) -> str:
        """How values are read: integer, number, flag, choice, text, list, layers, layer weights, curriculum, device."""
        return str(self.entry["kind"])

    @cached_property
    def default(self) -> Any:
        """What it is when nobody says; None: nothing."""
        value = self.entry["default"]
        return value if value is None or value == [] else self.read(value)

    @property
    def choices(self) -> list[str]:
        """The values of a choice."""
        return list(self.entry.get("choices", []))

    @property
    def effect(self) -> str:
        """What a changed value does on a resume: takes effect, shapes, base model, or start (it belongs to one)."""
        return str(self.entry["resume"]["effect"])

    @property
    def touches(self) -> list[str]:
        """What a changed value touches on a resume: training, data, rounding, evaluation, output, speed."""
        return list(self.entry["resume"].get("touches", []))

    @property
    def when(self) -> str | None:
        """The only case in which it takes effect on a resume; None: always."""
        found: str | None = self.entry["resume"].get("when")
        return found

    @property
    def note(self) -> str | None:
        """What else there is to know about a change on a resume."""
        found: str | None = self.entry["resume"].get("note")
        return found

    def read(self, value: Any) -> Any:
        """The value as ``config.json`` holds it, from a typed text or a stored value. Raises ``ValueRefused``."""
        if isinstance(value, str):
            value = value.strip()
            if value == "":
                raise ValueRefused("it is empty")
        read = _READERS[self.kind]
        return read(self.entry, value)


def shown(value: Any) -> str:
    """A value in a message, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, str):
        text = f"'{text[1:-1]}'"
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def _refuse(value: Any, what: str) -> ValueRefused:
    return ValueRefused(f"{shown(value)} is not {what}")


def _number(value: Any) -> float | int | None:
    """A finite number, from a number or its text; None for anything else. Texts of whole numbers stay exact."""
    if isinstance(value, str):
        if _WHOLE.fullmatch(value):
            # Python refuses to read beyond 4,300 digits; no argument is near.
            return int(value) if len(value) < 400 else None
        value = float(value) if _DECIMAL.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not _finite(value):
        return None
    return value


def _finite(value: int | float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _bounded(entry: dict[str, Any], value: Any, number: Any) -> Any:
    if "above" in entry and number <= entry["above"]:
        raise ValueRefused(f"{shown(value)} is not above {entry['above']}")
    if "minimum" in entry and number < entry["minimum"]:
        raise ValueRefused(f"{shown(value)} is below {entry['minimum']}")
    return number


def _integer(entry: dict[str, Any], value: Any) -> int:
    number = _number(value)
    if number is None or number != int(number):
        raise _refuse(value, "a whole number")
    largest = int(entry.get("maximum", _LARGEST))
    if number > largest:
        raise ValueRefused(f"{shown(value)} is above {largest}, the largest that can be used")
    return int(_bounded(entry, value, int(number)))


def _real(entry: dict[str, Any], value: Any) -> float:
    number = _number(value)
    if number is None:
        raise _refuse(value, "a number (5e-5 and 0.00005 are)")
    # Adding zero makes a negative zero a plain one.
    return float(_bounded(entry, value, number)) + 0.0


_FLAGS = {
    **dict.fromkeys(("true", "on", "yes", "1"), True),
    **dict.fromkeys(("false", "off", "no", "0"), False),
}


def _flag(entry: dict[str, Any], value: Any) -> bool:
    if isinstance(value, bool):
        return value
    known = {**_FLAGS, **entry.get("words", {})}
    found = known.get(str(value).lower()) if isinstance(value, str) or value in (0, 1) else None
    if found is None:
        raise ValueRefused(f"{shown(value)} is neither true nor false")
    return bool(found)


def _choice(entry: dict[str, Any], value: Any) -> str:
    if not isinstance(value, str) or value not in entry["choices"]:
        raise ValueRefused(f"{shown(value)} is not one of {', '.join(entry['choices'])}")
    return value


def _text(_: dict[str, Any], value: Any) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and _finite(value):
        value = str(value)
    if not isinstance(value, str):
        raise _refuse(value, "a text")
    if _CONTROL.search(value):
        raise ValueRefused(f"{shown(value)} has control characters")
    return value


def _list(entry: dict[str, Any], value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value]
    if any(isinstance(item, str) and item.strip() == "" for item in items):
        raise ValueRefused(f"{shown(value)} has an empty entry")
    return [_text(entry, item) for item in items]


def _layers(_: dict[str, Any], value: Any) -> list[int] | str:
    if isinstance(value, list):
        layers = [_integer({"minimum": 0, "maximum": 9999}, item) for item in value]
    elif isinstance(value, str):
        layers, words = [], False
        for part in re.split(r"[\s,]+", value):
            match = _LAYERS.fullmatch(part)
            if part in _LAYER_WORDS:
                words = True
            elif match:
                first, last = int(match[1]), int(match[2] or match[1])
                if last < first:
                    raise ValueRefused(f"{shown(part)} goes backwards; write {last}-{first}")
                layers.extend(range(first, last + 1))
            elif part:
                raise ValueRefused(
                    f"{shown(part)} is not a layer; write 13,14,15 or 8-15 or all, upper_half, lower_half"
                )
        if words:
            # What they mean depends on the model.
            return value
    else:
        layers = [_integer({"minimum": 0, "maximum": 9999}, value)]
    if not layers:
        raise ValueRefused(f"{shown(value)} names no layer")
    if len(set(layers)) != len(layers):
        raise ValueRefused(f"layer {next(n for n in layers if layers.count(n) > 1)} is named twice")
    return layers if not isinstance(value, str) else value


def _layer_weights(_: dict[str, Any], value: Any) -> str:
    if value in ("uniform", "linear"):
        return str(value)
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
    for part in parts:
        number = _number(part.strip() if isinstance(part, str) else part)
        if number is None or number < 0:
            raise ValueRefused(
                f"{shown(part)} is not a weight; write uniform, linear or one number from 0 for each layer"
            )
    if not parts:
        raise ValueRefused("it names no weight")
    return value if isinstance(value, str) else ",".join(str(part) for part in parts)


def _curriculum(_: dict[str, Any], value: Any) -> str:
    if not isinstance(value, str):
        raise _refuse(value, "a curriculum such as teacher:5000,mixed:5000:0.5,student:20000")
    try:
        curriculum.parse(value)
    except UsageError as error:
        raise ValueRefused(str(error).removeprefix("--curriculum_stages: ")) from None
    return value


def _device(_: dict[str, Any], value: Any) -> str:
    if not isinstance(value, str) or not _DEVICE.fullmatch(value):
        raise _refuse(value, "a device; use auto, cpu, cuda, cuda:N or mps")
    return value


_READERS = {
    "integer": _integer,
    "number": _real,
    "flag": _flag,
    "choice": _choice,
    "text": _text,
    "list": _list,
    "layers": _layers,
    "layer weights": _layer_weights,
    "curriculum": _curriculum,
    "device": _device,
}


def _load() -> dict[str, Argument]:
    document = json.loads(TABLE.read_text(encoding="utf-8"))
    return {entry["name"]: Argument(entry["name"], entry) for entry in document["arguments"]}


#: Every argument by its name, in the order in which they are shown.
ARGUMENTS = _load()
#: Those that belong to one start, not to the run; a resume does not inherit them.
PER_START = tuple(name for name, argument in ARGUMENTS.items() if argument.effect == "start")
#: What ``--demo_mode`` makes of the defaults: three stages in a minute on two cores, and every curve shows learning.
DEMO_DEFAULTS = {
    name: argument.read(argument.entry["demo"]) for name, argument in ARGUMENTS.items() if "demo" in argument.entry
}


def usable(stored: Mapping[str, Any], name: str, otherwise: Any) -> Any:
    """A stored argument's value, or ``otherwise`` where there is none that can be used."""
    value = stored.get(name)
    if value is None or value in ("", []):
        return otherwise
    try:
        return ARGUMENTS[name].read(value)
    except ValueRefused:
        return otherwise


def refused(stored: dict[str, Any]) -> dict[str, str]:
    """What is wrong with stored arguments: a clause by name. None values and unknown names are nobody's business."""
    wrong: dict[str, str] = {}
    for name, value in stored.items():
        argument = ARGUMENTS.get(name)
        if argument is None or argument.effect == "start" or value is None or value in ("", []):
            continue
        try:
            argument.read(value)
        except ValueRefused as error:
            wrong[name] = str(error)
    return wrong
