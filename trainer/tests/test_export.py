"""Exports: they load without this project, compute what the trainer's student does, and overwrite nothing."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from npt import inference
from npt.export import card, folder
from npt.storage import atomic
from tests.conftest import TRAINER
from tests.exports import called, expected, tiny_llama, trained

LOADER = TRAINER / "tests" / "loads_export.py"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Runs of each modulation; ``llama`` is on a base model that is a folder, in bf16, with a tied head."""
    place = tmp_path_factory.mktemp("runs")
    base = tiny_llama(place / "base")
    return {
        "single": trained(place, "single", "--num_ranks", "1"),
        "dual": trained(place, "dual", "--dual_modulation"),
        "triple": trained(place, "triple", "--triple_modulation"),
        "llama": trained(place, "llama", "--model_name", str(base)),
    }


@pytest.fixture(scope="module")
def exported(runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An export of each run; of ``llama`` one with several files of weights, and one with the NP weights alone."""
    place = tmp_path_factory.mktemp("exports")
    made: dict[str, Path] = {}
    with pytest.MonkeyPatch.context() as patch:
        for name, run in runs.items():
            made[name] = place / name
            patch.setattr(folder, "SHARD_BYTES", 100_000 if name == "llama" else 5_000_000_000)
            assert called("export", [run, "--output", made[name]], patch) == 0
        made["np_only"] = place / "np_only"
        assert called("export", [runs["llama"], "--output", made["np_only"], "--np_only"], patch) == 0
    return made


def test_exports_load_without_this_project_and_compute_what_the_student_does(
    runs: dict[str, Path], exported: dict[str, Path], tmp_path: Path
) -> None:
    words: list[Path] = []
    for name, export in exported.items():
        words += [export, expected(runs.get(name, runs["llama"]), tmp_path / f"{name}.pt")]
    # -I: neither this folder nor the working folder is where Python looks for modules.
    done = subprocess.run(
        [sys.executable, "-I", str(LOADER), str(tmp_path), *map(str, words)],
        cwd=tmp_path,
        env={**os.environ, "HF_MODULES_CACHE": str(tmp_path / "modules"), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.splitlines() == [f"loaded: {name} NPTForCausalLM" for name in exported]


def test_what_is_in_an_export(runs: dict[str, Path], exported: dict[str, Path]) -> None:
    # The oldest transformers write the special tokens once more, into a file of their own.
    assert sorted({*os.listdir(exported["dual"])} - {"special_tokens_map.json"}) == [
        "README.md", "config.json", "generation_config.json", "model.safetensors", "modeling_npt.py",
        "tokenizer.json", "tokenizer_config.json",
    ]  # fmt: skip
    config = json.loads((exported["llama"] / "config.json").read_text())
    assert config["npt"] == {"layers": [1, 2], "np_rank": 4, "num_ranks": 2, "modulation": "single"}
    assert config["dtype"] == "bfloat16"
    index = json.loads((exported["llama"] / "model.safetensors.index.json").read_text())
    assert len(set(index["weight_map"].values())) > 1 and "lm_head.weight" not in index["weight_map"]
    weights: dict[str, torch.Tensor] = {}
    for file in set(index["weight_map"].values()):
        weights |= load_file(exported["llama"] / file)
        assert oct((exported["llama"] / file).stat().st_mode & 0o777) == oct(
            (exported["llama"] / "config.json").stat().st_mode & 0o777
        )
    assert set(weights) == set(index["weight_map"])
    # The base weights are as they were stored, the NP weights as they were trained.
    kinds = {("np_component" in name, tensor.dtype) for name, tensor in weights.items()}
    assert kinds == {(False, torch.bfloat16), (True, torch.float32)}
    alone = load_file(exported["np_only"] / "np_weights.safetensors")
    assert set(alone) == {name for name in weights if "np_component" in name}
    stored = torch.load(runs["llama"] / "checkpoints" / "final" / "npt_weights.pt", weights_only=True)
    piece = alone["model.layers.2.np_component.gate.W_a_up"][4:]
    assert torch.equal(piece, stored["layer_2_np.W_a_up.1"])


def test_the_card_has_lineage_and_figures_and_no_path(runs: dict[str, Path], exported: dict[str, Path]) -> None:
    said = (exported["dual"] / "README.md").read_text()
    identity = json.loads((runs["dual"] / "run.json").read_text())
    for part in (
        identity["id"],
        "checkpoint-2",
        "| step | 2 |",
        "eval/kl",
        "dual modulation, 2 × rank 4",
        "layers 1, 2",
    ):
        assert part in said.replace("\\", ""), part
    for export in exported.values():
        assert str(runs["dual"].parent) not in (export / "README.md").read_text()


def test_the_card_names_the_runs_that_it_branched_from(runs: dict[str, Path], tmp_path: Path) -> None:
    parent = tmp_path / "renamed *since* [x](y)"
    child = tmp_path / "child"
    for run in (parent, child):
        shutil.copytree(runs["single"], run)
    first, second = (json.loads((run / "run.json").read_text()) for run in (parent, child))
    first |= {"id": "p", "parent": {"id": "g", "run": "gone", "checkpoint": "checkpoint-7", "step": 7}}
    second |= {"id": "c", "parent": {"id": "p", "run": "old | name", "checkpoint": "checkpoint-2", "step": 2}}
    for run, document in ((parent, first), (child, second)):
        (run / "run.json").write_text(json.dumps(document))
    opened = inference.open_checkpoint(str(child), print)
    said = card.describe(opened, "x", "float32", False)
    assert "- checkpoint-2 of old \\| name\n- checkpoint-7 of gone" in said
    opened = inference.open_checkpoint(str(parent), print)
    assert "| run | renamed \\*since\\* \\[x\\]\\(y\\) |" in card.describe(opened, "x", "float32", False)


def test_nothing_is_overwritten(runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    for name, make in (("folder", Path.mkdir), ("file", Path.touch), ("link", lambda p: p.symlink_to("nowhere"))):
        target = tmp_path / name
        make(target)
        assert called("export", [runs["single"], "--output", target], monkeypatch) == 2
        assert f"error: {target} is already there; choose another --output\n" == capsys.readouterr().err
    assert sorted(os.listdir(tmp_path)) == ["file", "folder", "link"] and not os.listdir(tmp_path / "folder")
    assert called("export", [runs["single"], "--output", tmp_path / "no" / "x"], monkeypatch) == 2
    assert "is no folder; make it, or choose another --output" in capsys.readouterr().err

    # One that came while the weights were written stays, too.
    target = tmp_path / "late"

    def late(opened: Any, vocabulary: int, place: Path) -> None:
        target.mkdir()
        (target / "theirs").touch()

    monkeypatch.setattr(folder, "_save_tokenizer", late)
    assert called("export", [runs["single"], "--output", target], monkeypatch) == 2
    assert "late is already there" in capsys.readouterr().err
    assert os.listdir(target) == ["theirs"]
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda n: n.name)
def test_an_export_that_is_ended_leaves_no_part(
    number: signal.Signals, runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "x"
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            os.dup2(os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT), 2)
            monkeypatch.setattr(folder, "_save_tokenizer", lambda *_: os.kill(os.getpid(), number))
            code = called("export", [runs["single"], "--output", target], monkeypatch)
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code == (-9 if number == signal.SIGKILL else 128 + number)
    left = [name for name in os.listdir(tmp_path) if name != "log"]
    if number == signal.SIGKILL:
        assert left and all(name.startswith(".tmp-x-") for name in left)
        assert called("export", [runs["single"], "--output", target], monkeypatch) == 0
        left = [name for name in os.listdir(tmp_path) if name != "log"]
        assert left == ["x"]
    else:
        assert left == []


def test_a_full_disk_is_one_line_and_leaves_nothing(
    runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(folder, "_save", full)
    assert called("export", [runs["single"], "--output", tmp_path / "x"], monkeypatch) == 1
    assert "error: nothing was exported: the disk is full" in capsys.readouterr().err
    assert os.listdir(tmp_path) == []


def test_what_cannot_be_exported_is_refused_in_one_line(
    runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*words: str | Path) -> str:
        assert called("export", [*words, "--output", tmp_path / "x"], monkeypatch) == 2
        # The library shows its progress on the same stream.
        lines = [line for line in capsys.readouterr().err.splitlines() if line and "Loading weights" not in line]
        assert len(lines) == 1 and lines[0].startswith("error: "), lines
        return lines[0]

    assert "NPT weights not found" in refused(tmp_path / "nowhere")
    assert "npt-demo has no name that transformers knows" in refused(runs["single"], "--np_only")
    assert "which --np_only leaves out" in refused(runs["llama"], "--np_only", "--dtype", "float16")
    assert "was trained on another base model" in refused(
        runs["single"], "--model_name", str(runs["llama"].parent / "base")
    )
    damaged = shutil.copytree(runs["single"] / "checkpoints" / "checkpoint-2", tmp_path / "run" / "checkpoint-2")
    data = bytearray((damaged / "npt_weights.pt").read_bytes())
    data[len(data) // 2] ^= 1
    (damaged / "npt_weights.pt").write_bytes(data)
    line = refused(damaged)
    assert "is invalid" in line and "--ignore_integrity" not in line
    assert not (tmp_path / "x").exists()


def test_a_moved_base_model_is_named(
    runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    moved = shutil.copytree(runs["llama"].parent / "base", tmp_path / "moved")
    words: list[str | Path] = [runs["llama"], "--output", tmp_path / "x", "--model_name", moved, "--dtype", "float32"]
    assert called("export", words, monkeypatch) == 0
    assert {tensor.dtype for tensor in load_file(tmp_path / "x" / "model.safetensors").values()} == {torch.float32}


def test_a_file_is_made_only_where_none_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "x"
    atomic.create_bytes(target, b"one")
    with pytest.raises(FileExistsError):
        atomic.create_bytes(target, b"two")

    def no_links(*_: Any) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    with pytest.raises(FileExistsError):
        atomic.create_bytes(target, b"three")
    atomic.create_bytes(tmp_path / "y", b"four")
    assert target.read_bytes() == b"one" and (tmp_path / "y").read_bytes() == b"four"
    assert sorted(os.listdir(tmp_path)) == ["x", "y"]
