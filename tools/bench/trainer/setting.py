"""What every trainer benchmark trains: a Llama shape with random weights, random texts, and the losses' weights."""

# ruff: noqa: I001 - the trainer's folder must be known before `npt` is imported.
from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "trainer"))

import torch
from torch import Tensor, nn

from npt.arguments import Arguments
from npt.curriculum import Stage
from npt.gemm_probe import GemmPlan
from npt.precision_plan import PrecisionPlan
from npt.trainer import MultiLayerNPTTrainer

RATIOS = {"teacher": 0.0, "mixed": 0.5, "student": 1.0}


@dataclass(frozen=True)
class Shape:
    """A base model and a micro-batch."""

    hidden: int
    mlp: int
    layers: int
    heads: int
    key_heads: int
    vocabulary: int
    batch: int
    tokens: int

    @property
    def npt_layers(self) -> list[int]:
        """The upper half."""
        return list(range(self.layers // 2, self.layers))

    def config(self) -> Any:
        """Hugging Face's configuration of this shape, with tied embeddings."""
        from transformers.models.llama.configuration_llama import LlamaConfig

        return LlamaConfig(
            vocab_size=self.vocabulary, hidden_size=self.hidden, intermediate_size=self.mlp,
            num_hidden_layers=self.layers, num_attention_heads=self.heads, num_key_value_heads=self.key_heads,
            max_position_embeddings=self.tokens, tie_word_embeddings=True, attn_implementation="eager",
        )  # fmt: skip

    def base_model(self, device: str = "cpu") -> nn.Module:
        """A frozen Llama of this shape; the same random weights every time."""
        from transformers.models.llama.modeling_llama import LlamaForCausalLM

        torch.manual_seed(0)
        model: nn.Module = LlamaForCausalLM(self.config()).eval().requires_grad_(False)
        return model.to(device)


# The setting of the aims in the trainer's issue: hidden 768, MLP 3072, 12 layers, batch 4 × 256.
SMALL = Shape(768, 3072, 12, 12, 12, 32000, 4, 256)
# A 1B model's shape.
LARGE = Shape(2048, 8192, 16, 32, 8, 128256, 8, 1024)
# For trying the scripts themselves.
TINY = Shape(64, 160, 4, 4, 2, 320, 2, 32)


class Texts:
    """Random tokens, the same in every process."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._taken = 0

    def next_batch(self, size: int, rank: int = 0, world_size: int = 1) -> Tensor:
        """The next samples (size, tokens)."""
        generator = torch.Generator().manual_seed(self._taken)
        self._taken += 1
        return torch.randint(0, self._shape.vocabulary, (size, self._shape.tokens), generator=generator)

    def state_dict(self) -> dict[str, Any]:
        """The position."""
        return {"taken": self._taken}

    def load_state_dict(self, state: dict[str, Any]) -> list[str]:
        """Goes to a position."""
        self._taken = state["taken"]
        return []


def arguments(shape: Shape, **changes: Any) -> Arguments:
    """The trainer's arguments; rank 64, one rank, single modulation unless changed."""
    values: dict[str, Any] = {
        "np_rank": 64, "np_init_scale": 0.05, "batch_size": shape.batch, "max_length": shape.tokens,
        "gradient_accumulation_steps": 1, "gradient_scale_factor": 1.0, "gradient_clip": 1.0, "learning_rate": 1e-4,
        "warmup_steps": 0, "max_steps": 10**6,
    }  # fmt: skip
    return Arguments(**(values | changes))


def trainer(
    shape: Shape, arguments: Arguments, precision: PrecisionPlan, gemm: GemmPlan, stage: str = "teacher"
) -> MultiLayerNPTTrainer:
    """The trainer in one stage for ever."""
    gemm.apply()
    stages = [Stage(stage, 10**9, RATIOS[stage])]
    model = shape.base_model(precision.device)
    return MultiLayerNPTTrainer(
        model, arguments, Texts(shape), None, shape.npt_layers, stages, precision=precision, gemm=gemm
    )
