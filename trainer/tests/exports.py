"""Runs to export, generate and evaluate with, and the scripts called in this process: no interpreter to start."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from npt import inference, program
from npt.commands import evaluate, export, generate
from npt.data.tokenizers import load_tokenizer
from npt.model.scaffold import STUDENT, Scaffold
from tests.conftest import SMALL, run_forked

SCRIPTS = {"export": export.main, "generate": generate.main, "evaluate": evaluate.main}
#: Of sensible size: with what training starts from, the student hardly differs from one without NP weights.
MODEL = ["--train_layers", "1,2", "--np_init_scale", "0.05"]


def trained(folder: Path, name: str, *words: str) -> Path:
    """A run of two steps."""
    run = folder / name
    argv = [*SMALL, *MODEL, "--max_steps", "2", "--save_steps", "1", "--eval_steps", "2", "--generation_steps", "0",
            "--output_dir", str(run), *words]  # fmt: skip
    code, output = run_forked(argv, folder)
    assert code == 0, output
    return run


def tiny_llama(folder: Path) -> Path:
    """A Llama on disk whose stored type, rotary embedding, head and grouped queries are those of Llama 3.2."""
    from transformers.models.llama.configuration_llama import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaForCausalLM

    rope = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32}
    config = LlamaConfig(
        vocab_size=256, hidden_size=64, intermediate_size=96, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, tie_word_embeddings=True, bos_token_id=None,
        eos_token_id=None, initializer_range=0.2, **_rope(LlamaConfig, {"rope_type": "llama3", **rope}, 5e5),
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    return folder


def _rope(kind: Any, scaling: dict[str, Any], theta: float) -> dict[str, Any]:
    """The rotary embedding's parameters as this version of transformers takes them."""
    if hasattr(kind(), "rope_parameters"):
        return {"rope_parameters": {**scaling, "rope_theta": theta}}
    return {"rope_scaling": scaling, "rope_theta": theta}


def called(name: str, words: Sequence[str | Path], patch: pytest.MonkeyPatch) -> int:
    """Calls a script with a command line; its exit code."""
    patch.setattr("sys.argv", [f"{name}.py", *map(str, words)])
    return program.run(SCRIPTS[name])


def expected(run: Path, file: Path, text: str = "The library — é\n 日本 is") -> Path:
    """Writes the student's logits as training computes them, for ``loads_export.py``."""
    opened = inference.open_checkpoint(str(run), print)
    model: Any = inference.become_student(inference.base_model(opened), opened)
    tokenizer = load_tokenizer(opened.arguments.model_name, model.config.vocab_size)
    ids = torch.tensor([tokenizer.encode(line)[:16] for line in ("The list is a sequence", "def f(x): return x")])
    with torch.no_grad():
        logits = model.lm_head(Scaffold(model).run(ids, STUDENT).student)
    torch.save({"ids": ids, "logits": logits, "text": text, "text_ids": tokenizer.encode(text)}, file)
    return file
