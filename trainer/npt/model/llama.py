"""The base model: where it comes from, freezing it, putting NPT layers in, and its fingerprint."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from npt import hub
from npt.errors import UsageError
from npt.model.np_component import NPShape
from npt.model.npt_layer import NPTDecoderLayer

DEMO_NAME = "npt-demo"
DEMO_TEACHER = Path(__file__).resolve().parents[1] / "demo" / "teacher"

# The shapes of Llama 3.2 1B and 3B and Llama 3.1 8B, for randomly initialised models.
PRESETS: dict[str, dict[str, Any]] = {
    "1b": {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32,
           "num_key_value_heads": 8, "tie_word_embeddings": True},
    "3b": {"hidden_size": 3072, "intermediate_size": 8192, "num_hidden_layers": 28, "num_attention_heads": 24,
           "num_key_value_heads": 8, "tie_word_embeddings": True},
    "8b": {"hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32,
           "num_key_value_heads": 8, "tie_word_embeddings": False},
}  # fmt: skip


def preset(name: str) -> Any:
    """Hugging Face's configuration of a preset's shape."""
    from transformers.models.llama.configuration_llama import LlamaConfig

    return LlamaConfig(vocab_size=128256, max_position_embeddings=8192, **PRESETS[name])


def _from_folder(folder: Path) -> nn.Module:
    """A Llama from a folder with ``config.json`` and one ``model.safetensors``, without the hub's machinery."""
    from safetensors.torch import load_file
    from transformers.models.llama.configuration_llama import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaForCausalLM

    config = LlamaConfig.from_pretrained(folder)
    model: nn.Module = LlamaForCausalLM(config).float()
    weights = {name: tensor.float() for name, tensor in load_file(folder / "model.safetensors").items()}
    missing, unexpected = model.load_state_dict(weights, strict=False)
    missing = [name for name in missing if not (name == "lm_head.weight" and config.tie_word_embeddings)]
    if missing or unexpected:
        raise UsageError(f"--model_name: {folder} does not fit its config.json ({[*missing, *unexpected][0]})")
    return model


def load_base_model(model_name: str, seed: int) -> nn.Module:
    """The frozen base model on the CPU, a folder's or the hub's in the type that it is stored in, any other in fp32.

    What is stored in one type is mapped from its files: nothing is read before it is used, and processes share it.
    ``model_name`` is ``npt-demo`` (the teacher that ships with the trainer), ``random-1b`` and the like (a preset,
    initialised from ``seed``), a local folder, or a name on the Hugging Face hub. Raises ``UsageError`` in one line
    where there is no such model, it cannot be reached, or it is not a Llama.
    """
    if model_name == DEMO_NAME:
        model = _from_folder(DEMO_TEACHER)
    elif model_name.removeprefix("random-") in PRESETS:
        from transformers.models.llama.modeling_llama import LlamaForCausalLM

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = LlamaForCausalLM(preset(model_name.removeprefix("random-")))
    else:
        model = _from_hub(model_name)
    model.requires_grad_(False)
    model.eval()
    return model


def _from_hub(model_name: str) -> nn.Module:
    local = Path(model_name).is_dir()
    if not local:
        hub.unreachable()
    from transformers import AutoConfig
    from transformers.models.llama.modeling_llama import LlamaForCausalLM

    where = "folder" if local else "model"
    try:
        config = AutoConfig.from_pretrained(model_name)
        if config.model_type != "llama":
            raise UsageError(f"--model_name: {model_name} is a {config.model_type} model, only Llama models can train")
        model: nn.Module = LlamaForCausalLM.from_pretrained(model_name, dtype="auto")
        return model
    except (OSError, ValueError) as error:
        reason = hub.because(error, local)
        raise UsageError(f"--model_name: the {where} {model_name} cannot be loaded: {reason}") from None


def install_npt_layers(model: nn.Module, layers: list[int], np_rank: int, num_ranks: int, modulation: str) -> None:
    """Replaces the given decoder layers of a Llama by NPT layers (their NP components are left uninitialised)."""
    decoder: Any = model.model
    config: Any = model.config
    shape = NPShape(config.hidden_size, config.intermediate_size, np_rank, num_ranks, modulation)
    for index in layers:
        decoder.layers[index] = NPTDecoderLayer(decoder.layers[index], shape)


def npt_layers(model: nn.Module) -> dict[int, NPTDecoderLayer]:
    """The NPT layers of a model by index, ascending."""
    decoder: Any = model.model
    return {index: layer for index, layer in enumerate(decoder.layers) if isinstance(layer, NPTDecoderLayer)}


def fingerprint(model: nn.Module) -> str:
    """A hash of the base model's shape and of a sample of its weights: 64 values of every frozen tensor.

    Take it before NPT layers go in and before any cast; two models with the same fingerprint are the same teacher.
    """
    config: Any = model.config
    names = (
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
        "vocab_size",
        "rms_norm_eps",
    )
    digest = hashlib.sha256(json.dumps({name: getattr(config, name) for name in names}, sort_keys=True).encode())
    for name, tensor in sorted(model.state_dict().items()):
        flat = tensor.detach().reshape(-1)
        picked = torch.linspace(0, flat.numel() - 1, min(64, flat.numel()), dtype=torch.float64).long()
        sample: Tensor = flat[picked.to(flat.device)].float().cpu()
        digest.update(name.encode())
        digest.update(b"".join(int(bits).to_bytes(4, "little", signed=True) for bits in sample.view(torch.int32)))
    return digest.hexdigest()
