"""``scripts/generate.py``: continues a prompt with a checkpoint's student, printing as it goes."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from npt.commands.parser import Parser, count
from npt.errors import UsageError


def _temperature(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 on")
    return value


def main() -> int:
    """Generates what the command line asks for."""
    parser = Parser("generate.py", "Continue a prompt with a checkpoint's student (of a run: its newest valid one's).")
    parser.add_argument("checkpoint", help="a checkpoint's folder, or a run's")
    parser.add_argument("prompt", help="the text to continue; - reads it from the standard input")
    parser.add_argument("--max_new_tokens", type=count, default=200, help="how many tokens at most (200)")
    parser.add_argument("--temperature", type=_temperature, default=0.7, help="0 takes the likeliest token (0.7)")
    parser.add_argument("--seed", type=int, default=42, help="of the sampling (42)")
    parser.add_argument("--teacher", action="store_true", help="with the base model instead of the student")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (auto)")
    parser.add_argument("--model_name", help="where the base model is now, if not where the checkpoint says")
    a = parser.parse_args()
    prompt = sys.stdin.read() if a.prompt == "-" else a.prompt
    if not prompt:
        raise UsageError("the prompt is empty: give a text to continue")
    from npt import inference

    def say(line: str) -> None:
        # The text alone is the output.
        print(line, file=sys.stderr, flush=True)

    opened = inference.open_checkpoint(a.checkpoint, say, a.model_name)
    device = inference.prepare(opened, a.device)
    model: Any = inference.base_model(opened)
    from npt.data.tokenizers import load_tokenizer

    tokenizer = load_tokenizer(opened.arguments.model_name, model.config.vocab_size)
    ids = tokenizer.encode(prompt)
    room = model.config.max_position_embeddings - len(ids)
    if not ids:
        raise UsageError("the prompt has no token: give a text to continue")
    if room < 1:
        raise UsageError(
            f"the prompt has {len(ids)} tokens, and {opened.arguments.model_name} takes "
            f"{model.config.max_position_embeddings} with what it generates: give a shorter one"
        )
    if not a.teacher:
        inference.become_student(model, opened)
    model.to(device)
    import torch

    from npt.evaluation import generated

    made = generated(model, torch.tensor(ids), a.seed, a.temperature)
    ends = {*tokenizer.end, *_ends(model)}
    _print(prompt)
    for text in pieces(until(made, ends, min(a.max_new_tokens, room)), tokenizer, ids):
        _print(text)
    _print("\n")
    return 0


def _ends(model: Any) -> list[int]:
    named = getattr(model.generation_config, "eos_token_id", None)
    return named if isinstance(named, list) else [] if named is None else [named]


def until(tokens: Iterable[int], ends: set[int], most: int) -> Iterator[int]:
    """Tokens up to one of ``ends``, ``most`` of them."""
    for number, token in enumerate(tokens, start=1):
        if token in ends:
            return
        yield token
        if number == most:
            return


def pieces(tokens: Iterable[int], tokenizer: Any, prompt: Sequence[int]) -> Iterator[str]:
    """The text of tokens after a prompt's, piece by piece as it becomes certain: a character may take several tokens.

    Decoded together with the prompt, because some tokenizers drop the space that a text begins with.
    """
    made = list(prompt)
    shown = tokenizer.decode(made)
    for token in tokens:
        made.append(token)
        text = tokenizer.decode(made)
        if not text.endswith("\ufffd"):
            yield text[len(shown) :]
            shown = text
    yield tokenizer.decode(made)[len(shown) :]


def _print(text: str) -> None:
    # What a model makes up must not move a terminal's cursor; whoever reads from a pipe gets it as it is.
    sys.stdout.write(_CONTROL.sub(lambda found: repr(found[0])[1:-1], text) if sys.stdout.isatty() else text)
    sys.stdout.flush()


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
