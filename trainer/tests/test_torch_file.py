"""Files opened without PyTorch's unpickler: what is harmless, what is not, and tensors as PyTorch reads them."""

from __future__ import annotations

import _compat_pickle
import argparse
import base64
import collections
import datetime
import gzip
import io
import json
import pathlib
import pickle
import random
import sys
import uuid
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

from npt.checkpoint import load, torch_file
from npt.checkpoint.pickles import known
from npt.checkpoint.pickles.values import Opaque
from npt.errors import UsageError
from tests.conftest import same

FIXTURES = Path(__file__).resolve().parents[2] / "test" / "fixtures"
PAYLOADS: list[dict[str, str]] = (
    json.loads((FIXTURES / "validation" / "payloads.json").read_text())["payloads"] if FIXTURES.is_dir() else []
)


def pickled(data: bytes, path: Path) -> Path:
    """The smallest torch file around a pickle."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/version", "3\n")
    return path


def codes(value: Any, path: Path, protocol: int = 2) -> list[str]:
    """What is found in a value that ``torch.save`` wrote."""
    torch.save(value, path, pickle_protocol=protocol)
    return [problem.code for problem in torch_file.open_file(path).problems]


@pytest.mark.skipif(not PAYLOADS, reason="the fixtures are in the extension's repository")
def test_every_live_payload_is_dangerous_and_is_not_loaded(tmp_path: Path) -> None:
    assert len(PAYLOADS) == 68
    for payload in PAYLOADS:
        opcodes = base64.b64decode(payload["opcodes"])
        path = pickled(b"\x80\x02}X\x04\x00\x00\x00note" + opcodes + b"s.", tmp_path / "payload.pt")
        found = {problem.code for problem in torch_file.open_file(path).problems}
        assert found & {"dangerous-global", "nested-pickle"}, payload["name"]
        for leave_unknown in (False, True):
            with pytest.raises(UsageError) as refused:
                load.read_file(path, leave_unknown=leave_unknown)
            said = str(refused.value)
            assert "\n" not in said and "do not load it" in said and "weights_only" not in said, said


def test_python_2s_names_are_those_of_pythons_own_table() -> None:
    listed = json.loads((Path(known.__file__).parents[1] / "globals.json").read_text())["python2"]
    assert listed["modules"] == _compat_pickle.IMPORT_MAPPING
    names = {f"{a} {b}": f"{c} {d}" for (a, b), (c, d) in _compat_pickle.NAME_MAPPING.items() if a != "exceptions"}
    assert listed["names"] == names


class Mine:
    """A class that nobody else knows."""


HARMLESS: dict[str, Any] = {
    "a defaultdict of ints": collections.defaultdict(int, a=1),
    "a defaultdict of lists": collections.defaultdict(list, a=[1]),
    "an OrderedDict": collections.OrderedDict(a=1),
    "a Counter": collections.Counter("aab"),
    "a deque": collections.deque([1, 2], maxlen=3),
    "arguments": argparse.Namespace(output_dir=pathlib.Path("a/b"), rate=1e-3),
    "paths": [pathlib.PurePosixPath("/a/b"), pathlib.PureWindowsPath("c:\\x"), pathlib.Path("rel")],
    "PyTorch's version": torch.__version__,
    "a size": torch.Size([2, 3]),
    "types, a device and a layout": [torch.float32, torch.bfloat16, torch.device("cuda:0"), torch.strided],
    "a generator": torch.Generator(),
    "times": [
        datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc),
        datetime.timedelta(1),
        datetime.date(1, 1, 1),
    ],
    "exact numbers": [__import__("decimal").Decimal("1.5"), __import__("fractions").Fraction(1, 3), 2**80, 1j],
    "an id": uuid.UUID(int=5),
    "sets, a slice, a range": [{1}, frozenset({2}), slice(1, 2), range(3), bytearray(b"abcd"), Ellipsis],
    "Python's random numbers": random.Random(3),
    "scalars of NumPy": [getattr(numpy, n)(1) for n in ("float64", "float16", "int64", "uint8", "bool_", "complex64")],
    "text and times of NumPy": [numpy.str_("x"), numpy.bytes_(b"x"), numpy.datetime64("2024-01-01")],
    "arrays of NumPy": [numpy.arange(3), numpy.zeros((2, 2), "f4"), numpy.array(["a"]), numpy.array([True])],
    "a masked array": numpy.ma.array([1.0, 2.0], mask=[0, 1]),
    "a structured array": numpy.zeros(2, [("a", "i4"), ("b", "f8")]),
    "types of NumPy": [numpy.dtype("f4"), numpy.float32, numpy.dtypes.Float64DType],
    "NumPy's random numbers": [numpy.random.RandomState(3), numpy.random.default_rng(3)],
    "NumPy's other generators": [
        numpy.random.Generator(kind(1)) for kind in (numpy.random.Philox, numpy.random.SFC64, numpy.random.PCG64DXSM)
    ],
    "a simple namespace": __import__("types").SimpleNamespace(a=1),
    "a sparse tensor": torch.eye(3).to_sparse(),
    "a tensor on no device": torch.empty(2, device="meta"),
    "a parameter": torch.nn.Parameter(torch.ones(2)),
}


@pytest.mark.parametrize("name", HARMLESS)
@pytest.mark.parametrize("protocol", [2, 4])
def test_what_is_harmless_is_read_or_left_unread_without_a_word(name: str, protocol: int, tmp_path: Path) -> None:
    state = {"global_step": numpy.int64(7), "extra": HARMLESS[name], "w": torch.arange(3.0)}
    assert codes(state, tmp_path / "file.pt", protocol) == []
    value = load.read_file(tmp_path / "file.pt")
    assert value["global_step"] == 7 and type(value["global_step"]) is int
    assert torch.equal(value["w"], state["w"])


def test_values_that_arguments_are_stored_as_come_back_plain(tmp_path: Path) -> None:
    state = {
        "path": pathlib.PurePosixPath("/a/b.c"), "windows": pathlib.PureWindowsPath("c:\\x\\y"),
        "here": pathlib.Path("."),
        "version": torch.__version__, "deque": collections.deque([1]), "text": numpy.str_("é"),
        "flag": numpy.bool_(True),
        "half": numpy.float16(0.5), "size": torch.Size([2]), "counts": collections.Counter("aa"),
    }  # fmt: skip
    torch.save(state, tmp_path / "file.pt")
    assert load.read_file(tmp_path / "file.pt") == {
        "path": "/a/b.c", "windows": "c:\\x\\y", "here": ".", "version": str(torch.__version__), "deque": [1],
        "text": "é", "flag": True, "half": 0.5, "size": (2,), "counts": {"a": 2},
    }  # fmt: skip


def test_what_nobody_knows_is_named_and_may_be_left_unread(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    state = {"args": Mine(), "w": torch.ones(2)}
    assert codes(state, path) == ["unknown-global"]
    with pytest.raises(UsageError, match=r"state\.pt is not loaded: .*test_torch_file\.Mine.*--ignore_integrity"):
        load.read_file(path)
    value = load.read_file(path, leave_unknown=True)
    assert isinstance(value["args"], Opaque) and torch.equal(value["w"], state["w"])


class Reduced:
    """Pickles as a call."""

    def __init__(self, module: str, name: str, *args: Any) -> None:
        self.call = (module, name, args)

    def opcodes(self) -> bytes:
        """The call as a pickle's opcodes."""
        module, name, args = self.call
        body = pickle.dumps(args, 2)[2:-1]
        return f"c{module}\n{name}\n".encode() + body + b"R"


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (Reduced("torch.distributed.tensor._api", "from_local", 1), "dangerous-global"),
        (Reduced("torch.distributed.rpc.api", "rpc_sync", 1), "dangerous-global"),
        (Reduced("pandas.core.indexes.base", "_new_Index", 1), "unknown-call"),
        (Reduced("pandas", "read_pickle", "x"), "dangerous-global"),
        (Reduced("__builtin__", "execfile", "x"), "dangerous-global"),
        (Reduced("itertools", "imap", "x"), "dangerous-global"),
        (Reduced("transformers.trainer_utils", "IntervalStrategy", "steps"), "unknown-call"),
        (Reduced("builtins", "type", None), "unknown-call"),
    ],
)
def test_calls_are_judged_by_the_list(call: Reduced, code: str, tmp_path: Path) -> None:
    opened = torch_file.open_file(pickled(b"\x80\x02" + call.opcodes() + b".", tmp_path / "file.pt"))
    assert [problem.code for problem in opened.problems if problem.code != "unknown-global"] == [code]


