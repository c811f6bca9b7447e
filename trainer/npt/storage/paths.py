"""Paths as a person gave them: links in them are names, and two paths are the same where they lead to one folder."""

from __future__ import annotations

import os
from pathlib import Path


def working_folder() -> Path:
    """The current folder by the name that the shell knows it by, which may lead through links."""
    named = Path(os.environ.get("PWD", ""))
    return named if named.is_absolute() and ".." not in named.parts and same(named, Path.cwd()) else Path.cwd()


def absolute(text: str | os.PathLike[str]) -> Path:
    """An absolute path that keeps its links. Only what stands before a ``..`` is resolved, as the system does it."""
    path = working_folder() / Path(text).expanduser()
    if ".." not in path.parts:
        return path
    last = len(path.parts) - path.parts[::-1].index("..")
    return Path(*path.parts[:last]).resolve().joinpath(*path.parts[last:])


def same(a: Path, b: Path) -> bool:
    """Whether two paths lead to the same file or folder, by whatever links; where one leads nowhere, whether they are
    written alike."""
    try:
        return os.path.samefile(a, b)
    except OSError:
        return a == b
