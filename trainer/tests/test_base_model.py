"""A base model that is stored in 16 bits trains as the same one stored in fp32 does, without being copied to fp32."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from npt.data.sources import DEMO_TEXT
from npt.evaluation import evaluate
from npt.model import llama
from npt.precision_plan import PrecisionPlan
from npt.trainer import MultiLayerNPTTrainer
from tests.conftest import SAMPLES, SMALL, events, same, series, weights
from tests.exports import tiny_llama

Train = Callable[..., Any]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same weights, stored in bf16 and in fp32."""
    folder = tmp_path_factory.mktemp("models")
    stored = tiny_llama(folder / "bfloat16")
    wide: Any = llama.load_base_model(str(stored), 0)
    wide.float().save_pretrained(folder / "float32")
    return {"bfloat16": stored, "float32": folder / "float32"}


def words(model: Path) -> list[str]:
    return [
        *SMALL, *SAMPLES, "--no-demo_mode", "--model_name", str(model), "--train_layers", "1,3", "--max_length", "32",
        "--train_file", str(DEMO_TEXT / "train.txt"), "--wandb_mode", "disabled", "--max_steps", "8",
        "--save_steps", "4", "--eval_steps", "4", "--matmul_precision", "highest",
    ]  # fmt: skip


def samples_in(output: str) -> list[str]:
    return [line for line in output.splitlines() if line.startswith("sample at step")]


@pytest.mark.parametrize("precision", ["--mixed_precision", "--no-mixed_precision"])
def test_trains_as_the_same_model_in_fp32_does(
    precision: str, models: dict[str, Path], train: Train, tmp_path: Path
) -> None:
    samples: list[list[str]] = []
    for kind, model in models.items():
        done = train(*words(model), precision, "--output_dir", str(tmp_path / kind))
        assert done.code == 0, done.output
        samples.append(samples_in(done.output))
    narrow, wide = tmp_path / "bfloat16", tmp_path / "float32"
    assert same(weights(narrow), weights(wide)) and series(narrow) == series(wide)
    assert any("eval/cross_entropy" in event.get("metrics", {}) for event in events(wide))
    assert samples[0] == samples[1] != []
    # They are one model: a run goes on with either.
    resumed = train("--resume_from", str(narrow), "--model_name", str(models["float32"]), "--max_steps", "10")
    assert resumed.code == 0, resumed.output


def trainer_of(model: nn.Module, mixed: bool) -> MultiLayerNPTTrainer:
    plan = PrecisionPlan.choose(mixed, torch.device("cpu"), "bfloat16", widens=True)
    return MultiLayerNPTTrainer(model, {"np_rank": 4, "num_ranks": 2}, None, None, [1, 3], [], precision=plan)


def test_what_computes_in_16_bits_stays_as_it_is_stored(models: dict[str, Path]) -> None:
    model: Any = llama.load_base_model(str(models["bfloat16"]), 0)
    stored = {name: tensor.data_ptr() for name, tensor in model.state_dict().items()}
    trainer = trainer_of(model, mixed=True)
    kept = {name for name, at in stored.items() if model.get_parameter(name).data_ptr() == at}
    # Norms are computed in fp32, and a layer's query, key and value projections are put together.
    moved = {name.split(".")[-2] for name in stored if name not in kept and "np_component" not in name}
    assert moved == {"norm", "input_layernorm", "post_attention_layernorm", "q_proj", "k_proj", "v_proj"}
    assert model.lm_head.weight is model.model.embed_tokens.weight and model.lm_head.weight.dtype == torch.bfloat16
    assert model.model.embed_tokens(torch.tensor([[1]])).dtype == torch.float32
    assert trainer.fingerprint == llama.fingerprint(llama.load_base_model(str(models["float32"]), 0))


def test_without_16_bit_products_everything_is_in_fp32(models: dict[str, Path]) -> None:
    model: Any = llama.load_base_model(str(models["bfloat16"]), 0)
    trainer = trainer_of(model, mixed=False)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert model.lm_head.weight is model.model.embed_tokens.weight
    found = evaluate(trainer.model, trainer.scaffold, trainer.losses, torch.arange(64).reshape(2, 32), 2)
    assert found["eval/teacher_cross_entropy"] > 0


def test_a_library_users_model_is_left_in_its_types(models: dict[str, Path]) -> None:
    model: Any = llama.load_base_model(str(models["bfloat16"]), 0)
    MultiLayerNPTTrainer(model, {"np_rank": 4}, None, None, [1], [])
    base = {p.dtype for name, p in model.named_parameters() if "np_component" not in name}
    assert base == {torch.bfloat16}
