"""A checkpoint as a folder that transformers loads by itself."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from npt import inference
from npt.data.byte_tokenizer import ByteTokenizer
from npt.data.tokenizers import PretrainedTokenizer, load_tokenizer
from npt.errors import UsageError
from npt.export import card
from npt.inference import Opened
from npt.model import llama
from npt.storage import atomic, reading

MODELING = Path(__file__).with_name("modeling_npt.py")
NP_WEIGHTS = "np_weights.safetensors"
#: The types that ``--dtype`` may name; ``auto`` is the base model's own.
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
SHARD_BYTES = 5_000_000_000
#: Of the base's configuration these say what it was, which the export is not.
_OF_THE_BASE = (
    "architectures", "model_type", "auto_map", "dtype", "torch_dtype", "_name_or_path", "transformers_version",
)  # fmt: skip


@dataclass
class Export:
    """What an export is of, and how."""

    opened: Opened
    dtype: str
    np_only: bool


def export(wanted: Export, target: Path, say: Callable[[str], None]) -> int:
    """Makes the folder; returns the bytes of its weights. Raises ``UsageError`` where something has its name.

    Whatever ends it, the folder is there whole or not at all.
    """
    refuse_taken(target)
    model: Any = inference.base_model(wanted.opened, as_stored=True)
    if wanted.np_only:
        _refuse_nameless(wanted.opened.arguments.model_name)
    stored_in = str(model.lm_head.weight.dtype).removeprefix("torch.")
    dtype = stored_in if wanted.dtype == "auto" else wanted.dtype
    atomic.sweep(target.parent, target.name)
    temporary = atomic.temporary_beside(target)
    temporary.mkdir()
    try:
        weights = np_tensors(wanted.opened)
        if wanted.np_only:
            size = _save(weights, temporary / NP_WEIGHTS)
        else:
            # The NP weights keep the type that they trained in: they are small, and nothing is lost.
            base = {name: tensor.to(DTYPES[dtype]) for name, tensor in _own(model).items()}
            say(f"writing {sum(_bytes(t) for t in [*base.values(), *weights.values()]):,} bytes of weights")
            size = _save_sharded({**base, **weights}, temporary)
        config = configuration(wanted, model, dtype)
        atomic.write_bytes(temporary / "config.json", atomic.json_bytes(config))
        if model.generation_config is not None:
            model.generation_config.save_pretrained(temporary)
        _save_tokenizer(wanted.opened, config["vocab_size"], temporary)
        shutil.copyfile(MODELING, temporary / MODELING.name)
        described = card.describe(wanted.opened, target.name, dtype, wanted.np_only)
        atomic.write_bytes(temporary / "README.md", described.encode())
        try:
            atomic.create_folder(temporary, target)
        except FileExistsError:
            refuse_taken(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return size


def refuse_taken(target: Path) -> None:
    """Raises ``UsageError`` where an export cannot have that name."""
    if target.is_symlink() or target.exists():
        raise UsageError(f"{target} is already there; choose another --output")
    if not target.parent.is_dir():
        raise UsageError(f"{target.parent} is no folder; make it, or choose another --output")


def _refuse_nameless(model_name: str) -> None:
    if model_name == llama.DEMO_NAME or model_name.startswith("random-"):
        raise UsageError(f"--np_only: {model_name} has no name that transformers knows; export it with all its weights")


def configuration(wanted: Export, base: Any, dtype: str) -> dict[str, Any]:
    """The content of the export's ``config.json``."""
    opened, shape = wanted.opened, wanted.opened.shape
    known = {name: value for name, value in base.config.to_diff_dict().items() if name not in _OF_THE_BASE}
    npt: dict[str, Any] = {
        "layers": opened.layers,
        "np_rank": shape.np_rank,
        "num_ranks": shape.num_ranks,
        "modulation": shape.modulation,
    }
    if wanted.np_only:
        name = opened.arguments.model_name
        npt["base_model"] = str(Path(name).resolve()) if Path(name).is_dir() else name
        revision = getattr(base.config, "_commit_hash", None)
        if revision is not None:
            npt["base_revision"] = revision
    return {
        **known,
        "model_type": "npt_llama",
        "architectures": ["NPTForCausalLM"],
        "auto_map": {
            "AutoConfig": f"{MODELING.stem}.NPTConfig",
            "AutoModelForCausalLM": f"{MODELING.stem}.NPTForCausalLM",
        },
        "dtype": dtype,
        "npt": npt,
    }


