"""What the harmless calls in torch's pickles mean: tensors from storages, NumPy's scalars, paths, encoded bytes.

As the extension's ``core/torchfile/pickle/torchValues.ts``; NumPy itself is not needed.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any

from npt.checkpoint.pickles.machine import PickleError, is_tensor
from npt.checkpoint.pickles.values import DTYPES, Global, Opaque, StorageRef, TensorRef, dtype_of

MAX_BYTE_STRINGS = 10_000
# Shorter texts spell no pickle that does anything.
MAX_TEXTS, SHORTEST_TEXT = 50_000, 16
MAX_EXACT = 2**53 - 1
# NumPy's scalars by their kind and bytes, as ``struct`` spells them.
SCALARS = {
    "f8": "d", "f4": "f", "f2": "e", "i8": "q", "u8": "Q", "i4": "i", "u4": "I", "i2": "h", "u2": "H", "i1": "b",
    "u1": "B", "b1": "?",
}  # fmt: skip
PATHS = {
    "Path": "/", "PosixPath": "/", "PurePath": "/", "PurePosixPath": "/", "WindowsPath": "\\", "PureWindowsPath": "\\",
}  # fmt: skip


class TorchInterpreter:
    """Collects storages and strings; ``make`` turns each tensor's reference into what the value gets in its place."""

    def __init__(self, make: Callable[[TensorRef], Any] | None = None) -> None:
        self.storages: dict[str, StorageRef] = {}
        self.byte_strings: list[bytes] = []
        self.texts: list[str] = []
        self._make = make or (lambda reference: reference)

    def byte_string(self, value: bytes) -> None:
        """Remembers a byte string for a second look."""
        if len(value) >= 4 and len(self.byte_strings) < MAX_BYTE_STRINGS:
            self.byte_strings.append(value)

    def text(self, value: str) -> None:
        """Remembers a text for a second look."""
        if len(value) >= SHORTEST_TEXT and len(self.texts) < MAX_TEXTS:
            self.texts.append(value)

    def persistent(self, pid: Any) -> Any:
        """The storage that a persistent id names."""
        parts = pid if isinstance(pid, (list, tuple)) else ()
        tag, kind, key, _, numel, view = (*parts, *[None] * 6)[:6]
        if tag == "module":
            return Opaque(None, pid)  # legacy: source of a class, for torch's own warnings only
        if tag != "storage":
            raise PickleError("a persistent id that is not a torch storage")
        dtype = dtype_of(kind)
        if dtype is None:
            raise PickleError("a storage of an unknown type")
        if not isinstance(key, str):
            raise PickleError("a storage whose key is not a string")
        if not _count(numel) or numel * DTYPES[dtype] > MAX_EXACT:
            raise PickleError("a storage of impossible size")
        storage = StorageRef(key, dtype, numel)
        known = self.storages.setdefault(key, storage)
        if known.bytes != storage.bytes:
            raise PickleError(f"storage {key[:40]} has two different sizes")
        if not isinstance(view, (list, tuple)):
            return storage
        _, offset, size = (*view, None, None, None)[:3]
        if not _count(offset) or not _count(size) or offset + size > numel:
            raise PickleError("a storage view outside its storage")
        return StorageRef(key, dtype, size, offset)

    def construct(self, called: Global, args: tuple[Any, ...]) -> Any:
        """The value of a call of a harmless name; ``NotImplemented`` where it stays opaque."""
        name = called.name
        first = args[0] if args else None
        if name in ("_rebuild_tensor", "_rebuild_tensor_v2"):
            return self._tensor(args, None)
        if name == "_rebuild_tensor_v3":
            dtype = dtype_of(args[6]) if len(args) > 6 else None
            if dtype is None:
                raise PickleError("a tensor of an unknown type")
            return self._tensor(args, dtype)
        if name in ("_rebuild_parameter", "_rebuild_parameter_with_state", "_rebuild_device_tensor_from_cpu_tensor"):
            return first if is_tensor(first) else NotImplemented
        if name in ("OrderedDict", "dict", "Counter"):
            return _ordered_dict(args)
        if name == "defaultdict":
            known = first is None or (isinstance(first, Global) and first.kind == "safe")
            return {} if known else NotImplemented
        if name == "deque":
            if not args:
                return []
            return list(first) if isinstance(first, (list, tuple)) else NotImplemented
        if name in ("set", "frozenset"):
            return _set(first, frozen=name == "frozenset")
        if name in PATHS:
            return _path(args, PATHS[name])
        if name == "encode":
            return self._encode(args)
        if name in ("bytes", "bytearray"):
            if not args:
                return b""
            if isinstance(first, bytes):
                return first
            return self._encode(args) if isinstance(first, str) else NotImplemented
        if name == "scalar":
            return numpy_scalar(args)
        if name == "Size":
            return tuple(first) if isinstance(first, (list, tuple)) else ()
        if name in ("device", "TorchVersion"):
            return first if isinstance(first, str) else NotImplemented
        return _plain(name, args)

    def _encode(self, args: tuple[Any, ...]) -> Any:
        """``_codecs.encode(text, 'latin1')`` is how protocol 2 spells bytes."""
        text, encoding = (*args, "utf-8", "utf-8")[:2] if args else (None, None)
        if not isinstance(text, str) or not isinstance(encoding, str):
            return NotImplemented
        short = encoding.lower().replace("-", "").replace("_", "")
        if short not in ("latin1", "iso88591", "utf8", "ascii"):
            return NotImplemented
        value = text.encode("utf-8", "surrogatepass") if short == "utf8" else bytes(ord(c) & 0xFF for c in text)
        self.byte_string(value)
        return value

    def _tensor(self, args: tuple[Any, ...], dtype: str | None) -> Any:
        storage, offset, shape, stride = (*args, None, None, None, None)[:4]
        if isinstance(storage, Opaque):
            return NotImplemented  # data that is a pickle of its own (torch.storage)
        if not isinstance(storage, StorageRef):
            raise PickleError("a tensor without a storage")
        if not (_count(offset) and _sizes(shape) and _sizes(stride) and len(shape) == len(stride) <= 64):
            raise PickleError("a tensor with an impossible shape")
        of = dtype or storage.dtype
        needed = elements_needed(offset, shape, stride)
        if max(needed, math.prod(shape)) > MAX_EXACT:
            raise PickleError("a tensor with an impossible shape")
        if needed * DTYPES[of] > storage.bytes:
            sizes = ", ".join(map(str, shape))
            raise PickleError(
                f"a tensor of shape ({sizes}) reaches outside its storage {storage.key[:40]} of {storage.bytes} bytes"
            )
        at = 6 if dtype is None else 7
        marks = args[at] if len(args) > at and isinstance(args[at], dict) else {}
        conjugated, negated = marks.get("conj") is True, marks.get("neg") is True
        return self._make(TensorRef(storage, of, offset, tuple(shape), tuple(stride), conjugated, negated))