EVIL = b"cos\nsystem\n(S'touch /nowhere/npt-marker'\ntR."
ENCODED = {
    "base64": base64.b64encode(EVIL).decode(),
    "base64 without its end": base64.b64encode(EVIL).decode().rstrip("="),
    "base64 in lines": base64.encodebytes(EVIL * 1).decode(),
    "base64 of URLs": base64.urlsafe_b64encode(EVIL).decode(),
    "a data URL": "data:application/octet-stream;base64," + base64.b64encode(EVIL).decode(),
    "base64 in bytes": base64.b64encode(EVIL),
    "hex": EVIL.hex(),
    "hex in capitals": EVIL.hex().upper(),
    "hex with colons": EVIL.hex(":"),
    "hex as Python writes it": "".join(f"\\x{byte:02x}" for byte in EVIL),
    "zlib": zlib.compress(EVIL),
    "gzip": gzip.compress(EVIL),
    "base64 of zlib": base64.b64encode(zlib.compress(EVIL)).decode(),
    "hex of gzip of base64": gzip.compress(base64.b64encode(EVIL)).hex(),
    "a pickle that is text": EVIL.decode(),
}


@pytest.mark.parametrize("name", ENCODED)
@pytest.mark.parametrize("protocol", [2, 5])
def test_a_payload_that_has_to_be_decoded_is_named(name: str, protocol: int, tmp_path: Path) -> None:
    for place in ({"note": ENCODED[name]}, {ENCODED[name]: 1}, [{"a": (ENCODED[name],)}]):
        assert codes(place, tmp_path / "file.pt", protocol) == ["encoded-pickle"]
    assert "os.system" in torch_file.open_file(tmp_path / "file.pt").problems[0].message


