"""The pickle machine, inert: every opcode of protocols 0 to 5, as the extension's ``core/torchfile/pickle/pickle.ts``.

It builds data, but where Python would import, call or construct, it only writes down what would have happened. A
pickle that breaks off in the middle has already run everything before the break when Python loads it, so what was
written down is kept together with the error.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from npt.checkpoint.pickles import known
from npt.checkpoint.pickles.known import Kind
from npt.checkpoint.pickles.values import Global, Opaque, TensorRef


@dataclass(frozen=True)
class Limits:
    """Bounds on what a pickle may make us do, far above any checkpoint's."""

    opcodes: int = 4_000_000
    stack: int = 1_000_000
    memo: int = 1_000_000
    depth: int = 2_000
    copied: int = 128 * 1024 * 1024
    integer_bytes: int = 4096


class PickleError(Exception):
    """The pickle breaks its own rules (``malformed``), ends too early (``truncated``) or wants too much (``limit``)."""

    def __init__(self, message: str, code: str = "malformed") -> None:
        super().__init__(message)
        self.code = code
        self.position = 0


@dataclass(frozen=True)
class Act:
    """Something that Python would do beyond building data."""

    what: str
    target: str
    module: str
    name: str
    kind: Kind

    @property
    def dangerous(self) -> bool:
        """Whether it runs what an attack wants, or calls what is listed nowhere in a library that could."""
        if self.kind == "unknown" and self.what == "call":
            return known.call_is_dangerous(self.module, self.name)
        return self.kind == "dangerous"


class Interpreter(Protocol):
    """What calls of harmless names and persistent ids mean: pure functions on data."""

    def construct(self, called: Global, args: tuple[Any, ...]) -> Any:
        """The value of a call, or ``NotImplemented``, which leaves it opaque."""

    def persistent(self, pid: Any) -> Any:
        """The value behind a persistent id."""

    def byte_string(self, value: bytes) -> None:
        """Told of every byte string: it may hold another pickle."""

    def text(self, value: str) -> None:
        """Told of every text: it may spell another pickle."""


@dataclass
class Result:
    """``value`` is None where the pickle breaks off; ``end`` is the offset behind its STOP, or of the error."""

    value: Any
    error: PickleError | None
    acts: list[Act]
    end: int


def read_pickle(data: bytes, interpreter: Interpreter, start: int = 0, limits: Limits | None = None) -> Result:
    """Reads one pickle. Never raises for bad content."""
    return _Machine(data, start, interpreter, limits or Limits()).run()


_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
MAX_FORWARDED = 20


@dataclass
class _Notes:
    """What Python would have done, in order; the same thing only once."""

    acts: dict[tuple[str, str], Act] = field(default_factory=dict)

    def add(self, what: str, target: str, of: Global | None, kind: Kind) -> None:
        key = (what, target)
        count = len(self.acts)
        if key in self.acts or (count >= 10_000 and kind != "dangerous") or count >= 20_000:
            return
        module, name = (of.module, of.name) if of is not None else ("", "")
        self.acts[key] = Act(what, target[:300], module[:300], name[:300], kind)


