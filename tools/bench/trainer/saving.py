"""How long training stands still for saving a 300 MB checkpoint: asynchronously, synchronously, and how long it takes.

usage: saving.py [SAVES]

A real segment of the trainer in a temporary run folder, on the small model with rank 896: the figures are those that
the trainer itself logs as ``stall`` and ``seconds``. The first save of a run also makes the memory for the copy.
"""

# ruff: noqa: I001 - `setting` tells Python where the trainer is, so it comes before `npt`.
from __future__ import annotations

import contextlib
import io
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import setting
import torch
from setting import SMALL

from npt.data.byte_tokenizer import ByteTokenizer
from npt.gemm_probe import probe
from npt.loop import Segment
from npt.precision_plan import PrecisionPlan
from npt.run.folder import RunFolder
from npt.signals import STOP
from npt.trainer import MultiLayerNPTTrainer


def saves(folder: Path, trainer: MultiLayerNPTTrainer) -> list[dict[str, Any]]:
    """Trains to the trainer's max_steps in a run folder; returns its checkpoint events, the first one first."""
    run = RunFolder(folder)
    run.lock()
    run.birth([], None, {})
    log = run.begin_segment(0, {}, {})
    with contextlib.redirect_stdout(io.StringIO()):
        Segment(trainer, run, log, trainer.arguments.as_config(), ByteTokenizer(), STOP).train()
    log.close()
    events = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [event for event in events if event["event"] == "checkpoint"]


def describe(events: list[dict[str, Any]], run: Path) -> str:
    """The stall and the duration of a run's saves, and the size of one."""
    size = sum(file.stat().st_size for file in (run / events[-1]["path"]).iterdir())
    stalls = [1000 * event["stall"] for event in events]
    return (
        f"checkpoint of {size / 1e6:.0f} MB: stall {statistics.median(stalls):.1f} ms (first {stalls[0]:.1f}, "
        f"largest {max(stalls):.1f}), on disk after {statistics.median(event['seconds'] for event in events):.2f} s"
    )


def main() -> None:
    """Prints a line for each way of saving."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    device = torch.device("cpu")
    precision = PrecisionPlan.choose(False, device)
    for background in (True, False):
        a = setting.arguments(
            SMALL, np_rank=896, max_steps=3 * count, save_steps=3, logging_steps=1, async_save=background,
            save_total_limit=2,
        )  # fmt: skip
        gemm = probe("auto", SMALL.batch * SMALL.tokens, SMALL.config(), precision.dtype, device)
        with tempfile.TemporaryDirectory() as folder:
            run = Path(folder) / "run"
            events = saves(run, setting.trainer(SMALL, a, precision, gemm))
            print(f"{'asynchronous' if background else 'synchronous'}, {describe(events, run)}")


if __name__ == "__main__":
    main()
