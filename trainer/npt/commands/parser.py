"""A parser whose complaints are ``UsageError``s, so that they are one line like all others."""

from __future__ import annotations

import argparse
from typing import NoReturn

from npt import TRAINER
from npt.errors import UsageError


class Parser(argparse.ArgumentParser):
    """The standard parser; ``--version`` is there by itself."""

    def __init__(self, prog: str, description: str) -> None:
        super().__init__(prog=prog, description=description, allow_abbrev=False)
        self.add_argument("--version", action="version", version=TRAINER)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def count(text: str) -> int:
    """An option's whole number from 1 on."""
    number = int(text) if text.isascii() and text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return number
