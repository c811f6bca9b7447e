"""Random trees of tensors and plain values, saved by torch, with what torch itself reads back from each file.

usage: python make_trees.py FOLDER COUNT SEED
Writes FOLDER/<n>.pt and FOLDER/expected.json: ``{"torch", "dtypes": {format: [names]}, "files": [{"file", "format",
"value"}]}``. A value is described as ``[kind, …]`` (see ``describe``); a tensor by its type, shape, whether it is a
parameter, and the sha256 of its elements in row-major order. The bytes are taken from what ``torch.load`` gives, not
from what was saved: this is torch's reading.
"""

from __future__ import annotations

import collections
import hashlib
import io
import json
import random
import struct
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

warnings.filterwarnings("ignore")

ZIP, BIG, LEGACY, LEGACY_BIG = "zip", "zip of a big-endian machine", "legacy", "legacy of a big-endian machine"
FORMATS = (ZIP, BIG, LEGACY, LEGACY_BIG)
NUMPY_TYPES = ("float64", "float32", "float16", "int64", "int32", "int8", "uint64", "uint32", "uint16", "uint8")


def save(value: Any, file: Any, kind: str, protocol: int = 2) -> None:
    """``torch.save`` in one of the four forms."""
    native = sys.byteorder
    # What torch does differently on a big-endian machine: it writes this word into a zip (the bytes stay as they lie in
    # memory) and a mark into a legacy file (whose bytes it turns round, so that they are little-endian everywhere).
    sys.byteorder = "big" if kind in (BIG, LEGACY_BIG) else native  # type: ignore[misc]
    try:
        torch.save(value, file, pickle_protocol=protocol, _use_new_zipfile_serialization=kind in (ZIP, BIG))
    finally:
        sys.byteorder = native  # type: ignore[misc]


def on_bytes(dtype: torch.dtype, storage: torch.UntypedStorage, offset: int, shape: Any, stride: Any) -> torch.Tensor:
    """A tensor of any type over given bytes: many types have no arithmetic to make values with."""
    return torch.empty(0, dtype=dtype).set_(storage, offset, shape, stride)


def savable() -> dict[str, list[torch.dtype]]:
    """The element types that this torch can save and load again, by format; the quantised ones are made otherwise."""
    every = {str(value): value for value in vars(torch).values() if isinstance(value, torch.dtype)}
    found: dict[str, list[torch.dtype]] = {kind: [] for kind in FORMATS}
    for name, dtype in sorted(every.items()):
        if name.startswith("torch.q"):
            continue
        for kind, types in found.items():
            buffer = io.BytesIO()
            try:
                save(on_bytes(dtype, torch.UntypedStorage(32), 0, (2,), (1,)), buffer, kind)
                buffer.seek(0)
                back = torch.load(buffer, weights_only=False)
            except Exception:  # whatever it is, torch cannot do it
                continue
            # Types without a storage class of their own are saved as bytes, and torch forgets to turn those round when
            # it reads a big-endian file: nothing to compare with.
            if back.dtype == dtype and not (kind == BIG and b"_rebuild_tensor_v3" in buffer.getvalue()):
                types.append(dtype)
    return found


