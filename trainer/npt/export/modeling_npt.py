"""A Llama some of whose layers are NPT layers, for transformers.

An NPT layer does not add its attention output to the residual stream; the attention output makes low-rank updates of
the layer's MLP instead. This file and the library are all that the model needs:

    AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)
"""

# No `from __future__ import annotations`: transformers reads the types of a configuration's fields.
from typing import Any, ClassVar

import torch
import transformers
from torch import nn
from transformers.models.llama.configuration_llama import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaDecoderLayer, LlamaForCausalLM, LlamaModel

#: The file of a folder that has the NP weights alone, beside the name of a base model.
NP_WEIGHTS = "np_weights.safetensors"
#: Which projections of the MLP each kind of modulation updates.
MODULATIONS: dict[str, tuple[str, ...]] = {
    "single": ("gate",),
    "dual": ("gate", "up"),
    "triple": ("gate", "up", "down"),
}


class NPTConfig(LlamaConfig):
    """A Llama's configuration with ``npt``: ``layers`` (indices), ``np_rank``, ``num_ranks`` and ``modulation``.

    With ``base_model`` (and perhaps ``base_revision``) in it, the base weights are those of that model.
    """

    model_type = "npt_llama"
    npt: dict[str, Any] | None = None


class NPModulation(nn.Module):
    """The updates of one projection: y(x) gains Σ_j v_b_j (v_a_j · x) with v_a_j = a·W_down_j·W_a_up_j, v_b_j alike.

    The matrices of the ``num_ranks`` ranks j are stacked: W_down (hidden, ranks · np_rank) by columns, W_a_up (…, in)
    and W_b_up (…, out) by rows.
    """

    def __init__(self, hidden_size: int, in_features: int, out_features: int, np_rank: int, num_ranks: int) -> None:
        super().__init__()
        self.np_rank, self.num_ranks = np_rank, num_ranks
        stacked = np_rank * num_ranks
        self.W_down = nn.Parameter(torch.empty(hidden_size, stacked))
        self.W_a_up = nn.Parameter(torch.empty(stacked, in_features))
        self.W_b_up = nn.Parameter(torch.empty(stacked, out_features))

    def forward(self, projected: torch.Tensor, attention: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """The projection's output (batch, tokens, out) with its update, for attention outputs and inputs x."""
        code = attention @ self.W_down
        split = (*code.shape[:-1], self.num_ranks, self.np_rank)
        along = x @ self.W_a_up.t()
        strength = (code.float() * along.float()).view(split).sum(-1, keepdim=True)
        scaled = (strength * code.float().view(split)).flatten(-2)
        return projected + scaled.to(projected.dtype) @ self.W_b_up


class NPTDecoderLayer(LlamaDecoderLayer):
    """out = h + MLP_a(norm(h)), where the MLP's projections are updated by the attention output a."""

    def __init__(self, config: NPTConfig, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        assert config.npt is not None
        hidden, inner = config.hidden_size, config.intermediate_size
        rank, ranks = config.npt["np_rank"], config.npt["num_ranks"]
        widths = {"gate": (hidden, inner), "up": (hidden, inner), "down": (inner, hidden)}
        self.np_component = nn.ModuleDict(
            {name: NPModulation(hidden, *widths[name], rank, ranks) for name in MODULATIONS[config.npt["modulation"]]}
        )

    def _project(self, name: str, attention: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        projected: torch.Tensor = getattr(self.mlp, f"{name}_proj")(x)
        if name in self.np_component:
            projected = self.np_component[name](projected, attention, x)
        return projected

    def forward(self, hidden_states: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        attention = self.self_attn(self.input_layernorm(hidden_states), *args, **kwargs)[0]
        x = self.post_attention_layernorm(hidden_states)
        inner = self.mlp.act_fn(self._project("gate", attention, x)) * self._project("up", attention, x)
        out: torch.Tensor = hidden_states + self._project("down", attention, inner)
        return out


def _rope_as_read_here(config: NPTConfig) -> None:
    """Transformers 4 reads the rotary embedding's parameters from two keys, and would not know those that 5 wrote."""
    rope = getattr(config, "rope_parameters", None)
    if isinstance(rope, dict) and int(transformers.__version__.partition(".")[0]) < 5:
        scaling = {name: value for name, value in rope.items() if name != "rope_theta"}
        config.rope_theta = rope.get("rope_theta", 10000.0)
        config.rope_scaling = None if scaling.get("rope_type", "default") == "default" else scaling


class NPTModel(LlamaModel):
    """The decoder without its head."""

    config_class = NPTConfig
    _no_split_modules: ClassVar[list[str]] = ["LlamaDecoderLayer", "NPTDecoderLayer"]

    def __init__(self, config: NPTConfig) -> None:
        _rope_as_read_here(config)
        super().__init__(config)
        for index in (config.npt or {}).get("layers", []):
            self.layers[index] = NPTDecoderLayer(config, index)
        self.post_init()


class NPTForCausalLM(LlamaForCausalLM):
    """The language model."""

    config_class = NPTConfig
    _no_split_modules: ClassVar[list[str]] = ["LlamaDecoderLayer", "NPTDecoderLayer"]

    def __init__(self, config: NPTConfig) -> None:
        # Not LlamaForCausalLM's own: it would make every layer's weights twice.
        super(LlamaForCausalLM, self).__init__(config)
        self.model = NPTModel(config)
        self.vocab_size = config.vocab_size
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, NPModulation):
            for parameter in (module.W_down, module.W_a_up, module.W_b_up):
                # A parameter that was loaded says so, and stays as it is.
                if not getattr(parameter, "_is_hf_initialized", False):
                    parameter.normal_(0.0, self.config.initializer_range)

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, *args: Any, **kwargs: Any) -> Any:
        """As in transformers; a folder of NP weights alone takes the base weights from the model that it names."""
        place, config = pretrained_model_name_or_path, kwargs.pop("config", None)
        if place is None:
            return super().from_pretrained(place, *args, config=config, **kwargs)
        hub = {name: kwargs[name] for name in _HUB if name in kwargs}
        if not isinstance(config, NPTConfig):
            config = NPTConfig.from_pretrained(config or place, **hub)
        base_name = (config.npt or {}).get("base_model")
        if base_name is None:
            return super().from_pretrained(place, *args, config=config, **kwargs)
        return cls._on_base(base_name, place, config, args, hub, kwargs)

    @classmethod
    def _on_base(cls, base_name: str, place: Any, config: Any, args: Any, hub: Any, kwargs: Any) -> Any:
        from safetensors.torch import load_file
        from transformers.utils import cached_file

        of_base = {**hub, "revision": config.npt.get("base_revision")}
        of_base.pop("subfolder", None)
        dtype = {name: kwargs[name] for name in ("dtype", "torch_dtype") if name in kwargs}
        base = LlamaForCausalLM.from_pretrained(base_name, **dtype, **of_base)
        # What is saved from here on has all weights.
        config.npt = {name: value for name, value in config.npt.items() if not name.startswith("base_")}
        weights = {**base.state_dict(), **load_file(cached_file(place, NP_WEIGHTS, **hub))}
        del base
        rest = {name: value for name, value in kwargs.items() if name not in hub}
        return super().from_pretrained(None, *args, config=config, state_dict=weights, **rest)


_HUB = ("cache_dir", "force_download", "local_files_only", "token", "revision", "subfolder")