def test_a_torch_file_in_base64_is_named(tmp_path: Path) -> None:
    text = base64.b64encode(pickled(EVIL, tmp_path / "inner.pt").read_bytes()).decode()
    assert codes({"note": text}, tmp_path / "file.pt") == ["encoded-pickle"]


def test_harmless_text_that_looks_encoded_is_no_finding_and_takes_no_time(tmp_path: Path) -> None:
    import time

    state = {
        "hash": "d41d8cd98f00b204e9800998ecf8427e" * 2,
        "image": base64.b64encode(random.Random(1).randbytes(4_000_000)).decode(),
        "state": base64.b64encode(pickle.dumps({"a": [1, 2]})).decode(),
        "bomb": zlib.compress(bytes(200_000_000)),
        **{f"name_{number}_of_a_parameter": number for number in range(20_000)},
    }
    started = time.process_time()
    assert codes(state, tmp_path / "file.pt", 4) == []
    assert time.process_time() - started < 20


@pytest.mark.skipif(not PAYLOADS, reason="the fixtures are in the extension's repository")
def test_tensors_are_those_that_pytorch_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(numpy, "_core"):
        # NumPy 1 under the name by which NumPy 2 pickles: PyTorch reads such a file only where that is installed.
        for name in ("", ".multiarray"):
            monkeypatch.setitem(sys.modules, f"numpy._core{name}", sys.modules[f"numpy.core{name}"])
    count = 0
    for path in sorted((FIXTURES / "checkpoints").rglob("*.pt")):
        theirs = dict(load.tensors_in(torch.load(path, map_location="cpu", weights_only=False)))
        ours = dict(load.tensors_in(load.read_file(path)))
        assert ours.keys() == theirs.keys(), path
        count += len(ours)
        for name, tensor in theirs.items():
            bits = lambda t: t.detach().contiguous().reshape(-1).view(torch.uint8)  # noqa: E731
            assert (ours[name].dtype, ours[name].shape, ours[name].stride()) == (
                tensor.dtype, tensor.shape, tensor.stride(),
            )  # fmt: skip
            assert torch.equal(bits(ours[name]), bits(tensor)), (path, name)
    assert count > 100


def test_views_signs_and_empty_tensors(tmp_path: Path) -> None:
    base = torch.arange(12.0).reshape(3, 4)
    complex_ = torch.tensor([1 + 2j, 3 - 4j])
    state = {
        "base": base, "transposed": base.t(), "row": base[1], "expanded": torch.ones(1).expand(4),
        "empty": torch.empty(0, 3), "scalar": torch.tensor(5), "conj": complex_.conj(),
        "neg": torch.tensor([5 + 6j]).conj().imag,
        "parameter": torch.nn.Parameter(base), "nested": [(base[:, 1],)],
    }  # fmt: skip
    for zipped in (True, False):
        torch.save(state, tmp_path / "file.pt", _use_new_zipfile_serialization=zipped)
        read = load.read_file(tmp_path / "file.pt")
        assert read.keys() == state.keys()
        for name in state.keys() - {"nested"}:
            assert torch.equal(read[name], state[name]), name
        assert torch.equal(read["nested"][0][0], base[:, 1])
        assert read["base"].untyped_storage().data_ptr() == read["row"].untyped_storage().data_ptr()


def test_a_big_endian_file(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    state = {"w": torch.tensor([1.5, -2.0]), "i": torch.tensor([1, 2**40])}
    torch.save(state, buffer)
    with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(tmp_path / "big.pt", "w") as new:
        for info in old.infolist():
            data = old.read(info)
            if info.filename.endswith("byteorder"):
                data = b"big"
            elif "/data/" in info.filename:
                width = 4 if info.filename.endswith("/0") else 8
                data = b"".join(data[at : at + width][::-1] for at in range(0, len(data), width))
            new.writestr(info.filename, data)
    assert same(load.read_file(tmp_path / "big.pt"), state)


def test_hostile_nesting_ends_in_one_line(tmp_path: Path) -> None:
    deep = b"\x80\x02" + b"(" * 100_000 + b"t" * 100_000 + b"."
    tuples = b"\x80\x02}" + b")" + b"\x85" * 200_000 + b"Ns."
    lists = b"\x80\x02" + b"](" * 1 + b"]" + b"\x85" * 300_000 + b"e."
    forwarded = b"\x80\x02" + b"ctorch._tensor\n_rebuild_from_type_v2\n" * 1 + b"(" + b"N" * 4 + b"tR."
    for data in (deep, tuples, lists, forwarded):
        path = pickled(data, tmp_path / "file.pt")
        try:
            load.read_file(path)
        except UsageError as refused:
            assert "\n" not in str(refused)
