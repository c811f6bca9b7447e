"""Every case that both validators share, resumed: what is valid trains on, the rest is refused in one line."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from npt import start
from npt.checkpoint import load, manifest
from npt.errors import UsageError
from npt.model import llama
from tests.conftest import run_forked
from tests.test_validate_agreement import CASES, FIXTURES, operate

pytestmark = pytest.mark.skipif(not CASES, reason="the fixtures are in the extension's repository")
VALID = [case for case in CASES if case["verdict"] == "valid"]
REFUSED = [case for case in CASES if case["verdict"] != "valid"]
AFRESH = {"optimizer-other", "optimizer-empty", "optimizer-order", "merged-checkpoint"}


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of the fixtures' sizes, which speaks bytes."""
    from transformers.models.llama.configuration_llama import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaForCausalLM

    folder = tmp_path_factory.mktemp("teacher")
    sizes = {"hidden_size": 16, "intermediate_size": 40, "num_hidden_layers": 16, "num_attention_heads": 2}
    LlamaForCausalLM(LlamaConfig(vocab_size=256, max_position_embeddings=64, **sizes)).save_pretrained(folder)
    (folder / "text.txt").write_text("Every case is resumed. " * 40)
    return folder


@pytest.fixture(scope="module")
def fingerprint(teacher: Path) -> str:
    """The teacher's, as a checkpoint's manifest has it."""
    return str(llama.fingerprint(llama.load_base_model(str(teacher), 0)))


def prepared(case: dict[str, Any], folder: Path, fingerprint: str | None = None) -> Path:
    """The case's checkpoint in a run, of the teacher that it is resumed with."""
    source = FIXTURES / "checkpoints" / case["fixture"]
    checkpoint = folder / "run" / "checkpoints" / source.name
    shutil.copytree(source, checkpoint)
    path = checkpoint / manifest.NAME
    if fingerprint is not None and path.exists():
        document = {key: value for key, value in json.loads(path.read_bytes()).items() if key != "sha256"}
        document["model"]["fingerprint"] = fingerprint
        path.write_text(json.dumps(manifest.signed(document)))
    for step in case["surgery"]:
        checkpoint = operate(checkpoint, step)
    changed = time.time() - (0 if case.get("fresh") else 3600)
    for file in checkpoint.iterdir():
        os.utime(file, (changed, changed), follow_symlinks=False)
    return checkpoint


@pytest.mark.parametrize("case", VALID, ids=lambda case: case["name"])
def test_what_is_valid_is_resumed(case: dict[str, Any], teacher: Path, fingerprint: str, tmp_path: Path) -> None:
    checkpoint = prepared(case, tmp_path, fingerprint)
    step = int(load.read_values(checkpoint / "training_state.pt")["global_step"])
    code, output = run_forked(
        [
            "--resume_from", str(checkpoint), "--model_name", str(teacher), "--dataset_preset", "custom",
            "--train_file", str(teacher / "text.txt"), "--max_length", "16", "--stride", "16", "--batch_size", "1",
            "--gradient_accumulation_steps", "1", "--num_eval_samples", "1", "--eval_steps", "999999",
            "--save_steps", "999999", "--generation_steps", "999999", "--max_steps", str(step + 1),
            "--logging_steps", "1", "--wandb_mode", "disabled", "--num_workers", "0", "--device", "cpu",
            "--no-mixed_precision", "--output_dir", str(tmp_path / "branch"),
        ],
        tmp_path,
    )  # fmt: skip
    assert code == 0, output
    final = load.read(tmp_path / "branch" / "checkpoints" / "final")
    assert final.step == step + 1
    assert all(bool(torch.isfinite(tensor).all()) for tensor in final.weights.values())
    steps = {int(own["step"]) for own in final.training_state["optimizer_state_dict"]["state"].values()}
    afresh = bool(AFRESH & set(case["codes"]))
    # A matrix without moments of its own starts its own afresh.
    assert max(steps) == (1 if afresh else step + 1), output
    assert ("the optimizer starts afresh: " in output) == afresh, output
    assert ("the optimizer state is converted: " in output) == ("optimizer-converted" in case["codes"]), output


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case["name"])
def test_what_is_not_is_refused_in_one_line(case: dict[str, Any], tmp_path: Path) -> None:
    checkpoint = prepared(case, tmp_path)
    with pytest.raises(UsageError) as refused:
        start.resumed({"resume_from": str(checkpoint)}, print)
    said = str(refused.value)
    assert "\n" not in said and checkpoint.name in said, said
    assert not any(word in said for word in ("weights_only", "Weights only", "Traceback", "safe_globals")), said
    if case["verdict"] == "dangerous":
        with pytest.raises(UsageError):
            start.resumed({"resume_from": str(checkpoint), "ignore_integrity": True}, print)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]


def test_objects_that_nobody_knows_are_left_unread_when_that_is_asked_for(tmp_path: Path) -> None:
    case = next(case for case in CASES if "TrainingArguments" in case["name"])
    checkpoint = prepared(case, tmp_path)
    resumed = start.resumed({"resume_from": str(checkpoint), "ignore_integrity": True}, print)
    assert resumed.step == 24000
