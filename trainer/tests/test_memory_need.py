"""What training is said to need of a device's memory, before it begins."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from npt.memory import available
from npt.memory_need import Need, need, told
from npt.model import llama
from npt.precision_plan import PrecisionPlan
from npt.trainer import MultiLayerNPTTrainer
from tests.conftest import SMALL, Process
from tests.test_devices import Samples
from tests.test_gradient_checkpointing import bytes_kept


def trainer_of(*, mixed: bool = False, ratio: float = 1.0, **config: Any) -> MultiLayerNPTTrainer:
    own = {"np_rank": 4, "batch_size": 3, "max_length": 160, "max_steps": 100, "train_layers": [1, 3], **config}
    plan = PrecisionPlan.choose(mixed, torch.device("cpu"), "bfloat16", widens=True)
    model = llama.load_base_model("npt-demo", 0)
    stages = [{"name": "student", "until_step": 100, "mixing_ratio": ratio}]
    return MultiLayerNPTTrainer(model, own, Samples(), None, [1, 3], stages, precision=plan)


def kept(trainer: MultiLayerNPTTrainer, batch: int, tokens: int) -> int:
    """What a real pass over a whole micro-batch keeps."""
    ids = torch.randint(0, 256, (batch, tokens), generator=torch.Generator().manual_seed(0))
    return bytes_kept(
        trainer.model, lambda: trainer.losses(trainer.scaffold.run(ids, trainer.current_stage), trainer.layers)
    )


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize(("batch", "tokens"), [(3, 160), (1, 16), (2, 96)])
def test_activations_are_those_of_a_pass_over_the_whole_micro_batch(mixed: bool, batch: int, tokens: int) -> None:
    trainer = trainer_of(mixed=mixed, batch_size=batch, max_length=tokens)
    whole = kept(trainer, batch, tokens)
    # Beside them a backward pass has the gradients of one layer.
    assert need(trainer).activations == pytest.approx(whole + whole / trainer.scaffold.student_layers, rel=0.05)


def test_less_with_gradient_checkpointing() -> None:
    assert need(trainer_of(gradient_checkpointing=True)).activations < need(trainer_of()).activations


def test_weights_and_what_trains_them_are_counted_by_their_types() -> None:
    trainer = trainer_of()
    found = need(trainer)
    own = sum(p.numel() for p in trainer.parameters)
    base = sum(p.numel() for p in trainer.model.parameters()) - own
    width = trainer.shape.hidden_size
    assert found.trained == 16 * own
    assert found.weights == 4 * (base + width * width)
    assert found.total == found.weights + found.trained + max(found.activations, found.evaluation)


def test_nothing_of_the_trainer_changes() -> None:
    first, second = trainer_of(), trainer_of()
    need(first)
    assert (first.batch_count, first.teacher_cache_hits, first.teacher_cache_misses) == (0, 0, 0)
    assert all(parameter.grad is None for parameter in first.parameters)
    assert first.train_step(measure=True) == second.train_step(measure=True)


def test_what_does_not_fit_is_a_warning_that_says_what_to_lower() -> None:
    found = Need(2_500_000_000, 1_200_000_000, 9_000_000_000, 1_300_000_000)
    assert told(found, 24_000_000_000, 8, 1024) == (
        "memory: about 12.7 GB of 24.0 GB (weights 2.5 GB, NP weights with gradients and Adam 1.2 GB, activations of "
        "8 × 1,024 tokens 9.0 GB, an evaluation 1.3 GB)"
    )
    line = told(found, 13_000_000_000, 8, 1024)
    assert line.startswith("warning: memory: about 12.7 GB of 13.0 GB") and "may not fit: lower --batch_size" in line
    assert told(found, None, 8, 1024).startswith("memory: about 12.7 GB (")


def test_this_machine_has_memory() -> None:
    there = available(torch.device("cpu"))
    assert there is None or there > 10_000_000
    assert available(torch.device("meta")) is None


def test_a_run_says_so_before_its_first_step(train: Callable[..., Process], tmp_path: Path) -> None:
    done = train(*SMALL, "--max_steps", "1", "--output_dir", str(tmp_path / "run"))
    assert done.code == 0, done.output
    said = re.search(r"^memory: about \d+ MB( of [\d.]+ GB)? \(weights \d+ MB, ", done.output, re.MULTILINE)
    assert said is not None and said.start() < done.output.index("step 1/1"), done.output
