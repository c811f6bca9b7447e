"""The token cache on a large text: peak memory of the first start, time and memory of the second, beside a whole text.

usage: tokens.py [MB]      1000 by default; the text is the demo's, repeated, in the temporary folder

Each start is a process of its own that goes as far as its first batch. Memory is what its processes hold themselves
(anonymous); mapped pages belong to the system, which takes them back, and are given beside it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRAINER = Path(__file__).resolve().parents[3] / "trainer"

CHILD = """
import json, sys, threading, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
peak = {"RssAnon": 0, "VmRSS": 0}
def watch():
    while True:
        for line in open("/proc/self/status"):
            name, _, rest = line.partition(":")
            if name in peak:
                peak[name] = max(peak[name], int(rest.split()[0]))
        time.sleep(0.02)
import torch
from transformers import AutoTokenizer
from npt.data.tokenizers import PretrainedTokenizer
from npt.data import token_cache, tokenized
from npt.data.windows import WindowedText
threading.Thread(target=watch, daemon=True).start()
began = time.perf_counter()
tokenizer = PretrainedTokenizer(AutoTokenizer.from_pretrained(sys.argv[2]))
loaded = time.perf_counter()
paths = [Path(sys.argv[3])]
if sys.argv[4] == "whole":
    token_cache.WORTH_KEEPING = 1 << 60
    ids = tokenizer.encode(paths[0].read_text())
    text = token_cache.LocalText(torch.tensor(ids, dtype=torch.int32))
else:
    text = token_cache.read(paths, tokenizer)
count = len(text.tokens) - len(text.tokens) // 20
train = WindowedText(text.tokens[:count], 512, 256, 1, "the training text", text.fingerprint(count))
batch = train.next_batch(4)
done = time.perf_counter()
for _ in range(2000):
    train.next_batch(4)
time.sleep(0.1)
print("result", json.dumps({"tokenizer": loaded - began, "text": done - loaded, "tokens": len(text.tokens), **peak}))
"""


def make_tokenizer(folder: Path, text: Path) -> None:
    """A byte-level BPE of 32,000 tokens in the manner of Llama 3, trained on the demo's text."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    fast = Tokenizer(models.BPE())
    pattern = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    fast.pre_tokenizer = pre_tokenizers.Sequence(  # type: ignore[assignment]
        [
            pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=32000, initial_alphabet=alphabet, special_tokens=["</s>"])
    fast.train([str(text)], trainer)
    PreTrainedTokenizerFast(tokenizer_object=fast, eos_token="</s>").save_pretrained(folder)


def make_text(file: Path, source: Path, size: int) -> None:
    """``size`` bytes of text."""
    text = source.read_text()
    with open(file, "w") as out:
        written, number = 0, 0
        while written < size:
            written += out.write(f"Volume {number}\n\n{text}\n")
            number += 1


def start(tokenizer: Path, text: Path, how: str, cache: Path) -> dict[str, float]:
    """One start as far as its first batch, and 2,000 batches."""
    command = [sys.executable, "-c", CHILD, str(TRAINER), str(tokenizer), str(text), how]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, "NPT_CACHE_DIR": str(cache)}
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("result "))
    found: dict[str, float] = json.loads(line.removeprefix("result "))
    return found


def main() -> None:
    """Prints a line a start."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory(prefix="npt-tokens-") as name:
        scratch = Path(name)
        source = TRAINER / "npt" / "demo" / "text" / "train.txt"
        make_tokenizer(scratch / "tokenizer", source)
        text = scratch / "text.txt"
        make_text(text, source, size * 1_000_000)
        # What a file system's clock cannot tell from a later change is not remembered.
        time.sleep(2.1)
        print(f"{size} MB of text, {os.cpu_count()} cores")
        small = scratch / "small.txt"
        make_text(small, source, size * 100_000)
        for label, file, how in (
            ("first start", text, "cache"),
            ("second start", text, "cache"),
            (f"beside: {size // 10} MB tokenised whole, in memory", small, "whole"),
        ):
            found = start(scratch / "tokenizer", file, how, scratch / "cache")
            print(
                f"{label}: {found['text']:.2f} s from the tokenizer to the first batch ({found['tokens'] / 1e6:.0f} M "
                f"tokens), at most {found['RssAnon'] / 1e3:.0f} MB of its own, {found['VmRSS'] / 1e3:.0f} MB with what "
                "is mapped",
                flush=True,
            )


if __name__ == "__main__":
    main()