class _Machine:
    def __init__(self, data: bytes, start: int, interpreter: Interpreter, limits: Limits) -> None:
        self.data, self.position, self.opcode_at = data, start, start
        self.interpreter, self.limits = interpreter, limits
        self.copied = 0
        self.items: list[Any] = []
        self.marks: list[list[Any]] = []
        self.below = 0
        self.memo: dict[int, Any] = {}
        self.notes = _Notes()
        self.refused: PickleError | None = None

    def run(self) -> Result:
        value: Any = None
        error: PickleError | None = None
        table = _OPCODES
        try:
            for _ in range(self.limits.opcodes):
                self.opcode_at = self.position
                opcode = self.byte()
                if opcode == 0x2E:  # STOP
                    value = self.pop()
                    break
                step = table.get(opcode)
                if step is None:
                    raise PickleError(f"0x{opcode:02x} is not a pickle opcode")
                step(self)
                if self.below + len(self.items) > self.limits.stack:
                    raise PickleError(f"more than {self.limits.stack} values on the stack", "limit")
            else:
                raise PickleError(f"more than {self.limits.opcodes} opcodes", "limit")
        except PickleError as broken:
            broken.position = self.opcode_at
            error = broken
        first = self.refused or error
        end = self.opcode_at if error else self.position
        return Result(None if first else value, first, list(self.notes.acts.values()), end)

    # --- input -------------------------------------------------------------------------------------------------------

    def take(self, count: int) -> int:
        at = self.position
        if count > len(self.data) - at:
            raise PickleError("the pickle ends too early", "truncated")
        self.position = at + count
        return at

    def byte(self) -> int:
        return self.data[self.take(1)]

    def number(self, form: struct.Struct) -> Any:
        return form.unpack_from(self.data, self.take(form.size))[0]

    def length4(self, *, signed: bool) -> int:
        length: int = self.number(_I32 if signed else _U32)
        if length < 0:
            raise PickleError("a negative length")
        return length

    def length8(self) -> int:
        length: int = self.number(_U64)
        if length > len(self.data):
            raise PickleError("a string is longer than the pickle", "truncated")
        return length

    def raw(self, count: int) -> bytes:
        at = self.take(count)
        self.copied += count
        if self.copied > self.limits.copied:
            raise PickleError(f"more than {self.limits.copied} bytes of strings", "limit")
        return self.data[at : at + count]

    def line(self) -> bytes:
        end = self.data.find(b"\n", self.position)
        if end < 0:
            raise PickleError("the pickle ends too early", "truncated")
        return self.raw(end - self.position + 1)[:-1]

    def index_line(self) -> int:
        text = self.line().decode("latin-1")
        if not re.fullmatch(r"[0-9]{1,15}", text):
            raise PickleError("a memo index that is not a number")
        return int(text)

    def integer_line(self, *, booleans: bool) -> Any:
        text = self.line().decode("latin-1")
        if len(text) > self.limits.integer_bytes:
            raise PickleError("an integer of absurd length", "limit")
        if booleans and text in ("00", "01"):
            return text == "01"
        if not booleans and text.endswith("L"):
            text = text[:-1]
        if not re.fullmatch(r"\s*[+-]?[0-9]+\s*", text):
            raise PickleError("an integer that is not a number")
        return int(text)

    def long(self, count: int) -> int:
        if count > self.limits.integer_bytes:
            raise PickleError("an integer of absurd length", "limit")
        return int.from_bytes(self.raw(count), "little", signed=True)

    def float_line(self) -> float:
        text = self.line().decode("latin-1").strip().lower()
        if not re.fullmatch(r"[+-]?(inf|infinity|nan|([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?)", text):
            raise PickleError("a float that is not a number")
        return float(text)

    def quoted_line(self) -> str:
        text = self.line().decode("latin-1").strip()
        if len(text) < 2 or text[0] not in "'\"" or not text.endswith(text[0]):
            raise PickleError("a string without quotes")

        def unescaped(match: re.Match[str]) -> str:
            escape = match[1]
            if len(escape) == 3 and escape.startswith("x"):
                return chr(int(escape[1:], 16))
            if escape[0] in "01234567":
                return chr(int(escape, 8) & 0xFF)
            return _ESCAPES.get(escape, escape if escape in "\\'\"" else f"\\{escape}")

        return re.sub(r"\\(x[0-9a-fA-F]{2}|[0-7]{1,3}|.)", unescaped, text[1:-1])

    def unicode_line(self) -> str:
        def unescaped(match: re.Match[str]) -> str:
            code = int(match[1] or match[2], 16)
            return chr(code) if code <= 0x10FFFF else match[0]

        return re.sub(r"\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})", unescaped, self.line().decode("latin-1"))

    # --- stack -------------------------------------------------------------------------------------------------------

    def mark(self) -> None:
        if len(self.marks) >= self.limits.depth:
            raise PickleError(f"more than {self.limits.depth} nested marks", "limit")
        self.marks.append(self.items)
        self.below += len(self.items)
        self.items = []

    def push(self, value: Any) -> None:
        self.items.append(value)

    def push_text(self, value: str) -> None:
        self.interpreter.text(value)
        self.items.append(value)

    def push_bytes(self, count: int) -> None:
        value = self.raw(count)
        self.interpreter.byte_string(value)
        self.items.append(value)

    def pop(self) -> Any:
        if not self.items:
            raise PickleError("it takes from an empty stack")
        return self.items.pop()

    def top(self) -> Any:
        if not self.items:
            raise PickleError("it takes from an empty stack")
        return self.items[-1]

    def pop_many(self, count: int) -> list[Any]:
        if len(self.items) < count:
            raise PickleError("it takes from an empty stack")
        taken = self.items[len(self.items) - count :]
        del self.items[len(self.items) - count :]
        return taken

    def pop_mark(self) -> list[Any]:
        if not self.marks:
            raise PickleError("a mark that was never set")
        taken, self.items = self.items, self.marks.pop()
        self.below -= len(self.items)
        return taken

    def pop_mark_checked(self) -> list[Any]:
        taken = self.pop_mark()
        if len(taken) > 50_000:
            raise PickleError("a call or set of absurd length", "limit")
        return taken

    def pop_any(self) -> None:
        if self.items:
            self.items.pop()
        else:
            self.pop_mark()

    def remember(self, index: int) -> None:
        if len(self.memo) >= self.limits.memo and index not in self.memo:
            raise PickleError(f"more than {self.limits.memo} memo entries", "limit")
        self.memo[index] = self.top()

    def recall(self, index: int) -> None:
        if index not in self.memo:
            raise PickleError(f"memo entry {index} was never stored")
        self.items.append(self.memo[index])

    # --- contents and state ------------------------------------------------------------------------------------------

    def extend(self, items: Iterable[Any], target: Any) -> None:
        if isinstance(target, list):
            target.extend(items)
        elif isinstance(target, set):
            try:
                for item in items:
                    if isinstance(item, tuple):
                        _refuse_deep(item)
                    target.add(item)
            except TypeError:
                raise PickleError("a list, a dict or a set in a set") from None
        elif isinstance(target, Opaque):
            target.contents.extend(items)
        elif isinstance(target, Global):
            self.tamper(target)
        else:
            raise PickleError("it appends to something that is not a list")

    def set_items(self, pairs: list[Any], target: Any) -> None:
        if len(pairs) % 2:
            raise PickleError("an odd number of keys and values")
        if isinstance(target, dict):
            try:
                for at in range(0, len(pairs), 2):
                    if isinstance(pairs[at], tuple):
                        _refuse_deep(pairs[at])
                    target[pairs[at]] = pairs[at + 1]
            except TypeError:
                raise PickleError("a key that is a list, a dict or a set") from None
        elif isinstance(target, Opaque):
            target.contents.extend(pairs)
        elif isinstance(target, Global):
            self.tamper(target)
        else:
            raise PickleError("it sets items of something that is not a dict")

    def set_state(self, state: Any, target: Any) -> None:
        if isinstance(target, Global):
            self.tamper(target)
        elif isinstance(target, Opaque):
            target.state = state
            called = target.callable
            if isinstance(called, Global) and called.kind != "safe":
                self.notes.add("setstate", called.qualified, called, "unknown")

    def tamper(self, target: Global) -> None:
        """State put into an imported thing itself changes the program that loads it."""
        self.notes.add("setstate", f"{target.qualified} itself", target, "dangerous")

    # --- what Python would do ----------------------------------------------------------------------------------------

    def find(self, written_module: str, written_name: str) -> Global:
        module, name = known.canonical(written_module, written_name)
        found = Global(module, name, known.kind_of(module, name))
        self.notes.add("import", found.qualified, found, found.kind)
        return found

    def find_computed(self, module: Any, name: Any) -> Global:
        if isinstance(module, str) and isinstance(name, str):
            return self.find(module, name)
        if isinstance(module, Opaque) or isinstance(name, Opaque):
            self.notes.add("computed-name", "a name that is computed while loading", None, "dangerous")
            return Global("?", "?", "dangerous")
        raise PickleError("an import whose name is not a string")

    def call(self, called: Any, args: Any, what: str, depth: int = 0) -> Any:
        if not isinstance(called, Global):
            # Nothing ordinary calls what it has just built: this is how harmless parts are joined into something else.
            self.notes.add("call", "an object that the pickle itself built", None, "dangerous")
            return Opaque(called, args)
        if called.kind != "safe":
            self.notes.add(what, called.qualified, called, called.kind)
            return Opaque(called, args)
        if not isinstance(args, tuple):
            raise PickleError(f"arguments of {called.qualified} that are not a tuple")
        if depth > MAX_FORWARDED:
            raise PickleError("calls that go on and on", "limit")
        made = self.interpret(lambda: self.interpreter.construct(called, args))
        if made is not NotImplemented:
            return made
        inner = _forwarded(called, args)
        if inner is not None:
            forwarded = self.call(*inner, depth + 1)
            if is_tensor(forwarded):
                return forwarded
        return Opaque(called, args)

    def persistent(self, pid: Any) -> Any:
        made = self.interpret(lambda: self.interpreter.persistent(pid))
        return Opaque(None, pid) if made is NotImplemented else made

    def interpret(self, work: Callable[[], Any]) -> Any:
        """An interpreter's refusal is remembered, not raised: what comes after it must be seen too."""
        try:
            return work()
        except PickleError as refusal:
            if self.refused is None:
                refusal.position = self.opcode_at
                self.refused = refusal
            return NotImplemented

    def extension(self, code: int) -> None:
        self.notes.add("extension", f"extension code {code}", None, "unknown")
        raise PickleError(f"extension code {code}, which is registered nowhere")

    # --- opcodes of several steps ------------------------------------------------------------------------------------

    def protocol(self) -> None:
        protocol = self.byte()
        if protocol > 5:
            raise PickleError(f"pickle protocol {protocol} does not exist")

    def frame(self) -> None:
        if self.length8() > len(self.data) - self.position:
            raise PickleError("a frame is longer than the pickle", "truncated")

    def dict_since_mark(self) -> None:
        made: dict[Any, Any] = {}
        self.set_items(self.pop_mark(), made)
        self.push(made)

    def frozen_set(self) -> None:
        made: set[Any] = set()
        self.extend(self.pop_mark_checked(), made)
        self.push(frozenset(made))

    def append(self) -> None:
        item = self.pop()
        self.extend([item], self.top())

    def appends(self) -> None:
        items = self.pop_mark()
        self.extend(items, self.top())

    def set_item(self) -> None:
        pair = self.pop_many(2)
        self.set_items(pair, self.top())

    def set_items_since_mark(self) -> None:
        pairs = self.pop_mark()
        self.set_items(pairs, self.top())

    def import_lines(self) -> Global:
        module, name = self.line(), self.line()
        return self.find(utf8(module), utf8(name))

    def stack_global(self) -> None:
        name = self.pop()
        self.push(self.find_computed(self.pop(), name))

    def reduce(self, what: str) -> None:
        args = self.pop()
        self.push(self.call(self.pop(), args, what))

    def new_with_keywords(self) -> None:
        keywords = self.pop()
        args = self.pop()
        made = self.call(self.pop(), args, "new")
        if isinstance(made, Opaque):
            made.contents.append(keywords)
        self.push(made)

    def inst(self) -> None:
        called = self.import_lines()
        self.push(self.call(called, tuple(self.pop_mark()), "call"))

    def obj(self) -> None:
        items = self.pop_mark_checked()
        if not items:
            raise PickleError("OBJ without a class")
        self.push(self.call(items[0], tuple(items[1:]), "call"))

    def build(self) -> None:
        state = self.pop()
        self.set_state(state, self.top())

    def next_buffer(self) -> None:
        raise PickleError("it wants out-of-band buffers, which no file has")


