"""Gradients written by hand, products in blocks, and the choice of a backend."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from npt import gemm_probe
from npt.gemm_probe import GemmPlan
from npt.model.attention import Positions, Projections, attention, fuses_groups
from npt.model.functions import gated_up, quadratic_form, rms_norm, rotate_
from npt.model.products import PLAIN, Products, full_precision
from tests.test_gradient_checkpointing import bytes_kept

CPU = torch.device("cpu")


def random(*shape: int, seed: int = 0, grad: bool = True) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator).requires_grad_(grad)


def test_functions_have_the_gradients_of_their_formulas() -> None:
    norm = SimpleNamespace(weight=random(6, seed=5, grad=False), variance_epsilon=1e-5)
    angles = random(1, 3, 1, 2, seed=7, grad=False)
    matrix = random(6, 6, seed=8, grad=False)
    symmetric = matrix @ matrix.t()
    assert torch.autograd.gradcheck(lambda x: rms_norm(norm, x), random(4, 6))
    assert torch.autograd.gradcheck(gated_up, (random(4, 6), random(4, 6, seed=1)))
    assert torch.autograd.gradcheck(lambda x: rotate_(x * 1.0, angles.cos(), angles.sin(), 2), random(2, 3, 3, 4))
    assert torch.autograd.gradcheck(lambda x: quadratic_form(x, symmetric), random(4, 6))


def test_functions_give_their_formulas() -> None:
    x, weight = random(4, 6), random(6, seed=5, grad=False)
    norm = SimpleNamespace(weight=weight, variance_epsilon=1e-5)
    torch.testing.assert_close(rms_norm(norm, x), F.rms_norm(x, (6,), weight, 1e-5))
    gate, up = random(4, 6, seed=1), random(4, 6, seed=2)
    expected = F.silu(gate) * up
    torch.testing.assert_close(gated_up(gate, up), expected)
    with torch.no_grad():
        torch.testing.assert_close(gated_up(gate.detach().clone(), up), expected)


@pytest.mark.parametrize("blocks", [2, 3, 4])
def test_a_product_in_blocks_is_the_product(blocks: int) -> None:
    weight = random(5, 7, seed=1, grad=False)
    products = Products({(10, 7, 5): blocks, (10, 5, 7): blocks})
    x = random(2, 5, 7)
    torch.testing.assert_close(products.linear(x, weight), F.linear(x, weight))
    torch.testing.assert_close(products.linear(x.detach(), weight), F.linear(x, weight))
    assert torch.autograd.gradcheck(lambda value: products.linear(value, weight), x)


def attention_module(heads: int, keys: int) -> nn.Module:
    from transformers.models.llama.configuration_llama import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=11, hidden_size=32, intermediate_size=8, num_hidden_layers=1,
                         num_attention_heads=heads, num_key_value_heads=keys)  # fmt: skip
    model: nn.Module = LlamaForCausalLM(config).requires_grad_(False)
    return model


@pytest.mark.parametrize(("heads", "keys"), [(4, 4), (4, 2)])
def test_attention_in_16_bits_is_attention(heads: int, keys: int) -> None:
    model: Any = attention_module(heads, keys)
    module = model.model.layers[0].self_attn
    positions = Positions.of(model, torch.zeros(2, 9, 32))
    x = random(2, 9, 32, grad=False).float()
    exact = attention(Projections(module), x, positions, PLAIN)
    module.to(torch.bfloat16)
    projections = Projections(module)
    fused = attention(projections, x, positions, PLAIN)
    followed = x.clone().requires_grad_()
    eager = attention(projections, followed, positions, PLAIN)
    assert fused.dtype == eager.dtype == torch.bfloat16
    for found in (fused, eager):
        assert torch.linalg.vector_norm(found - exact) < 0.02 * torch.linalg.vector_norm(exact)
    eager.float().sum().backward()  # type: ignore[no-untyped-call]
    assert followed.grad is not None and followed.grad.isfinite().all() and followed.grad.abs().sum() > 0


def attended(module: nn.Module, x: Tensor) -> tuple[Tensor, Tensor, int]:
    """An attention output for x (batch, tokens, d), the gradient of its squares' sum, and the bytes kept for that."""
    followed = x.clone().requires_grad_()
    positions = Positions.of(attention_module(8, 2), torch.zeros_like(x))
    projections = Projections(module)
    made: list[Tensor] = []
    kept = bytes_kept(module, lambda: made.append(attention(projections, followed, positions, PLAIN)))
    made[0].float().square().sum().backward()  # type: ignore[no-untyped-call]
    assert followed.grad is not None
    return made[0].detach(), followed.grad, kept


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_heads_of_queries_share_their_keys(dtype: torch.dtype) -> None:
    shared, repeated = (cast(Any, attention_module(8, keys)).model.layers[0].self_attn.to(dtype) for keys in (2, 8))
    if dtype == torch.float32 and not fuses_groups(torch.device("cpu"), dtype, shared.head_dim):
        pytest.skip("this PyTorch has no such kernel")
    x = random(2, 40, 32, grad=False).float()
    # The same with each head of keys and values four times, as one repeats them for four heads of queries.
    repeated.q_proj.weight.data, repeated.o_proj.weight.data = shared.q_proj.weight.data, shared.o_proj.weight.data
    for name in ("k_proj", "v_proj"):
        heads = getattr(shared, name).weight.view(2, 4, 32)
        getattr(repeated, name).weight.data = heads.repeat_interleave(4, 0).reshape(32, 32)
    out, grad, kept = attended(shared, x)
    same_out, same_grad, more = attended(repeated, x)
    close = {"rtol": 1e-5, "atol": 1e-6} if dtype == torch.float32 else {"rtol": 0.05, "atol": 0.02}
    torch.testing.assert_close(out, same_out, **close)
    torch.testing.assert_close(grad, same_grad, **close)
    # Six heads of keys and of values, each 4 wide, for 2 × 40 tokens.
    assert kept <= more - 2 * 6 * 4 * 2 * 40 * x.element_size() * (1 if dtype == torch.float32 else 0.5)


