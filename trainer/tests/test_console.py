"""The console's encoding, closed streams, pipes and full disks: lines are escaped, and exit codes are the answer's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import SMALL, TRAINER, run_forked

VALIDATE = [sys.executable, str(TRAINER / "scripts" / "validate_checkpoint.py")]
INSPECT = [sys.executable, str(TRAINER / "scripts" / "inspect_checkpoint.py")]
TRAIN = [sys.executable, str(TRAINER / "scripts" / "train_multi_layer_npt.py")]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint in a folder with an é and a character beyond every 8-bit encoding in its name."""
    folder = tmp_path_factory.mktemp("console")
    run = folder / "né→😀"
    code, output = run_forked([*SMALL, "--max_steps", "2", "--output_dir", str(run)], folder)
    assert code == 0, output
    return run / "checkpoints" / "checkpoint-2"


@pytest.fixture(scope="module")
def broken(checkpoint: Path) -> Path:
    """A copy whose weights are cut."""
    copy = checkpoint.parent / "broken-é"
    shutil.copytree(checkpoint, copy)
    os.truncate(copy / "npt_weights.pt", 100)
    return copy


def run(command: list[str], encoding: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHON"))}
    return subprocess.run(command, env=environment | encoding, capture_output=True, check=False)


ENCODINGS = [
    {"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "cp1252"}, {"PYTHONIOENCODING": "ascii:strict"},
    {"LANG": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}, {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0"},
]  # fmt: skip


@pytest.mark.parametrize("encoding", ENCODINGS, ids=str)
def test_a_console_that_lacks_a_character_loses_nothing(encoding: dict[str, str], broken: Path) -> None:
    invalid = run([*VALIDATE, str(broken)], encoding)
    assert invalid.returncode == 1 and b"not valid: " in invalid.stdout and b"broken-" in invalid.stdout
    helped = run([*TRAIN, "--help"], encoding)
    assert helped.returncode == 0 and b"--curriculum_stages" in helped.stdout
    refused = run([*TRAIN, "--train_layers", "é→"], encoding)
    assert refused.returncode == 2 and refused.stderr.startswith(b"error: ") and b"is not a layer" in refused.stderr


def test_what_every_program_says_gets_through_the_poorest_console(checkpoint: Path, broken: Path) -> None:
    poorest = {"PYTHONIOENCODING": "ascii:strict"}
    valid = run([*VALIDATE, str(checkpoint)], poorest)
    assert valid.returncode == 0, valid.stderr
    assert b"valid: " in valid.stdout and b"checkpoint-2" in valid.stdout
    assert run([*VALIDATE, str(broken.with_name("none-é"))], poorest).returncode == 2
    shown = run([*INSPECT, str(checkpoint)], poorest)
    assert shown.returncode == 0 and b"checkpoint  " in shown.stdout and b"layers " in shown.stdout, shown.stderr


WAYS = [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", "> /dev/full", "2> /dev/full", "| true"]


@pytest.mark.parametrize(
    ("way", "code"),
    # Each way with the answer that has most to say; every answer where nothing, and where not all of it, can be said.
    [*((way, 1) for way in WAYS), *((way, code) for way in ("<&- >&- 2>&-", "> /dev/full") for code in (0, 2))],
)
def test_exit_codes_depend_on_nothing_but_the_answer(way: str, code: int, checkpoint: Path, broken: Path) -> None:
    if "/dev/full" in way and not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    target = (checkpoint, broken, broken.with_name("none"))[code]
    line = f'set -o pipefail; "$0" "$1" "$2" {way}'
    done = subprocess.run(["bash", "-c", line, *VALIDATE, str(target)], capture_output=True, check=False)
    assert done.returncode == code, (way, done.stderr)
    assert b"Exception ignored" not in done.stderr and b"Traceback" not in done.stderr


@pytest.mark.parametrize("way", ["<&- >&- 2>&-", "> /dev/full 2>&1", "| true"])
def test_training_goes_on_without_a_console(way: str, tmp_path: Path) -> None:
    if "/dev/full" in way and not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    line = f'set -o pipefail; "$0" "$@" {way}'
    command = [*TRAIN, *SMALL, "--max_steps", "2", "--output_dir", str(tmp_path / "né")]
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "NPT_TRACEBACK": "0"}
    done = subprocess.run(["bash", "-c", line, *command], env=environment, check=False, capture_output=True)
    assert done.returncode == 0, done.stderr
    log = (tmp_path / "né" / "train.log").read_text(encoding="utf-8")
    assert "step 1/2" in log and "done: step 2" in log and "né" in log


def test_the_library_prints_what_a_console_lacks_escaped(checkpoint: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(TRAINER)!r})\n"
        f"from npt import validate_checkpoint; sys.exit(0 if validate_checkpoint({str(checkpoint)!r}) else 1)"
    )
    done = run([sys.executable, "-c", code], {"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0 and b"valid: " in done.stdout, done.stderr
