"""What a pickle says of its storages, without making anything that it names.

``torch.load`` does not compare a storage's size with its record's and stops reading where it has what it needs. To
check the rest of a file one has to know which storages its pickle names, so it is read here by an unpickler that
replaces every class and function by a placeholder.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Any, BinaryIO

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
# Bytes of an element by torch's storage classes.
ELEMENT_BYTES = {
    "DoubleStorage": 8, "FloatStorage": 4, "HalfStorage": 2, "BFloat16Storage": 2, "LongStorage": 8, "IntStorage": 4,
    "ShortStorage": 2, "CharStorage": 1, "ByteStorage": 1, "BoolStorage": 1, "ComplexFloatStorage": 8,
    "ComplexDoubleStorage": 16, "QUInt8Storage": 1, "QInt8Storage": 1, "QInt32Storage": 4, "QUInt4x2Storage": 1,
    "QUInt2x4Storage": 1, "UntypedStorage": 1,
}  # fmt: skip


class Malformed(Exception):
    """The pickle, or what it says of a storage, is not what torch writes."""


@dataclass(frozen=True)
class Storage:
    """A storage that a pickle names: its elements, and bytes for each."""

    numel: int
    element_bytes: int

    @property
    def bytes(self) -> int:
        """The bytes of its data."""
        return self.numel * self.element_bytes


class _Placeholder:
    """Stands for whatever a pickle names or makes; takes anything and does nothing."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass

    def __setitem__(self, _: Any, __: Any) -> None:
        pass

    def append(self, _: Any) -> None:
        """As a list."""

    def extend(self, _: Any) -> None:
        """As a list."""

    def add(self, _: Any) -> None:
        """As a set."""

    def update(self, _: Any) -> None:
        """As a set."""


class _Reader(pickle.Unpickler):
    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.storages: dict[str, Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        return type(name.rpartition(".")[2] or "nameless", (_Placeholder,), {})

    def persistent_load(self, pid: Any) -> Any:
        if isinstance(pid, tuple) and pid and pid[0] == "module":
            return _Placeholder()
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
            raise Malformed("a persistent id that is no storage's")
        _, kind, key, _, numel = pid[:5]
        size = ELEMENT_BYTES.get(kind.__name__) if isinstance(kind, type) else None
        if size is None or not isinstance(key, str) or not isinstance(numel, int) or numel < 0:
            raise Malformed("a storage of an unknown type or an impossible size")
        self.storages[key] = Storage(numel, size)
        return _Placeholder()


def read(file: BinaryIO) -> tuple[Any, dict[str, Storage]]:
    """The next pickle's value, with placeholders in it, and the storages that it names. Raises ``Malformed``."""
    reader = _Reader(file)
    try:
        value = reader.load()
    except Malformed:
        raise
    except Exception as damage:
        # An unpickler fails on damaged bytes in any way there is.
        raise Malformed(str(damage) or type(damage).__name__) from None
    return value, reader.storages
