"""A 1B-shaped model on a GPU: tokens/s, share of peak FLOPs, peak memory, what saves cost, and exact resumes.

usage: gpu.py [--precision bf16|fp16|fp32] [--compile] [--steps N] [--peak TFLOPS] [--device cpu --tiny]

Hidden 2048, MLP 8192, 16 layers, upper 8 NPT, dual modulation, 4 ranks of 64, batch 8 × 1024. FLOPs are those of the
products that really run, counted by PyTorch (``npt.work``). The resume is also that of two processes under torchrun
(NCCL) where there are two GPUs. ``--device cpu --tiny`` tries the script itself; how an 8B shape loads, ``load.py
--preset 8b --device cuda`` says.
"""

# ruff: noqa: I001 - `setting` tells Python where the trainer is, so it comes before `npt`.
from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import setting
import torch
from saving import describe, saves
from setting import LARGE, RATIOS, TINY, Shape

from npt import peaks
from npt.gemm_probe import GemmPlan
from npt.precision_plan import PrecisionPlan
from npt.trainer import MultiLayerNPTTrainer
from npt.work import of_a_step

RANKS = {"np_rank": 64, "num_ranks": 4, "dual_modulation": True}
TRAINER = Path(__file__).resolve().parents[3] / "trainer" / "scripts" / "train_multi_layer_npt.py"
TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": None}


def planned(kind: str, device: torch.device) -> PrecisionPlan:
    """Training in a type, whichever the trainer would take on this device."""
    return PrecisionPlan(device.type, TYPES[kind], kind == "fp16", True)


def synchronise(device: torch.device) -> None:
    """Waits for the GPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def step_seconds(trainer: MultiLayerNPTTrainer, steps: int) -> float:
    """Seconds a step, over so many."""
    synchronise(trainer.device)
    began = time.perf_counter()
    for _ in range(steps):
        trainer.train_step(measure=False)
    synchronise(trainer.device)
    return (time.perf_counter() - began) / steps


def speed(
    shape: Shape, plan: PrecisionPlan, device: torch.device, steps: int, peak: float | None, compiled: bool
) -> None:
    """Prints a line for each stage."""
    for stage in RATIOS:
        trainer = setting.trainer(shape, setting.arguments(shape, **RANKS, compile=compiled), plan, GemmPlan(), stage)
        flops = of_a_step(trainer, trainer.current_stage)
        for _ in range(3):
            trainer.train_step(measure=False)
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        seconds = step_seconds(trainer, steps)
        rate = flops / seconds
        line = f"{stage}: {shape.batch * shape.tokens / seconds:,.0f} tokens/s, {rate / 1e12:.2f} TFLOP/s"
        if peak:
            line += f" ({rate / peak:.0%} of {peak / 1e12:g})"
        if device.type == "cuda":
            line += f", peak memory {torch.cuda.max_memory_allocated(device) / 1e9:.2f} GB"
        print(line, flush=True)
        del trainer


def saving(shape: Shape, plan: PrecisionPlan) -> None:
    """Prints the stall of asynchronous saves, and what a copy that runs beside a step costs that step."""
    a = setting.arguments(shape, **RANKS, max_steps=15, save_steps=3, logging_steps=1, save_total_limit=2)
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        events = saves(run, setting.trainer(shape, a, plan, GemmPlan()))
        print(f"asynchronous, {describe(events, run)}", flush=True)
    trainer = setting.trainer(shape, a, plan, GemmPlan(), "student")
    step_seconds(trainer, 3)
    alone, beside, copies = [], [], []
    for _ in range(8):
        alone.append(step_seconds(trainer, 1))
        trainer.content(1, {}, {}, [trainer.part()])
        copying = threading.Thread(target=trainer.snapshot.copy)
        copying.start()
        beside.append(step_seconds(trainer, 1))
        copying.join()
        # Nothing beside it: how long the copy itself takes.
        began = time.perf_counter()
        trainer.content(1, {}, {}, [trainer.part()])
        trainer.snapshot.copy()
        copies.append(time.perf_counter() - began)
        trainer.snapshot.wait()
    a_step, with_copy, a_copy = (1000 * statistics.median(times) for times in (alone, beside, copies))
    print(
        f"a step {a_step:.1f} ms, with a copy beside it {with_copy:.1f} ms, the copy alone {a_copy:.1f} ms", flush=True
    )


def exact_resume(device: torch.device, processes: int = 1) -> None:
    """Trains the demo in one go and in two, and compares the last weights bit by bit."""
    start = [sys.executable, str(TRAINER)]
    if processes > 1:
        start = [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            f"--nproc_per_node={processes}",
            start[1],
        ]
    with tempfile.TemporaryDirectory() as folder:

        def train(run: str, *more: str) -> None:
            words = [*start, "--device", device.type, "--deterministic", "--mixed_precision", *more]
            done = subprocess.run([*words, "--output_dir", f"{folder}/{run}"], capture_output=True, text=True)
            if done.returncode != 0:
                raise SystemExit(f"training ended with {done.returncode}: {done.stderr or done.stdout}")

        train("whole", "--demo_mode", "--max_steps", "60", "--save_steps", "30",
              "--curriculum_stages", "teacher:20,student:40")  # fmt: skip
        train("halves", "--resume_from", f"{folder}/whole/checkpoints/checkpoint-30")
        weights = [
            torch.load(f"{folder}/{run}/checkpoints/checkpoint-60/npt_weights.pt", weights_only=True)
            for run in ("whole", "halves")
        ]
        same = all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
        who = "one process" if processes == 1 else f"{processes} processes"
        print(
            f"{who} resumed at step 30, compared at step 60: {'bit-identical' if same else 'NOT THE SAME'}", flush=True
        )


def main() -> None:
    """Prints every figure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--precision", choices=TYPES, default="bf16")
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
    plan = planned(options.precision, device)
    peak = options.peak * 1e12 if options.peak else peaks.of_device(device, plan.dtype)
    shape = TINY if options.tiny else LARGE
    print(f"{name}, torch {torch.__version__}, {options.precision}{', compiled' if options.compile else ''}, {shape}")
    speed(shape, plan, device, options.steps, peak, options.compile)
    saving(shape, plan)
    exact_resume(device)
    if options.tiny or torch.cuda.device_count() > 1:
        exact_resume(device, 2)


main()
