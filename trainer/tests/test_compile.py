"""With --compile equal layers are one graph, and none is cut in two; traced as for a GPU, without a compiler."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch._dynamo.backends.debugging import aot_eager
from torch._dynamo.utils import counters
from transformers.models.llama.configuration_llama import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaForCausalLM

from npt.curriculum import Stage
from npt.model import llama
from npt.model.scaffold import Scaffold


@pytest.fixture
def graphs() -> Iterator[list[Any]]:
    """The graphs that are compiled."""
    torch._dynamo.reset()
    counters.clear()
    yield []
    torch._dynamo.reset()


def scaffold_of(layers: int, npt: list[int], graphs: list[Any]) -> Scaffold:
    def backend(graph: Any, inputs: Any) -> Callable[..., Any]:
        graphs.append(graph)
        compiled: Callable[..., Any] = aot_eager(graph, inputs)
        return compiled

    config = LlamaConfig(
        vocab_size=50, hidden_size=24, intermediate_size=40, num_hidden_layers=layers, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64,
    )  # fmt: skip
    model: Any = LlamaForCausalLM(config)
    model.requires_grad_(False)
    llama.install_npt_layers(model, npt, 4, 2, "dual")
    for layer in llama.npt_layers(model).values():
        layer.np_component.initialise("improved", 0.3, torch.Generator().manual_seed(1))
    return Scaffold(model, compiled=lambda function: torch.compile(function, backend=backend))


def test_more_layers_make_no_more_graphs(graphs: list[Any]) -> None:
    ids = torch.arange(22).reshape(2, 11)
    made = []
    for layers, npt in ((4, [1, 3]), (8, [1, 3, 4, 6, 7])):
        torch._dynamo.reset()
        graphs.clear()
        scaffold = scaffold_of(layers, npt, graphs)
        for stage in (Stage("teacher", 1, 0.0), Stage("student", 2, 1.0)):
            scaffold.run(ids, stage).student.sum().backward()  # type: ignore[no-untyped-call]
        made.append(len(graphs))
    assert dict(counters["graph_break"]) == {}
    assert made[0] == made[1] > 0
    # With and without gradients, the first NPT layer and others, two stages; PyTorch makes eight of a function.
    assert made[0] <= 8
    assert counters["frames"]["total"] == counters["frames"]["ok"]
