"""Full disks, folders that may only be read, no memory left: one line, and the last checkpoint stays usable."""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from npt import failure
from npt.checkpoint import find, manifest
from npt.checkpoint.save import Content, save
from npt.storage import atomic
from tests.conftest import SMALL, Process

Train = Callable[..., Process]


def content(step: int, size: int = 50_000) -> Content:
    weights = {f"layer_2_np.{name}": torch.full((size // 100, 100), float(step)) for name in ("W_down", "W_a_up")}
    moments = {i: {"exp_avg": torch.full((size // 100, 100), float(step))} for i in range(2)}
    return Content(
        step, 1, "teacher", weights, {"global_step": step, "optimizer_state_dict": {"state": moments}},
        {"layers_to_train": [2]}, {"schema": 1}, {"loss/total": 1.0}, {"name": "m", "fingerprint": "f"},
    )  # fmt: skip


def test_a_sweep_leaves_the_living_and_other_hosts_alone(tmp_path: Path) -> None:
    alive = tmp_path / f".tmp-checkpoint-5-{atomic.host()}-1"
    elsewhere = tmp_path / ".tmp-checkpoint-5-some-other-host-999999999"
    dead = tmp_path / f".del-checkpoint-5-{atomic.host()}-999999999"
    for folder in (alive, elsewhere, dead):
        folder.mkdir()
    assert atomic.sweep(tmp_path) == [dead.name]
    assert alive.exists() and elsewhere.exists() and not dead.exists()


def test_a_complete_checkpoint_of_the_step_is_kept(tmp_path: Path) -> None:
    first = save(tmp_path, content(3))
    before = (first / "manifest.json").read_bytes()
    assert save(tmp_path, content(3)) == first
    assert (first / "manifest.json").read_bytes() == before


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small tmpfs needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("checked", [True, False], ids=["checked before", "hit while writing"])
def test_a_full_disk(small_disk: Path, train: Train, checked: bool) -> None:
    def blind() -> None:
        if not checked:
            import npt.storage.atomic

            npt.storage.atomic.free_bytes = lambda folder: 10**12

    run = small_disk / "run"
    full = train(*SMALL, "--np_rank", "32", "--output_dir", str(run), before=blind)
    assert full.code == 1, full.output
    errors = [line for line in full.output.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and "the disk is full" in errors[0], full.output
    assert "Traceback" not in full.output
    assert [c.name for c in find.list_checkpoints(run)] == ["checkpoint-5"]
    assert manifest.problems(run / "checkpoints" / "checkpoint-5") == []
    assert not list((run / "checkpoints").glob(".*"))
    assert json.loads((run / "exit.json").read_text())["why"] == "failed"
    subprocess.run(["mount", "-o", "remount,size=30m", str(small_disk)], check=True)
    resumed = train("--resume_from", str(run))
    assert resumed.code == 0, resumed.output


def test_a_folder_that_cannot_be_written(train: Train, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert_refused(train(*SMALL, "--output_dir", str(tmp_path / "file" / "run")), "Not a directory")


def assert_refused(done: Process, reason: str) -> None:
    assert done.code == 2, done.output
    errors = [line for line in done.output.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and f"cannot be written: {reason}; choose another --output_dir" in errors[0], done.output
    assert "Traceback" not in done.output


class Capability(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable")]


def obey_permissions() -> None:
    """In a trainer: permissions hold for root, too. Root can give up its exemption (capset(2)) in any container."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (Capability * 2)()
    assert libc.capget(header, sets) == 0
    overrides_permissions = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
    sets[0].effective &= ~overrides_permissions
    sets[0].permitted &= ~overrides_permissions
    assert libc.capset(header, sets) == 0


@pytest.fixture
def read_only() -> Iterator[Callable[[Path], None]]:
    """Makes a folder and what is in it read-only; it is writable again after the test."""
    changed: list[tuple[Path, int]] = []

    def change(folder: Path) -> None:
        for path in [folder, *folder.rglob("*")]:
            changed.append((path, path.stat().st_mode))
            path.chmod(0o555 if path.is_dir() else 0o444)

    yield change
    for path, mode in changed:
        if path.exists():
            path.chmod(mode)


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities are Linux's")
def test_read_only_folders(train: Train, tmp_path: Path, read_only: Callable[[Path], None]) -> None:
    shared = tmp_path / "shared"
    run = shared / "run"
    assert train(*SMALL, "--max_steps", "6", "--output_dir", str(run)).code == 0
    read_only(shared)
    before = sorted((p, p.stat().st_mtime_ns) for p in shared.rglob("*"))
    assert_refused(train(*SMALL, "--output_dir", str(shared / "new"), before=obey_permissions), "Permission denied")
    resume = ["--resume_from", str(run), "--max_steps", "8"]
    assert_refused(train(*resume, before=obey_permissions), "Permission denied")
    # A colleague's run that may only be read can be gone on from, elsewhere.
    branched = train(*resume, "--output_dir", str(tmp_path / "mine"), before=obey_permissions)
    assert branched.code == 0, branched.output
    assert manifest.problems(tmp_path / "mine" / "checkpoints" / "checkpoint-8") == []
    assert sorted((p, p.stat().st_mtime_ns) for p in shared.rglob("*")) == before


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities are Linux's")
@pytest.mark.parametrize("background", ["--async_save", "--no-async_save"])
def test_a_folder_that_becomes_read_only(background: str, train: Train, launch: Train, tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = launch(*SMALL, background, "--max_steps", "100000", "--output_dir", str(run), before=obey_permissions)
    process.wait_for(lambda: (run / "checkpoints" / "checkpoint-5").exists())
    (run / "checkpoints").chmod(0o555)
    assert process.wait() == 1, process.output
    (run / "checkpoints").chmod(0o755)
    errors = [line for line in process.output.splitlines() if line.startswith("error: ")]
    # Where best.json was under way, that is what cannot be written.
    assert len(errors) == 1 and "Permission denied" in errors[0] and "cannot be" in errors[0], process.output
    assert json.loads((run / "exit.json").read_text())["why"] == "failed"
    latest, passed = find.newest_valid(run)
    assert latest is not None and passed == [] and "Traceback" not in process.output
    step = find.step_of(latest.name)
    assert step is not None
    resumed = train("--resume_from", str(run), "--max_steps", str(step + 2))
    assert resumed.code == 0, resumed.output


def test_a_read_only_disk(small_disk: Path, train: Train) -> None:
    run = small_disk / "run"
    assert train(*SMALL, "--max_steps", "5", "--output_dir", str(run)).code == 0
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert_refused(train("--resume_from", str(run), "--max_steps", "8"), "Read-only file system")


OUT_OF_MEMORY = (
    "CUDA out of memory. Tried to allocate 1.96 GiB. GPU 0 has a total capacity of 79.11 GiB of which 1.20 GiB is free."
)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (torch.cuda.OutOfMemoryError(OUT_OF_MEMORY), "the GPU is out of memory (1.96 GiB more did not fit)"),
        (
            RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
            "the GPU is out of memory",
        ),
        (MemoryError(), "this machine is out of memory"),
    ],
)
def test_out_of_memory_says_what_to_lower(error: Exception, said: str) -> None:
    line = failure.describe(error)
    assert line.startswith(f"{said}: lower --batch_size") and "\n" not in line
    for flag in ("--gradient_accumulation_steps", "--max_length", "--np_rank", "--num_ranks", "--mixed_precision"):
        assert flag in line
    with pytest.raises(RuntimeError) as real:
        torch.empty(1 << 60)
    assert failure.describe(real.value).startswith("this machine is out of memory")


@pytest.mark.parametrize("when", ["while loading", "in a step"])
def test_a_gpu_without_room(when: str, launch: Train, tmp_path: Path) -> None:
    run = tmp_path / "run"

    def exhaust() -> None:
        import npt.session
        import npt.trainer

        original = npt.trainer.MultiLayerNPTTrainer.train_step

        def step(self: Any, **how: Any) -> Any:
            if self.global_step == 6:
                raise torch.cuda.OutOfMemoryError(OUT_OF_MEMORY)
            return original(self, **how)

        def load(*_: Any) -> Any:
            raise torch.cuda.OutOfMemoryError(OUT_OF_MEMORY)

        if when == "in a step":
            npt.trainer.MultiLayerNPTTrainer.train_step = step  # type: ignore[method-assign]
        else:
            npt.session.llama.load_base_model = load

    failed = launch(*SMALL, "--output_dir", str(run), before=exhaust)
    assert failed.wait() == 1, failed.output
    errors = [line for line in failed.output.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and "the GPU is out of memory (1.96 GiB more did not fit): lower" in errors[0]
    assert "Traceback" not in failed.output
    if when == "in a step":
        assert json.loads((run / "exit.json").read_text())["error"] == errors[0].removeprefix("error: ")
        assert manifest.problems(run / "checkpoints" / "checkpoint-5") == []
    else:
        assert not run.exists()
