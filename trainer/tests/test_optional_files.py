"""What a run can do without never keeps it from starting, and a start that fails leaves no process.json behind."""

from __future__ import annotations

import json
import os
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from npt.run import optional
from npt.storage import atomic
from tests.conftest import SMALL, Process, check_schema, events
from tests.test_faults import obey_permissions

Train = Callable[..., Process]


@pytest.fixture
def run(train: Train, tmp_path: Path) -> Path:
    path = tmp_path / "experiments" / "a"
    done = train(*SMALL, "--max_steps", "5", "--output_dir", str(path), "--wandb_mode", "online", before=fake_wandb)
    assert done.code == 0, done.output
    return path


def fake_wandb() -> None:
    """In a trainer: a W&B that does nothing."""

    class Run:
        def define_metric(self, *_: Any, **__: Any) -> None:
            pass

        def log(self, *_: Any) -> None:
            pass

        def finish(self, **_: Any) -> None:
            pass

    module = types.ModuleType("wandb")
    module.init = lambda **how: (print(f"W&B run {how['id']}"), Run())[1]  # type: ignore[attr-defined]
    sys.modules["wandb"] = module
    os.environ["WANDB_API_KEY"] = "x" * 40


def good(path: Path, name: str) -> bool:
    if name == "probe.pt":
        return set(torch.load(path, weights_only=True)) == {"layer_2", "layer_3"}
    document = json.loads(path.read_text())
    if name == "best.json":
        check_schema("best", document)
    return bool(document["schema"] == 1)


