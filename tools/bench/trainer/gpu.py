"""A 1B-shaped model on a GPU: tokens/s, share of peak FLOPs, peak memory, the stall of saves, and an exact resume.

usage: gpu.py [--steps N] [--peak TFLOPS] [--compile] [--device cpu --tiny]

Hidden 2048, MLP 8192, 16 layers, upper 8 NPT, dual modulation, 4 ranks of 64, batch 8 × 1024, bf16 base weights. FLOPs
are those of the products that really run, counted by PyTorch. ``--device cpu --tiny`` tries the script itself.
"""

# ruff: noqa: I001 - `setting` tells Python where the trainer is, so it comes before `npt`.
from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import setting
import torch
from saving import describe, saves
from setting import LARGE, RATIOS, TINY, Shape
from torch.utils.flop_counter import FlopCounterMode

from npt.gemm_probe import GemmPlan
from npt.precision_plan import PrecisionPlan

# Dense bf16 tensor-core peaks from NVIDIA's data sheets, in TFLOP/s.
PEAKS = {"H200": 989.0, "H100": 989.0, "A100": 312.0, "L40S": 362.0, "L4": 121.0}
RANKS = {"np_rank": 64, "num_ranks": 4, "dual_modulation": True}
TRAINER = Path(__file__).resolve().parents[3] / "trainer" / "scripts" / "train_multi_layer_npt.py"


def synchronise(device: torch.device) -> None:
    """Waits for the GPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def speed(shape: Shape, device: torch.device, steps: int, peak: float | None, compiled: bool) -> None:
    """Prints a line for each stage."""
    for stage in RATIOS:
        a = setting.arguments(shape, **RANKS, compile=compiled)
        trainer = setting.trainer(shape, a, PrecisionPlan.choose(True, device), GemmPlan(), stage)
        for _ in range(3):
            trainer.train_step(measure=False)
        with FlopCounterMode(display=False) as counter:
            trainer.train_step(measure=False)
        synchronise(device)
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        began = time.perf_counter()
        for _ in range(steps):
            trainer.train_step(measure=False)
        synchronise(device)
        seconds = (time.perf_counter() - began) / steps
        rate = counter.get_total_flops() / seconds
        line = f"{stage}: {shape.batch * shape.tokens / seconds:,.0f} tokens/s, {rate / 1e12:.2f} TFLOP/s"
        if peak:
            line += f" ({rate / peak / 1e12:.0%} of {peak:g})"
        if device.type == "cuda":
            line += f", peak memory {torch.cuda.max_memory_allocated(device) / 1e9:.2f} GB"
        print(line, flush=True)


def saving(shape: Shape, device: torch.device) -> None:
    """Prints the stall of asynchronous saves."""
    a = setting.arguments(shape, **RANKS, max_steps=15, save_steps=3, logging_steps=1, save_total_limit=2)
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        events = saves(run, setting.trainer(shape, a, PrecisionPlan.choose(True, device), GemmPlan()))
        print(f"asynchronous, {describe(events, run)}", flush=True)


def exact_resume(device: torch.device) -> None:
    """Trains the demo in one go and in two, and compares the last weights bit by bit."""
    with tempfile.TemporaryDirectory() as folder:

        def train(run: str, *more: str) -> None:
            common = [
                "--device",
                device.type,
                "--deterministic",
                "--mixed_precision",
                "--output_dir",
                f"{folder}/{run}",
            ]
            done = subprocess.run([sys.executable, str(TRAINER), *common, *more], capture_output=True, text=True)
            if done.returncode != 0:
                raise SystemExit(f"training ended with {done.returncode}: {done.stderr or done.stdout}")

        whole = [
            "--demo_mode",
            "--max_steps",
            "60",
            "--save_steps",
            "30",
            "--curriculum_stages",
            "teacher:20,student:40",
        ]
        train("whole", *whole)
        train("halves", "--resume_from", f"{folder}/whole/checkpoints/checkpoint-30")
        weights = [
            torch.load(f"{folder}/{run}/checkpoints/checkpoint-60/npt_weights.pt", weights_only=True)
            for run in ("whole", "halves")
        ]
        same = all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
        print(f"resumed at step 30, compared at step 60: {'bit-identical' if same else 'NOT THE SAME'}")


def main() -> None:
    """Prints every figure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--peak", type=float)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise SystemExit("PyTorch sees no CUDA device here")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    peak = options.peak or next((value for key, value in PEAKS.items() if key in name), None)
    shape = TINY if options.tiny else LARGE
    print(f"{name}, torch {torch.__version__}, {shape}")
    speed(shape, device, options.steps, peak, options.compile)
    saving(shape, device)
    exact_resume(device)


main()
