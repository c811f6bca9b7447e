"""What a run's numbers depend on besides its arguments is stored with it, taken over by a resume, and compared."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import npt.environment
from npt import environment, gemm_probe
from npt.arguments import Arguments
from npt.data.sources import DEMO_TEXT
from npt.distributed import Group
from npt.gemm_probe import GemmPlan
from npt.precision_plan import PrecisionPlan
from tests.conftest import SMALL, Process, check_schema
from tests.test_resume_exact import assert_equal

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


def wide_model(folder: Path) -> Path:
    """A Llama of hidden size 512 that speaks bytes."""
    from transformers.models.llama.configuration_llama import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaForCausalLM

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        shape: dict[str, Any] = {"hidden_size": 512, "intermediate_size": 1024, "num_hidden_layers": 2}
        model = LlamaForCausalLM(LlamaConfig(vocab_size=256, num_attention_heads=8, num_key_value_heads=4, **shape))
    model.save_pretrained(folder)
    return folder


def tried(gain: float, blocks: int) -> Callable[[], None]:
    """In a trainer: this machine's products come out like this when they are tried, and each step says how it is."""

    def patch() -> None:
        from npt.trainer import MultiLayerNPTTrainer

        # With so few tokens nothing would be tried, and with more the test takes a minute.
        gemm_probe.LEAST_WORK = 0
        gemm_probe._try_medium = lambda shape: (print("products are tried"), (gain, 0.0024))[1]  # type: ignore[assignment]
        gemm_probe._try_blocks = lambda shape, dtype: blocks  # type: ignore[assignment]
        train_step = MultiLayerNPTTrainer.train_step

        def step(self: MultiLayerNPTTrainer, **how: Any) -> dict[str, float]:
            made = train_step(self, **how)
            splits = len(self.scaffold.products.splits)
            print(f"made with {torch.get_float32_matmul_precision()}, {splits} in blocks", flush=True)
            return made

        MultiLayerNPTTrainer.train_step = step  # type: ignore[method-assign]

    return patch


def test_a_wide_models_products_are_chosen_once_in_the_life_of_a_run(
    train: Train, launch: Train, tmp_path: Path
) -> None:
    whole, run = tmp_path / "whole", tmp_path / "run"
    words = [
        *SMALL, "--no-demo_mode", "--model_name", str(wide_model(tmp_path / "wide")), "--train_layers", "0,1",
        "--train_file", str(DEMO_TEXT / "train.txt"), "--wandb_mode", "disabled", "--generation_steps", "0",
        "--max_steps", "8", "--save_steps", "3", "--eval_steps", "4",
    ]  # fmt: skip
    faster, slower = tried(3.0, 2), tried(0.5, 1)
    done = train(*words, "--output_dir", str(whole), before=faster)
    assert done.code == 0 and done.output.count("products are tried") == 1, done.output
    process = launch(*words, "--output_dir", str(run), before=faster)
    process.wait_for(lambda: "step 5/" in process.output and "saved checkpoint-3" in process.output)
    process.send(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    resumed = train("--resume_from", str(run), before=slower)
    assert resumed.code == 0, resumed.output
    assert "products are tried" not in resumed.output and "not bit-identical" not in resumed.output
    made = {line for line in resumed.output.splitlines() if line.startswith("made with ")}
    assert len(made) == 1 and made <= {line for line in done.output.splitlines() if line.startswith("made with medium")}
    assert_equal(run, whole)
    # Somewhere else it is chosen anew, and said.
    config = run / "checkpoints" / "checkpoint-8" / "config.json"
    document = json.loads(config.read_text())
    config.write_text(json.dumps(document | {"environment": document["environment"] | {"processor": "Another"}}))
    words = ["--resume_from", str(config.parent), "--max_steps", "9", "--ignore_integrity"]
    elsewhere = train(*words, before=slower)
    assert elsewhere.code == 0 and "products are tried" in elsewhere.output
    assert "the processor was Another and is " in elsewhere.output
    assert "the way matrices are multiplied was medium" in elsewhere.output


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


def test_the_optimizers_kernel_stays_that_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = torch.device("cuda", 0)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA H100")
    assert environment.fuses(gpu, {}) and not environment.fuses(torch.device("cpu"), {})
    assert environment.fuses(gpu, {"device": "NVIDIA H100", "optimizer": "fused"})
    assert not environment.fuses(gpu, {"device": "NVIDIA H100", "optimizer": "plain"})
    # Written before there was a choice.
    assert not environment.fuses(gpu, {"device": "NVIDIA H100"})
    # Elsewhere nothing is bit-identical anyway.
    assert environment.fuses(gpu, {"device": "cpu", "optimizer": "plain"})
    assert environment.fuses(gpu, {"device": "NVIDIA A100"})


@pytest.mark.parametrize(
    ("capability", "named"),
    [((6, 1), []), ((7, 5), ["fp16"]), ((8, 6), ["bf16", "TF32"]), ((9, 0), ["bf16", "TF32"])],
)
def test_what_a_gpu_is_faster_at_is_advised(
    capability: tuple[int, int], named: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu, a = torch.device("cuda", 0), Arguments(train_layers=[1])
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    line = environment.advice(a, gpu)
    assert (line is not None) == bool(named)
    assert [kind for kind in ("fp16", "bf16", "TF32") if kind in (line or "")] == named
    assert environment.advice(a, torch.device("cpu")) is None
    for chosen in ({"mixed_precision": True}, {"matmul_precision": "highest"}, {"matmul_precision": "medium"}):
        assert environment.advice(Arguments(train_layers=[1], **chosen), gpu) is None


def test_a_type_of_autocast_stays_on_its_device_and_is_chosen_elsewhere() -> None:
    a = Arguments(train_layers=[1], mixed_precision=True)
    alone, cpu = Group(0, 1), torch.device("cpu")

    def chosen(stored: dict[str, Any]) -> PrecisionPlan:
        return environment.choose_precision(a, cpu, alone, stored)

    assert chosen({}).dtype == torch.bfloat16
    assert chosen({"device": "cpu", "autocast": "float16"}) == PrecisionPlan("cpu", torch.float16, True, widens=True)
    for other in ({"device": "Tesla T4", "autocast": "float16"}, {"device": "cpu", "autocast": None}, {"autocast": 5}):
        assert chosen(other) == PrecisionPlan("cpu", torch.bfloat16, False, widens=True)
    a.mixed_precision = False
    assert chosen({"device": "cpu", "autocast": "float16"}) == PrecisionPlan("cpu", None, False, widens=True)


@pytest.mark.parametrize(
    ("capability", "expected"),
    [((7, 0), torch.float16), ((7, 5), torch.float16), ((8, 0), torch.bfloat16), ((9, 0), torch.bfloat16)],
)
def test_cards_that_only_emulate_bf16_train_in_fp16_with_a_scaler(
    capability: tuple[int, int], expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: capability)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_, **__: True)
    plan = PrecisionPlan.choose(True, torch.device("cuda"))
    assert (plan.dtype, plan.scales) == (expected, expected == torch.float16)
