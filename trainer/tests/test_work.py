"""How much a step computes, and the share of a device's peak that its log line says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from npt import peaks
from npt.work import Share, of_a_step
from tests.conftest import SMALL, Process
from tests.test_devices import Samples
from tests.test_memory_need import trainer_of

BF16, FP32 = torch.bfloat16, None


@pytest.mark.parametrize("stage", ["teacher", "mixed", "student"])
@pytest.mark.parametrize(("batch", "tokens"), [(3, 160), (1, 16)])
def test_the_work_of_a_step_is_that_of_a_real_step(stage: str, batch: int, tokens: int) -> None:
    ratio = {"teacher": 0.0, "mixed": 0.5, "student": 1.0}[stage]
    # In bf16 attention on a CPU is products, which are counted; its fused kernel is counted on GPUs alone.
    trainer = trainer_of(mixed=True, batch_size=batch, max_length=tokens, gradient_accumulation_steps=2, ratio=ratio)
    predicted = of_a_step(trainer, trainer.current_stage)
    assert all(parameter.grad is None for parameter in trainer.parameters)
    trainer.train_loader = Samples(tokens)
    with FlopCounterMode(display=False) as counter:
        trainer.train_step(measure=False)
    # PyTorch 2.4 counts the product that the rotary angles are made by, too: samples of a micro-batch share them.
    assert predicted == pytest.approx(counter.get_total_flops(), rel=1e-5)


def test_what_is_computed_again_for_a_backward_pass_is_not_counted() -> None:
    plain, again = trainer_of(), trainer_of(gradient_checkpointing=True)
    assert of_a_step(again, again.current_stage) == of_a_step(plain, plain.current_stage)


@pytest.mark.parametrize(
    ("name", "dtype", "tf32", "teraflops"),
    [
        ("NVIDIA H100 80GB HBM3", BF16, False, 989),
        ("NVIDIA H100 PCIe", BF16, False, 756),
        ("NVIDIA A100-SXM4-80GB", BF16, False, 312),
        ("NVIDIA A100-SXM4-80GB", FP32, True, 156),
        ("NVIDIA A100-SXM4-80GB", FP32, False, 19.5),
        ("NVIDIA A10G", BF16, False, 70),
        ("NVIDIA A10", BF16, False, 125),
        ("NVIDIA L40S", BF16, False, 362),
        ("NVIDIA L4", BF16, False, 121),
        ("Tesla V100-SXM2-16GB", torch.float16, False, 125),
        ("Tesla V100-PCIE-32GB", torch.float16, False, 112),
        ("Tesla T4", FP32, True, 8.1),
        ("NVIDIA RTX 6000 Ada Generation", BF16, False, 364.2),
        ("NVIDIA GeForce RTX 4090", BF16, False, 165.2),
    ],
)
def test_the_peak_of_a_card(name: str, dtype: torch.dtype | None, tf32: bool, teraflops: float) -> None:
    assert peaks.of_card(name, dtype, tf32=tf32) == pytest.approx(teraflops * 1e12)


@pytest.mark.parametrize(
    "name", ["NVIDIA GeForce RTX 4090 Laptop GPU", "NVIDIA A100-SXM4-40GB MIG 1g.5gb", "Quadro RTX 6000", "AMD MI300X"]
)
def test_no_peak_is_guessed(name: str) -> None:
    assert peaks.of_card(name, BF16, tf32=False) is None
    assert peaks.of_device(torch.device("cpu"), BF16) is None


def test_a_share_is_work_by_time_by_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = trainer_of()
    assert Share(trainer).of(trainer.current_stage, 1.0) is None
    monkeypatch.setattr(peaks, "of_device", lambda device, dtype: 1e12)
    work = of_a_step(trainer, trainer.current_stage)
    assert Share(trainer).of(trainer.current_stage, 2.0) == pytest.approx(work / 2e12)


def known_peak() -> None:
    """In a trainer: this machine's peak is known."""
    peaks.of_device = lambda device, dtype: 1e9


def test_a_log_line_says_the_share_where_the_peak_is_known(train: Callable[..., Process], tmp_path: Path) -> None:
    words = [*SMALL, "--max_steps", "2"]
    done = train(*words, "--output_dir", str(tmp_path / "run"), before=known_peak)
    assert done.code == 0, done.output
    assert re.search(r"tokens/s  \d+% of peak  [\d.]+ m?s/step  ", done.output), done.output
