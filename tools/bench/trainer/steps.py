"""Steps per second of the trainer beside the reference loop, in one run and in turn, as ratios.

usage: steps.py [ROUNDS]

Each way runs in a process of its own that stays warm; in every round each of them takes one step. Peak memory is the
process's, the imports and the base model included. Beside each way of the trainer: the share of the rate at which this
machine makes the MLP's products by themselves, in that way's type.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

WAYS = {"reference": "reference loop", "fp32": "trainer, same fp32 products", "probed": "trainer, products as probed",
        "bf16": "trainer, bf16 base weights"}  # fmt: skip
STAGES = ("teacher", "mixed", "student")


class Worker:
    """A way of training in its own process."""

    def __init__(self, kind: str) -> None:
        script = Path(__file__).with_name("worker.py")
        self.process = subprocess.Popen(
            [sys.executable, str(script), kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.said = self._answer()["ready"]

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"a worker ended with exit code {self.process.wait()}: see the lines above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, line: str) -> dict[str, Any]:
        """The answer to one command."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self._answer()

    def end(self) -> None:
        """Ends the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def rounds_of(workers: dict[str, Worker], stage: str, rounds: int) -> dict[str, list[float]]:
    """The seconds of each way's steps in a stage; the first step of each warms up. Checks that the losses agree."""
    seconds: dict[str, list[float]] = {kind: [] for kind in workers}
    for index in range(-1, rounds):
        losses = {}
        for kind, worker in workers.items():
            # The trainer reads its metrics every 10th step by default, the reference every step; compare in the last.
            answer = worker.ask(f"step {stage} {int(index == rounds - 1)}")
            if index >= 0 and (index < rounds - 1 or kind == "reference"):
                seconds[kind].append(answer["seconds"])
            losses[kind] = answer["metrics"].get("loss/total")
    for kind, loss in losses.items():
        if loss is None or abs(loss - losses["reference"]) > 2e-3 * abs(losses["reference"]):
            raise SystemExit(f"{kind} and the reference disagree in the {stage} stage: {loss}, {losses['reference']}")
    return seconds


def logging_cost(worker: Worker, rounds: int) -> float:
    """How much longer a step takes that reads all metrics, as a share."""
    plain, measured = [], []
    for index in range(-1, rounds):
        a, b = (worker.ask(f"step student {measure}")["seconds"] for measure in (0, 1))
        if index >= 0:
            plain.append(a)
            measured.append(b)
    share: float = statistics.median(b / a for a, b in zip(plain, measured, strict=True)) - 1
    return share


def main() -> None:
    """Prints the tables."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    workers = {kind: Worker(kind) for kind in WAYS}
    print("The probe: " + "; ".join(f"{WAYS[kind]}: {w.said}" for kind, w in workers.items() if w.said))
    print(f"\nHidden 768, MLP 3072, 12 layers, upper 6 NPT, rank 64, batch 4 × 256; medians of {rounds} rounds\n")
    results = {stage: rounds_of(workers, stage, rounds) for stage in STAGES}
    rates = {kind: worker.ask("rate")["rate"] for kind, worker in workers.items() if kind != "reference"}
    work = {(kind, stage): workers[kind].ask(f"work {stage}")["work"] for kind in rates for stage in STAGES}
    peaks = {kind: worker.ask("peak")["peak"] for kind, worker in workers.items()}
    print("| | " + " | ".join(STAGES) + " | peak memory |\n|---|" + "---|" * (len(STAGES) + 1))
    for kind, name in WAYS.items():
        cells = []
        for stage in STAGES:
            mine, theirs = results[stage][kind], results[stage]["reference"]
            ratio = statistics.median(theirs) / statistics.median(mine)
            used = ""
            if kind in rates:
                used = f", {work[kind, stage] / statistics.median(mine) / rates[kind]:.0%}"
            cells.append(f"{1 / statistics.median(mine):.2f} steps/s ({ratio:.2f} ×{used})")
        share = peaks[kind] / peaks["reference"]
        print(f"| {name} | " + " | ".join(cells) + f" | {peaks[kind] / 1e6:.0f} MB ({share:.2f} ×) |")
    print("\nProducts by themselves: " + ", ".join(f"{WAYS[k]} {r / 1e12:.2f} TFLOP/s" for k, r in rates.items()))
    print("\nThe losses of all ways agree to 0.2 %. Reading all metrics every step costs:", end=" ")
    print(", ".join(f"{WAYS[kind]} {logging_cost(workers[kind], rounds):+.1%}" for kind in ("fp32", "probed", "bf16")))
    for worker in workers.values():
        worker.end()


main()
