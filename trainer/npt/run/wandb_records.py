"""What W&B has of a run in its own files: ``run-<id>.wandb``, a log of blocks as LevelDB writes them, of its records.

Its process keeps a while what it was sent; a kill loses that, so that only these files say what was logged.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from npt.storage import reading

_MAGIC = b":W&B"
_FILE_HEADER, _BLOCK, _HEADER = 7, 32768, 7
#: A record in one piece, and the last piece of one; a block's rest is zeros.
_WHOLE, _LAST, _NOTHING = 1, 4, 0


def _records(content: bytes) -> Iterator[bytes]:
    """The records of a file, up to where it was cut off."""
    if not content.startswith(_MAGIC):
        return
    at, pieces = _FILE_HEADER, b""
    while at + _HEADER <= len(content):
        left = _BLOCK - at % _BLOCK
        if left < _HEADER:
            at += left
            continue
        size, kind = int.from_bytes(content[at + 4 : at + 6], "little"), content[at + 6]
        begin, at = at + _HEADER, at + _HEADER + size
        if kind == _NOTHING or at > len(content):
            return
        pieces += content[begin:at]
        if kind in (_WHOLE, _LAST):
            yield pieces
            pieces = b""


def rows(folder: Path, run: str) -> list[dict[str, Any]] | None:
    """The rows of history that W&B's folder beside a run has of the W&B run with an id, file by file.

    None where there is no file, or where the library cannot read its own records.
    """
    files = sorted(folder.glob(f"*/run-{run}.wandb"))
    # The link to the newest one's folder leads there a second time.
    files = [file for file in files if not file.parent.is_symlink()]
    if not files:
        return None
    found: list[dict[str, Any]] = []
    try:
        record_type = import_module("wandb.proto.wandb_internal_pb2").Record
        for file in files:
            with reading.open_regular(file) as opened:
                content = opened.read()
            for record in map(record_type.FromString, _records(content)):
                if record.HasField("history"):
                    items = record.history.item
                    found.append({".".join(i.nested_key) or i.key: json.loads(i.value_json) for i in items})
    except Exception:
        # A damaged file, or another library's records, can make their reader fail in any way.
        return None
    return found
