"""Python values through a pipe between the trainer and its own data workers: a length, then a pickle."""

from __future__ import annotations

import os
import pickle
import select
import struct
from collections.abc import Callable
from typing import Any

_LENGTH = struct.Struct("<Q")
#: Bytes in one read; a pipe holds at most this much on Linux without privileges.
_READ = 1 << 20


class Closed(Exception):
    """Whoever held the other end of the pipe is gone."""


def send(descriptor: int, value: Any) -> None:
    """Writes a value; waits while the pipe is full. Raises ``Closed`` where nobody will read it."""
    data = pickle.dumps(value, protocol=5)
    rest = memoryview(_LENGTH.pack(len(data)) + data)
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except BrokenPipeError:
        raise Closed from None


def receive(descriptor: int, patience: float | None = None, waiting: Callable[[], None] | None = None) -> Any:
    """The next value. Raises ``Closed`` where the writer is gone, also in the middle of a value.

    ``waiting`` is called whenever ``patience`` seconds passed without a byte; it may raise to give up.
    """
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)

    def exactly(size: int) -> bytearray:
        data = bytearray()
        while len(data) < size:
            if patience is not None and waiting is not None and not poll.poll(patience * 1000):
                waiting()
                continue
            part = os.read(descriptor, min(size - len(data), _READ))
            if not part:
                raise Closed
            data += part
        return data

    (size,) = _LENGTH.unpack(exactly(_LENGTH.size))
    return pickle.loads(exactly(size))
