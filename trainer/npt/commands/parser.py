"""A parser whose complaints are ``UsageError``s, so that they are one line like all others."""

from __future__ import annotations

import argparse
import sys
from typing import Any, NoReturn
from urllib.parse import unquote

from npt import TRAINER
from npt.errors import UsageError


class Parser(argparse.ArgumentParser):
    """The standard parser; ``--version`` is there by itself."""

    def __init__(self, prog: str, description: str) -> None:
        super().__init__(prog=prog, description=description, allow_abbrev=False)
        self.add_argument("--version", action="version", version=TRAINER)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """The arguments. After ``--escaped``, which comes first, every word is percent-encoded.

        That is for whoever starts us where a word with ``${…}`` or a line break would not arrive as it is.
        """
        words = list(sys.argv[1:] if args is None else args)
        if words[:1] == ["--escaped"]:
            words = [unquote(word, errors="surrogateescape") for word in words[1:]]
        return super().parse_args(words, namespace)


def count(text: str) -> int:
    """An option's whole number from 1 on."""
    number = int(text) if text.isascii() and text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return number
