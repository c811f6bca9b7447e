"""Generating with checkpoints and evaluating them: the figures are those that training logs."""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from npt import inference
from npt.commands import generate
from npt.data.byte_tokenizer import ByteTokenizer
from tests.conftest import check_schema, events
from tests.exports import called, tiny_llama, trained

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One run of the demo's model, and one on another base model."""
    place = tmp_path_factory.mktemp("runs")
    base = tiny_llama(place / "base")
    return {
        "demo": trained(place, "demo", "--dual_modulation"),
        "llama": trained(place, "llama", "--model_name", str(base)),
    }


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls a script: its exit code, output and errors."""

    def call(name: str, *words: str | Path) -> tuple[int, str, str]:
        code = called(name, words, monkeypatch)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def logged(path: Path) -> dict[str, float]:
    """What training logged of its last evaluation."""
    found: dict[str, float] = {}
    for event in events(path):
        found |= {k: v for k, v in event.get("metrics", {}).items() if k.startswith("eval/")}
    return found


# --- evaluate ------------------------------------------------------------------------------------------------------


def test_figures_are_those_that_training_logs(run: Run, runs: dict[str, Path], tmp_path: Path) -> None:
    output = tmp_path / "figures.json"
    code, said, warned = run("evaluate", runs["demo"], runs["llama"], "--teacher", "--output", output)
    assert code == 0, warned
    assert "held out different texts" not in warned
    document = json.loads(output.read_text())
    check_schema("evaluation", document)
    for name, result in zip(("demo", "llama"), document["results"], strict=True):
        known = logged(runs[name])
        assert result["step"] == 2 and result["name"] == f"{name}/checkpoint-2"
        for key in ("cross_entropy", "teacher_cross_entropy", "kl", "agreement"):
            assert result[key] == pytest.approx(known[f"eval/{key}"], rel=1e-4, abs=1e-7), key
        assert result["perplexity"] == pytest.approx(math.exp(known["eval/cross_entropy"]), rel=1e-4)
    head, first, second, text = said.splitlines()[:4]
    assert head.split() == ["checkpoint", "step", "tokens", "perplexity", "teacher", "KL", "agreement"]
    assert first.split()[0] == "demo/checkpoint-2" and second.split()[0] == "llama/checkpoint-2"
    assert text.startswith("text: held out by ")
    before = output.read_bytes()
    code, _, refused = run("evaluate", runs["demo"], "--output", output)
    assert code == 2 and "is already there; choose another --output" in refused and output.read_bytes() == before


def test_a_file_is_read_to_its_last_token(run: Run, runs: dict[str, Path], tmp_path: Path) -> None:
    text = "The library is a sequence of items.\n" * 4 + "é"
    file = tmp_path / "text.txt"
    file.write_text(text)
    code, said, _ = run("evaluate", runs["demo"], "--file", file, "--max_length", "50", "--json", "--batch_size", "2")
    assert code == 0
    document = json.loads(said)
    check_schema("evaluation", document)
    (result,) = document["results"]
    ids = torch.tensor(ByteTokenizer().encode(text))
    opened = inference.open_checkpoint(str(runs["demo"]), print)
    model: Any = inference.become_student(inference.base_model(opened), opened)
    losses = []
    with torch.no_grad():
        for window in torch.split(ids, 50):
            logits = model(window[None]).logits[0, :-1]
            losses.append(torch.nn.functional.cross_entropy(logits, window[1:], reduction="none"))
    assert result["tokens"] == sum(map(len, losses)) and "kl" not in result
    assert result["cross_entropy"] == pytest.approx(torch.cat(losses).mean().item(), rel=1e-5)


def test_checkpoints_of_one_model_do_not_mix(run: Run, runs: dict[str, Path]) -> None:
    newest, older = (runs["demo"] / "checkpoints" / f"checkpoint-{step}" for step in (2, 1))
    alone = [json.loads(run("evaluate", each, "--json")[1])["results"][0] for each in (newest, older, newest)]
    together = json.loads(run("evaluate", newest, older, newest, "--json")[1])["results"]
    values = [result["cross_entropy"] for result in together]
    assert values == [result["cross_entropy"] for result in alone] and values[0] != values[1]


def test_other_texts_are_said_not_to_compare(run: Run, runs: dict[str, Path], tmp_path: Path) -> None:
    other = trained(tmp_path, "other", "--num_eval_samples", "3")
    code, _, said = run("evaluate", runs["demo"], other)
    assert code == 0 and "their figures do not compare; give --file" in said


def test_what_cannot_be_evaluated_is_refused_in_one_line(run: Run, runs: dict[str, Path], tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.touch()
    for words, said in (
        ((tmp_path / "nowhere",), "NPT weights not found"),
        ((runs["demo"], "--file", tmp_path / "no.txt"), "does not exist"),
        ((runs["demo"], "--file", empty), "has 0 tokens: there is nothing to predict"),
        ((runs["demo"], "--max_length", "50"), "--max_length goes with --file"),
        ((runs["demo"], "--max_length", "x"), "'x' is not a whole number from 1 on; see evaluate.py --help"),
        ((runs["demo"], "--file", empty, "--max_length", "1"), "--max_length is 1: a window needs 2 tokens"),
        ((runs["demo"], "--output", tmp_path / "no" / "x"), "is no folder"),
        ((runs["demo"], "--device", "cuda:99"), "--device cuda:99"),
    ):
        code, out, err = run("evaluate", *words)
        assert code == 2 and out == "" and said in err and err.count("\n") == 1 and err.startswith("error: "), err
    assert os.listdir(tmp_path) == ["empty.txt"]


# --- generate ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["student", "teacher"])
def test_generates_what_the_model_finds_likeliest(run: Run, runs: dict[str, Path], who: str) -> None:
    words = ["--max_new_tokens", "12", "--temperature", "0", *(["--teacher"] if who == "teacher" else [])]
    code, said, _ = run("generate", runs["demo"], "The library", *words)
    assert code == 0
    opened = inference.open_checkpoint(str(runs["demo"]), print)
    model: Any = inference.base_model(opened)
    if who == "student":
        inference.become_student(model, opened)
    ids = ByteTokenizer().encode("The library")
    with torch.no_grad():
        for _ in range(12):
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
    assert said == ByteTokenizer().decode(ids) + "\n"


def test_a_seed_decides_what_is_sampled(run: Run, runs: dict[str, Path]) -> None:
    made = [run("generate", runs["demo"], "The", "--max_new_tokens", "20", "--seed", seed)[1] for seed in "112"]
    assert made[0] == made[1] != made[2]


def test_a_prompt_comes_from_anywhere(run: Run, runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    plain = run("generate", runs["demo"], "${a} 100%\n é", "--max_new_tokens", "4")
    assert plain[0] == 0 and plain[1].startswith("${a} 100%\n é")
    monkeypatch.setattr("sys.stdin", io.StringIO("${a} 100%\n é"))
    assert run("generate", runs["demo"], "-", "--max_new_tokens", "4") == plain


def test_text_comes_in_whole_characters_as_it_is_made() -> None:
    made = "é日本\n x".encode()
    pieces = list(generate.pieces(iter(made), ByteTokenizer(), b"a: "))
    assert pieces == ["é", "日", "本", "\n", " ", "x", ""]
    # What never becomes a character is shown at the end.
    assert "".join(generate.pieces(iter(b"x\xe6\x97"), ByteTokenizer(), b"")) == "x\ufffd"


def test_generation_ends_where_the_model_ends() -> None:
    assert list(generate.until(iter([5, 6, 2, 7]), {2}, 10)) == [5, 6]
    assert list(generate.until(iter([5, 6, 7]), {2}, 2)) == [5, 6]


def test_a_terminal_is_not_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    shown = Terminal()
    monkeypatch.setattr("sys.stdout", shown)
    generate._print("a\x1b[2Jb\n\tc\x07")
    assert shown.getvalue() == "a\\x1b[2Jb\n\tc\\x07"


def test_what_cannot_be_generated_is_refused_in_one_line(run: Run, runs: dict[str, Path]) -> None:
    for words, said in (
        (("",), "the prompt is empty"),
        (("x" * 1024,), "the prompt has 1024 tokens, and npt-demo takes 1024 with what it generates"),
        (("x", "--temperature", "-1"), "'-1' is not a number from 0 on"),
        (("x", "--max_new_tokens", "0"), "'0' is not a whole number from 1 on"),
    ):
        code, out, err = run("generate", runs["demo"], *words)
        assert code == 2 and out == "" and said in err and err.count("\n") == 1, err


def test_ctrl_c_is_one_line(run: Run, runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(inference, "base_model", interrupted)
    for name, words in (("generate", ["x"]), ("evaluate", [])):
        assert run(name, runs["demo"], *words) == (130, "", "error: stopped by Ctrl+C\n")
