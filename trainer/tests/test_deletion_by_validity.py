"""Deletion goes by validity: a limit never takes the last good checkpoints, and never touches what it cannot judge."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from npt.checkpoint import find, manifest, validate
from npt.checkpoint.retention import Retention
from npt.checkpoint.save import save
from npt.checkpoint.verified import Verified
from npt.storage import atomic
from tests.conftest import SMALL, Process
from tests.test_faults import obey_permissions
from tests.tiny_checkpoints import DAMAGES, content, damage, digest, is_valid, valid_steps

Train = Callable[..., Process]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with checkpoints 5, 10, 15 and 20."""
    path = tmp_path / "experiments" / "a"
    for step in (5, 10, 15, 20):
        save(path / "checkpoints", content(step))
    (path / "run.json").write_text('{"schema": 1, "id": "A"}')
    return path


def save_with_limit(run: Path, step: int, limit: int, verified: Verified | None = None) -> list[str]:
    """What a trainer does: save, then keep to the limit."""
    verified = verified or Verified()
    written = save(run / "checkpoints", content(step), verified)
    return Retention(limit, verified).prune(written)


def names(run: Path) -> list[str]:
    return sorted(entry.name for entry in (run / "checkpoints").iterdir())


def make_empty(place: Path) -> None:
    place.mkdir()


def make_file(place: Path) -> None:
    place.write_text("a file")


def make_link_to_nothing(place: Path) -> None:
    place.symlink_to("/nowhere/at/all")


def make_circle(place: Path) -> None:
    place.symlink_to(place)


def make_other_trainers(place: Path) -> None:
    place.mkdir()
    (place / "model.safetensors").write_bytes(b"x" * 100)
    (place / "trainer_state.json").write_text("{}")


def make_half_of_such(place: Path) -> None:
    place.mkdir()
    (place / "npt_weights.pt").write_bytes(b"PK\x03\x04")
    (place / "training_state.pt").write_bytes(b"")


def make_copy_of_another_step(place: Path) -> None:
    shutil.copytree(place.with_name("checkpoint-5"), place)


def make_link_to_another_step(place: Path) -> None:
    place.symlink_to("checkpoint-5")


def make_newer_schema(place: Path) -> None:
    shutil.copytree(place.with_name("checkpoint-5"), place)
    document = json.loads((place / "manifest.json").read_text()) | {"schema": 2}
    (place / "manifest.json").write_text(json.dumps(document))


def make_manifest_folder(place: Path) -> None:
    shutil.copytree(place.with_name("checkpoint-5"), place)
    (place / "manifest.json").unlink()
    (place / "manifest.json").mkdir()


def make_manifest_pipe(place: Path) -> None:
    place.mkdir()
    os.mkfifo(place / "manifest.json")


STRANGE = {
    make.__name__.removeprefix("make_").replace("_", " "): make
    for make in (
        make_empty, make_file, make_link_to_nothing, make_circle, make_other_trainers, make_half_of_such,
        make_copy_of_another_step, make_link_to_another_step, make_newer_schema, make_manifest_folder,
        make_manifest_pipe,
    )
}  # fmt: skip


@pytest.mark.parametrize("kind", STRANGE)
@pytest.mark.parametrize("limit", [1, 2])
def test_what_is_no_valid_checkpoint_neither_counts_nor_is_touched(kind: str, limit: int, run: Path) -> None:
    strange = [run / "checkpoints" / "checkpoint-500", run / "checkpoints" / "checkpoint-7"]
    for place in strange:
        STRANGE[kind](place)
    before = [digest(place) if "pipe" not in kind else "" for place in strange]
    lines = save_with_limit(run, 25, limit)
    assert valid_steps(run) == ({25} if limit == 1 else {20, 25})
    assert [digest(place) if "pipe" not in kind else "" for place in strange] == before
    assert all(os.path.lexists(place) for place in strange)
    assert len(lines) == 1 and "\n" not in lines[0]
    assert lines[0].startswith("deleted checkpoint-5, checkpoint-10, checkpoint-15"), lines
    for place in strange:
        assert f"{place.name} " in lines[0], lines


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_checkpoint_does_not_count_as_the_survivor(kind: str, run: Path) -> None:
    for step in (10, 20):
        damage(run / "checkpoints" / f"checkpoint-{step}", kind, random.Random(step))
    before = {step: digest(run / "checkpoints" / f"checkpoint-{step}") for step in (10, 20)}
    lines = save_with_limit(run, 25, 2)
    assert valid_steps(run) == {15, 25}
    assert {step: digest(run / "checkpoints" / f"checkpoint-{step}") for step in (10, 20)} == before
    assert len(lines) == 1 and "checkpoint-20 " in lines[0] and "checkpoint-10 " in lines[0], lines


