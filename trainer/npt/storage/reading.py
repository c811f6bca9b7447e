"""Reading files that may be anything, in any encoding that people's tools leave them in.

A path may lead to a named pipe (opening one waits for ever), a device or a folder; it may be there and unreadable,
which is not the same as missing. Text may begin with a byte order mark or be UTF-16, as a redirect in Windows
PowerShell writes it. The extension's ``src/core/files.ts``, ``textEncoding.ts`` and ``jsonText.ts`` read the same;
``test/fixtures/encodings/cases.json`` holds both to it.
"""

from __future__ import annotations

import codecs
import errno
import io
import json
import os
import re
import stat
from pathlib import Path
from typing import Any, BinaryIO, TextIO

MAX_JSON_DEPTH = 64
#: No document of a run or a checkpoint is as long. Metrics files are read another way.
MAX_DOCUMENT_BYTES = 64 * 1024 * 1024
#: Looking for the line of a mistake in a longer text would take seconds.
LONGEST_SEARCHED = 256 * 1024


class WrongKindError(OSError):
    """Something else is where a file, or a folder, belongs; ``strerror`` is a clause to put behind the path."""

    def __init__(self, path: Path, clause: str) -> None:
        super().__init__(errno.EINVAL, clause, str(path))


class ContentError(ValueError):
    """What is in a file cannot be used; the message is a clause to put behind its path."""


def kind_of(mode: int) -> str:
    """What a ``st_mode`` is of, with its article."""
    if stat.S_ISREG(mode):
        return "a file"
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISFIFO(mode):
        return "a named pipe"
    if stat.S_ISSOCK(mode):
        return "a socket"
    return "a device"


def is_absent(error: OSError) -> bool:
    """Whether an error only says that something is not (or no longer) there."""
    return error.errno in (errno.ENOENT, errno.ENOTDIR)


def regular(path: Path) -> os.stat_result | None:
    """What the system says of a file, links followed; None where nothing is there.

    Raises ``WrongKindError`` for anything but a file, a link that leads nowhere included, and other ``OSError``.
    """
    try:
        found = os.stat(path)
    except OSError as error:
        if not is_absent(error):
            raise
        if os.path.islink(path):
            raise WrongKindError(path, f"is a symbolic link to {os.readlink(path)}, which does not exist") from None
        return None
    return _require_file(path, found)


def _require_file(path: Path, found: os.stat_result) -> os.stat_result:
    if not stat.S_ISREG(found.st_mode):
        raise WrongKindError(path, f"is not a file but {kind_of(found.st_mode)}")
    return found


def open_regular(path: Path) -> BinaryIO:
    """Opens a regular file for reading; nothing else is opened.

    It is looked at first, and again when it is open: something may have come in its place. Raises
    ``FileNotFoundError``, ``WrongKindError`` and other ``OSError``.
    """
    if regular(path) is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        _require_file(path, os.fstat(descriptor))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def failure(error: OSError) -> str:
    """A failed read as a clause to put behind the path: what keeps it from being read, and which right is missing."""
    if isinstance(error, WrongKindError):
        return str(error.strerror)
    if error.errno in (errno.EACCES, errno.EPERM):
        where = error.filename
        return f"cannot be read: {_missing_right(Path(os.fsdecode(where))) if where else 'no permission'}"
    if error.errno == errno.ENOENT:
        return "does not exist"
    if error.errno == errno.EISDIR:
        return "is not a file but a folder"
    if error.errno == errno.ELOOP:
        return "cannot be read: its symbolic links go in a circle"
    if error.errno == errno.EIO:
        return "cannot be read: the disk reports a read error"
    return f"cannot be read ({error.strerror or error})"


def _missing_right(path: Path) -> str:
    full = Path(os.path.abspath(path))
    for folder in reversed(full.parents):
        if not _allows(folder, os.X_OK):
            return f"no permission to enter the folder {folder} (its right x is missing)"
    if not _allows(full, os.R_OK):
        return "no permission to read it (its right r is missing)"
    return "no permission" if _allows(full, os.X_OK) else "no permission to enter it (its right x is missing)"


def _allows(path: Path, right: int) -> bool:
    return os.access(path, right) or not os.path.lexists(path)


def encoding_of(head: bytes) -> str:
    """The encoding that a file begins in, by its first four bytes; one that leaves out a byte order mark.

    Without a mark UTF-16 shows by the zero bytes of its first two characters, which in all that is read here are ASCII.
    Raises ``ContentError`` for UTF-32, which nothing that trains writes.
    """
    zero = [byte == 0 for byte in head[:4]]
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)) or zero in (
        [False, True, True, True],
        [True, True, True, False],
    ):
        raise ContentError("is UTF-32 text: save it as UTF-8")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if zero == [False, True, False, True]:
        return "utf-16-le"
    if zero == [True, False, True, False]:
        return "utf-16-be"
    return "utf-8-sig"