def _refuse_deep(key: tuple[Any, ...]) -> None:
    """Raises for a key that would take Python more than its own stack to compare."""
    level: list[Any] = list(key)
    for _ in range(100):
        level = [item for part in level if isinstance(part, tuple) for item in part]
        if not level:
            return
        if len(level) > 10_000:
            break
    raise PickleError("a key of tuples in tuples in tuples", "limit")


def is_tensor(value: Any) -> bool:
    """Whether a value is a tensor, as a reference or as what an interpreter has made of one."""
    return isinstance(value, TensorRef) or type(value).__module__ == "torch"


def utf8(value: bytes) -> str:
    """Text as pickles hold it: UTF-8 with lone surrogates, and nothing that would stop the reading."""
    try:
        return value.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return value.decode("utf-8", "replace")


def _forwarded(called: Global, args: tuple[Any, ...]) -> tuple[Any, Any, str] | None:
    """Harmless functions that call one of their own arguments: the call counts as the pickle's."""
    first, second, third = (*args, None, None, None)[:3]
    name = called.name
    if name in ("_rebuild_from_type_v2", "_rebuild_from_type"):
        return first, third, "call"
    if name in ("_reconstructor", "_mareconstruct", "_reconstruct"):
        return first, (), "new"
    if name in ("__newobj__", "__newobj_ex__"):
        return first, args[1:], "new"
    if name == "defaultdict" and first is not None:
        return first, (), "call"
    if name in ("__generator_ctor", "__randomstate_ctor"):
        return None if second is None else (second, (first,), "call")
    if name == "__bit_generator_ctor":
        return (first, (), "call") if isinstance(first, Global) else None
    if name == "_rebuild_wrapper_subclass":
        return first, (), "new"
    return None


