"""What ``torch.load(…, weights_only=True)`` accepts beyond torch's own list, while a file of ours is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch


class _Alias:
    """A function under the name that a pickle knows it by: before 2.6, torch goes by an object's own name."""

    def __init__(self, path: str, function: Any) -> None:
        self.__module__, _, self.__name__ = path.rpartition(".")
        self.__qualname__ = self.__name__
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)


def _entry(path: str, thing: Any) -> Any:
    return thing if f"{thing.__module__}.{thing.__qualname__}" == path else _Alias(path, thing)


@contextmanager
def accepting(allowed: Mapping[str, Any]) -> Iterator[None]:
    """Lets ``weights_only`` loading resolve more names, each ("module.name") to the object given for it.

    ``torch.serialization.safe_globals`` is not in torch 2.4, and takes names only from 2.6 on.
    """
    serialization = torch.serialization
    before = list(serialization.get_safe_globals())
    serialization.add_safe_globals([_entry(path, thing) for path, thing in allowed.items()])
    try:
        yield
    finally:
        serialization.clear_safe_globals()
        serialization.add_safe_globals(before)
