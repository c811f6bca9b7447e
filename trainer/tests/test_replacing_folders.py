"""``final/`` is there at every instant while it is replaced, whole: the old one or the new one."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from npt.storage import atomic


def folder(path: Path, content: str) -> Path:
    path.mkdir()
    (path / "what.txt").write_text(content)
    return path


def can_swap(where: Path) -> bool:
    one, two = folder(where / "one", "1"), folder(where / "two", "2")
    return atomic._swapped(one, two) and (one / "what.txt").read_text() == "2"


def test_it_is_there_after_every_single_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not can_swap(tmp_path):
        pytest.skip("this file system cannot swap two names")
    final = folder(tmp_path / "final", "old")

    def watched(call: Callable[..., Any]) -> Callable[..., Any]:
        def changing(*arguments: Any, **named: Any) -> Any:
            result = call(*arguments, **named)
            assert (final / "what.txt").read_text() in ("old", "new"), call
            return result

        return changing

    for name in ("rename", "replace", "unlink", "rmdir", "mkdir"):
        monkeypatch.setattr(os, name, watched(getattr(os, name)))
    atomic.replace_folder(folder(atomic.temporary_beside(final), "new"), final)
    monkeypatch.undo()
    assert (final / "what.txt").read_text() == "new"
    assert sorted(os.listdir(tmp_path)) == ["final", "one", "two"]


def test_whoever_looks_all_the_time_sees_one_or_the_other(tmp_path: Path) -> None:
    if not can_swap(tmp_path):
        pytest.skip("this file system cannot swap two names")
    final, seen, over = folder(tmp_path / "final", "0"), set(), threading.Event()

    def look() -> None:
        while not over.is_set():
            # The folder itself: one that was opened may be deleted by the time that its file is asked for.
            seen.add(final.is_dir())

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        for number in range(100):
            atomic.replace_folder(folder(atomic.temporary_beside(final), str(number)), final)
    finally:
        over.set()
        watcher.join()
        sys.setswitchinterval(before)
    assert seen == {True}


@pytest.mark.parametrize("there", ["folder", "file", "link", "nothing"])
@pytest.mark.parametrize("swaps", [True, False])
def test_whatever_is_there_gives_way(there: str, swaps: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not swaps:
        # As on a disk that cannot.
        monkeypatch.setattr(atomic, "_swapped", lambda *_: False)
    elsewhere, final = folder(tmp_path / "elsewhere", "kept"), tmp_path / "final"
    if there == "folder":
        folder(final, "old")
    elif there == "file":
        final.write_text("old")
    elif there == "link":
        final.symlink_to(elsewhere)
    atomic.replace_folder(folder(atomic.temporary_beside(final), "new"), final)
    assert not final.is_symlink() and (final / "what.txt").read_text() == "new"
    assert (elsewhere / "what.txt").read_text() == "kept"
    assert sorted(os.listdir(tmp_path)) == ["elsewhere", "final"]
