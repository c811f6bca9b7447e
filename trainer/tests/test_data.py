"""Order, position and packing of samples; local files and models."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from npt.data.byte_tokenizer import ByteTokenizer
from npt.data.streaming import StreamedText
from npt.data.text_files import documents
from npt.data.token_cache import read
from npt.data.tokenizers import load_tokenizer
from npt.data.windows import WindowedText, held_out_windows
from npt.errors import UsageError
from tests.conftest import Process, same, weights
from tests.streamed_documents import Shards


class Rows(Shards):
    """A source of one shard with these documents."""

    name = "rows"

    def __init__(self, rows: list[str]) -> None:
        self.rows, self.length = rows, len(rows)

    def text(self, shard: int, number: int) -> str:
        return self.rows[number]


def windows(seed: int = 1) -> WindowedText:
    return WindowedText(torch.arange(103), 10, 5, seed, "text")


def test_an_epoch_is_every_window_once_and_the_next_is_in_another_order() -> None:
    source = windows()
    assert source.windows == 19
    epochs = [[int(source.next_batch(1)[0, 0]) for _ in range(19)] for _ in range(2)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(0, 95, 5))
    assert epochs[0] != epochs[1]


def test_batch_sizes_and_ranks_see_the_same_samples() -> None:
    one, three = windows(), windows()
    single = torch.cat([one.next_batch(1) for _ in range(24)])
    assert torch.equal(torch.cat([three.next_batch(3) for _ in range(8)]), single)
    ranks = [windows(), windows()]
    both = [torch.cat([source.next_batch(2, rank, 2) for rank, source in enumerate(ranks)]) for _ in range(6)]
    assert torch.equal(torch.cat(both), single)


def test_a_position_is_found_again() -> None:
    source = windows()
    source.next_batch(30)
    again = windows()
    assert again.load_state_dict(source.state_dict()) == []
    assert torch.equal(again.next_batch(20), source.next_batch(20))
    other = WindowedText(torch.arange(104), 10, 5, 2, "text")
    notes = other.load_state_dict(source.state_dict())
    assert len(notes) == 2 and "not the one of the checkpoint" in notes[0] and "--seed" in notes[1]


def test_held_out_windows_do_not_overlap() -> None:
    chosen = held_out_windows(torch.arange(100), 10, 4)
    assert chosen[:, 0].tolist() == [0, 20, 50, 70]
    with pytest.raises(UsageError, match="held-out"):
        held_out_windows(torch.arange(5), 10, 4)


def test_files(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("héllo")
    (tmp_path / "b.jsonl").write_text('{"text": "one"}\n\n"two"\n{"content": "three"}\n')
    assert list(documents(tmp_path / "b.jsonl")) == ["one", "two", "three"]
    ids = read([tmp_path / "a.txt", tmp_path / "b.jsonl"], ByteTokenizer()).tokens
    assert bytes(ids.tolist()).decode() == "hélloonetwothree"
    for content, said in ((b"{}\n", "line 1: no text"), (b'"x"\nno\n', "line 2: not JSON"), (b"\xff\n", "not UTF-8")):
        (tmp_path / "bad.jsonl").write_bytes(content)
        with pytest.raises(UsageError, match=said):
            list(documents(tmp_path / "bad.jsonl"))
    with pytest.raises(UsageError, match="does not exist"):
        list(documents(tmp_path / "none.txt"))


@pytest.fixture
def local_model(tmp_path: Path) -> Path:
    """A random Llama with a tokenizer made on the spot, as a local folder."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast
    from transformers.models.llama.configuration_llama import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaForCausalLM

    words = ["<s>", "</s>", "<unk>", *(f"w{i}" for i in range(60))]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()  # type: ignore[assignment]
    folder = tmp_path / "model"
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, tie_word_embeddings=True,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("mixed", [False, True], ids=["fp32", "bf16"])
def test_a_local_model_and_local_text_and_an_exact_resume(
    mixed: bool, local_model: Path, tmp_path: Path, train: Callable[..., Process]
) -> None:
    rows = [{"text": " ".join(f"w{(i * j) % 60}" for j in range(30))} for i in range(1, 60)]
    (tmp_path / "text.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    start: list[Any] = [
        "--model_name", str(local_model), "--train_file", "text.jsonl", "--train_layers", "2-3", "--wandb_mode",
        "disabled", "--max_length", "16", "--stride", "8", "--batch_size", "2", "--np_rank", "4", "--max_steps", "8",
        "--save_steps", "4", "--eval_steps", "4", "--logging_steps", "1", "--warmup_steps", "2", "--num_eval_samples",
        "3", "--curriculum_stages", "teacher:3,mixed:3:0.5:0.5,student:9", "--generation_steps", "4",
        "--mixed_precision" if mixed else "--no-mixed_precision",
    ]  # fmt: skip
    whole = train(*start, "--output_dir", "experiments/whole")
    assert whole.code == 0, whole.output
    part = train(*start, "--output_dir", "experiments/part", "--max_steps", "8")
    assert part.code == 0, part.output
    branch = train("--resume_from", "experiments/part/checkpoints/checkpoint-4")
    assert branch.code == 0, branch.output
    first = weights(tmp_path / "experiments" / "whole")
    assert same(first, weights(tmp_path / "experiments" / "part-from-4"))
    assert next(iter(first)) == "layer_2_np.W_down"


def test_documents_begin_with_bos_where_asked(local_model: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"text": "w1 w2"}\n{"text": "w3"}\n')
    tokenizer = load_tokenizer(str(local_model), 64, bos=True)
    begin, end = 0, 1
    expected = [begin, 4, 5, end, begin, 6, end]
    assert read([tmp_path / "rows.jsonl"], tokenizer).tokens.tolist() == expected
    stream = StreamedText([Rows(["w1 w2", "w3"])], tokenizer, 7, 7, 0)
    assert stream.next_batch(1)[0].tolist() == expected
    assert read([tmp_path / "rows.jsonl"], load_tokenizer(str(local_model), 64)).tokens.tolist() == [4, 5, 1, 6, 1]
    with pytest.raises(UsageError, match=r"--bos: .* reads bytes"):
        load_tokenizer("random-llama", 256, bos=True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model_name", "no/such-model", "--train_layers", "1"], "no/such-model"),
        (["--demo_mode", "--train_file", "none.txt"], "none.txt does not exist"),
        (["--model_size", "demo", "--train_layers", "3"], "needs the datasets library (pip install 'datasets"),
    ],
)
def test_what_cannot_be_had_is_one_line(arguments: list[str], said: str, train: Callable[..., Process]) -> None:
    def without_datasets() -> None:
        sys.modules["datasets"] = None  # type: ignore[assignment]

    done = train(*arguments, before=without_datasets)
    assert done.code == 2, done.output
    assert said in done.output and done.output.count("error:") == 1 and "Traceback" not in done.output
