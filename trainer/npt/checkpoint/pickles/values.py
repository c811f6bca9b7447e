"""What a pickle turns into here: plain Python data, and inert records of what only Python could make."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from npt.checkpoint.pickles.known import Kind

# Bytes of an element by torch's names of its types.
DTYPES = {
    "float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "float8_e4m3fn": 1, "float8_e4m3fnuz": 1,
    "float8_e5m2": 1, "float8_e5m2fnuz": 1, "float8_e8m0fnu": 1, "float4_e2m1fn_x2": 1, "int64": 8, "int32": 4,
    "int16": 2, "int8": 1, "uint64": 8, "uint32": 4, "uint16": 2, "uint8": 1, "bool": 1, "complex32": 4,
    "complex64": 8, "complex128": 16, "bits8": 1, "bits16": 2, "bits1x8": 1, "bits2x4": 1, "bits4x2": 1, "quint8": 1,
    "qint8": 1, "qint32": 4, "quint4x2": 1, "quint2x4": 1,
}  # fmt: skip
DTYPE_ALIASES = {
    "double": "float64", "float": "float32", "half": "float16", "long": "int64", "int": "int32", "short": "int16",
    "chalf": "complex32", "cfloat": "complex64", "cdouble": "complex128",
}  # fmt: skip
STORAGE_CLASSES = {
    "DoubleStorage": "float64", "FloatStorage": "float32", "HalfStorage": "float16", "BFloat16Storage": "bfloat16",
    "LongStorage": "int64", "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8",
    "ByteStorage": "uint8", "BoolStorage": "bool", "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128", "QUInt8Storage": "quint8", "QInt8Storage": "qint8", "QInt32Storage": "qint32",
    "QUInt4x2Storage": "quint4x2", "QUInt2x4Storage": "quint2x4", "UntypedStorage": "uint8",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Global:
    """A module's attribute that the pickle asks Python to import."""

    module: str
    name: str
    kind: Kind

    @property
    def qualified(self) -> str:
        """``module.name``, as Python users write it."""
        return f"{self.module}.{self.name}"


@dataclass(eq=False)
class Opaque:
    """An object that only Python could make: what would be called, with what, and what would be put into it."""

    callable: Any
    args: Any
    state: Any = None
    contents: list[Any] = field(default_factory=list)

    @property
    def of(self) -> str:
        """The qualified name of what would be called; empty where it has none."""
        return self.callable.qualified if isinstance(self.callable, Global) else ""


@dataclass(frozen=True, eq=False)
class StorageRef:
    """A tensor's bytes by the key that leads to them; sizes in elements of ``dtype``."""

    key: str
    dtype: str
    numel: int
    view_offset: int = 0

    @property
    def bytes(self) -> int:
        """The bytes of its data."""
        return self.numel * DTYPES[self.dtype]


@dataclass(frozen=True, eq=False)
class TensorRef:
    """A strided view of a storage, in elements of ``dtype``, with the changes of sign that torch had put off."""

    storage: StorageRef
    dtype: str
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    conjugated: bool = False
    negated: bool = False


def dtype_of(value: Any) -> str | None:
    """The element type that a ``torch.<dtype>`` or a storage class stands for; None for anything else."""
    if not isinstance(value, Global):
        return None
    if value.module in ("torch", "torch.cuda", "torch.storage") and value.name in STORAGE_CLASSES:
        return STORAGE_CLASSES[value.name]
    name = DTYPE_ALIASES.get(value.name, value.name)
    return name if value.module == "torch" and name in DTYPES else None