def spoil(path: Path, how: str) -> None:
    size = path.stat().st_size
    if how == "empty":
        path.write_bytes(b"")
    elif how == "zeroed":
        path.write_bytes(bytes(size))
    elif how == "cut off":
        path.write_bytes(path.read_bytes()[: size // 2])
    elif how == "noise":
        path.write_bytes(bytes(range(256)) * 8)
    elif how == "a list":
        path.write_bytes(b"[1, 2]")
    elif how == "deep":
        path.write_bytes(b"[" * 100_000)
    elif how == "a newer schema":
        path.write_bytes(b'{"schema": 99, "id": "x", "project": "y"}')
    elif how == "unreadable":
        path.chmod(0)
    else:
        path.unlink()
    if how == "a folder":
        path.mkdir()
        (path / "inside").write_text("somebody's")
    elif how == "a pipe":
        os.mkfifo(path)
    elif how == "a link to nothing":
        path.symlink_to("/nowhere/at/all")
    elif how == "a circle":
        path.symlink_to(path)


WAYS = [
    "gone", "empty", "zeroed", "cut off", "noise", "a list", "deep", "a newer schema", "unreadable", "a folder",
    "a pipe", "a link to nothing", "a circle",
]  # fmt: skip


@pytest.mark.parametrize("how", WAYS)
def test_a_resume_without_its_optional_files(how: str, run: Path, train: Train) -> None:
    files = {"probe.pt": run / "probe.pt", "wandb.json": run / "wandb.json", "best.json": run / "checkpoints/best.json"}
    for path in files.values():
        spoil(path, how)

    def before() -> None:
        fake_wandb()
        obey_permissions()

    done = train("--resume_from", str(run), "--max_steps", "7", before=before)
    assert done.code == 0, done.output
    assert "Traceback" not in done.output and "error:" not in done.output
    for name, path in files.items():
        assert good(path, name), (name, done.output)
        said = [line for line in done.output.splitlines() if line.startswith(f"warning: {name} ")]
        assert len(said) == (0 if how in ("gone", "a link to nothing") else 1), done.output
    assert not (run / "process.json").exists()
    if how == "a folder":
        assert (run / "probe.pt.damaged-1" / "inside").read_text() == "somebody's"
    for aside in [*run.glob("*.damaged-1"), *(run / "checkpoints").glob("*.damaged-1")]:
        if how == "unreadable":
            aside.chmod(0o644)


@pytest.mark.parametrize(
    "content",
    [
        {"layer_2": 5}, [torch.ones(3)], {"layer_2": torch.ones(3)}, {"layer_2": torch.ones(3, 7)},
        {"layer_2": torch.full((3, 128), float("nan"))}, {"layer_2": torch.ones(0, 128)},
        {"layer_2": torch.ones(3, 128, dtype=torch.int64)},
    ],
)  # fmt: skip
def test_a_probe_that_does_not_fit_is_made_anew(content: Any, run: Path, train: Train) -> None:
    torch.save(content, run / "probe.pt")
    done = train("--resume_from", str(run), "--max_steps", "7")
    assert done.code == 0, done.output
    assert done.output.count("warning: probe.pt ") == 1
    assert good(run / "probe.pt", "probe.pt")


def test_optional_files_that_cannot_be_written_are_left_out(run: Path, train: Train) -> None:
    for path in (run / "probe.pt", run / "wandb.json", run / "checkpoints" / "best.json"):
        path.unlink()

    def refuse() -> None:
        fake_wandb()
        replace = os.replace

        def replacing(source: Any, target: Any) -> None:
            if Path(target).name in ("probe.pt", "wandb.json", "best.json"):
                raise PermissionError(13, "Permission denied", str(target))
            replace(source, target)

        os.replace = replacing  # type: ignore[assignment]

    done = train("--resume_from", str(run), "--max_steps", "7", before=refuse)
    assert done.code == 0, done.output
    for name in ("probe.pt", "wandb.json", "best.json"):
        assert f"warning: {name} cannot be written (Permission denied); going on without it" in done.output
    assert not [name for name in os.listdir(run) if name.startswith(".tmp-")]


@pytest.mark.parametrize("at", ["config.json", "metrics.jsonl", "train.log", "exit.json", "process.json", "run.json"])
def test_a_start_that_fails_leaves_no_process_json(at: str, train: Train, tmp_path: Path) -> None:
    run = tmp_path / "a"
    (run / at).mkdir(parents=True)
    done = train(*SMALL, "--max_steps", "3", "--output_dir", str(run))
    assert done.code == 1, done.output
    assert "Traceback" not in done.output
    errors = [line for line in done.output.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and at in errors[0], done.output
    assert not (run / "process.json").is_file()


def test_an_error_while_wandb_starts_leaves_no_process_json(run: Path, train: Train) -> None:
    def explode() -> None:
        import npt.run.wandb_log

        def start(*_: Any) -> Any:
            raise MemoryError

        npt.run.wandb_log.start = start

    done = train("--resume_from", str(run), "--max_steps", "7", before=explode)
    assert done.code == 1, done.output
    assert not (run / "process.json").exists()
    document = json.loads((run / "exit.json").read_text())
    assert document["why"] == "failed" and "out of memory" in document["error"]


def test_a_start_that_died_before_its_first_checkpoint_does_not_count(run: Path, train: Train, tmp_path: Path) -> None:
    died = tmp_path / "experiments" / "died"
    (died / "checkpoints").mkdir(parents=True)
    for name in ("run.json", "probe.pt", "wandb.json", "metrics.jsonl"):
        (died / name).write_bytes((run / name).read_bytes())
    lines = [line for line in (died / "metrics.jsonl").read_text().splitlines() if '"event":"checkpoint"' not in line]
    (died / "metrics.jsonl").write_text("\n".join(lines))
    os.truncate(died / "probe.pt", 100)
    old = json.loads((run / "run.json").read_text())
    old_wandb = json.loads((run / "wandb.json").read_text())
    parent = run / "checkpoints" / "checkpoint-5"
    done = train(
        "--resume_from", str(parent), "--output_dir", str(died), "--max_steps", "7", "--wandb_mode", "online",
        before=fake_wandb,
    )  # fmt: skip
    assert done.code == 0, done.output
    new = json.loads((died / "run.json").read_text())
    assert new["id"] != old["id"] and new["parent"]["id"] == old["id"]
    assert json.loads((died / "wandb.json").read_text())["id"] != old_wandb["id"]
    assert good(died / "probe.pt", "probe.pt") and "warning: probe.pt" not in done.output
    assert [e["segment"] for e in events(died) if e["event"] == "start"] == [1, 2]


@pytest.mark.parametrize("left", ["a checkpoint", "a broken checkpoint", "final", "a line that a checkpoint was saved"])
def test_run_json_is_never_rewritten_once_a_checkpoint_exists(left: str, run: Path, train: Train) -> None:
    from npt.run.folder import RunFolder

    before = (run / "run.json").read_bytes()
    checkpoints = run / "checkpoints"
    if left != "a line that a checkpoint was saved":
        (run / "metrics.jsonl").unlink()
    if left in ("final", "a line that a checkpoint was saved"):
        (checkpoints / "checkpoint-5").rename(run / "moved")
    if left in ("a broken checkpoint",):
        (checkpoints / "checkpoint-5" / "npt_weights.pt").unlink()
    if left != "final":
        (checkpoints / "final").rename(run / "moved-final")
    RunFolder(run).birth(["x"], None, {})
    assert (run / "run.json").read_bytes() == before and (run / "probe.pt").exists()


def test_a_branch_from_a_run_with_a_damaged_run_json(run: Path, train: Train) -> None:
    assert train("--resume_from", str(run), "--max_steps", "10").code == 0
    (run / "run.json").write_bytes(b"")
    done = train("--resume_from", str(run / "checkpoints" / "checkpoint-5"), "--max_steps", "7")
    assert done.code == 0, done.output
    parent = json.loads((run.with_name("a-from-5") / "run.json").read_text())["parent"]
    assert parent == {"id": "", "run": "a", "checkpoint": "checkpoint-5", "step": 5}


def test_optional_files_are_written_atomically_and_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[str] = []
    for name in ("fsync", "replace"):
        call = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, name=name, call=call: (happened.append(name), call(*a))[1])
    optional.store(tmp_path / "probe.pt", b"content")
    assert happened == ["fsync", "replace", "fsync"], "the file, its name, the folder"
    assert os.listdir(tmp_path) == ["probe.pt"]
    assert atomic.host() and optional.load(tmp_path / "probe.pt", bytes) == b"content"
