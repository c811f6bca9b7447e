"""What says that this is torchrun, and what is only left over in the environment."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npt.launched import launch
from tests.conftest import SMALL, Process

GROUP = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}


def test_a_group_is_all_of_its_variables() -> None:
    found = launch(GROUP | {"TORCHELASTIC_RUN_ID": "none"})
    assert (found.kind, found.rank, found.local_rank, found.world_size, found.note) == ("torchrun", 1, 1, 2, None)
    assert launch({}).note is None and launch({}).kind == "shell"
    assert launch(GROUP | {"SLURM_JOB_ID": "77"}).kind == "slurm"
    for missing in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        rest = {name: value for name, value in GROUP.items() if name != missing}
        found = launch(rest)
        assert (found.rank, found.world_size, found.kind) == (0, 1, "shell") and found.note is not None


@pytest.mark.parametrize(
    "wrong",
    [{"WORLD_SIZE": "abc"}, {"RANK": "-1"}, {"RANK": "2"}, {"WORLD_SIZE": "0"}, {"MASTER_PORT": "x"}, {"RANK": "²"}],
    ids=str,
)
def test_variables_that_make_no_sense_are_ignored(wrong: dict[str, str]) -> None:
    found = launch(GROUP | wrong)
    assert found.rank == 0 and found.world_size == 1
    assert found.note is not None and ("MASTER_PORT" in wrong or next(iter(wrong)) in found.note)


def test_slurms_variables_without_a_job_are_no_job() -> None:
    assert launch({"SLURM_PROCID": "3", "SLURM_NTASKS": "4"}).kind == "shell"
    assert launch({"SLURM_JOB_ID": ""}).job is None and launch({"SLURM_JOB_ID": "x"}).job is None
    assert launch({"SLURM_JOB_ID": "12"}).job == "12"


NAMES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_RUN_ID", "SLURM_JOB_ID")


@given(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["", "0", "1", "2", "-1", "x", "1.5", "９", " 1"])))
def test_any_environment_is_one_process_or_a_whole_group(environment: dict[str, str]) -> None:
    found = launch(environment)
    assert 0 <= found.rank < found.world_size
    assert found.world_size == 1 or not found.ignored


@pytest.mark.parametrize(
    "stray", [{"RANK": "1"}, {"LOCAL_RANK": "1"}, {"WORLD_SIZE": "abc"}, {"WORLD_SIZE": "4", "RANK": "3"}], ids=str
)
def test_a_trainer_with_stray_variables_speaks_and_trains(
    stray: dict[str, str], train: Callable[..., Process], tmp_path: Path
) -> None:
    done = train(*SMALL, "--max_steps", "1", "--output_dir", "run", before=lambda: os.environ.update(stray))
    assert done.code == 0, done.output
    notes = [line for line in done.output.splitlines() if line.startswith("note: ")]
    assert len(notes) == 1 and next(iter(stray)) in notes[0] and "ignored" in notes[0]
    assert "step 1/1" in done.output
    assert json.loads((tmp_path / "run" / "config.json").read_text())["environment"]["world_size"] == 1
