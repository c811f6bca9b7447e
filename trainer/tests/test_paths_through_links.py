"""Runs, their checkpoints and the folder of these may be links: the same run, the same lineage, and nothing is followed
that is deleted."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from npt.checkpoint import find, validate
from npt.checkpoint.retention import Retention
from npt.checkpoint.save import save, write_final
from npt.checkpoint.verified import Verified
from npt.storage import atomic, paths
from tests.conftest import SMALL, Process
from tests.tiny_checkpoints import content, digest, valid_steps

Train = Callable[..., Process]


@pytest.fixture
def run(train: Train, tmp_path: Path) -> Path:
    """A run of 6 steps with checkpoints 2, 4 and 6."""
    path = tmp_path / "experiments" / "a"
    done = train(*SMALL, "--max_steps", "6", "--save_steps", "2", "--output_dir", str(path))
    assert done.code == 0, done.output
    return path


def move_and_link(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    path.rename(target)
    path.symlink_to(target)


def identity(run: Path) -> str:
    return str(json.loads((run / "run.json").read_text())["id"])


def link_the_checkpoint(run: Path, disk: Path) -> Path:
    move_and_link(run / "checkpoints" / "checkpoint-6", disk / "x-6")
    return run / "checkpoints" / "checkpoint-6"


def link_the_folder_of_checkpoints(run: Path, disk: Path) -> Path:
    move_and_link(run / "checkpoints", disk / "of-a")
    return run / "checkpoints" / "checkpoint-6"


def link_the_run(run: Path, disk: Path) -> Path:
    move_and_link(run, disk / "elsewhere" / "b")
    return run / "checkpoints" / "checkpoint-6"


def link_the_experiments(run: Path, disk: Path) -> Path:
    move_and_link(run.parent, disk / "experiments")
    return run


def link_from_outside(run: Path, disk: Path) -> Path:
    (run / "latest").symlink_to("checkpoints/checkpoint-6")
    return run / "latest"


def link_to_a_link(run: Path, disk: Path) -> Path:
    link_the_checkpoint(run, disk)
    disk.mkdir(exist_ok=True)
    (disk / "newest").symlink_to(run / "checkpoints" / "checkpoint-6")
    return disk / "newest"


def another_name_for_the_folder(run: Path, disk: Path) -> Path:
    (run / "saved").symlink_to("checkpoints")
    return run / "saved" / "checkpoint-6"


LINKED = {
    link.__name__.replace("_", " "): link
    for link in (
        link_the_checkpoint, link_the_folder_of_checkpoints, link_the_run, link_the_experiments, link_from_outside,
        link_to_a_link, another_name_for_the_folder,
    )
}  # fmt: skip


@pytest.mark.parametrize("how", LINKED)
def test_a_resume_through_links_goes_on_in_the_same_run(how: str, run: Path, train: Train, tmp_path: Path) -> None:
    before = identity(run)
    given = LINKED[how](run, tmp_path / "disk")
    done = train("--resume_from", str(given), "--max_steps", "8", cwd=tmp_path)
    assert done.code == 0, done.output
    assert identity(run) == before
    assert (run / "checkpoints" / "checkpoint-8").is_dir()
    assert sorted(os.listdir(run.parent)) == ["a"], "no new run"
    assert validate.examine(run / "checkpoints" / "checkpoint-6").valid


@pytest.mark.parametrize("how", ["link the checkpoint", "link the folder of checkpoints", "link the run"])
def test_a_branch_through_links_is_made_beside_the_run_as_it_is_named(
    how: str, run: Path, train: Train, tmp_path: Path
) -> None:
    given = LINKED[how](run, tmp_path / "disk").with_name("checkpoint-4")
    done = train("--resume_from", str(given), "--max_steps", "5", cwd=tmp_path)
    assert done.code == 0, done.output
    parent = json.loads((run.parent / "a-from-4" / "run.json").read_text())["parent"]
    assert parent == {"id": identity(run), "run": "a", "checkpoint": "checkpoint-4", "step": 4}


def test_relative_paths_and_the_shells_name_of_a_folder(run: Path, train: Train, tmp_path: Path) -> None:
    link_the_run(run, tmp_path / "disk")

    def from_inside() -> None:
        os.chdir(run / "checkpoints")
        os.environ["PWD"] = str(run / "checkpoints")

    done = train("--resume_from", "../checkpoints/./checkpoint-4", "--max_steps", "5", before=from_inside)
    assert done.code == 0, done.output
    done = train("--resume_from", "checkpoint-6", "--max_steps", "7", before=from_inside)
    assert done.code == 0, done.output
    assert (run / "checkpoints" / "checkpoint-7").is_dir()


def test_output_dir_by_another_name_is_the_same_run(run: Path, train: Train, tmp_path: Path) -> None:
    link_the_run(run, tmp_path / "disk")
    for given in (tmp_path / "disk" / "elsewhere" / "b", run):
        step = str(len(find.list_checkpoints(run)) * 10)
        done = train("--resume_from", str(run), "--output_dir", str(given), "--max_steps", step)
        assert done.code == 0, done.output
    assert (run / "checkpoints" / "checkpoint-40").is_dir()


def test_a_limit_unlinks_links_and_follows_none(tmp_path: Path) -> None:
    run, disk = tmp_path / "a", tmp_path / "disk"
    for step in (5, 10, 15, 20):
        save(run / "checkpoints", content(step))
    for step in (5, 10):
        move_and_link(run / "checkpoints" / f"checkpoint-{step}", disk / f"x-{step}")
    before = digest(disk)
    verified = Verified()
    written = save(run / "checkpoints", content(25), verified)
    lines = Retention(2, verified).prune(written)
    assert valid_steps(run) == {20, 25} and len(lines) == 1
    assert digest(disk) == before
    assert sorted(os.listdir(run / "checkpoints")) == ["checkpoint-20", "checkpoint-25"]


def test_a_linked_checkpoint_counts_as_the_survivor(tmp_path: Path) -> None:
    run = tmp_path / "a"
    for step in (5, 10):
        save(run / "checkpoints", content(step))
    move_and_link(run / "checkpoints" / "checkpoint-10", tmp_path / "disk" / "x-10")
    verified = Verified()
    Retention(2, verified).prune(save(run / "checkpoints", content(15), verified))
    assert valid_steps(run) == {10, 15}


def test_linked_checkpoints_and_a_limit_in_a_real_run(run: Path, train: Train, tmp_path: Path) -> None:
    for step in (2, 4):
        move_and_link(run / "checkpoints" / f"checkpoint-{step}", tmp_path / "disk" / f"x-{step}")
    before = digest(tmp_path / "disk")
    for end in ("8", "9"):
        done = train("--resume_from", str(run), "--max_steps", end, "--save_steps", "1", "--save_total_limit", "2")
        assert done.code == 0, done.output
    assert digest(tmp_path / "disk") == before
    assert not [name for name in os.listdir(run / "checkpoints") if name.startswith(".")]


KINDS = ["file", "folder", "link to a folder", "link to a file", "link to nothing"]


def leave(place: Path, kind: str, elsewhere: Path) -> None:
    elsewhere.mkdir(exist_ok=True)
    (elsewhere / "precious").write_text("precious")
    if kind == "file":
        place.write_text("x")
    elif kind == "folder":
        (place / "deep").mkdir(parents=True)
        (place / "deep" / "inside").symlink_to(elsewhere)
    else:
        target = {"link to a folder": elsewhere, "link to a file": elsewhere / "precious"}.get(kind, elsewhere / "no")
        place.symlink_to(target)


@pytest.mark.parametrize("prefix", [atomic.DELETED, atomic.TEMPORARY])
@pytest.mark.parametrize("kind", KINDS)
def test_leftovers_of_any_kind_are_swept(kind: str, prefix: str, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    place = folder / f"{prefix}checkpoint-5-{atomic.host()}-999999999999999999999"
    leave(place, kind, tmp_path / "elsewhere")
    assert atomic.sweep(folder) == [place.name]
    assert os.listdir(folder) == []
    assert (tmp_path / "elsewhere" / "precious").read_text() == "precious"


@pytest.mark.parametrize("name", [".del-", ".tmp-x", ".del-checkpoint-5-HOST-²", ".tmp-x-HOST-", ".del-a-b-c"])
def test_leftovers_without_a_process_are_left_alone(name: str, tmp_path: Path) -> None:
    (tmp_path / name.replace("HOST", atomic.host())).mkdir()
    assert atomic.sweep(tmp_path) == [] and len(os.listdir(tmp_path)) == 1


def test_a_leftover_that_cannot_be_removed_stops_no_start(
    run: Path, train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = run / "checkpoints" / f".del-checkpoint-2-{atomic.host()}-999999999"
    stuck.mkdir()

    def immovable() -> None:
        discard = atomic.discard

        def refuse(path: Path) -> None:
            if path.name == stuck.name:
                raise PermissionError(13, "Permission denied")
            discard(path)

        atomic.discard = refuse

    done = train("--resume_from", str(run), "--max_steps", "7", before=immovable)
    assert done.code == 0, done.output
    assert f"warning: {stuck.name} is left over from an earlier start and stays: Permission denied" in done.output


@pytest.mark.parametrize("kind", KINDS)
def test_final_replaces_whatever_is_there_and_follows_no_link(kind: str, tmp_path: Path) -> None:
    checkpoint = save(tmp_path / "checkpoints", content(5))
    leave(tmp_path / "checkpoints" / "final", kind, tmp_path / "elsewhere")
    (checkpoint / "notes").mkdir()
    (checkpoint / "notes" / "mine.md").write_text("a person's")
    final = write_final(checkpoint)
    assert not final.is_symlink() and validate.examine(final).valid
    assert sorted(os.listdir(final)) == sorted(set(os.listdir(checkpoint)) - {"notes"})
    assert (tmp_path / "elsewhere" / "precious").read_text() == "precious"
    assert sorted(os.listdir(tmp_path / "checkpoints")) == ["checkpoint-5", "final"]


def test_linked_files_in_a_checkpoint_become_files_of_final(tmp_path: Path) -> None:
    checkpoint = save(tmp_path / "checkpoints", content(5))
    (tmp_path / "disk").mkdir()
    weights = checkpoint / "npt_weights.pt"
    shutil.move(weights, tmp_path / "disk" / "w.pt")
    weights.symlink_to("../../disk/w.pt")
    final = write_final(checkpoint)
    assert not (final / "npt_weights.pt").is_symlink() and validate.examine(final).valid


def test_paths_keep_links_and_resolve_what_is_before_two_dots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = tmp_path / "real" / "deep"
    real.mkdir(parents=True)
    link = tmp_path / "link"
    link.symlink_to(real)
    assert paths.absolute(link / "x") == link / "x"
    assert paths.absolute(f"{link}/../y") == tmp_path / "real" / "y"
    monkeypatch.chdir(link)
    monkeypatch.setenv("PWD", str(link))
    assert paths.absolute("x") == link / "x"
    monkeypatch.setenv("PWD", str(tmp_path))
    assert paths.absolute("x") == real / "x", "a stale PWD is not believed"
    assert paths.same(link, real) and not paths.same(link, tmp_path)
