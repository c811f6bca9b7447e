"""Loading a base model: seconds and peak memory, beside the model's bytes; and what two processes on one machine share.

usage: load.py [--preset 1b] [--ranks 2] [--precision bf16|fp32] [--device cpu]

A randomly initialised model of the preset's shape is saved in bf16, as the hub's are; each process then loads it as
training does, up to the step before its first sample. Memory is above that of a Python that has imported everything.
"""

# ruff: noqa: I001 - `setting` tells Python where the trainer is, so it comes before `npt`.
from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import setting  # noqa: F401
import torch
from safetensors.torch import save_file

from npt.model import llama
from npt.precision_plan import PrecisionPlan
from npt.trainer import MultiLayerNPTTrainer

NP_ARGUMENTS = {"np_rank": 64, "num_ranks": 1}


def save_model(name: str, folder: Path) -> int:
    """A model in bf16 on disk, made without having it in memory twice; returns the bytes of its weights."""
    from transformers.models.llama.modeling_llama import LlamaForCausalLM

    config = llama.preset(name)
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in LlamaForCausalLM(config).state_dict().items()}
    if config.tie_word_embeddings:
        del shapes["lm_head.weight"]
    weights = {
        name: torch.ones(shape, dtype=torch.bfloat16) if len(shape) == 1
        else torch.empty(shape, dtype=torch.bfloat16).normal_(0, 0.02)
        for name, shape in shapes.items()
    }  # fmt: skip
    config.dtype, config.architectures = "bfloat16", ["LlamaForCausalLM"]
    config.save_pretrained(folder)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return sum(tensor.nbytes for tensor in weights.values())


def memory(kind: str) -> int:
    """Bytes of this process: VmRSS, VmHWM (the most that it ever was), or Pss, its part of what is shared included."""
    where = "/proc/self/smaps_rollup" if kind == "Pss" else "/proc/self/status"
    found = re.search(rf"^{kind}:\s+(\d+) kB", Path(where).read_text(), re.MULTILINE)
    assert found is not None, kind
    return int(found[1]) * 1024


def worker(folder: str, precision: str, device: str) -> None:
    """Loads, says what it took, and stays until it is told to end."""
    import transformers.models.llama.modeling_llama  # noqa: F401 - is no part of what a model takes

    Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts again from here
    before = memory("VmRSS")
    began = time.perf_counter()
    model: Any = llama.load_base_model(folder, 0)
    layers = list(range(model.config.num_hidden_layers // 2, model.config.num_hidden_layers))
    plan = PrecisionPlan.choose(precision == "bf16", torch.device(device), "bfloat16", widens=True)
    trainer = MultiLayerNPTTrainer(model, NP_ARGUMENTS, None, None, layers, [], precision=plan, device=device)
    seconds = time.perf_counter() - began
    own = sum(parameter.nbytes for parameter in trainer.parameters)
    made = {"seconds": seconds, "peak": memory("VmHWM") - before - own, "device": None}
    if trainer.device.type == "cuda":
        made["device"] = torch.cuda.max_memory_allocated() - own
    print(json.dumps(made), flush=True)
    sys.stdin.readline()  # all have loaded
    # Each has read all of its weights, as a step does.
    total = sum(float(parameter.detach().view(-1)[::512].float().sum()) for parameter in model.parameters())
    print(json.dumps({"read": total}), flush=True)
    sys.stdin.readline()
    print(json.dumps({"pss": memory("Pss"), "rss": memory("VmRSS"), "before": before, "own": own}), flush=True)


def told(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The next line of a process."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"a process ended with {process.wait()}: its message is above")
    found: dict[str, Any] = json.loads(line)
    return found


def go_on(processes: list[subprocess.Popen[str]]) -> None:
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="1b", choices=llama.PRESETS)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--precision", default="bf16", choices=("bf16", "fp32"))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--load", metavar="FOLDER", help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.load is not None:
        worker(a.load, a.precision, a.device)
        return
    with tempfile.TemporaryDirectory() as scratch:
        size = save_model(a.preset, Path(scratch))
        words = [sys.executable, __file__, "--load", scratch, "--precision", a.precision, "--device", a.device]
        processes = [
            subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(a.ranks)
        ]
        loaded = [told(process) for process in processes]
        go_on(processes)
        for process in processes:
            told(process)
        go_on(processes)
        found = [told(process) for process in processes]
        for process in processes:
            process.wait()
    gigabytes = 1e9
    print(f"{a.preset} in bf16, {size / gigabytes:.2f} GB, trained on in {a.precision} on {a.device}")
    for rank, (first, then) in enumerate(zip(loaded, found, strict=True)):
        device = "" if first["device"] is None else f", {first['device'] / size:.2f} × on the device"
        print(
            f"process {rank}: loaded in {first['seconds']:.1f} s, peak {first['peak'] / size:.2f} × its bytes{device}; "
            f"all read: resident {(then['rss'] - then['before'] - then['own']) / size:.2f} ×, "
            f"its share of what is shared {(then['pss'] - then['own']) / size:.2f} ×"
        )


if __name__ == "__main__":
    main()
