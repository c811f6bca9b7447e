"""Local text and JSONL files as one sequence of tokens."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from npt.data.tokenizers import Tokenizer
from npt.errors import UsageError

FIELDS = ("text", "content")


def documents(path: Path) -> Iterator[str]:
    """The documents of a file: one a line in ``.jsonl`` and ``.json`` files, otherwise the whole file is one.

    Raises ``UsageError`` naming file and line for a file that cannot be read or a line without a text.
    """
    try:
        if path.suffix not in (".jsonl", ".json", ".ndjson"):
            yield path.read_text(encoding="utf-8")
            return
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _text_of(path, number, line)
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None


def _text_of(path: Path, number: int, line: str) -> str:
    try:
        record = json.loads(line)
    except ValueError:
        raise UsageError(f"{path}, line {number}: not JSON") from None
    if isinstance(record, str):
        return record
    for name in FIELDS:
        if isinstance(record, dict) and isinstance(record.get(name), str):
            return str(record[name])
    raise UsageError(f"{path}, line {number}: no text; expected a string or an object with 'text' or 'content'")


def tokens_of(paths: Sequence[Path], tokenizer: Tokenizer) -> Tensor:
    """The tokens of all files in order, int32 (tokens,), with the tokenizer's end token between documents."""
    ids: list[int] = []
    for path in paths:
        for document in documents(path):
            ids.extend(tokenizer.encode(document))
            ids.extend(tokenizer.end)
    return torch.tensor(ids, dtype=torch.int32)