_U16, _I32, _U32, _U64, _F64 = (struct.Struct(form) for form in ("<H", "<i", "<I", "<Q", ">d"))

_OPCODES: dict[int, Callable[[_Machine], None]] = {
    0x28: _Machine.mark,
    0x30: _Machine.pop_any,
    0x31: lambda m: (m.pop_mark(), None)[1],
    0x32: lambda m: m.push(m.top()),
    0x4E: lambda m: m.push(None),
    0x88: lambda m: m.push(True),
    0x89: lambda m: m.push(False),
    0x49: lambda m: m.push(m.integer_line(booleans=True)),
    0x4C: lambda m: m.push(m.integer_line(booleans=False)),
    0x4A: lambda m: m.push(m.number(_I32)),
    0x4B: lambda m: m.push(m.byte()),
    0x4D: lambda m: m.push(m.number(_U16)),
    0x8A: lambda m: m.push(m.long(m.byte())),
    0x8B: lambda m: m.push(m.long(m.length4(signed=True))),
    0x46: lambda m: m.push(m.float_line()),
    0x47: lambda m: m.push(m.number(_F64)),
    0x53: lambda m: m.push_text(m.quoted_line()),
    0x54: lambda m: m.push_text(m.raw(m.length4(signed=True)).decode("latin-1")),
    0x55: lambda m: m.push_text(m.raw(m.byte()).decode("latin-1")),
    0x56: lambda m: m.push_text(m.unicode_line()),
    0x58: lambda m: m.push_text(utf8(m.raw(m.length4(signed=False)))),
    0x8C: lambda m: m.push_text(utf8(m.raw(m.byte()))),
    0x8D: lambda m: m.push_text(utf8(m.raw(m.length8()))),
    0x42: lambda m: m.push_bytes(m.length4(signed=False)),
    0x43: lambda m: m.push_bytes(m.byte()),
    0x8E: lambda m: m.push_bytes(m.length8()),
    0x96: lambda m: m.push_bytes(m.length8()),
    0x5D: lambda m: m.push([]),
    0x6C: lambda m: m.push(m.pop_mark()),
    0x29: lambda m: m.push(()),
    0x74: lambda m: m.push(tuple(m.pop_mark())),
    0x85: lambda m: m.push(tuple(m.pop_many(1))),
    0x86: lambda m: m.push(tuple(m.pop_many(2))),
    0x87: lambda m: m.push(tuple(m.pop_many(3))),
    0x7D: lambda m: m.push({}),
    0x64: _Machine.dict_since_mark,
    0x8F: lambda m: m.push(set()),
    0x91: _Machine.frozen_set,
    0x61: _Machine.append,
    0x65: _Machine.appends,
    0x90: _Machine.appends,
    0x73: _Machine.set_item,
    0x75: _Machine.set_items_since_mark,
    0x67: lambda m: m.recall(m.index_line()),
    0x68: lambda m: m.recall(m.byte()),
    0x6A: lambda m: m.recall(m.length4(signed=False)),
    0x70: lambda m: m.remember(m.index_line()),
    0x71: lambda m: m.remember(m.byte()),
    0x72: lambda m: m.remember(m.length4(signed=False)),
    0x94: lambda m: m.remember(len(m.memo)),
    0x80: _Machine.protocol,
    0x95: _Machine.frame,
    0x63: lambda m: m.push(m.import_lines()),
    0x93: _Machine.stack_global,
    0x52: lambda m: m.reduce("call"),
    0x81: lambda m: m.reduce("new"),
    0x92: _Machine.new_with_keywords,
    0x69: _Machine.inst,
    0x6F: _Machine.obj,
    0x62: _Machine.build,
    0x50: lambda m: m.push(m.persistent(m.line().decode("latin-1"))),
    0x51: lambda m: m.push(m.persistent(m.pop())),
    0x82: lambda m: m.extension(m.byte()),
    0x83: lambda m: m.extension(m.number(_U16)),
    0x84: lambda m: m.extension(m.number(_I32)),
    0x97: _Machine.next_buffer,
    0x98: lambda m: (m.top(), None)[1],
}
