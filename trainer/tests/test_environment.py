"""What a run's numbers depend on besides its arguments is stored with it, taken over by a resume, and compared."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import torch

import npt.environment
from npt import environment, gemm_probe
from npt.gemm_probe import GemmPlan
from tests.conftest import SMALL, Process, check_schema

Train = Callable[..., Process]


def probing(plan: GemmPlan) -> Callable[[], None]:
    """Makes the trial of this machine's products come out like this in a forked trainer."""

    def patch() -> None:
        gemm_probe.probe = lambda *_: plan  # type: ignore[assignment]

    return patch


def test_the_choice_of_products_is_stored_and_taken_over(train: Train, tmp_path: Path) -> None:
    run = tmp_path / "run"
    blocks = GemmPlan("highest", {(64, 64, 172): 2}, "tried")
    done = train(*SMALL, "--max_steps", "5", "--output_dir", str(run), before=probing(blocks))
    assert done.code == 0 and "matrix products: tried" in done.output, done.output
    for folder in (run, run / "checkpoints" / "checkpoint-5"):
        document = json.loads((folder / "config.json").read_text())
        check_schema("config", document)
        assert document["environment"]["gemm"] == {"precision": "highest", "splits": {"64x64x172": 2}}
        assert document["environment"]["autocast"] is None
    done = train("--resume_from", str(run), "--max_steps", "8", before=probing(GemmPlan("medium", {}, "tried again")))
    assert done.code == 0 and "tried again" not in done.output, done.output
    assert "not bit-identical" not in done.output
    assert json.loads((run / "config.json").read_text())["environment"]["gemm"]["splits"] == {"64x64x172": 2}


def test_what_differs_from_the_checkpoints_environment_is_said(train: Train, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert train(*SMALL, "--max_steps", "5", "--output_dir", str(run)).code == 0
    config = run / "checkpoints" / "checkpoint-5" / "config.json"
    document = json.loads(config.read_text())
    document["environment"] |= {"threads": 77, "autocast": "float16", "torch": "0.1"}
    config.write_text(json.dumps(document))
    done = train("--resume_from", str(run / "checkpoints" / "checkpoint-5"), "--max_steps", "6", "--ignore_integrity")
    assert done.code == 0, done.output
    for said in ("threads was 77", "the type of autocast was float16 and is none", "torch was 0.1"):
        assert any(said in line and "not bit-identical" in line for line in done.output.splitlines()), done.output


def test_a_strange_environment_is_as_if_none_were_stored(train: Train, tmp_path: Path) -> None:
    origin = tmp_path / "origin"
    assert train(*SMALL, "--max_steps", "5", "--output_dir", str(origin)).code == 0
    for number, strange in enumerate([[1], "x", None, {"gemm": 5}, {"gemm": {"precision": 1}}, {"threads": {"a": 1}}]):
        run = tmp_path / f"run-{number}"
        shutil.copytree(origin, run)
        config = run / "checkpoints" / "checkpoint-5" / "config.json"
        config.write_text(json.dumps(json.loads(config.read_text()) | {"environment": strange}))
        done = train("--resume_from", str(config.parent), "--max_steps", "6", "--ignore_integrity")
        assert done.code == 0, (strange, done.output)


def test_facts_are_this_machines() -> None:
    known = environment.facts(torch.device("cpu"), 2)
    assert known == {"torch": torch.__version__, "device": "cpu", "threads": torch.get_num_threads(), "world_size": 2}
    made = npt.environment.RunEnvironment(known, GemmPlan("medium", {(1, 2, 3): 2}), "bfloat16")
    assert made.differences(made.as_config()) == [] and made.differences({}) == []
    assert json.loads(json.dumps(made.as_config())) == made.as_config()
