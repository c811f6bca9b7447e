"""``scripts/evaluate.py``: how well checkpoints' students predict a text, and how near they are to their teacher."""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from npt import SCHEMA, TRAINER, program
from npt.commands.parser import Parser, count
from npt.errors import UsageError

#: The columns of the table: title, the result's key, how it is written.
COLUMNS = (
    ("checkpoint", "name", "{}"),
    ("step", "step", "{:,}"),
    ("tokens", "tokens", "{:,}"),
    ("perplexity", "perplexity", "{:.4f}"),
    ("teacher", "teacher_perplexity", "{:.4f}"),
    ("KL", "kl", "{:.5f}"),
    ("agreement", "agreement", "{:.2%}"),
)


def main() -> int:
    """Evaluates the checkpoints named on the command line."""
    parser = Parser(
        "evaluate.py",
        "Measure checkpoints on a text: the student's perplexity, and with --teacher the teacher's, KL(teacher || "
        "student) in nats per token, and the share of tokens with the same most likely successor. The text is read in "
        "windows, each from its own beginning.",
    )
    parser.add_argument("checkpoint", nargs="+", help="checkpoints, or runs (their newest valid one)")
    parser.add_argument("--file", help="text or JSONL to evaluate on; without it, what each run held out")
    parser.add_argument("--teacher", action="store_true", help="compare with the teacher (takes twice the time)")
    parser.add_argument("--max_length", type=count, help="tokens in a window (as in training)")
    parser.add_argument("--batch_size", type=count, default=4, help="windows at a time (4)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (auto)")
    parser.add_argument("--model_name", help="where the base model is now, if not where the checkpoints say")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--output", help="write the JSON into a file, too; nothing may be there")
    a = parser.parse_args()
    if a.max_length == 1:
        raise UsageError("--max_length is 1: a window needs 2 tokens for one to be predicted")
    if a.max_length is not None and a.file is None:
        raise UsageError("--max_length goes with --file: what a run held out is in windows of its own length")
    output = Path(a.output).expanduser().absolute() if a.output else None
    if output is not None:
        if os.path.lexists(output):
            raise UsageError(f"{output} is already there; choose another --output")
        if not output.parent.is_dir():
            raise UsageError(f"{output.parent} is no folder; make it, or choose another --output")
    results = evaluate(a)
    document = {"schema": SCHEMA, "trainer": TRAINER, "time": time.time(), "results": results}
    from npt.storage import atomic

    if a.json:
        program.say(atomic.json_bytes(document).decode().rstrip("\n"))
    else:
        for line in table(results):
            program.say(line)
    if output is not None:
        atomic.create_bytes(output, atomic.json_bytes(document))
        if not a.json:
            program.say(f"written to {output}")
    return 0


@dataclass
class _Models:
    """The base model that is in memory, without and with NPT layers: checkpoints of one model load it once."""

    device: str
    name: str = ""
    model: Any = None
    plain: list[Any] = field(default_factory=list)

    def student(self, opened: Any) -> Any:
        """The model as the student of a checkpoint."""
        from npt import inference

        if opened.arguments.model_name != self.name or self.model is None:
            # Gone before the next is there.
            self.model, self.plain = None, []
            device = inference.prepare(opened, self.device)
            self.model = inference.base_model(opened).to(device)
            self.name, self.plain = opened.arguments.model_name, list(self.model.model.layers)
            self.fingerprint = opened.stored.fingerprint
        elif opened.stored.fingerprint not in (None, self.fingerprint):
            # Says in which way it is another.
            inference.base_model(opened)
        return inference.become_student(self.model, opened, self.plain)


def evaluate(a: Any) -> list[dict[str, Any]]:
    """A result for each checkpoint of the parsed command line."""
    import sys

    from npt import inference

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    opened = [inference.open_checkpoint(path, say, a.model_name) for path in a.checkpoint]
    models, results, texts = _Models(a.device), [], set()
    for each in opened:
        model = models.student(each)
        started = time.perf_counter()
        windows, text = _text(a, each, model.config.vocab_size)
        texts.add(_digest(windows))
        result = _result(a, each, model, windows)
        results.append({**result, "text": text, "seconds": round(time.perf_counter() - started, 3)})
    if len(texts) > 1:
        say("warning: the checkpoints held out different texts, so their figures do not compare; give --file")
    return results


def _digest(windows: list[Any]) -> str:
    digest = hashlib.sha256()
    for window in windows:
        digest.update(f"{tuple(window.shape)}".encode() + window.numpy().tobytes())
    return digest.hexdigest()


def _text(a: Any, opened: Any, vocabulary: int) -> tuple[list[Any], str]:
    """The windows of the text to evaluate on, as batches (windows, tokens), and what the text is."""
    from contextlib import closing

    import torch

    from npt.data import sources, token_cache, tokenizers

    own = opened.arguments
    length = a.max_length or own.max_length
    if a.file is None:
        with closing(sources.load_texts(own, vocabulary)) as texts:
            return list(torch.split(texts.held_out, a.batch_size)), f"held out by {opened.source.name}"
    tokenizer = tokenizers.load_tokenizer(own.model_name, vocabulary, own.bos)
    tokens = token_cache.read([Path(a.file).expanduser()], tokenizer).tokens.long()
    if len(tokens) < 2:
        raise UsageError(f"{a.file} has {len(tokens)} tokens: there is nothing to predict")
    whole = len(tokens) // length * length
    windows = list(torch.split(tokens[:whole].view(-1, length), a.batch_size)) if whole else []
    rest = tokens[whole:]
    return [*windows, rest.unsqueeze(0)] if len(rest) > 1 else windows, str(a.file)


def _result(a: Any, opened: Any, model: Any, windows: list[Any]) -> dict[str, Any]:
    from npt.evaluation import likelihood

    found = likelihood(model, _shown(windows, opened.path.name), teacher=a.teacher)
    loss = found.loss / found.tokens
    result: dict[str, Any] = {
        "checkpoint": str(opened.path),
        "name": f"{opened.source.name}/{opened.path.name}" if opened.source.run else opened.path.name,
        "step": opened.stored.step,
        "model": opened.arguments.model_name,
        "max_length": a.max_length or opened.arguments.max_length,
        "tokens": found.tokens,
        "cross_entropy": loss,
        "perplexity": _exp(loss),
    }
    if a.teacher:
        theirs = found.teacher_loss / found.tokens
        result |= {
            "teacher_cross_entropy": theirs,
            "teacher_perplexity": _exp(theirs),
            "kl": found.kl / found.tokens,
            "agreement": found.agreed / found.tokens,
        }
    return result


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf


def _shown(windows: list[Any], name: str) -> Iterator[Any]:
    """The windows, and on a terminal how far it is."""
    import sys

    told = time.monotonic()
    for number, window in enumerate(windows):
        if sys.stderr.isatty() and time.monotonic() - told > 1:
            told = time.monotonic()
            print(f"\r{name}: {number / len(windows):.0%} ", end="", file=sys.stderr, flush=True)
        yield window
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def table(results: list[dict[str, Any]]) -> list[str]:
    """Results as lines of a table, with the columns that there are figures for."""
    columns = [column for column in COLUMNS if any(column[1] in result for result in results)]
    rows = [[title for title, _, _ in columns]]
    rows += [[form.format(result[key]) for _, key, form in columns] for result in results]
    widths = [max(len(row[i]) for row in rows) for i in range(len(columns))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells))
    texts = sorted({result["text"] for result in results})
    return [*lines, f"text: {', '.join(texts)}"]