def np_tensors(opened: Opened) -> dict[str, Tensor]:
    """The NP weights by their names in the export, the matrices of all ranks stacked; fp32."""
    found: dict[str, Tensor] = {}
    shape, stored = opened.shape, opened.stored.weights
    suffixes = {"single": ("",), "dual": ("_gate", "_up"), "triple": ("_gate", "_up", "_down")}[shape.modulation]
    for layer in opened.layers:
        for suffix in suffixes:
            for matrix in ("W_down", "W_a_up", "W_b_up"):
                key = f"layer_{layer}_np.{matrix}{suffix}"
                ranks = [f"{key}.{rank}" for rank in range(shape.num_ranks)] if shape.num_ranks > 1 else [key]
                parts = [stored[name if name in stored else f"{name}.0"].float() for name in ranks]
                name = f"model.layers.{layer}.np_component.{suffix.removeprefix('_') or 'gate'}.{matrix}"
                found[name] = torch.cat(parts, dim=1 if matrix == "W_down" else 0).contiguous()
    return found


def _own(model: Any) -> dict[str, Tensor]:
    """The base model's tensors, without a head that is the embedding."""
    tied = bool(model.config.tie_word_embeddings)
    return {k: v for k, v in model.state_dict().items() if not (tied and k == "lm_head.weight")}


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _save(tensors: dict[str, Tensor], path: Path) -> int:
    from safetensors.torch import save_file

    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, metadata={"format": "pt"})
    # The library makes files that nobody else may read.
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(0o666 & ~mask)
    return sum(_bytes(tensor) for tensor in tensors.values())


def _save_sharded(tensors: dict[str, Tensor], folder: Path) -> int:
    """Writes tensors into files of at most ``SHARD_BYTES``, with an index of several; returns the bytes."""
    shards: list[dict[str, Tensor]] = [{}]
    room = SHARD_BYTES
    for name, tensor in tensors.items():
        if shards[-1] and _bytes(tensor) > room:
            shards.append({})
            room = SHARD_BYTES
        shards[-1][name] = tensor
        room -= _bytes(tensor)
    if len(shards) == 1:
        return _save(shards[0], folder / "model.safetensors")
    where: dict[str, str] = {}
    total = 0
    for number, shard in enumerate(shards, start=1):
        file = f"model-{number:05}-of-{len(shards):05}.safetensors"
        total += _save(shard, folder / file)
        where |= dict.fromkeys(shard, file)
    index = {"metadata": {"total_size": total}, "weight_map": where}
    atomic.write_bytes(folder / "model.safetensors.index.json", atomic.json_bytes(index))
    return total


def _save_tokenizer(opened: Opened, vocabulary: int, folder: Path) -> None:
    tokenizer = load_tokenizer(opened.arguments.model_name, vocabulary)
    if isinstance(tokenizer, ByteTokenizer):
        _byte_tokenizer().save_pretrained(folder)
    elif isinstance(tokenizer, PretrainedTokenizer):
        # Loaded anew: ours does without the truncation and padding that its file may ask for.
        from transformers import AutoTokenizer

        AutoTokenizer.from_pretrained(opened.arguments.model_name).save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    if path.exists():
        written = reading.read_object(path)
        if written.get("tokenizer_class") == "TokenizersBackend":
            # The name that transformers 4 knows the same class by.
            atomic.write_bytes(path, atomic.json_bytes({**written, "tokenizer_class": "PreTrainedTokenizerFast"}))


def _byte_tokenizer() -> Any:
    """The demo's tokenizer, whose tokens are bytes, for transformers: a byte-level BPE that merges nothing."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE(vocab={_letter(byte): byte for byte in range(256)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, clean_up_tokenization_spaces=False)


def _letter(byte: int) -> str:
    """The character by which byte-level tokenizers write a byte: itself where it is visible, one from 256 on if not."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    if byte in visible:
        return chr(byte)
    return chr(256 + sum(1 for other in range(byte) if other not in visible))
