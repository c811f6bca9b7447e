"""With --gradient_checkpointing the numbers are the same to the last bit, and less is kept for the backward pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from npt.model import llama
from npt.trainer import MultiLayerNPTTrainer
from tests.conftest import SMALL
from tests.test_devices import Samples, assert_killed_and_resumed_equals, fp16_on_cpu

Train = Callable[..., Any]


@pytest.mark.parametrize(
    ("precision", "before"),
    [("--mixed_precision", None), ("--no-mixed_precision", None), ("--mixed_precision", fp16_on_cpu)],
    ids=["bf16", "fp32", "fp16"],
)
def test_killed_and_resumed_with_it_equals_whole_without(
    precision: str, before: Callable[[], None] | None, train: Train, launch: Train, tmp_path: Path
) -> None:
    whole, part = tmp_path / "whole", tmp_path / "part"
    assert train(*SMALL, precision, "--output_dir", str(whole), before=before).code == 0
    words = [*SMALL, precision, "--gradient_checkpointing"]
    resumed = assert_killed_and_resumed_equals(whole, part, words, before, train, launch)
    assert "changed: " not in resumed.output, resumed.output


def bytes_kept(model: nn.Module, run: Callable[[], Any]) -> int:
    """What a pass keeps for its backward pass, without the model's own, each storage once."""
    own = {tensor.untyped_storage().data_ptr() for tensor in model.state_dict().values()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        run()
    return sum(kept.values())


def of_a_step(recomputes: bool) -> int:
    """What a student step keeps between its two passes."""
    config = {"np_rank": 4, "batch_size": 2, "train_layers": [2, 3], "gradient_checkpointing": recomputes}
    stages = [{"name": "student", "until_step": 100, "mixing_ratio": 1.0}]
    trainer = MultiLayerNPTTrainer(llama.load_base_model("npt-demo", 0), config, Samples(), None, [2, 3], stages)
    return bytes_kept(trainer.model, lambda: trainer.scaffold.run(Samples().next_batch(2), trainer.current_stage))


def test_less_is_kept_for_the_backward_pass() -> None:
    assert of_a_step(recomputes=True) < of_a_step(recomputes=False) / 3
