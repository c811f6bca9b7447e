"""Losses and gradients against a plain fp64 reference that materialises everything; teacher against Hugging Face."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.models.llama.configuration_llama import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaForCausalLM

from npt.checkpoint import tensors
from npt.curriculum import Stage
from npt.losses import LossFunction
from npt.model import llama
from npt.model.scaffold import Scaffold

STAGES = [
    Stage("teacher", 1, 0.0),
    Stage("mixed", 1, 0.3),
    Stage("mixed", 1, 0.3, 0.6),
    Stage("student", 1, 1.0),
    Stage("teacher", 1, 0.0, 0.0),
]


class ExactNorm(nn.Module):
    """A Llama's norm in its input's precision; Hugging Face's computes in fp32 even for fp64."""

    def __init__(self, norm: Any) -> None:
        super().__init__()
        self.weight, self.variance_epsilon = norm.weight, norm.variance_epsilon

    def forward(self, x: Tensor) -> Tensor:
        scaled: Tensor = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon) * self.weight
        return scaled


def base_model(tied: bool = False, exact: bool = True) -> nn.Module:
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=50, hidden_size=24, intermediate_size=40, num_hidden_layers=5, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, tie_word_embeddings=tied,
    )  # fmt: skip
    model: nn.Module = LlamaForCausalLM(config).double().eval()
    for name, parameter in model.named_parameters():
        # Weights of the usual initial size would make every block nearly the identity and hide mistakes.
        nn.init.normal_(parameter, mean=1.0 if "norm" in name else 0.0, std=0.2)
    if exact:
        decoder: Any = model.model
        decoder.norm = ExactNorm(decoder.norm)
        for layer in decoder.layers:
            layer.input_layernorm = ExactNorm(layer.input_layernorm)
            layer.post_attention_layernorm = ExactNorm(layer.post_attention_layernorm)
    return model.requires_grad_(False)


def reference(model: Any, ids: Tensor, stage: Stage, weights: dict[int, float], a: dict[str, float]) -> Tensor:
    """The contract's section 3 as it reads, with Hugging Face's own attention and logits of both passes."""
    decoder, npt = model.model, llama.npt_layers(model)
    hidden = decoder.embed_tokens(ids)
    rope = decoder.rotary_emb(hidden, torch.arange(ids.shape[1]).unsqueeze(0))
    mask = torch.full((ids.shape[1], ids.shape[1]), float("-inf"), dtype=hidden.dtype).triu(1)[None, None]
    teacher = student = hidden
    total = torch.zeros((), dtype=torch.float64)
    for index, layer in enumerate(decoder.layers):

        def attend(x: Tensor, layer: Any = layer) -> Tensor:
            out: Tensor = layer.self_attn(layer.input_layernorm(x), position_embeddings=rope, attention_mask=mask)[0]
            return out

        attention_output = attend(teacher)
        middle = teacher + attention_output
        mlp_output = layer.mlp(layer.post_attention_layernorm(middle))
        if index in npt:
            r = stage.mixing_ratio
            att = attend((1 - r) * teacher + r * student)
            q = stage.mlp_mixing_ratio
            m = student if q is None else (1 - q) * teacher + q * student
            x = layer.post_attention_layernorm(m)
            named = {name: (mod, p, k) for name, mod, p, k in layer.np_component.named_pieces()}

            def piece(name: str, named: Any = named) -> Tensor:
                mod, p, k = named[name]
                return mod.piece(getattr(mod, p), p, k)

            shape = layer.np_component.shape
            reg = torch.zeros((), dtype=torch.float64)

            def update(suffix: str, y: Tensor, att: Tensor = att, shape: Any = shape, piece: Any = piece) -> Any:
                out, squares = 0.0, 0.0
                for j in range(shape.num_ranks):
                    end = f".{j}" if shape.num_ranks > 1 else ""
                    z = att @ piece(f"W_down{suffix}{end}")
                    v_a, v_b = z @ piece(f"W_a_up{suffix}{end}"), z @ piece(f"W_b_up{suffix}{end}")
                    out = out + torch.einsum("bto,bti,bti->bto", v_b, v_a, y)
                    squares = squares + (v_a.pow(2).mean() + v_b.pow(2).mean()) / shape.num_ranks
                return out, squares

            first = "" if shape.modulation == "single" else "_gate"
            gate, squares = update(first, x)
            reg = reg + squares
            up = layer.mlp.up_proj(x)
            if shape.modulation != "single":
                more, squares = update("_up", x)
                up, reg = up + more, reg + squares
            inner = F.silu(layer.mlp.gate_proj(x) + gate) * up
            out = layer.mlp.down_proj(inner)
            if shape.modulation == "triple":
                more, squares = update("_down", inner)
                out, reg = out + more, reg + squares
            direct = F.mse_loss(out, attention_output + mlp_output)
            total = total + weights[index] * (a["direct_mlp_weight"] * direct + a["lambda_reg"] * reg)
            student = student + out
        else:
            inside = student + attend(student)
            student = inside + layer.mlp(layer.post_attention_layernorm(inside))
        teacher = middle + mlp_output
    logits = [model.lm_head(decoder.norm(state)) for state in (student, teacher)]
    return total + a["fidelity_weight"] * F.mse_loss(*logits)


