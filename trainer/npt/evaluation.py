"""Evaluation on a fixed held-out set, always in student mode, so that stage changes do not move it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from npt.distributed import Group
from npt.losses import LossFunction
from npt.model.llama import npt_layers
from npt.model.precision import at_least_fp32, widest
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
    group: Group | None = None,
) -> dict[str, float]:
    """The evaluation metrics, as means over all samples (samples, tokens); ``check`` may raise to give it up.

    The processes of a group take batches in turn, each calling ``check`` equally often, and have the same samples; rank
    0 has the metrics, and the others an empty dictionary.
    ``eval_loss/total`` and ``eval_mlp_direct_loss/layer_N`` are the training losses in student mode;
    ``eval/cross_entropy`` and ``eval/teacher_cross_entropy`` are in nats per next token, ``eval/kl`` is
    KL(teacher ‖ student) per token and ``eval/agreement`` the share of tokens with the same most likely successor.
    """
    module: Any = model
    head, layers = module.lm_head, npt_layers(model)
    device, wide_head = head.weight.device, at_least_fp32(head.weight)
    sums: dict[str, Tensor] = {}
    group = group or Group(0, 1)

    def add(name: str, value: Tensor) -> None:
        value = value.to(widest(value.device))
        sums[name] = sums[name] + value if name in sums else value

    for start in range(0, len(samples), batch * group.world_size):
        check()
        start += batch * group.rank
        ids = samples[start : start + batch].to(device)
        if len(ids) == 0:
            continue
        result = scaffold.run(ids, STUDENT)
        parts = losses(result, layers)
        add("eval_loss/total", parts.total * len(ids))
        for index, value in parts.direct_mlp.items():
            add(f"eval_mlp_direct_loss/layer_{index}", value * len(ids))
        student, teacher = result.student[:, :-1].flatten(0, 1), result.teacher[:, :-1].flatten(0, 1)
        targets = ids[:, 1:].flatten()
        for at in range(0, len(targets), POSITIONS):
            part = slice(at, at + POSITIONS)
            mine = F.log_softmax(F.linear(student[part], wide_head, head.bias).float(), dim=-1)
            theirs = F.log_softmax(F.linear(teacher[part], wide_head, head.bias).float(), dim=-1)
            add("eval/cross_entropy", F.nll_loss(mine, targets[part], reduction="sum"))
            add("eval/teacher_cross_entropy", F.nll_loss(theirs, targets[part], reduction="sum"))
            add("eval/kl", (theirs.exp() * (theirs - mine)).sum())
            add("eval/agreement", (mine.argmax(-1) == theirs.argmax(-1)).sum())
    positions = samples.shape[0] * (samples.shape[1] - 1)
    found = group.gather({name: value.item() for name, value in sums.items()})
    return {
        name: sum(part.get(name, 0.0) for part in found) / (positions if name.startswith("eval/") else len(samples))
        for name in (found[0] if found else ())
    }


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
    check()
    made: list[int] = []
    for _, token in zip(range(new_tokens), generated(model, prompt, seed, temperature), strict=False):
        made.append(token)
        check()
    return made


def generated(model: nn.Module, prompt: Tensor, seed: int, temperature: float) -> Iterator[int]:
    """What follows ``prompt`` (tokens,), token by token without end; at temperature 0 always the likeliest."""
    module: Any = model
    generator = torch.Generator().manual_seed(seed)
    fed = prompt.to(module.lm_head.weight.device).unsqueeze(0)
    past: Any = None
    while True:
        with torch.no_grad():
            out = module(input_ids=fed, past_key_values=past, use_cache=True)
            past, logits = out.past_key_values, out.logits[0, -1].float()
            if temperature == 0:
                token = int(logits.argmax())
            else:
                weights = (logits / temperature).softmax(-1).cpu()
                token = int(torch.multinomial(weights, 1, generator=generator))
        yield token
        fed = torch.tensor([[token]], device=fed.device)


@dataclass
class Likelihood:
    """How well a text is predicted, summed over ``tokens`` predictions; in nats."""

    tokens: int = 0
    loss: float = 0.0
    teacher_loss: float = 0.0
    kl: float = 0.0
    agreed: int = 0


@torch.no_grad()
def likelihood(model: nn.Module, windows: Iterable[Tensor], *, teacher: bool) -> Likelihood:
    """How well the student predicts the tokens of windows, each (batch, tokens) and read from its own beginning.

    With ``teacher`` the same of the teacher, KL(teacher ‖ student), and where both find the same successor likeliest.
    """
    module: Any = model
    layers, found = npt_layers(model).values(), Likelihood()
    wide = widest(module.lm_head.weight.device)
    for window in windows:
        ids = window.to(module.lm_head.weight.device)
        targets = ids[:, 1:].flatten()
        states = []
        for mode in (True, False) if teacher else (True,):
            for layer in layers:
                layer.npt_mode = mode
            states.append(module.model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1].flatten(0, 1))
        for layer in layers:
            layer.npt_mode = True
        found.tokens += len(targets)
        for at in range(0, len(targets), POSITIONS):
            part = slice(at, at + POSITIONS)
            mine, *others = (F.log_softmax(module.lm_head(state[part]).float(), dim=-1) for state in states)
            found.loss += F.nll_loss(mine, targets[part], reduction="none").to(wide).sum().item()
            for theirs in others:
                found.teacher_loss += F.nll_loss(theirs, targets[part], reduction="none").to(wide).sum().item()
                found.kl += (theirs.exp() * (theirs - mine)).to(wide).sum().item()
                found.agreed += int((mine.argmax(-1) == theirs.argmax(-1)).sum())
    return found