def test_joined_projections_are_the_modules_own_weights() -> None:
    model: Any = attention_module(4, 2)
    module = model.model.layers[0].self_attn
    before = [part.weight.clone() for part in (module.q_proj, module.k_proj, module.v_proj)]
    joined = Projections(module).weight
    assert torch.equal(joined, torch.cat(before))
    assert module.q_proj.weight.untyped_storage().data_ptr() == joined.untyped_storage().data_ptr()
    assert torch.equal(Projections(module).weight, joined)


def test_full_precision_is_for_its_block_alone() -> None:
    torch.set_float32_matmul_precision("medium")
    try:
        with pytest.raises(ValueError, match="inside"), full_precision():
            assert torch.get_float32_matmul_precision() == "highest"
            raise ValueError("inside")
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")


LARGE = SimpleNamespace(hidden_size=1024, intermediate_size=4096, num_attention_heads=8, num_key_value_heads=8)
SMALL = SimpleNamespace(hidden_size=128, intermediate_size=344, num_attention_heads=4, num_key_value_heads=4)


def decide(
    monkeypatch: pytest.MonkeyPatch, gain: float, error: float, blocks: int = 1, wanted: str = "auto"
) -> GemmPlan:
    monkeypatch.setattr(gemm_probe, "_try_medium", lambda shape: (gain, error))
    monkeypatch.setattr(gemm_probe, "_try_blocks", lambda shape, dtype: blocks)
    return gemm_probe.probe(wanted, 256, LARGE, None, CPU)


def test_the_faster_backend_is_taken_only_if_it_is_accurate(monkeypatch: pytest.MonkeyPatch) -> None:
    assert decide(monkeypatch, 4.0, 0.0024).precision == "medium"
    assert decide(monkeypatch, 1.1, 0.0).precision == "highest"
    assert decide(monkeypatch, 4.0, 0.02).precision == "highest"
    assert decide(monkeypatch, 4.0, float("nan")).precision == "highest"
    assert decide(monkeypatch, 4.0, 0.5, wanted="medium").precision == "medium"
    assert decide(monkeypatch, 4.0, 0.0, wanted="highest") == GemmPlan()


def test_a_probe_measures_here_and_leaves_the_precision_alone() -> None:
    before = torch.get_float32_matmul_precision()
    plan = gemm_probe.probe("auto", 128, LARGE, None, CPU)
    assert "medium is" in plan.measured
    assert plan.precision in ("highest", "medium")
    assert torch.get_float32_matmul_precision() == before
    assert gemm_probe.probe("auto", 1280, SMALL, None, CPU) == GemmPlan()


def test_a_stored_choice_is_reused_where_nothing_else_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"torch": "2.13", "threads": 2}
    plan = GemmPlan("medium", {(1024, 768, 768): 2})
    stored = {**facts, "gemm": plan.as_config()}
    monkeypatch.setattr(gemm_probe, "probe", lambda wanted, *_: GemmPlan("highest", {}, f"probed for {wanted}"))

    def chosen(stored: dict[str, Any], wanted: str = "auto") -> GemmPlan:
        return gemm_probe.choose(wanted, 1024, LARGE, None, CPU, stored, facts)

    assert chosen(stored) == plan
    assert chosen(stored, "medium") == plan
    assert chosen(stored, "highest").measured == "probed for highest"
    assert chosen({**stored, "threads": 4}).measured == "probed for auto"
    assert chosen({}).measured == "probed for auto"
    assert chosen({**facts, "gemm": {"precision": "wild", "splits": {}}}).measured == "probed for auto"
    # From before there was a choice: those runs were trained with plain products.
    assert chosen(dict(facts)) == GemmPlan()
