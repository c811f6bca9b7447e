"""Tokens of local text: made in pieces, and kept in a file that later starts map."""

from __future__ import annotations

import json
import os
import signal
import time
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from npt.data import token_cache, tokenized
from npt.data.byte_tokenizer import ByteTokenizer
from npt.data.pieces import CONTEXT, pieces
from npt.data.tokenizers import PretrainedTokenizer, Tokenizer
from npt.data.windows import digest
from npt.errors import UsageError

PROSE = Path(__file__).resolve().parents[1] / "npt" / "demo" / "text" / "heldout.txt"


def _trained(kind: str) -> Tokenizer:
    """A small tokenizer of one of the kinds that Llama models come with, trained on the demo's text."""
    from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, trainers
    from tokenizers import Tokenizer as Fast
    from transformers import PreTrainedTokenizerFast

    fast = Fast(models.BPE())
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    if kind == "gpt2":
        fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # type: ignore[assignment]
    elif kind == "llama3":
        # In the manner of Llama 3: words with one character before them, numbers by three, line ends by themselves.
        pattern = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
        fast.pre_tokenizer = pre_tokenizers.Sequence(  # type: ignore[assignment]
            [
                pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
    else:
        # In the manner of Llama 2: spaces are letters, and every text begins with one more.
        fast = Fast(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
        fast.normalizer = normalizers.Sequence(  # type: ignore[assignment]
            [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
        )
        fast.decoder = decoders.ByteFallback()  # type: ignore[assignment]
        alphabet = []
    trainer = trainers.BpeTrainer(
        vocab_size=700, initial_alphabet=alphabet, special_tokens=["<unk>", "</s>"], show_progress=False,
        max_token_length=12,
    )  # fmt: skip
    # Spaces are letters to the third: whole lines would be too many words to count.
    lines = PROSE.read_text().splitlines() if kind != "llama2" else PROSE.read_text().split()
    fast.train_from_iterator(lines, trainer)
    return PretrainedTokenizer(PreTrainedTokenizerFast(tokenizer_object=fast, eos_token="</s>", unk_token="<unk>"))


TOKENIZERS: dict[str, Tokenizer] = {"bytes": ByteTokenizer()}


def _tokenizer(kind: str) -> Tokenizer:
    return TOKENIZERS.setdefault(kind, TOKENIZERS.get(kind) or _trained(kind))


KINDS = ["bytes", "gpt2", "llama3", "llama2"]
WORDS = st.sampled_from(
    [
        "the",
        " of",
        " a",
        "\n",
        "\n\n",
        "  ",
        "    x",
        "\t",
        " 1234567",
        "é",
        "日本語",
        " don't",
        "...",
        "\r\n",
        " Ω",
        "-" * 9,
    ]
)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(words=st.lists(WORDS, max_size=900), parts=st.integers(1, 700))
def test_pieces_have_the_tokens_of_the_whole_text(kind: str, words: list[str], parts: int) -> None:
    tokenizer = _tokenizer(kind)
    text = "".join(words)
    read = [text[at : at + parts] for at in range(0, len(text), parts)]
    found: list[int] = []
    new = ""
    for piece in pieces(read, tokenizer, size=2 * CONTEXT):
        found += tokenizer.encode(piece.text)[piece.known :]
        new += piece.text[len(piece.text) - piece.fresh :]
    assert new == text
    assert found == tokenizer.encode(text)


@pytest.mark.parametrize("kind", KINDS)
def test_prose_in_pieces_has_the_tokens_of_the_whole(kind: str, tmp_path: Path) -> None:
    tokenizer = _tokenizer(kind)
    file = tmp_path / "text.txt"
    # Line ends of all kinds, as a file has them.
    file.write_bytes(PROSE.read_bytes().replace(b"\n", b"\r\n", 300) * 8)
    found = array("i")
    for ids in tokenized.tokens([file], tokenizer):
        found.extend(ids)
    text = file.read_text()
    assert len(text) > tokenized.TOGETHER / 4
    assert found.tolist() == tokenizer.encode(text) + tokenizer.end


class Counting(ByteTokenizer):
    """Counts in a file what it is asked for, and takes its time if it is to."""

    def __init__(self, calls: Path, seconds: float = 0.0) -> None:
        self.calls, self.seconds = calls, seconds

    def encode_many(self, texts: Sequence[str]) -> list[list[int]]:
        with open(self.calls, "a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(self.seconds)
        return super().encode_many(texts)

    @property
    def count(self) -> int:
        return len(self.calls.read_text().splitlines()) if self.calls.exists() else 0


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder, in which short texts too are kept, after few characters each."""
    monkeypatch.setenv(token_cache.PLACE, str(tmp_path / "cache"))
    monkeypatch.setattr(token_cache, "WORTH_KEEPING", 1)
    monkeypatch.setattr(tokenized, "TOGETHER", 64)
    return tmp_path / "cache"


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps({"text": f"document {i} " * 4}) + "\n" for i in range(40)))
    # As old as a text usually is: what has just been written may change again unseen.
    os.utime(file, (1e9, 1e9))
    return file


def _whole(rows: Path) -> list[int]:
    return list("".join(json.loads(line)["text"] for line in rows.read_text().splitlines()).encode())


def test_text_is_tokenised_once(place: Path, rows: Path, tmp_path: Path) -> None:
    first = Counting(tmp_path / "calls")
    made = token_cache.read([rows], first)
    assert made.tokens.tolist() == _whole(rows)
    calls = first.count
    assert calls > 5
    again = token_cache.read([rows], first)
    assert first.count == calls
    assert torch.equal(again.tokens, made.tokens) and again.entry == made.entry
    for count in (len(made.tokens), 100):
        assert again.fingerprint(count) == digest(made.tokens[:count]) == made.fingerprint(count)
    # The same text elsewhere is the same; another text, another order and another tokenizer are others.
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(rows.read_bytes())
    assert token_cache.read([copy], first).entry == made.entry
    copy.write_bytes(rows.read_bytes().replace(b"document 7 ", b"document 8 "))
    assert token_cache.read([copy], first).entry != made.entry
    assert token_cache.read([copy, rows], first).entry != token_cache.read([rows, copy], first).entry
    assert token_cache.read([rows], _tokenizer("gpt2")).entry != made.entry


def test_a_change_of_the_same_size_is_noticed(place: Path, rows: Path) -> None:
    token_cache.read([rows], ByteTokenizer())
    rows.write_bytes(rows.read_bytes().replace(b"document 7 ", b"document 8 "))
    os.utime(rows, (1e9, 1e9))
    assert token_cache.read([rows], ByteTokenizer()).tokens.tolist() == _whole(rows)


def test_an_entry_that_was_cut_short_is_made_again(place: Path, rows: Path, tmp_path: Path) -> None:
    entry = token_cache.read([rows], ByteTokenizer()).entry
    assert entry is not None
    os.truncate(entry / "tokens", 40)
    assert token_cache.read([rows], ByteTokenizer()).tokens.tolist() == _whole(rows)


def _forked(body: Callable[[], Any]) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            body()
            code = 0
        finally:
            os._exit(code)
    return child


def test_a_kill_leaves_nothing_that_counts(place: Path, rows: Path, tmp_path: Path) -> None:
    slow = Counting(tmp_path / "calls", seconds=0.05)
    for stop in (1, 4, 12):
        child = _forked(lambda: token_cache.read([rows], slow))
        begun = slow.count
        while slow.count < begun + stop:
            time.sleep(0.005)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    made = token_cache.read([rows], ByteTokenizer())
    assert made.tokens.tolist() == _whole(rows) and made.entry is not None
    assert sorted(entry.name for entry in made.entry.iterdir()) == ["entry.json", "lock", "tokens"]


def test_of_two_at_once_one_tokenises(place: Path, rows: Path, tmp_path: Path) -> None:
    slow = Counting(tmp_path / "calls", seconds=0.02)

    def body() -> None:
        assert token_cache.read([rows], slow).tokens.tolist() == _whole(rows)

    children = [_forked(body) for _ in range(3)]
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0, 0]
    assert len(set((tmp_path / "calls").read_text().split())) == 1


def test_without_a_place_for_them_tokens_are_in_memory(
    place: Path, rows: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place.write_text("a file is in the way")
    made = token_cache.read([rows], ByteTokenizer())
    assert made.entry is None and made.tokens.tolist() == _whole(rows)
    assert made.fingerprint(50) == digest(made.tokens[:50])
    said = capsys.readouterr().out
    assert "warning: tokens cannot be kept" in said and str(place) in said and token_cache.PLACE in said
    monkeypatch.setattr(token_cache, "FITS_MEMORY", 10)
    with pytest.raises(UsageError, match="may not fit"):
        token_cache.read([rows], ByteTokenizer())


def test_a_full_disk_is_said_and_leaves_nothing(
    place: Path, rows: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(token_cache.atomic, "sync", full)
    assert token_cache.read([rows], ByteTokenizer()).tokens.tolist() == _whole(rows)
    assert "No space left on device" in capsys.readouterr().out
    assert not [found for found in place.rglob("*") if found.name.startswith((".tmp-", "tokens."))]


def test_a_text_that_grows_meanwhile_is_refused(place: Path, rows: Path, tmp_path: Path) -> None:
    class Growing(ByteTokenizer):
        def encode_many(self, texts: Sequence[str]) -> list[list[int]]:
            with open(rows, "a") as file:
                file.write('{"text": "one more"}\n')
            time.sleep(0.01)
            return super().encode_many(texts)

    with pytest.raises(UsageError, match="changed while it was read"):
        token_cache.read([rows, tmp_path / "other.jsonl"], _of(tmp_path / "other.jsonl", Growing()))
    assert not list(place.rglob("entry.json"))


def _of(path: Path, tokenizer: Tokenizer) -> Tokenizer:
    path.write_text('"a short one"\n')
    return tokenizer
