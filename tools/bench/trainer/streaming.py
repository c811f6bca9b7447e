"""What streamed data costs: a resume early and late in a dataset, and reading ahead with one worker and with several.

usage: streaming.py [ROUNDS]

The dataset is local parquet shards (128 MB of text), read through the `datasets` library as one from the hub is.
"""

# ruff: noqa: I001 - `setting` tells Python where the trainer is, so it comes before `npt`.
from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import setting  # noqa: F401

from npt.data.byte_tokenizer import ByteTokenizer
from npt.data.presets import Dataset, HubSource
from npt.data.streaming import StreamedText
from npt.data.tokenizers import PretrainedTokenizer, Tokenizer

SHARDS, DOCUMENTS, ROW_GROUP = 2, 64_000, 1000
LENGTH = 64
EARLY, LATE = 50_000, 500_000
STATES, APART = 8, 2111


def make(folder: Path) -> list[str]:
    """Writes the shards; returns some of their documents."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    draw = random.Random(0)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(2, 9))) for _ in range(5000)]
    sample: list[str] = []
    for shard in range(SHARDS):
        texts = [" ".join(draw.choices(words, k=150)) for _ in range(DOCUMENTS)]
        sample += texts[:500]
        path = folder / f"train-{shard:05}-of-{SHARDS:05}.parquet"
        pq.write_table(pa.table({"text": texts}), path, row_group_size=ROW_GROUP)
    return sample


def stream(folder: Path, tokenizer: Tokenizer, workers: int = 0) -> StreamedText:
    """The samples of the dataset, loaded anew."""
    return StreamedText([HubSource(Dataset(str(folder), None))], tokenizer, LENGTH, LENGTH, 200, workers)


def resume(folder: Path, states: list[dict[str, Any]]) -> tuple[float, float]:
    """Mean seconds, and seconds of processor time, from nothing to the first document that is read after a position."""
    began, busy = time.perf_counter(), time.process_time()
    for state in states:
        text = stream(folder, ByteTokenizer())
        text.load_state_dict(state)
        # What the buffer holds needs no reading.
        while text._position.turn == state["ranks"][0]["turn"]:
            text.next_batch(1)
    count = len(states)
    return (time.perf_counter() - began) / count, (time.process_time() - busy) / count


def subwords(texts: list[str]) -> Tokenizer:
    """A byte-level BPE trained on the texts."""
    from tokenizers import Tokenizer as Backend
    from tokenizers import decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Backend(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # type: ignore[assignment]
    made.decoder = decoders.ByteLevel()  # type: ignore[assignment]
    made.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=4000, special_tokens=["<end>"], show_progress=False))
    return PretrainedTokenizer(PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<end>"))


def throughput(folder: Path, tokenizer: Tokenizer, workers: int) -> float:
    """Tokens a second of a stream under way."""
    text = stream(folder, tokenizer, workers)
    text.next_batch(4000)
    began = time.perf_counter()
    text.next_batch(40_000)
    seconds = time.perf_counter() - began
    text.close()
    return 40_000 * LENGTH / seconds


def main() -> None:
    """Prints a line for each question."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        sample = make(folder)
        text = stream(folder, ByteTokenizer())
        places = []
        for position in (EARLY, LATE):
            # Some in a row: how deep a position lies in its row group counts, and is chance.
            states = []
            for number in range(STATES):
                while text.samples < position + number * APART:
                    text.next_batch(min(10_000, position + number * APART - text.samples))
                states.append(text.state_dict())
            places.append(states)
        found: tuple[list[tuple[float, float]], list[tuple[float, float]]] = ([], [])
        for number in range(rounds + 1):
            for times, states in zip(found, places, strict=True):
                measured = resume(folder, states)
                if number > 0:  # the first round warms the page cache
                    times.append(measured)
        for what, kind in enumerate(("wall", "processor")):
            early, late = (statistics.median(times[what] for times in each) for each in found)
            ratio = statistics.median(b[what] / a[what] for a, b in zip(*found, strict=True))
            print(f"resume at sample {EARLY:,}: {early:.3f} s; at {LATE:,}: {late:.3f} s; {ratio:.2f} × ({kind} time)")
        tokenizer = subwords(sample)
        one, four = [], []
        for _ in range(min(rounds, 3)):
            one.append(throughput(folder, tokenizer, 1))
            four.append(throughput(folder, tokenizer, 4))
        ratio = statistics.median(b / a for a, b in zip(one, four, strict=True))
        print(
            f"tokenised ahead on {cores} cores: 1 worker {statistics.median(one):,.0f} tokens/s, "
            f"4 workers {statistics.median(four):,.0f}; {ratio:.2f} ×"
        )


main()
