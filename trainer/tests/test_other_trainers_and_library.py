"""Other trainers' checkpoints, and this trainer as a library."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

from npt.model import llama
from tests.conftest import SMALL, TRAINER, Process, run_forked, same, weights

Train = Callable[..., Process]


def theirs(folder: Path, *, long_names: bool = False, old: bool = False, merged: bool = False) -> Path:
    """A checkpoint as other trainers write it: numpy scalars, no manifest, no random states, seven keys of config."""
    checkpoint = folder / "experiments" / "field" / "checkpoints" / "checkpoint-40"
    checkpoint.mkdir(parents=True)
    generator = torch.Generator().manual_seed(0)
    tensors: dict[str, Any] = {}
    for layer in (2, 3):
        for name, shape in (("W_down", (128, 4)), ("W_a_up", (4, 128)), ("W_b_up", (4, 384))):
            key = f"model.layers.{layer}.np_component.{name}" if long_names else f"layer_{layer}_np.{name}"
            tensors[key] = torch.randn(shape, generator=generator) * 0.05
    torch.save(tensors, checkpoint / "npt_weights.pt")
    lr = numpy.float64(3e-4)
    moments = {
        i: {"step": torch.tensor(40.0), "exp_avg": t * 0.01, "exp_avg_sq": t.square() * 0.01}
        for i, t in enumerate(tensors.values())
    }
    if merged:
        moments = {0: moments[0]}
    training: dict[str, Any] = {
        "global_step": 40,
        "batch_count": 40,
        "optimizer_state_dict": {
            "state": moments,
            "param_groups": [{"lr": lr, "initial_lr": 1e-3, "weight_decay": 0.01, "params": list(moments)}],
        },
        "scheduler_state_dict": {"base_lrs": [1e-3], "last_epoch": 40, "_last_lr": [lr], "lr_lambdas": [None]},
        "scaler_state_dict": None,
    }
    if old:
        training |= {"current_epoch": 0, "best_val_loss": numpy.float64(3.0), "config": {"batch_size": 2}}
    if merged:
        training["merge_info"] = {"sources": ["a", "b"]}
    torch.save(training, checkpoint / "training_state.pt")
    if not old:
        multi = {
            "layers_to_train": [2, 3],
            "curriculum_schedule": [
                {"name": "teacher", "until_step": 40, "mixing_ratio": 0.0},
                {"name": "student", "until_step": 100, "mixing_ratio": 0.0},
            ],
            "current_stage_index": 0,
            "layer_weights": {2: 1.0, 3: 0.5},
            "teacher_cache_hits": 0,
            "teacher_cache_misses": 0,
        }
        torch.save(multi, checkpoint / "multi_layer_state.pt")
    config = {
        "model_name": "npt-demo", "batch_size": 2, "learning_rate": 1e-3, "max_steps": 60,
        "gradient_accumulation_steps": 1, "mixed_precision": False, "gradient_clip_value": 0.7,
    }  # fmt: skip
    (checkpoint / "config.json").write_text(json.dumps(config))
    return checkpoint


@pytest.mark.parametrize("kind", [{}, {"long_names": True}, {"old": True}, {"merged": True}], ids=str)
def test_resuming_another_trainers_checkpoint(kind: dict[str, bool], tmp_path: Path, train: Train) -> None:
    checkpoint = theirs(tmp_path, **kind)
    done = train(
        "--resume_from", str(checkpoint), "--demo_mode", "--max_length", "32", "--stride", "16",
        "--num_eval_samples", "4", "--max_steps", "44", "--logging_steps", "1", "--eval_steps", "100",
    )  # fmt: skip
    assert done.code == 0, done.output
    assert "another NPT trainer" in done.output and "the loss will jump" in done.output
    assert "going on at sample 80" in done.output
    assert ("optimizer starts afresh" in done.output) == kind.get("merged", False)
    assert ("it has no multi_layer_state.pt" in done.output) == kind.get("old", False)
    run = checkpoint.parent.parent
    saved = run / "checkpoints" / "checkpoint-44"
    state = torch.load(saved / "training_state.pt", weights_only=True)
    assert state["global_step"] == 44 and state["data_state"]["samples"] == 80 + 4 * 2
    assert int(state["optimizer_state_dict"]["state"][0]["step"]) == (4 if kind.get("merged") else 44)
    multi = torch.load(saved / "multi_layer_state.pt", weights_only=True)
    if not kind.get("old"):
        assert multi["layer_weights"] == {2: 1.0, 3: 0.5}
        assert multi["curriculum_schedule"][1]["mixing_ratio"] == 1.0
    config = json.loads((run / "config.json").read_text())
    assert (config["np_rank"], config["num_ranks"], config["gradient_clip"]) == (4, 1, 0.7)
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    rates = [e["metrics"]["training/learning_rate"] for e in lines if "loss/total" in e.get("metrics", {})]
    assert rates[0] == pytest.approx(3e-4, rel=0.02)


@pytest.mark.parametrize("dtype", [None, torch.bfloat16, torch.float16, torch.float32, torch.float64], ids=str)
def test_the_guides_loading_example_in_any_precision(dtype: Any, copied: Path) -> None:
    """As it ships, the demo's teacher is in half precision."""
    from transformers import AutoModelForCausalLM

    from npt.trainer import MultiLayerNPTTrainer

    def logits(how: Any) -> torch.Tensor:
        model = AutoModelForCausalLM.from_pretrained(
            TRAINER / "npt" / "demo" / "teacher", **({"dtype": how} if how else {})
        )
        trainer = MultiLayerNPTTrainer(model, {"np_rank": 64}, None, None, [2, 3], [])
        trainer.load_checkpoint(copied)
        ids = torch.tensor([[72, 101, 108, 108, 111]])
        with torch.no_grad():
            student = model(input_ids=ids).logits.float()
            assert torch.isfinite(trainer.scaffold.teacher_logits(ids)).all()
            # The pass that analyses look into takes the base model as it is, too.
            assert torch.isfinite(trainer.scaffold.run(ids, trainer.current_stage).student).all()
        return student

    exact, made = logits(torch.float32), logits(dtype)
    assert made.shape == exact.shape and torch.isfinite(made).all()
    error = torch.linalg.vector_norm(made - exact) / torch.linalg.vector_norm(exact)
    assert error < 0.05


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the demo after ten steps."""
    folder = tmp_path_factory.mktemp("loading")
    code, output = run_forked([*SMALL, "--max_steps", "10", "--output_dir", str(folder / "run")], folder)
    assert code == 0, output
    return folder / "run" / "checkpoints" / "checkpoint-10"


def test_the_guides_loading_example(train: Train, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert train(*SMALL, "--max_steps", "10", "--output_dir", str(run)).code == 0
    import sys

    sys.path.insert(0, str(TRAINER))
    from scripts.train_multi_layer_npt import MultiLayerNPTTrainer

    trainer = MultiLayerNPTTrainer(
        model=llama.load_base_model("npt-demo", 0),
        config={"learning_rate": 1e-4, "np_rank": 64},
        train_loader=None,
        val_loader=None,
        layers_to_train=[2, 3],
        curriculum_schedule=[],
    )
    trainer.load_checkpoint(run / "checkpoints" / "checkpoint-10")
    assert trainer.global_step == 10
    assert trainer.current_stage.name == "mixed"
    loaded = {
        f"layer_{i}_np.{name}": module.piece(getattr(module, parameter), parameter, rank).contiguous()
        for i, layer in llama.npt_layers(trainer.model).items()
        for name, module, parameter, rank in layer.np_component.named_pieces()
    }
    assert same({k: v.detach() for k, v in loaded.items()}, weights(run, "checkpoint-10"))
    logits = trainer.model(input_ids=torch.tensor([[72, 101, 108]])).logits
    assert torch.isfinite(logits).all()


def test_a_python_without_torch_is_told_what_to_install(tmp_path: Path) -> None:
    import subprocess
    import sys

    script = TRAINER / "scripts" / "train_multi_layer_npt.py"
    # Without the site module the interpreter has its standard library only.
    command = [sys.executable, "-S", str(script), "--demo_mode", "--output_dir", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and "has no module torch" in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_importing_the_script_imports_no_torch() -> None:
    import subprocess
    import sys

    code = "import sys, scripts.train_multi_layer_npt; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=TRAINER, check=True)
