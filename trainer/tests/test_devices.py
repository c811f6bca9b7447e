"""What differs between devices, as far as a CPU can show it: fp16 with a scaler, no fp64, one GPU for each process."""

from __future__ import annotations

import hashlib
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import npt.evaluation
import npt.measurements
from npt import environment
from npt.checkpoint import find, manifest, validate
from npt.errors import UsageError
from npt.evaluation import evaluate
from npt.launched import launch as launched
from npt.model import llama
from npt.model.precision import widest
from npt.trainer import MultiLayerNPTTrainer
from tests.conftest import SMALL, Process, events, weights
from tests.test_launched import GROUP
from tests.test_resume_exact import assert_equal

Train = Callable[..., Process]


def fp16_on_cpu() -> None:
    """In a trainer: mixed precision is fp16 with a scaler whose first scales are too large for these gradients."""
    from npt.precision_plan import PrecisionPlan

    PrecisionPlan.choose = staticmethod(lambda *_, **how: PrecisionPlan("cpu", torch.float16, True, **how))  # type: ignore[method-assign]
    PrecisionPlan.scaler = lambda self: torch.amp.GradScaler("cpu", init_scale=2.0**16)  # type: ignore[method-assign]


def assert_killed_and_resumed_equals(
    whole: Path, run: Path, words: list[str], before: Callable[[], None] | None, train: Train, launch: Train
) -> Process:
    """A run that is killed after its twelfth step is, once resumed, the uninterrupted one, bit for bit; the resume."""
    process = launch(*words, "--output_dir", str(run), before=before)
    process.wait_for(lambda: "step 12/" in process.output and "saved checkpoint-10" in process.output)
    process.send(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    resumed = train("--resume_from", str(run), before=before)
    assert resumed.code == 0 and "not bit-identical" not in resumed.output, resumed.output
    assert_equal(run, whole)
    return resumed


def test_fp16_overflows_are_skipped_said_and_resumed_exactly(train: Train, launch: Train, tmp_path: Path) -> None:
    whole, run = tmp_path / "whole", tmp_path / "run"
    words = [*SMALL, "--mixed_precision", "--generation_steps", "0"]
    done = train(*words, "--output_dir", str(whole), before=fp16_on_cpu)
    assert done.code == 0, done.output
    norms = {
        event["step"]: event["metrics"].get("training/grad_norm")
        for event in events(whole)
        if "loss/total" in event.get("metrics", {})
    }
    assert norms[1] is None and isinstance(norms[20], float), norms
    assert "step 1/20  teacher  loss " in done.output and "overflow, step skipped" in done.output
    assert "NaN" not in (whole / "metrics.jsonl").read_text() and "nan" not in done.output
    assert_killed_and_resumed_equals(whole, run, words, fp16_on_cpu, train, launch)


def fused_on_cpu() -> None:
    """In a trainer: the optimizer's step is one kernel, as it is on GPUs."""
    environment.fuses = lambda *_: True


def test_a_fused_optimizer_resumes_exactly_and_skips_overflows(train: Train, launch: Train, tmp_path: Path) -> None:
    whole, run, plain = tmp_path / "whole", tmp_path / "run", tmp_path / "plain"
    words = [*SMALL, "--mixed_precision"]

    def fused() -> None:
        fp16_on_cpu()
        fused_on_cpu()

    done = train(*words, "--output_dir", str(whole), before=fused)
    assert done.code == 0 and "overflow, step skipped" in done.output, done.output
    document = json.loads((whole / "checkpoints" / "checkpoint-20" / "config.json").read_text())
    assert document["environment"]["optimizer"] == "fused"
    assert_killed_and_resumed_equals(whole, run, words, fused, train, launch)
    # The same steps as many kernels make, but for rounding.
    assert train(*words, "--output_dir", str(plain), before=fp16_on_cpu).code == 0
    for name, weight in weights(plain).items():
        torch.testing.assert_close(weights(whole)[name], weight, rtol=1e-3, atol=1e-5)


class NoDoubles(TorchDispatchMode):
    """Refuses fp64, as Apple's GPUs do."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if isinstance(made, torch.Tensor) and made.dtype == torch.float64:
            raise TypeError(f"{func}: no float64 on this device")
        return made


class Samples:
    """The same few samples of so many tokens again and again."""

    def __init__(self, tokens: int = 16) -> None:
        self._tokens = tokens

    def next_batch(self, size: int, rank: int = 0, world_size: int = 1) -> torch.Tensor:
        return torch.arange(size * self._tokens).reshape(size, self._tokens) % 256

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> list[str]:
        return []


def demo_trainer(**more: Any) -> MultiLayerNPTTrainer:
    config = {"np_rank": 4, "batch_size": 2, "gradient_accumulation_steps": 2, "train_layers": [2, 3]}
    model = llama.load_base_model("npt-demo", 0)
    return MultiLayerNPTTrainer(model, config, Samples(), None, [2, 3], [], **more)


def test_nothing_on_the_device_is_fp64_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert widest(torch.device("mps")) == torch.float32 and widest(torch.device("cpu")) == torch.float64
    trainer = demo_trainer()
    samples = Samples().next_batch(2)
    exact = evaluate(trainer.model, trainer.scaffold, trainer.losses, samples, 2)
    for module in (npt.evaluation, npt.measurements):
        monkeypatch.setattr(module, "widest", lambda device: widest(torch.device("mps")))
    with NoDoubles():
        made = trainer.train_step(measure=True)
        found = evaluate(trainer.model, trainer.scaffold, trainer.losses, samples, 2)
        attention = trainer.scaffold.teacher_attention(samples)
        probe = {f"layer_{index}": a[0] for index, a in attention.items()}
        npt.measurements.probe_similarity(trainer.layers, probe)
    assert made["loss/total"] > 0
    assert found["eval/teacher_cross_entropy"] == pytest.approx(exact["eval/teacher_cross_entropy"], rel=1e-5)


def test_one_gpu_for_several_processes_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (GROUP | {"LOCAL_WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0"}).items():
        monkeypatch.setenv(name, value)
    here = launched()
    assert here.local_size == 2
    with pytest.raises(UsageError, match=r"--device cuda:1 is one GPU, and 2 processes .* --device cuda gives each"):
        environment._choose_device("cuda:1", here.local_rank, here.local_size)
    # One process on each of two machines has a GPU of its own.
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "1")
    with pytest.raises(UsageError, match=r"PyTorch sees no CUDA device here|there are"):
        environment._choose_device("cuda:77", 0, launched().local_size)


def test_misspelt_arguments_are_refused_with_the_right_one() -> None:
    with pytest.raises(TypeError, match="no argument layer_weigths; did you mean layer_weights"):
        demo_trainer(layer_weigths={2: 1.0})
    with pytest.raises(TypeError, match="no argument zzz; it has model, config, "):
        demo_trainer(zzz=1)
    assert demo_trainer(device="cpu").device == torch.device("cpu")


def test_a_checkpoints_weights_are_hashed_once_in_a_resume(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    assert train(*SMALL, "--max_steps", "5", "--output_dir", str(run)).code == 0
    checkpoint = run / "checkpoints" / "checkpoint-5"
    weights = (checkpoint / "npt_weights.pt").stat().st_size
    # Files that were written moments ago are read again: they may change once more without their times showing it.
    monkeypatch.setattr(manifest, "_settled", lambda found: True)
    manifest._hashed.clear()
    read = [0]
    sha256 = hashlib.sha256

    class Counting:
        def __init__(self, data: bytes = b"") -> None:
            self._digest = sha256(data)

        def update(self, data: bytes) -> None:
            read[0] += len(data)
            self._digest.update(data)

        def hexdigest(self) -> str:
            return self._digest.hexdigest()

    monkeypatch.setattr(manifest.hashlib, "sha256", Counting)
    source = find.locate(str(run))
    find.refuse_damaged(source)
    validate.refuse(source.checkpoint)
    assert find.newest_valid(run)[0] == checkpoint and find.problem(checkpoint) is None
    listed = json.loads((checkpoint / "manifest.json").read_text())["files"]
    assert weights < read[0] == sum(facts["bytes"] for facts in listed.values())
    # A change is seen all the same, whatever the times say.
    path = checkpoint / "npt_weights.pt"
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    assert "checksum does not match" in manifest.problems(checkpoint)[0]