@pytest.mark.parametrize("stage", STAGES, ids=lambda s: f"{s.name}-{s.mixing_ratio}-{s.mlp_mixing_ratio}")
@pytest.mark.parametrize("modulation", ["single", "dual", "triple"])
@pytest.mark.parametrize(("ranks", "layers"), [(1, [1, 3, 4]), (3, [0, 2])])
def test_losses_and_gradients_equal_the_reference(stage: Stage, modulation: str, ranks: int, layers: list[int]) -> None:
    model = base_model()
    llama.install_npt_layers(model, layers, 6, ranks, modulation)
    model.double()
    npt = llama.npt_layers(model)
    generator = torch.Generator().manual_seed(1)
    for layer in npt.values():
        layer.np_component.initialise("improved", 0.3, generator)
    weights = {layer: 1.0 - 0.2 * i for i, layer in enumerate(layers)}
    numbers = {"direct_mlp_weight": 10.0, "fidelity_weight": 1.5, "lambda_reg": 0.05}
    ids = torch.randint(0, 50, (2, 9), generator=generator)
    ours = LossFunction(model.lm_head, weights, **numbers)(Scaffold(model).run(ids, stage), npt).total
    params = tensors.parameters(npt)
    got = torch.autograd.grad(ours, params)
    theirs = reference(model, ids, stage, weights, numbers)
    wanted = torch.autograd.grad(theirs, params)
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)
    for mine, other in zip(got, wanted, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("tokens", [7, 60])
@pytest.mark.parametrize(("exact", "off"), [(True, 1e-9), (False, 2e-6)])
def test_the_teacher_is_the_original_model(tied: bool, tokens: int, exact: bool, off: float) -> None:
    model: Any = base_model(tied, exact)
    ids = torch.randint(0, 50, (2, tokens), generator=torch.Generator().manual_seed(2))
    expected = model(input_ids=ids).logits
    llama.install_npt_layers(model, [1, 3], 4, 1, "dual")
    torch.testing.assert_close(Scaffold(model).teacher_logits(ids), expected, rtol=off, atol=off)
    for layer in llama.npt_layers(model).values():
        layer.npt_mode = False
    torch.testing.assert_close(model(input_ids=ids).logits, expected, rtol=1e-9, atol=1e-9)


def test_the_model_called_as_usual_is_the_student() -> None:
    model: Any = base_model()
    llama.install_npt_layers(model, [2, 4], 4, 2, "triple")
    model.double()
    generator = torch.Generator().manual_seed(5)
    for layer in llama.npt_layers(model).values():
        layer.np_component.initialise("improved", 0.3, generator)
    ids = torch.randint(0, 50, (2, 11), generator=generator)
    state = Scaffold(model).run(ids, Stage("student", 1, 1.0)).student
    torch.testing.assert_close(model(input_ids=ids).logits, model.lm_head(state), rtol=1e-9, atol=1e-9)


def test_measurements_equal_materialised_ones() -> None:
    model: Any = base_model()
    llama.install_npt_layers(model, [2], 4, 3, "dual")
    model.double()
    component = llama.npt_layers(model)[2].np_component
    component.initialise("improved", 0.3, torch.Generator().manual_seed(5))
    a = torch.randn(17, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(6))
    gate = component.modulation("_gate")
    z = gate.code(a)
    v_a = torch.stack([z[:, 4 * j : 4 * j + 4] @ gate.W_a_up[4 * j : 4 * j + 4] for j in range(3)])
    v_b = torch.stack([z[:, 4 * j : 4 * j + 4] @ gate.W_b_up[4 * j : 4 * j + 4] for j in range(3)])
    norms = gate.norms(z)
    torch.testing.assert_close(norms[0], v_a.norm(dim=-1).mean())
    torch.testing.assert_close(norms[1], v_b.norm(dim=-1).mean())
    torch.testing.assert_close(gate.similarity(z, a), F.cosine_similarity(v_a[0], a, dim=-1).mean())


@pytest.mark.parametrize("stage", STAGES[::3], ids=lambda s: s.name)
def test_compiled_layers_give_the_same(stage: Stage) -> None:
    model: Any = base_model()
    llama.install_npt_layers(model, [2, 4], 4, 2, "dual")
    model.double()
    npt = llama.npt_layers(model)
    generator = torch.Generator().manual_seed(5)
    for layer in npt.values():
        layer.np_component.initialise("improved", 0.3, generator)
    ids = torch.randint(0, 50, (2, 11), generator=generator)
    losses = LossFunction(
        model.lm_head, dict.fromkeys(npt, 1.0), direct_mlp_weight=10.0, fidelity_weight=1.0, lambda_reg=0.1
    )

    def gradients(scaffold: Scaffold) -> tuple[Tensor, ...]:
        return torch.autograd.grad(losses(scaffold.run(ids, stage), npt).total, tensors.parameters(npt))

    # Traced as for a GPU, but run by PyTorch's own kernels: this needs no compiler.
    compiled = Scaffold(model, compiled=lambda function: torch.compile(function, backend="aot_eager"))
    for mine, other in zip(gradients(compiled), gradients(Scaffold(model)), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-6, atol=1e-10)
