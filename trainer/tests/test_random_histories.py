"""Random histories of saves, damage, links, renames, copies, limits, failing disks and kills, and of the extension's
deletes beside them: a run that had a valid checkpoint has one, and never fewer than the limit says.

``NPT_STRESS`` sets how many histories (the default only keeps the test alive) and prints what was in them. The
extension's side takes part where the repository's tools are installed.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import random
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from npt.checkpoint import find
from npt.checkpoint.retention import Retention
from npt.checkpoint.save import save
from npt.checkpoint.verified import Verified
from npt.errors import TrainingError
from npt.storage import atomic
from tests.tiny_checkpoints import DAMAGES, content, damage, digest, is_valid, valid_steps

HISTORIES = int(os.environ.get("NPT_STRESS", "12"))
REPOSITORY = Path(__file__).resolve().parents[2]
TOOL = REPOSITORY / "test" / "torch" / "deleteOnRequest.ts"
# The calls that change something on disk: where a disk may fail, and where a kill leaves another state behind.
CALLS = ("rename", "replace", "unlink", "rmdir", "mkdir", "fsync", "link")
FAILURES = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EBUSY, errno.EXDEV)


class Extension:
    """The extension's deletion, in a Node process of its own."""

    def __init__(self) -> None:
        command = ["node", "--import", "tsx", str(TOOL)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, cwd=REPOSITORY, stdin=pipe, stdout=pipe, text=True)

    def delete(self, checkpoints: list[Path]) -> dict[str, Any]:
        """What came of deleting these."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(path) for path in checkpoints]) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="module")
def extension() -> Iterator[Extension | None]:
    if not (REPOSITORY / "node_modules" / "tsx").exists() or not TOOL.exists() or shutil.which("node") is None:
        yield None
        return
    process = Extension()
    yield process
    process.close()


class Fault:
    """Counts the calls that change something on disk, and does something at one of them."""

    def __init__(self, at: int, act: Callable[[], None]) -> None:
        self.at = at
        self.calls = 0
        self.act = act

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        originals = {name: getattr(os, name) for name in CALLS}

        def counted(name: str) -> Callable[..., Any]:
            def call(*arguments: Any, **named: Any) -> Any:
                self.calls += 1
                if self.calls == self.at:
                    self.act()
                return originals[name](*arguments, **named)

            return call

        for name in CALLS:
            setattr(os, name, counted(name))
        try:
            yield
        finally:
            for name, original in originals.items():
                setattr(os, name, original)


class History:
    """One run and what happens to it."""

    def __init__(self, folder: Path, seed: int, extension: Extension | None, seen: Counter[str]) -> None:
        self.draw = random.Random(seed)
        self.experiments = folder / "experiments"
        self.run = self.experiments / "a"
        self.disk = folder / "disk"
        self.disk.mkdir()
        (self.run / "checkpoints").mkdir(parents=True)
        (self.run / "run.json").write_text('{"schema": 1, "id": "A"}')
        self.extension = extension
        self.seen = seen
        self.step = 0
        self.limit = self.draw.randint(1, 3)
        self.verified = Verified()

    @property
    def checkpoints(self) -> Path:
        return self.run / "checkpoints"

    def entries(self) -> list[Path]:
        """What is visible in the run's folder of checkpoints."""
        names = sorted(name for name in os.listdir(self.checkpoints) if not name.startswith(".") and "." not in name)
        return [self.checkpoints / name for name in names]

    def some(self) -> Path | None:
        found = self.entries()
        return self.draw.choice(found) if found else None

    def happen(self) -> None:
        """One thing happens, and is looked at."""
        ways: list[tuple[Callable[[], None], int]] = [
            (self.save, 8), (self.save_on_a_failing_disk, 2), (self.killed_while_saving, 2), (self.damage, 4),
            (self.link, 2), (self.link_the_folder, 1), (self.rename, 1), (self.copy, 1), (self.strange, 2),
            (self.pin, 1), (self.branch, 1), (self.restart, 1), (self.change_the_limit, 1),
            (self.delete_in_the_extension, 4 if self.extension else 0),
        ]  # fmt: skip
        way = self.draw.choices([w for w, _ in ways], [n for _, n in ways])[0]
        self.seen[way.__name__] += 1
        way()

    # --- what the trainer does ---

    def kept_by_name(self) -> set[int]:
        file = self.run / "pins.json"
        pins = json.loads(file.read_text())["checkpoints"] if file.exists() else []
        origins = [
            json.loads(path.read_text())["parent"]["checkpoint"] for path in self.experiments.glob("branch-*/run.json")
        ]
        return {step for name in [*pins, *origins] if (step := find.step_of(name)) is not None}

    def save_and_prune(self) -> None:
        written = save(self.checkpoints, content(self.step), self.verified)
        Retention(self.limit, self.verified).prune(written, shown=self.run)

    def looked_at(self, act: Callable[[], bool]) -> None:
        """A save with its limit, against what that says; ``act`` tells whether it was whole, or cut short."""
        self.step += self.draw.randint(1, 3)
        before = valid_steps(self.run)
        invalid = {path.name: digest(path) for path in self.entries() if not is_valid(path)}
        disk = {path.name: digest(path) for path in self.disk.iterdir() if not path.name.startswith("checkpoints")}
        whole = act()
        after = valid_steps(self.run)
        assert not whole or self.step in after, "what was saved is there"
        known = before | after
        must = set(sorted(known)[-self.limit :]) | (self.kept_by_name() & known)
        assert must <= after, f"limit {self.limit}: {sorted(before)} → {sorted(after)}, lost {sorted(must - after)}"
        assert after or not before
        if whole:
            assert after == must | {self.step}, f"limit {self.limit}: {sorted(after - must)} stayed"
        names = {path.name for path in self.entries()}
        for name, was in invalid.items():
            if name == f"checkpoint-{self.step}":
                continue  # it made way for the save, renamed
            assert name in names and digest(self.checkpoints / name) == was, f"{name} is no valid one, and was touched"
        now = {path.name: digest(path) for path in self.disk.iterdir() if not path.name.startswith("checkpoints")}
        assert now == disk, "a link was followed"

    def save(self) -> None:
        def act() -> bool:
            self.save_and_prune()
            return True

        self.looked_at(act)

    def save_on_a_failing_disk(self) -> None:
        def fail() -> None:
            raise OSError(self.draw.choice(FAILURES), "the disk fails")

        fault = Fault(self.draw.randint(1, 40), fail)

        def act() -> bool:
            try:
                with fault.installed():
                    self.save_and_prune()
            except (TrainingError, OSError):
                return False
            return fault.calls < fault.at

        self.looked_at(act)
        self.restart()

    def killed_while_saving(self) -> None:
        fault = Fault(self.draw.randint(1, 40), lambda: os.kill(os.getpid(), signal.SIGKILL))

        def act() -> bool:
            pid = os.fork()
            if pid == 0:
                with contextlib.suppress(BaseException), fault.installed():
                    self.save_and_prune()
                os._exit(0)
            return os.waitpid(pid, 0)[1] == 0

        self.looked_at(act)
        self.restart()

    def restart(self) -> None:
        """Another process, which remembers nothing and sweeps."""
        before = valid_steps(self.run)
        self.verified = Verified()
        atomic.sweep(self.checkpoints)
        assert valid_steps(self.run) == before
        assert not [name for name in os.listdir(self.checkpoints) if name.startswith(".")]

    def change_the_limit(self) -> None:
        self.limit = self.draw.randint(1, 4)

    # --- what the extension does ---

    def delete_in_the_extension(self) -> None:
        assert self.extension is not None
        chosen = [path for path in self.entries() if find.step_of(path.name) is not None and self.draw.random() < 0.4]
        if not chosen:
            return
        before = valid_steps(self.run)
        answer = self.extension.delete(chosen)
        after = valid_steps(self.run)
        steps = {find.step_of(path.name) for path in chosen}
        assert after == (before if "refused" in answer else before - steps), answer
        assert after or not before, answer
        self.seen["the extension refused" if "refused" in answer else "the extension deleted"] += 1

    # --- what people and disks do ---

    def damage(self) -> None:
        place = self.some()
        if place is not None and place.is_dir():
            damage(place, self.draw.choice(DAMAGES), self.draw)

    def link(self) -> None:
        place = self.some()
        if place is not None:
            target = self.disk / f"{place.name}-{len(list(self.disk.iterdir()))}"
            os.rename(place, target)
            place.symlink_to(target)

    def link_the_folder(self) -> None:
        if not self.checkpoints.is_symlink():
            os.rename(self.checkpoints, self.disk / "checkpoints")
            self.checkpoints.symlink_to(self.disk / "checkpoints")

    def free(self) -> Path:
        while os.path.lexists(place := self.checkpoints / f"checkpoint-{self.draw.randint(1, self.step + 6)}"):
            if self.draw.random() < 0.2:
                return self.checkpoints / f"checkpoint-{self.step + 500}{self.draw.randint(0, 999)}"
        return place

    def rename(self) -> None:
        place = self.some()
        if place is not None:
            os.rename(place, self.free())

    def copy(self) -> None:
        place = self.some()
        if place is not None and place.is_dir() and not place.is_symlink():
            shutil.copytree(place, self.free(), symlinks=True)

    def strange(self) -> None:
        place = self.free()
        kind = self.draw.randrange(5)
        if kind == 0:
            place.mkdir()
        elif kind == 1:
            place.write_text("a file")
        elif kind == 2:
            place.symlink_to("/nowhere/at/all")
        elif kind == 3:
            place.symlink_to(self.draw.choice([*self.entries(), place]))
        else:
            place.mkdir()
            (place / "model.safetensors").write_bytes(b"another trainer's")

    def pin(self) -> None:
        pins = [path.name for path in self.entries() if self.draw.random() < 0.2]
        atomic.replace_json(self.run / "pins.json", {"schema": 1, "checkpoints": pins})

    def branch(self) -> None:
        place = self.some()
        if place is not None:
            branch = self.experiments / f"branch-{len(list(self.experiments.iterdir()))}"
            branch.mkdir()
            parent = {"id": "A", "run": "a", "checkpoint": place.name, "step": 1}
            (branch / "run.json").write_text(json.dumps({"schema": 1, "id": branch.name, "parent": parent}))


def test_random_histories(tmp_path: Path, extension: Extension | None, capsys: pytest.CaptureFixture[str]) -> None:
    seen: Counter[str] = Counter()
    for seed in range(HISTORIES):
        folder = tmp_path / str(seed)
        folder.mkdir()
        history = History(folder, seed, extension, seen)
        for number in range(history.draw.randint(8, 24)):
            try:
                history.happen()
            except BaseException:
                print(f"history {seed}, event {number}")
                raise
        shutil.rmtree(folder)
    assert seen["save"] > HISTORIES
    if "NPT_STRESS" in os.environ:
        with capsys.disabled():
            print(f"\n{HISTORIES} histories, {seen.total()} events: {dict(seen.most_common())}")