def decode(content: bytes) -> str:
    """A file's bytes as text, its byte order mark left out.

    Raises ``ContentError`` that says what it is, or in which line it stops being UTF-8.
    """
    encoding = encoding_of(content[:4])
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise ContentError(_damage(content[: error.start], encoding)) from None


def _damage(before: bytes, encoding: str, line: int = 1) -> str:
    """What to say of bytes that are no characters, from those before them, which begin in ``line``."""
    name = "UTF-8" if encoding == "utf-8-sig" else "UTF-16"
    return f"is not {name} text (line {line + before.decode(encoding, 'ignore').count(chr(10))})"


def open_text(path: Path) -> TextIO:
    """Opens a text file in whatever encoding it begins; line ends become ``\\n``.

    Raises as ``open_regular`` does, and ``ContentError`` for UTF-32. Reading raises ``UnicodeDecodeError``: see
    ``where_undecodable``.
    """
    file = open_regular(path)
    try:
        encoding = encoding_of(file.read(4))
        file.seek(0)
        return io.TextIOWrapper(file, encoding=encoding)
    except BaseException:
        file.close()
        raise


def where_undecodable(path: Path) -> str:
    """The clause that says in which line a text file stops being text."""
    with open_regular(path) as file:
        encoding = encoding_of(file.read(4))
        file.seek(0)
        decoder = codecs.getincrementaldecoder(encoding)()
        line = 1
        try:
            while chunk := file.read(1 << 20):
                line += decoder.decode(chunk).count("\n")
            decoder.decode(b"", True)
        except UnicodeDecodeError as error:
            return _damage(error.object[: error.start], encoding, line)
    return "changed while it was read"


def parse_object(content: bytes) -> dict[str, Any]:
    """The object that a JSON document holds. Raises ``ContentError``."""
    text = decode(content)
    if not text.strip("\ufeff \t\r\n\f\v"):
        raise ContentError("is empty")
    if _is_too_deep(text):
        raise ContentError(f"is nested more than {MAX_JSON_DEPTH} levels deep")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise ContentError(f"is not JSON{_place_of_error(text)}") from None
    if not isinstance(document, dict):
        raise ContentError("is not a JSON object")
    return document


def read_object(path: Path) -> dict[str, Any]:
    """The object that a JSON file holds.

    Raises ``ContentError``, ``FileNotFoundError``, ``WrongKindError`` for what is no file, and other ``OSError``.
    """
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > MAX_DOCUMENT_BYTES:
            raise ContentError("is larger than any document of a run")
        return parse_object(file.read())


def _is_too_deep(text: str) -> bool:
    """Counted in the text, before anything is built from it."""
    if text.count("[") + text.count("{") <= MAX_JSON_DEPTH:
        return False
    depth = 0
    for token in re.finditer(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', text, re.DOTALL):
        mark = token[0]
        if mark in "[{":
            depth += 1
            if depth > MAX_JSON_DEPTH:
                return True
        elif mark in "]}":
            depth -= 1
    return False


def _place_of_error(text: str) -> str:
    """`` (line 3)`` where a text of several lines stops being JSON; nothing where it is a single line."""
    if len(text) > LONGEST_SEARCHED or "\n" not in text.rstrip():
        return ""
    line = text.count("\n", 0, _json_end(text)) + 1
    return f" (line {line})"


_TOKEN = re.compile(
    r"[\s\ufeff]*(?:([{}\[\],:])"
    r'|("(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*")'
    r"|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|NaN|-?Infinity)(?![\w.]))"
)


def _json_end(text: str) -> int:
    """How far a text is JSON: the place of the first token that cannot stand where it does."""
    opened: list[str] = []
    # What may come next: a value, a key, a colon, or a comma or closing bracket.
    expected, end = "value", 0
    while (token := _TOKEN.match(text, end)) is not None:
        mark, string = token[1], token[2]
        at = token.end() - len(token[0].lstrip("\ufeff \t\r\n\f\v\u2028\u2029"))
        closes = bool(opened) and mark is not None and opened[-1] + mark in ("[]", "{}")
        if closes and expected in ("more", "first" if mark == "]" else "first key"):
            opened.pop()
            expected = "more" if opened else "nothing"
        elif expected in ("value", "first"):
            if mark in ("{", "["):
                opened.append(mark)
                expected = "first" if mark == "[" else "first key"
            elif mark is None:
                expected = "more" if opened else "nothing"
            else:
                return at
        elif expected in ("key", "first key") and string is not None:
            expected = "colon"
        elif expected == "colon" and mark == ":":
            expected = "value"
        elif expected == "more" and mark == ",":
            expected = "value" if opened[-1] == "[" else "key"
        else:
            return at
        end = token.end()
    rest = text[end:]
    # Blank lines before the trouble are not where it is.
    return len(text.rstrip()) if not rest.strip() else end + len(rest) - len(rest.lstrip())
