"""Evaluation on a fixed held-out set, always in student mode, so that stage changes do not move it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from npt.losses import LossFunction
from npt.model.llama import npt_layers
from npt.model.precision import widest
from npt.model.scaffold import STUDENT, Scaffold

# Logits are made for this many positions at a time: 512 × 128256 fp32 logits are 263 MB.
POSITIONS = 512


@torch.no_grad()
def evaluate(
    model: nn.Module,
    scaffold: Scaffold,
    losses: LossFunction,
    samples: Tensor,
    batch: int,
    check: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """The evaluation metrics, as means over all samples (samples, tokens); ``check`` may raise to give it up.

    ``eval_loss/total`` and ``eval_mlp_direct_loss/layer_N`` are the training losses in student mode;
    ``eval/cross_entropy`` and ``eval/teacher_cross_entropy`` are in nats per next token, ``eval/kl`` is
    KL(teacher ‖ student) per token and ``eval/agreement`` the share of tokens with the same most likely successor.
    """
    module: Any = model
    head, layers = module.lm_head, npt_layers(model)
    device = head.weight.device
    sums: dict[str, Tensor] = {}

    def add(name: str, value: Tensor) -> None:
        value = value.to(widest(value.device))
        sums[name] = sums[name] + value if name in sums else value

    for start in range(0, len(samples), batch):
        check()
        ids = samples[start : start + batch].to(device)
        result = scaffold.run(ids, STUDENT)
        parts = losses(result, layers)
        add("eval_loss/total", parts.total * len(ids))
        for index, value in parts.direct_mlp.items():
            add(f"eval_mlp_direct_loss/layer_{index}", value * len(ids))
        student, teacher = result.student[:, :-1].flatten(0, 1), result.teacher[:, :-1].flatten(0, 1)
        targets = ids[:, 1:].flatten()
        for at in range(0, len(targets), POSITIONS):
            part = slice(at, at + POSITIONS)
            mine = F.log_softmax(head(student[part]).float(), dim=-1)
            theirs = F.log_softmax(head(teacher[part]).float(), dim=-1)
            add("eval/cross_entropy", F.nll_loss(mine, targets[part], reduction="sum"))
            add("eval/teacher_cross_entropy", F.nll_loss(theirs, targets[part], reduction="sum"))
            add("eval/kl", (theirs.exp() * (theirs - mine)).sum())
            add("eval/agreement", (mine.argmax(-1) == theirs.argmax(-1)).sum())
    positions = samples.shape[0] * (samples.shape[1] - 1)
    return {
        name: value.item() / (positions if name.startswith("eval/") else len(samples)) for name, value in sums.items()
    }


@torch.no_grad()
def generate(
    model: nn.Module,
    prompt: Tensor,
    new_tokens: int,
    seed: int,
    temperature: float = 0.7,
    check: Callable[[], None] = lambda: None,
) -> list[int]:
    """Continues ``prompt`` (tokens,) in student mode; sampling has its own generator, every other RNG is left alone.

    ``check`` may raise to give it up.
    """
    module: Any = model
    generator = torch.Generator().manual_seed(seed)
    ids = prompt.to(module.lm_head.weight.device).unsqueeze(0)
    made: list[int] = []
    past: Any = None
    fed = ids
    for _ in range(new_tokens):
        check()
        out = module(input_ids=fed, past_key_values=past, use_cache=True)
        past = out.past_key_values
        weights = (out.logits[0, -1].float() / temperature).softmax(-1).cpu()
        made.append(int(torch.multinomial(weights, 1, generator=generator)))
        fed = torch.tensor([[made[-1]]], device=ids.device)
    return made
