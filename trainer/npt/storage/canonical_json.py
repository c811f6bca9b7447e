"""JSON text that is the same in every language, for hashing (RFC 8785, "JSON Canonicalization Scheme")."""

from __future__ import annotations

import json
import math
from typing import Any


def number(value: float) -> str:
    """A float as ECMAScript prints it: 5.0 is ``5``, 1e-05 is ``0.00001``, 1e-07 is ``1e-7``."""
    if not math.isfinite(value):
        raise ValueError(f"{value} has no JSON form; store it as a string")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = f"{abs(value)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    # The value is 0.DIGITS × 10^point; repr's digits are the shortest that round-trip, as ECMAScript demands.
    point = len(whole) + int(exponent or 0)
    if whole == "0":
        point -= len(fraction) - len(fraction.lstrip("0")) + 1
    digits = digits.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    tail = digits[0] + (f".{digits[1:]}" if count > 1 else "")
    return f"{sign}{tail}e{'+' if point > 0 else '-'}{abs(point - 1)}"


def canonical(value: Any) -> str:
    """The canonical text of plain JSON values: no white space, keys sorted by UTF-16 code units."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int):
        return number(float(value)) if abs(value) > 2**53 else str(value)
    if isinstance(value, float):
        return number(value)
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(canonical(item) for item in value) + "]"
    keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
    return "{" + ",".join(f"{canonical(key)}:{canonical(value[key])}" for key in keys) + "}"


def finite(value: Any) -> Any:
    """The value with non-finite numbers as the strings ``NaN``, ``Infinity`` and ``-Infinity``."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return value