def elements_needed(offset: int, shape: tuple[int, ...], stride: tuple[int, ...]) -> int:
    """Elements that a view needs from the start of its storage."""
    if 0 in shape:
        return 0
    return offset + sum((size - 1) * step for size, step in zip(shape, stride, strict=True)) + 1


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_EXACT


def _sizes(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(map(_count, value))


def _plain(name: str, args: tuple[Any, ...]) -> Any:
    first = args[0] if len(args) == 1 else None
    if name in ("int", "float"):
        fits = isinstance(first, (int, float)) and not isinstance(first, bool)
    else:
        fits = isinstance(first, bool) if name == "bool" else name in ("str", "str_") and isinstance(first, str)
    return first if fits else NotImplemented


def _ordered_dict(args: tuple[Any, ...]) -> Any:
    if not args:
        return {}
    try:
        if isinstance(args[0], dict):
            return dict(args[0])
        pairs = args[0]
        if isinstance(pairs, (list, tuple)) and all(isinstance(p, (list, tuple)) and len(p) == 2 for p in pairs):
            return {key: value for key, value in pairs}  # noqa: C416 (a list is no key)
    except TypeError:
        raise PickleError("a key that is a list, a dict or a set") from None
    return NotImplemented


def _set(items: Any, *, frozen: bool) -> Any:
    try:
        made = set(items) if isinstance(items, (list, tuple)) else set()
    except TypeError:
        raise PickleError("a list, a dict or a set in a set") from None
    return frozenset(made) if frozen else made


def _path(args: tuple[Any, ...], separator: str) -> Any:
    """The parts that pathlib keeps of a path; its root is a part too."""
    if not all(isinstance(part, str) for part in args):
        return NotImplemented
    first, *rest = args or (".",)
    return separator.join([first[:-1] if first.endswith(separator) else first, *rest]) or separator


def _dtype(value: Any) -> tuple[str, bool] | None:
    """A NumPy element type as kind and bytes (``f8``), and whether it is little-endian."""
    if not isinstance(value, Opaque) or not isinstance(value.callable, Global) or not isinstance(value.args, tuple):
        return None
    code = value.args[0] if value.args else None
    if not isinstance(code, str):
        return None
    order = value.state[1] if isinstance(value.state, (list, tuple)) and len(value.state) > 1 else None
    return code.lstrip("<>|=") if code[:1] in "<>|=" else code, order != ">" and not code.startswith(">")


def numpy_scalar(args: tuple[Any, ...]) -> Any:
    """``scalar(dtype('f8'), b'…')`` of NumPy 1 and 2 as a number; anything less plain stays opaque."""
    found = _dtype(args[0]) if len(args) > 1 else None
    if found is None or not isinstance(args[1], bytes):
        return NotImplemented
    return _scalar(found[0], args[1], little=found[1])


def _scalar(kind: str, data: bytes, *, little: bool) -> Any:
    if kind.startswith("U"):
        try:
            return data.decode("utf-32-le" if little else "utf-32-be").rstrip("\0")
        except UnicodeDecodeError:
            return NotImplemented
    form = SCALARS.get(kind)
    if form is None or len(data) != struct.calcsize(f"<{form}"):
        return NotImplemented
    return struct.unpack(("<" if little else ">") + form, data)[0]


def numpy_array(value: Any) -> list[Any] | None:
    """A pickled NumPy array of one axis as a list of numbers; None for anything else."""
    if not isinstance(value, Opaque) or not value.of.endswith(".multiarray._reconstruct"):
        return None
    state = value.state
    if not isinstance(state, tuple) or len(state) != 5 or not isinstance(state[4], bytes):
        return None
    found, shape, data = _dtype(state[2]), state[1], state[4]
    if found is None or found[0] not in SCALARS or not _sizes(shape) or len(shape) != 1:
        return None
    width = struct.calcsize(f"<{SCALARS[found[0]]}")
    if len(data) != shape[0] * width or shape[0] > 100_000:
        return None
    return [_scalar(found[0], data[at : at + width], little=found[1]) for at in range(0, len(data), width)]


def attributes(value: Any) -> dict[Any, Any] | None:
    """A dict, or the attributes of an object that is nothing but them; None for anything else."""
    if isinstance(value, Opaque) and value.of in ("argparse.Namespace", "types.SimpleNamespace"):
        value = value.state
    return value if isinstance(value, dict) else None


def plain(value: Any, depth: int = 0) -> Any:
    """The value with NumPy arrays as lists, and objects that are nothing but attributes as dicts."""
    if depth > 50:
        return value  # no checkpoint's, and a value may contain itself
    array = numpy_array(value)
    if array is not None:
        return array
    named = attributes(value)
    if named is not None:
        return {key: plain(item, depth + 1) for key, item in named.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(plain(item, depth + 1) for item in value)
    return value