def test_a_valid_checkpoint_of_a_later_step_and_the_one_just_written_both_stay(run: Path) -> None:
    save_with_limit(run, 12, 1)
    assert valid_steps(run) == {12, 20}


def test_damage_after_it_was_found_valid_is_noticed(run: Path) -> None:
    verified = Verified()
    save_with_limit(run, 25, 3, verified)
    assert valid_steps(run) == {15, 20, 25}
    weights = run / "checkpoints" / "checkpoint-20" / "npt_weights.pt"
    times = os.stat(weights)
    data = bytearray(weights.read_bytes())
    data[-200] ^= 1
    weights.write_bytes(data)
    # Even if somebody puts the time of its last change back.
    os.utime(weights, ns=(times.st_atime_ns, times.st_mtime_ns))
    save_with_limit(run, 30, 2, verified)
    assert valid_steps(run) == {25, 30} and "checkpoint-20" in names(run)


def test_the_one_just_written_is_damaged_at_once(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verified = Verified()
    written = save(run / "checkpoints", content(25), verified)
    damage(written, "truncate", random.Random(0))
    lines = Retention(1, verified).prune(written)
    assert valid_steps(run) == {5, 10, 15, 20}
    assert len(lines) == 1 and "deletes nothing: checkpoint-25, which was just saved, is broken" in lines[0]


def test_nothing_is_read_or_said_twice(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    check = manifest.check
    monkeypatch.setattr(manifest, "check", lambda folder: (read.append(folder.name), check(folder))[1])
    (run / "checkpoints" / "checkpoint-3").mkdir()
    verified = Verified()
    retention = Retention(3, verified)
    lines: list[str] = []
    for step in range(25, 60, 5):
        lines += retention.prune(save(run / "checkpoints", content(step), verified))
    assert sorted(set(read)) == sorted(read) == ["checkpoint-10", "checkpoint-15", "checkpoint-20", "checkpoint-5"]
    assert sum("checkpoint-3 is empty" in line for line in lines) == 1
    assert valid_steps(run) == {45, 50, 55}


def test_what_final_is_a_link_to_stays(run: Path) -> None:
    (run / "checkpoints" / "final").symlink_to("checkpoint-10")
    lines = save_with_limit(run, 25, 1)
    assert names(run) == ["checkpoint-10", "checkpoint-25", "final"]
    assert "kept besides: checkpoint-10 (final is a link to it)" in lines[0]


def test_best_pinned_and_branch_origins_stay(run: Path) -> None:
    (run / "pins.json").write_text('{"schema": 1, "checkpoints": ["checkpoint-5"]}')
    branch = run.with_name("b")
    branch.mkdir()
    (branch / "run.json").write_text('{"schema": 1, "id": "B", "parent": {"id": "A", "checkpoint": "checkpoint-10"}}')
    written = save(run / "checkpoints", content(25))
    lines = Retention(1, Verified()).prune(written, best="checkpoint-15")
    assert valid_steps(run) == {5, 10, 15, 25}
    assert lines == [
        "deleted checkpoint-20: --save_total_limit is 1; kept besides: checkpoint-5 (pinned), "
        "checkpoint-10 (a branch began there), checkpoint-15 (best)"
    ]


@pytest.mark.parametrize("written", ["", "{", "\0" * 40, "[]", '{"checkpoints": 5}', None])
def test_pins_that_cannot_be_read_let_nothing_be_deleted(written: str | None, run: Path) -> None:
    if written is None:
        (run / "pins.json").mkdir()
    else:
        (run / "pins.json").write_text(written)
    lines = save_with_limit(run, 25, 1)
    assert valid_steps(run) == {5, 10, 15, 20, 25}
    assert len(lines) == 1 and "deletes nothing" in lines[0] and "pins.json" in lines[0]


@pytest.mark.parametrize("identity", ["", "{}", None])
def test_branch_origins_stay_where_run_json_is_damaged(identity: str | None, run: Path) -> None:
    (run / "run.json").unlink() if identity is None else (run / "run.json").write_text(identity)
    branch, damaged = run.with_name("b"), run.with_name("a-from-5-2")
    branch.mkdir()
    damaged.mkdir()
    (branch / "run.json").write_text('{"schema": 1, "id": "B", "parent": {"id": "A", "checkpoint": "checkpoint-10"}}')
    (damaged / "run.json").write_text("")
    save_with_limit(run, 25, 1)
    assert valid_steps(run) == {5, 10, 25}


def test_two_who_delete_at_once_leave_one(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the limit takes the old ones, somebody else, who counts on these, deletes the new one."""
    verified = Verified()
    written = save(run / "checkpoints", content(25), verified)
    hide = atomic.hide

    def hide_and_lose(path: Path) -> Path:
        hidden = hide(path)
        if written.exists():
            hide(written)
        return hidden

    monkeypatch.setattr(atomic, "hide", hide_and_lose)
    lines = Retention(1, verified).prune(written)
    assert valid_steps(run) == {5, 10, 15, 20}
    assert len(lines) == 1 and "checkpoint-5 stays: checkpoint-25 is gone or was damaged just now" in lines[0]


def test_what_cannot_be_deleted_is_passed_over(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = os.rename

    def refuse(source: Any, target: Any) -> None:
        if Path(source).name == "checkpoint-10":
            raise OSError(18, "Invalid cross-device link")
        rename(source, target)

    monkeypatch.setattr(os, "rename", refuse)
    lines = save_with_limit(run, 25, 1)
    assert valid_steps(run) == {10, 25}
    assert len(lines) == 1 and "checkpoint-10 cannot be deleted: Invalid cross-device link" in lines[0]


def test_a_request_to_stop_ends_it(run: Path) -> None:
    verified = Verified()
    written = save(run / "checkpoints", content(25), verified)
    assert Retention(1, verified, lambda: True).prune(written) == []
    assert valid_steps(run) == {5, 10, 15, 20, 25}


@pytest.mark.parametrize("kind", STRANGE)
def test_a_save_is_never_lost_to_what_is_in_its_place(kind: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = run / "checkpoints" / "checkpoint-25"
    STRANGE[kind](place)
    before = "" if "pipe" in kind else digest(place)
    save(run / "checkpoints", content(25))
    assert is_valid(place) and not place.is_symlink()
    aside = [entry for entry in place.parent.iterdir() if entry.name.endswith("-checkpoint-25-1")]
    assert len(aside) == 1 and ("pipe" in kind or kind == "circle" or digest(aside[0]) == before)
    assert f"it is now {aside[0].name}" in capsys.readouterr().out


def test_a_whole_checkpoint_of_another_trainer_is_kept_where_it_is(run: Path) -> None:
    place = run / "checkpoints" / "checkpoint-24000"
    fixtures = Path(__file__).resolve().parents[2] / "test" / "fixtures" / "checkpoints"
    if not fixtures.is_dir():
        pytest.skip("the repository's fixtures are not here")
    shutil.copytree(fixtures / "field" / "checkpoint-24000", place)
    before = digest(place)
    assert save(run / "checkpoints", content(24000)) == place
    assert digest(place) == before
    save_with_limit(run, 24001, 1)
    assert digest(place) == before and valid_steps(run) == {24001}


@pytest.mark.parametrize("example", ["an empty newer folder", "the newest one truncated"])
def test_a_resume_with_a_limit(example: str, train: Train, tmp_path: Path) -> None:
    run = tmp_path / "a"
    assert train(*SMALL, "--output_dir", str(run), "--max_steps", "10", "--save_steps", "2").code == 0
    if example == "an empty newer folder":
        (run / "checkpoints" / "checkpoint-500").mkdir()
    else:
        weights = run / "checkpoints" / "checkpoint-10" / "npt_weights.pt"
        weights.unlink()  # final/ has the same file
        weights.write_bytes(b"PK")
    done = train("--resume_from", str(run), "--max_steps", "13", "--save_steps", "1", "--save_total_limit", "1")
    assert done.code == 0, done.output
    newest, _ = find.newest_valid(run)
    assert newest is not None and newest.name == "checkpoint-13"
    again = train("--resume_from", str(run), "--max_steps", "14")
    assert again.code == 0, again.output


def test_unreadable_checkpoints_neither_count_nor_are_touched(train: Train, tmp_path: Path) -> None:
    run = tmp_path / "a"
    assert train(*SMALL, "--output_dir", str(run), "--max_steps", "6", "--save_steps", "2").code == 0
    closed = run / "checkpoints" / "checkpoint-500"
    shutil.copytree(run / "checkpoints" / "checkpoint-2", closed)
    secret = run / "checkpoints" / "checkpoint-4" / "npt_weights.pt"
    protected = run / "checkpoints" / "checkpoint-2"
    try:
        closed.chmod(0)
        secret.chmod(0)
        protected.chmod(0o555)
        done = train(
            "--resume_from", str(run), "--max_steps", "8", "--save_steps", "1", "--save_total_limit", "1",
            before=obey_permissions,
        )  # fmt: skip
        assert done.code == 0, done.output
        assert "checkpoint-500 cannot be read" in done.output
        assert "Traceback" not in done.output
    finally:
        closed.chmod(0o755)
        secret.chmod(0o644)
        protected.chmod(0o755)
    kept = {path.name for path in find.list_checkpoints(run)}
    best = (
        json.loads((run / "checkpoints" / "best.json").read_text())["checkpoint"]
        if (run / "checkpoints" / "best.json").exists()
        else "checkpoint-8"
    )
    assert kept == {"checkpoint-2", "checkpoint-4", "checkpoint-500", "checkpoint-8", best}
    assert secret.stat().st_size > 0


def test_a_full_disk_while_deleting(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where even a rename finds no room, nothing is lost and training goes on."""

    def full(path: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic, "hide", full)
    lines = save_with_limit(run, 25, 1)
    assert valid_steps(run) == {5, 10, 15, 20, 25}
    assert len(lines) == 1 and "No space left on device" in lines[0]


def test_an_interrupted_deletion_is_finished_by_the_next_start(run: Path) -> None:
    hidden = atomic.hide(run / "checkpoints" / "checkpoint-5")
    assert hidden.name == f".del-checkpoint-5-{atomic.host()}-{os.getpid()}"
    assert atomic.sweep(run / "checkpoints") == [hidden.name]
    assert valid_steps(run) == {10, 15, 20}


def test_a_copied_run_is_a_run_of_its_own(run: Path, tmp_path: Path) -> None:
    """What a limit deletes in a copy stays in the original, hard links and all."""
    copy = tmp_path / "experiments" / "copy"
    subprocess.run(["cp", "-al", str(run), str(copy)], check=True)
    save_with_limit(copy, 25, 1)
    assert valid_steps(copy) == {25} and valid_steps(run) == {5, 10, 15, 20}


def test_no_damage_makes_the_judges_fail(run: Path) -> None:
    """Whatever bytes change, both the judge of a limit and the whole validation have an answer."""
    draw = random.Random(0)
    place = run / "checkpoints" / "checkpoint-20"
    files = {name: (place / name).read_bytes() for name in os.listdir(place)}
    for _ in range(int(os.environ.get("NPT_STRESS", "400"))):
        name = draw.choice(sorted(files))
        data = bytearray(files[name])
        # Most of what a reader trusts is at the end of a zip archive.
        start = max(len(data) - 400, 0) if draw.random() < 0.6 else 0
        for _ in range(draw.choice([1, 1, 2, 4])):
            at = draw.randrange(start, len(data))
            data[at] = draw.choice([data[at] ^ 1 << draw.randrange(8), 0, 255])
        (place / name).write_bytes(data)
        assert (find.problem(place) is None) == (bytes(data) == files[name])
        validate.examine(place)
        (place / name).write_bytes(files[name])
