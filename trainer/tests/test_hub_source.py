"""Streamed data through the real ``datasets`` library, from local shards: parquet and JSONL."""

from __future__ import annotations

import json
import pickle
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from npt.data.byte_tokenizer import ByteTokenizer
from npt.data.presets import Dataset, HubSource
from npt.data.streaming import StreamedText
from npt.errors import SourceError, UsageError
from tests.conftest import SMALL, Process, free_port
from tests.test_resume_exact import assert_equal
from tests.test_torchrun import rank as as_rank

Launch = Callable[..., Process]

pytest.importorskip("datasets")

SHARDS, DOCUMENTS, ROW_GROUP = 3, 300, 50


def document(shard: int, number: int) -> str:
    """Says which it is, in one of several lengths."""
    return f"<{shard}.{number:04}>" + f" {shard}{number}" * (number % 9)


@pytest.fixture(scope="module", params=["parquet", "jsonl"])
def dataset(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = tmp_path_factory.mktemp(request.param)
    for shard in range(SHARDS):
        path = folder / f"train-{shard:05}-of-{SHARDS:05}.{request.param}"
        rows = [document(shard, number) for number in range(DOCUMENTS)]
        if request.param == "parquet":
            pq.write_table(pa.table({"text": rows}), path, row_group_size=ROW_GROUP)
        else:
            path.write_text("".join(json.dumps({"text": row}) + "\n" for row in rows))
    return Dataset(str(folder), None)


@pytest.fixture(scope="module")
def source(dataset: Dataset) -> HubSource:
    return HubSource(dataset)


def texts(source: HubSource, shard: int, taken: int, state: str | None, count: int = 10**6) -> list[tuple[str, Any]]:
    found = source.open(shard, taken, state)
    return [item for item, _ in zip(found, range(count), strict=False)]


def test_every_place_of_every_shard_is_found_again(source: HubSource) -> None:
    assert source.shards() == SHARDS
    for shard in range(SHARDS):
        whole = texts(source, shard, 0, None)
        assert [text for text, _ in whole] == [document(shard, number) for number in range(DOCUMENTS)]
        # At, before and behind the borders of row groups, in a source that was loaded anew, and at the end.
        for taken in (1, ROW_GROUP - 1, ROW_GROUP, ROW_GROUP + 1, 170, DOCUMENTS):
            again: HubSource = pickle.loads(pickle.dumps(source)) if taken == 170 else source
            assert texts(again, shard, taken, whole[taken - 1][1]) == whole[taken:], taken
            assert [text for text, _ in texts(source, shard, taken, None)] == [text for text, _ in whole[taken:]]


def test_a_state_of_another_layout_is_passed_over(source: HubSource) -> None:
    ((_, state),) = texts(source, 1, 119, None, 1)
    stored = json.loads(state)
    other = json.dumps({**stored, "at": {"epoch": 0, "examples_iterable": {"type": "Older"}}})
    merged = json.dumps({**stored, "pieces": 99})
    with_states = texts(source, 1, 0, None)
    for unknown in (other, merged):
        assert texts(source, 1, 120, unknown) == with_states[120:]


@pytest.mark.parametrize("dataset", ["parquet"], indirect=True)
def test_going_to_a_place_reads_its_row_group_alone(
    source: HubSource, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = texts(source, 1, 0, None)
    from datasets.packaged_modules.parquet.parquet import Parquet

    read: list[Any] = []
    generate = Parquet._generate_tables

    def counted(self: Any, files: Any, row_groups_list: Any) -> Any:
        for key, table in generate(self, files, row_groups_list):
            read.append((row_groups_list, len(table)))
            yield key, table

    monkeypatch.setattr(Parquet, "_generate_tables", counted)
    fresh = HubSource(dataset)
    text, _ = texts(fresh, 1, 275, whole[274][1], 1)[0]
    assert text == document(1, 275) and sum(rows for _, rows in read) <= ROW_GROUP


def test_what_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"^--dataset_preset: .*none cannot be read \(.*\); use --train_file"):
        HubSource(Dataset(str(tmp_path / "none"), None)).shards()


def test_an_older_library_is_one_line(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.delattr(datasets.IterableDataset, "reshard")
    with pytest.raises(UsageError, match=r"^--dataset_preset needs datasets 5\.0 or newer, \S+ is installed \(pip"):
        HubSource(dataset).shards()


def stream(dataset: Dataset, rank: int, world_size: int, workers: int = 0) -> StreamedText:
    return StreamedText([HubSource(dataset)], ByteTokenizer(), 9, 9, 20, workers, 1, rank, world_size)


@pytest.mark.parametrize("world_size", [1, 2])
def test_interrupted_is_uninterrupted_with_any_number_of_workers(dataset: Dataset, world_size: int) -> None:
    for rank in range(world_size):
        everything = stream(dataset, rank, world_size).next_batch(900, rank, world_size)
        first, second = stream(dataset, rank, world_size), stream(dataset, rank, world_size, 2 if rank == 0 else 0)
        head = first.next_batch(333, rank, world_size)
        assert second.load_state_dict(first.state_dict()) == []
        assert torch.equal(torch.cat([head, second.next_batch(567, rank, world_size)]), everything)
        second.close()


def test_an_epoch_of_several_ranks_is_every_document_once(dataset: Dataset) -> None:
    found: Counter[str] = Counter()
    for rank in range(2):
        for tokens in stream(dataset, rank, 2)._from_here():
            if tokens.place.epoch > 0:
                break
            found[bytes(tokens.ids.tolist()).decode()] += 1
    expected = {document(s, n) for s in range(SHARDS) for n in range(20 if s == 0 else 0, DOCUMENTS)}
    assert set(found) == expected and set(found.values()) == {1}


#: Through the trainer: the documents of the tests are its preset.
ARGUMENTS = [
    *SMALL, "--no-demo_mode", "--model_size", "demo", "--train_layers", "2,3", "--dataset_preset", "small",
    "--wandb_mode", "disabled", "--gradient_accumulation_steps", "2",
]  # fmt: skip


def preset(dataset: Dataset) -> Callable[[], None]:
    def here() -> None:
        import npt.data.sources

        npt.data.sources.PRESETS = {"small": (dataset,)}

    return here


def group(world_size: int, launch: Launch, dataset: Dataset, *arguments: str) -> list[Process]:
    """The processes of one run."""
    if world_size == 1:
        return [launch(*arguments, "--num_workers", "1", before=preset(dataset))]
    port = free_port()

    def of(number: int) -> Callable[[], None]:
        return lambda: (as_rank(number, port)(), preset(dataset)())[0]

    return [launch(*arguments, "--num_workers", "0", before=of(number)) for number in range(world_size)]


def ended(processes: list[Process]) -> str:
    for process in processes:
        assert process.wait() == 0, process.output
    return processes[0].output


@pytest.mark.parametrize(("dataset", "world_size"), [("parquet", 2), ("jsonl", 1)], indirect=["dataset"])
def test_a_run_that_was_killed_ends_as_one_that_was_not(
    world_size: int, dataset: Dataset, launch: Launch, tmp_path: Path
) -> None:
    """And with another number of processes it goes on, and says that it is not the same."""
    whole, part = tmp_path / "whole", tmp_path / "part"
    ended(group(world_size, launch, dataset, *ARGUMENTS, "--output_dir", str(whole)))
    processes = group(world_size, launch, dataset, *ARGUMENTS, "--output_dir", str(part))
    processes[0].wait_for(lambda: "step 13/" in processes[0].output and "saved checkpoint-" in processes[0].output)
    for process in processes:
        process.send(signal.SIGKILL)
        process.wait()
    ended(group(world_size, launch, dataset, "--resume_from", str(part)))
    assert_equal(part, whole)
    checkpoint = whole / "checkpoints" / "checkpoint-10"
    state = torch.load(checkpoint / "training_state.pt", weights_only=True)["data_state"]
    assert [each["rank"] for each in state["ranks"]] == list(range(world_size))
    assert state["samples"] == 10 * 2 * 2 * world_size and state["world_size"] == world_size
    other = 3 - world_size
    words = ["--resume_from", str(checkpoint), "--output_dir", str(tmp_path / "other"), "--max_steps", "12"]
    output = ended(group(other, launch, dataset, *words))
    assert output.count("what is left of the data is divided anew; nothing is read twice") == 1
