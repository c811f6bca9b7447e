"""The documents of local text and JSONL files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from npt.errors import UsageError
from npt.storage import reading

FIELDS = ("text", "content")
RECORDS = (".jsonl", ".json", ".ndjson")
#: Characters of a text that are read at once.
_PART = 1 << 22


def holds_records(path: Path) -> bool:
    """Whether a file holds documents as records (``.jsonl``, ``.json``, ``.ndjson``); any other is one document."""
    return path.suffix.lower() in RECORDS


def documents(path: Path) -> Iterator[str]:
    """The documents of a file.

    Records are one a line, or JSON over several lines: a list of them, or one after the other. Raises ``UsageError``
    naming file and line for a file that cannot be read, bytes that are no text and a record without a text.
    """
    if holds_records(path):
        yield from _read(path, _records)
    else:
        yield "".join(parts(path))


def parts(path: Path) -> Iterator[str]:
    """The text of a file that is one document, a few million characters at a time. Raises as ``documents`` does."""
    yield from _read(path, _parts)


def _read(path: Path, texts: Callable[[Path, TextIO], Iterator[str]]) -> Iterator[str]:
    try:
        with reading.open_text(path) as file:
            yield from texts(path, file)
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} {reading.where_undecodable(path)}") from None
    except reading.ContentError as content:
        raise UsageError(f"{path} {content}") from None
    except OSError as error:
        raise UsageError(f"{path} {reading.failure(error)}") from None


def _parts(path: Path, file: TextIO) -> Iterator[str]:
    line = 1
    while text := file.read(_PART):
        at = text.find("\0")
        if at >= 0:
            line += text.count("\n", 0, at)
            raise UsageError(f"{path}, line {line}: a zero byte; expected text")
        line += text.count("\n")
        yield text


def _records(path: Path, file: TextIO) -> Iterator[str]:
    first = True
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            if not first:
                raise UsageError(f"{path}, line {number}: not JSON") from None
            # Not one record a line, then.
            yield from _values(path, line + file.read(), number)
            return
        if first and isinstance(record, list):
            yield from _values(path, line + file.read(), number)
            return
        first = False
        yield _text_of(path, f"line {number}", record)


def _values(path: Path, text: str, line: int) -> Iterator[str]:
    """The texts of JSON values one after the other, which begin in ``line`` of the file; a list is its items."""
    decoder, at = json.JSONDecoder(), 0
    while (start := len(text) - len(text[at:].lstrip())) < len(text):
        here = line + text.count("\n", 0, start)
        try:
            value, at = decoder.raw_decode(text, start)
        except json.JSONDecodeError as error:
            raise UsageError(f"{path}, line {line + error.lineno - 1}: not JSON") from None
        except RecursionError:
            raise UsageError(f"{path}, line {here}: nested too deep") from None
        if isinstance(value, list):
            for number, item in enumerate(value, start=1):
                yield _text_of(path, f"item {number} of the list in line {here}", item)
        else:
            yield _text_of(path, f"line {here}", value)


def _text_of(path: Path, place: str, record: object) -> str:
    if isinstance(record, str):
        return record
    if isinstance(record, dict):
        for name in FIELDS:
            if isinstance(record.get(name), str):
                return str(record[name])
    raise UsageError(f"{path}, {place}: no text; expected a string or an object with 'text' or 'content'")