class Maker:
    """One random tree."""

    def __init__(self, rng: random.Random, dtypes: list[torch.dtype]) -> None:
        self.rng = rng
        self.dtypes = dtypes
        self.pool: list[torch.Tensor] = []

    def storage(self, dtype: torch.dtype) -> torch.Tensor:
        """A one-dimensional tensor over all of a new storage of random bytes, NaN and infinities among them."""
        numel = self.rng.choice([1, 2, 3, 7, 64, 65, self.rng.randrange(1, 400)])
        size = torch.empty(0, dtype=dtype).element_size()
        data = self.rng.randbytes(numel * size)
        if dtype == torch.bool:
            data = bytes(byte & 1 for byte in data)
        whole = torch.frombuffer(bytearray(data), dtype=torch.uint8).clone()
        return on_bytes(dtype, whole.untyped_storage(), 0, (numel,), (1,))

    def tensor(self) -> torch.Tensor:
        rng = self.rng
        fresh = not self.pool or rng.random() > 0.4
        if not fresh:
            base = rng.choice(self.pool)  # a storage, or a tensor, that something else uses too
            if rng.random() < 0.2:
                return base
        else:
            base = self.storage(rng.choice(self.dtypes))
        numel = base.untyped_storage().nbytes() // base.element_size()
        made = on_bytes(base.dtype, base.untyped_storage(), *self.view(numel))
        if made.is_complex() and made.dtype != torch.complex32 and rng.random() < 0.3:
            made = made.conj()  # lazily: the bytes stay and a mark says how to read them
            if fresh and rng.random() < 0.4:
                return made.imag  # torch saves no storage under two types, so nothing else may use this one
        if (made.is_floating_point() or made.is_complex()) and made.element_size() > 1 and rng.random() < 0.2:
            made = torch.nn.Parameter(made.detach(), requires_grad=rng.random() < 0.5)
        self.pool.append(made)
        return made

    def view(self, numel: int) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
        """Offset, shape and strides of some view: whole, sliced, turned, expanded, stepped, empty, 0-dim."""
        rng = self.rng
        kind = rng.choice(["whole", "scalar", "empty", "strided", "strided", "strided"])
        if kind == "whole":
            return 0, (numel,), (1,)
        if kind == "scalar":
            return rng.randrange(numel), (), ()
        if kind == "empty":
            shape = [rng.randrange(4) for _ in range(rng.randrange(1, 4))]
            shape[rng.randrange(len(shape))] = 0
            return rng.randrange(numel), tuple(shape), tuple(rng.randrange(5) for _ in shape)
        offset = rng.randrange(numel)
        left = numel - 1 - offset
        shape, stride = [], []
        for _ in range(rng.randrange(1, 6)):
            step = rng.choice([0, 1, 1, 2, 3, 5, 8])
            most = 3 if step == 0 else min(left // step + 1, 6)
            length = rng.randrange(1, most + 1)
            shape.append(length)
            stride.append(step)
            left -= (length - 1) * step
        order = rng.sample(range(len(shape)), len(shape))
        return offset, tuple(shape[i] for i in order), tuple(stride[i] for i in order)

    def plain(self) -> Any:
        rng = self.rng
        scalar = getattr(np, rng.choice(NUMPY_TYPES))
        return rng.choice([
            None, True, False, rng.randrange(-300, 70000), rng.randrange(-(2**62), 2**62), 2**70 + rng.randrange(99),
            rng.uniform(-1e6, 1e6), float("nan"), float("-inf"), "text", 'é\n\U0001f600"\\', "", b"\x00\xff bytes",
            scalar(rng.randrange(100)), np.bool_(rng.random() < 0.5), torch.Size([2, 3]), np.float64(rng.random()),
        ])  # fmt: skip

    def tree(self, depth: int) -> Any:
        rng = self.rng
        chance = rng.random()
        if depth == 0 or chance < 0.5:
            return self.tensor() if rng.random() < 0.7 else self.plain()
        children = [self.tree(depth - 1) for _ in range(rng.randrange(6))]
        if chance < 0.6:
            return children
        if chance < 0.7:
            return tuple(children)
        keys: list[Any] = [f"k{i}.{rng.randrange(100)}" if rng.random() < 0.7 else i for i in range(len(children))]
        if chance < 0.75:
            keys = [("pair", i) for i in range(len(children))]
        return (collections.OrderedDict if chance > 0.9 else dict)(zip(keys, children, strict=True))


def elements(tensor: torch.Tensor) -> bytes:
    """The elements in row-major order. NumPy follows the strides, since torch cannot copy every type it can store."""
    tensor = tensor.detach()
    if tensor.is_conj() or tensor.is_neg():
        tensor = tensor.resolve_conj().resolve_neg()
    size = tensor.element_size()
    storage = tensor.untyped_storage()
    if tensor.numel() == 0:
        return b""
    raw = np.frombuffer(bytes(storage), dtype=np.uint8)[tensor.storage_offset() * size :]
    strides = [step * size for step in tensor.stride()]
    return np.lib.stride_tricks.as_strided(raw, (*tensor.shape, size), (*strides, 1)).tobytes()


def describe(value: Any) -> list[Any]:
    """``[kind, …]``: what the other side has to find."""
    if isinstance(value, torch.Tensor):
        digest = hashlib.sha256(elements(value)).hexdigest()
        parameter = isinstance(value, torch.nn.Parameter)
        return ["tensor", str(value.dtype).removeprefix("torch."), list(value.shape), parameter, digest]
    if isinstance(value, dict):
        return ["dict", [[describe(key), describe(item)] for key, item in value.items()]]
    if isinstance(value, (list, tuple)):
        return ["list" if isinstance(value, list) else "tuple", [describe(item) for item in value]]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, str)):
        return ["plain", value]
    if isinstance(value, int):
        return ["int", str(value)]
    if isinstance(value, float):
        return ["float", struct.pack(">d", value).hex()]
    return ["bytes", value.hex()]


def load(path: Path) -> Any:
    return torch.load(path, map_location="cpu", weights_only=False)


def odd_tensors() -> dict[str, Any]:
    """What torch saves and what is no tensor of plain elements."""
    x = torch.arange(6.0).reshape(2, 3)
    return {
        "per-tensor": torch.quantize_per_tensor(x, 0.1, 2, torch.qint8),
        "per-channel": torch.quantize_per_channel(x, torch.tensor([0.1, 0.2]), torch.tensor([0, 1]), 0, torch.quint8),
        "coo": x.to_sparse(),
        "csr": x.to_sparse_csr(),
        "nested": torch.nested.nested_tensor([torch.arange(2.0), torch.arange(3.0)]),
        "meta": torch.empty(2, 3, device="meta"),
        "array": np.arange(5.0),
        "dtype": torch.float32,
        "device": torch.device("cpu"),
    }


def main(folder: Path, count: int, seed: int) -> None:
    dtypes = savable()
    files: list[dict[str, Any]] = []
    for number in range(count):
        # Of its own seed, so that one file can be made again without those before it.
        rng = random.Random(f"{seed}/{number}")
        kind = FORMATS[number] if number < len(FORMATS) else rng.choices(FORMATS, [6, 2, 2, 1])[0]
        maker = Maker(rng, dtypes[kind])
        if number < len(FORMATS):  # the first file of each format has a tensor of every type
            tree: Any = [maker.storage(dtype) for dtype in maker.dtypes]
        else:
            tree = maker.tree(rng.randrange(1, 5))
        path = folder / f"{number}.pt"
        save(tree, path, kind, rng.choice([2, 2, 3, 4, 5]))
        files.append({"file": path.name, "format": kind, "value": describe(load(path))})
    for name, value in odd_tensors().items():
        path = folder / f"odd-{name}.pt"
        plain = torch.arange(5.0)
        save({"odd": value, "plain": plain}, path, ZIP)
        load(path)  # it is something that torch does save and load
    names = {kind: [str(dtype).removeprefix("torch.") for dtype in types] for kind, types in dtypes.items()}
    (folder / "expected.json").write_text(json.dumps({"torch": torch.__version__, "dtypes": names, "files": files}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
