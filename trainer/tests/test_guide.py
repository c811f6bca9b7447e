"""The commands that users of NPT checkpoints know, as they type them, on the demo model.

Steps in the tens of thousands come from a checkpoint that is really trained for some steps and then dated forward; a
segment that would take thousands of steps is stopped after a few. The shell scripts run in real shells.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from npt import curriculum
from npt.checkpoint import find, load, manifest, save
from npt.schedule import Schedule
from tests.conftest import SMALL, TRAINER, Process, events, run_forked, same, series, weights

Launch = Callable[..., Process]
RATE, WARMUP = 1e-3, 1000
STAGES = "teacher:20000,mixed:30000:0.5,student:40000"
QUIET = ["--eval_steps", "100000", "--generation_steps", "100000", "--save_steps", "100000"]
PYTHON = "python scripts/train_multi_layer_npt.py"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint after three real steps, with optimizer state."""
    folder = tmp_path_factory.mktemp("trained")
    code, output = run_forked(
        [*SMALL, *QUIET, "--max_steps", "3", "--learning_rate", str(RATE), "--output_dir", "run"], folder
    )
    assert code == 0, output
    return folder / "run" / "checkpoints" / "checkpoint-3"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A folder as a user has it: the scripts, and experiments beside them."""
    for name in ("scripts", "npt", "resume_training.sh", "train_improved_npt.sh", "run_demo.sh"):
        (tmp_path / name).symlink_to(TRAINER / name)
    return tmp_path


@pytest.fixture
def dated(workspace: Path, trained: Path) -> Callable[..., Path]:
    """Puts the trained checkpoint into a run of the workspace as if it were of another step."""

    def make(run: str, step: int, max_steps: int) -> Path:
        stored = load.read(trained)
        plan = curriculum.parse(STAGES)
        multi = {"curriculum_schedule": plan.as_list(), "current_stage_index": plan.index_at(step)}
        content = save.Content(
            step, 1, plan.stage_at(step).name, stored.weights,
            stored.training_state | {
                "global_step": step,
                "batch_count": step,
                "scheduler_state_dict": Schedule.fresh(RATE, WARMUP, max_steps).state_dict(),
                "data_state": stored.training_state["data_state"] | {"samples": step * 2},
            },
            stored.multi_layer_state | multi,
            stored.config | {"max_steps": max_steps, "curriculum_stages": STAGES, "warmup_steps": WARMUP},
            {}, {"name": "npt-demo", "fingerprint": stored.fingerprint or ""},
        )  # fmt: skip
        folder = workspace / "experiments" / run / "checkpoints"
        folder.mkdir(parents=True, exist_ok=True)
        return save.save(folder, content)

    return make


@pytest.fixture
def shell(workspace: Path, launch: Launch) -> Launch:
    """Starts a command line in the workspace: a script in a shell of its own, the trainer forked.

    What a script starts the trainer with is taken from it, and the trainer is forked like any other; with ``whole`` the
    script starts it itself, in an interpreter that imports PyTorch anew.
    """

    def start(line: str, *, whole: bool = False) -> Process:
        if line.startswith(PYTHON):
            return launch(*shlex.split(line.removeprefix(PYTHON)), cwd=workspace)

        def become() -> None:
            os.environ["PYTHON"] = sys.executable
            os.environ["OMP_NUM_THREADS"] = "1"
            os.execvp("bash", ["bash", "-c", f"exec {line}"])

        def take_words() -> None:
            import npt.main

            words = words_of(line, workspace)
            if words is None:
                os._exit(2)
            assert Path(words[0]).samefile(TRAINER / "scripts" / "train_multi_layer_npt.py"), words
            sys.argv = words
            main = npt.main.main
            npt.main.main = lambda _: main(words[1:])

        return launch(cwd=workspace, before=become if whole else take_words)

    return start


def words_of(line: str, workspace: Path) -> list[str] | None:
    """What a script would start Python with at its end; None where it fails. Its output is this process's."""
    words, python = workspace / "words", workspace / "python"
    python.write_text(
        "#!/bin/sh\n"
        # Another program of ours, such as the one that reads a step.
        f'case "$1" in -*) exec {shlex.quote(sys.executable)} "$@" ;; esac\n'
        f"printf '%s\\0' \"$@\" > {shlex.quote(str(words))}\n"
    )
    python.chmod(0o755)
    words.unlink(missing_ok=True)
    done = subprocess.run(["bash", "-c", f"exec {line}"], env={**os.environ, "PYTHON": str(python)}, check=False)
    return words.read_text().split("\0")[:-1] if done.returncode == 0 else None


def after_steps(process: Process, step: int) -> None:
    """Lets a segment reach a step, then stops it as a user does; it saves."""
    process.wait_for(lambda: f"step {step}/" in process.output)
    process.send(signal.SIGTERM)
    assert process.wait() == 128 + signal.SIGTERM, process.output


def config(run: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((run / "config.json").read_text())
    return document


def newest(run: Path) -> int:
    steps = [find.step_of(c.name) for c in find.list_checkpoints(run)]
    return steps[-1] or 0


# --- the resume script ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("run", "step", "planned", "additional", "end"),
    [
        ("run_name", 10000, 90000, "", 25000),
        ("run_name", 10000, 90000, " 20000", 30000),
        ("npt_run", 14000, 30000, "", 29000),
        ("npt_run", 30000, 30000, " 20000", 50000),
    ],
    ids=["default", "custom steps", "continue interrupted training", "extend training"],
)
def test_the_resume_script(
    run: str, step: int, planned: int, additional: str, end: int, dated: Callable[..., Path], shell: Launch,
    workspace: Path, trained: Path,
) -> None:  # fmt: skip
    checkpoint = dated(run, step, planned)
    line = f"./resume_training.sh {checkpoint.relative_to(workspace)}{additional}"
    process = shell(line, whole=run == "npt_run" and additional != "")
    after_steps(process, step + 2)
    assert f"resuming from step {step}, training to step {end}" in process.output
    folder = workspace / "experiments" / run
    expected = load.read(checkpoint).config | {"max_steps": end}
    differing = {k for k, v in expected.items() if config(folder).get(k) != v}
    assert differing <= {"output_dir", "resume_from", "environment"}
    assert newest(folder) >= step + 2 and not manifest.problems(find.list_checkpoints(folder)[-1])
    rates = [v for (at, name), v in sorted(series(folder).items()) if name == "training/learning_rate" and at > step]
    before = Schedule.fresh(RATE, WARMUP, planned).rate(step)
    # Whether the old schedule goes on or a finished one climbs again: no jump.
    assert abs(rates[0] - before) < RATE / 500 and abs(rates[1] - rates[0]) < RATE / 500
    if end > planned:
        assert rates[0] > before == 0.0
    moved = weights(folder, find.list_checkpoints(folder)[-1].name)
    assert not same(moved, torch.load(trained / "npt_weights.pt", weights_only=True))


# --- the trainer itself --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "planned", "flags", "stage", "changed"),
    [
        (10000, 30000, "--max_steps 50000 --train_layers 2,3", "teacher", {"max_steps"}),
        (
            20000,
            30000,
            '--max_steps 60000 --learning_rate 5e-5 --batch_size 16 --curriculum_stages "student:40000"',
            "student",
            {"max_steps", "learning_rate", "batch_size", "curriculum_stages"},
        ),
        (25000, 30000, "--max_steps 35000 --learning_rate 1e-5", "mixed", {"max_steps", "learning_rate"}),
        (
            10000,
            30000,
            '--max_steps 12000 --curriculum_stages "student:12000"',
            "student",
            {"max_steps", "curriculum_stages"},
        ),
        (25000, 90000, "", "mixed", set()),
    ],
    ids=["manual", "modified configuration", "fine-tune learning rate", "debug a stage", "the stage of a step"],
)
def test_resuming_by_hand(
    step: int, planned: int, flags: str, stage: str, changed: set[str], dated: Callable[..., Path], shell: Launch,
    workspace: Path,
) -> None:  # fmt: skip
    dated("npt_run", step, planned)
    process = shell(f"{PYTHON} --resume_from experiments/npt_run/checkpoints/checkpoint-{step} {flags}")
    after_steps(process, step + 2)
    run = workspace / "experiments" / "npt_run"
    (start, first_stage) = (next(e for e in events(run) if e["event"] == kind) for kind in ("start", "stage"))
    assert start["resume_step"] == step and set(start["changed"]) == changed
    assert (first_stage["step"], first_stage["stage"]) == (step, stage)
    assert f"stage {stage} from step {step}" in process.output
    saved = load.read(find.list_checkpoints(run)[-1])
    names = [entry["name"] for entry in saved.multi_layer_state["curriculum_schedule"]]
    assert names[saved.multi_layer_state["current_stage_index"]] == stage
    typed = dict(zip(shlex.split(flags)[::2], shlex.split(flags)[1::2], strict=True))
    rate = series(run)[step + 1, "training/learning_rate"]
    if "--learning_rate" in typed:
        assert rate == pytest.approx(float(typed["--learning_rate"]), rel=1e-9)
    else:
        assert rate == pytest.approx(Schedule.fresh(RATE, WARMUP, planned).rate(step + 1), rel=0.01)
    if "--batch_size" in typed:
        taken = saved.step - step
        assert saved.training_state["data_state"]["samples"] == step * 2 + taken * 16
        assert "going on at the same sample" in process.output


# --- troubleshooting -----------------------------------------------------------------------------------------------


def test_weights_not_found(dated: Callable[..., Path], shell: Launch, workspace: Path) -> None:
    checkpoint = dated("run_name", 10000, 30000)
    for line in (
        f"{PYTHON} --resume_from experiments/run_name/checkpoints/checkpoint-11000",
        "./resume_training.sh experiments/run_name/checkpoints/checkpoint-11000",
    ):
        process = shell(line)
        assert process.wait() == 2
        assert "error: NPT weights not found: " in process.output and "checkpoint-11000" in process.output
        assert process.output.count("\n") == 1
    (checkpoint / "npt_weights.pt").unlink()
    process = shell(f"{PYTHON} --resume_from {checkpoint}")
    assert process.wait() == 2
    assert f"error: NPT weights not found: {checkpoint} has no npt_weights.pt" in process.output


def test_a_layer_mismatch_warns_and_goes_on(dated: Callable[..., Path], shell: Launch, workspace: Path) -> None:
    checkpoint = dated("run_name", 10000, 30000)
    before = torch.load(checkpoint / "npt_weights.pt", weights_only=True)
    process = shell(f"{PYTHON} --resume_from {checkpoint} --train_layers 1,3 --max_steps 10001")
    assert process.wait() == 0, process.output
    said = "warning: Layer mismatch: the checkpoint has layers [2, 3], --train_layers is [1, 3]; "
    assert said + "loaded [3], new [1], dropped [2]" in process.output
    after = load.read(workspace / "experiments" / "run_name" / "checkpoints" / "checkpoint-10001")
    assert after.multi_layer_state["layers_to_train"] == [1, 3]
    # One step at a tenth of the base rate or less leaves the loaded layer where it was, but for a little.
    key = "layer_3_np.W_down.0"
    assert torch.allclose(after.weights[key], before[key], atol=5 * RATE) and not same(after.weights[key], before[key])


def test_already_complete_says_how_to_go_on(dated: Callable[..., Path], shell: Launch, workspace: Path) -> None:
    checkpoint = dated("run_name", 30000, 30000)
    process = shell(f"{PYTHON} --resume_from {checkpoint}")
    assert process.wait() == 0
    assert "Training already complete: checkpoint-30000 is at step 30000" in process.output
    assert "raise --max_steps" in process.output
    assert [c.name for c in find.list_checkpoints(workspace / "experiments" / "run_name")] == ["checkpoint-30000"]


def test_a_stage_is_the_steps_whatever_is_stored(dated: Callable[..., Path], shell: Launch, workspace: Path) -> None:
    checkpoint = dated("run_name", 20000, 90000)
    path = checkpoint / "multi_layer_state.pt"
    state = torch.load(path, weights_only=True)
    torch.save(state | {"current_stage_index": 0}, path)
    process = shell(f"{PYTHON} --resume_from {checkpoint} --ignore_integrity --max_steps 20001")
    assert process.wait() == 0, process.output
    assert "stage mixed from step 20000 to 50000" in process.output


# --- the workflow and the library examples -------------------------------------------------------------------------


def test_the_five_step_workflow(shell: Launch, workspace: Path) -> None:
    run = workspace / "experiments" / "npt_new_arch"
    small = " ".join([*SMALL, *QUIET])
    line = f"./train_improved_npt.sh {small} --model_name npt-demo --train_layers 2,3 --gradient_accumulation_steps 1"
    after_steps(shell(f"{line} --max_steps 100000 --wandb_mode disabled"), 2)
    assert config(run)["dual_modulation"] is True and config(run)["wandb_name"] == "npt_new_arch"
    listing = subprocess.run(
        ["ls", "-la", "experiments/npt_new_arch/checkpoints/"],
        cwd=workspace,
        capture_output=True,
        text=True,
        check=True,
    )
    reached = newest(run)
    assert f"checkpoint-{reached}" in listing.stdout and ".tmp-" not in listing.stdout
    resumed = shell(f"./resume_training.sh experiments/npt_new_arch/checkpoints/checkpoint-{reached} 3")
    assert resumed.wait() == 0, resumed.output
    assert newest(run) == reached + 3
    tuned = shell(
        f"{PYTHON} --resume_from experiments/npt_new_arch/checkpoints/checkpoint-{reached + 3} "
        f'--max_steps {reached + 5} --learning_rate 1e-5 --curriculum_stages "student:60000"'
    )
    assert tuned.wait() == 0, tuned.output
    assert f"stage student from step {reached + 3}" in tuned.output
    assert series(run)[reached + 4, "training/learning_rate"] == 1e-5
    assert [e["segment"] for e in events(run) if e["event"] == "start"] == [1, 2, 3]
    final = torch.load(run / "checkpoints" / "final" / "training_state.pt", weights_only=True)
    assert final["global_step"] == reached + 5


def test_the_demo_script(shell: Launch, workspace: Path) -> None:
    line = f"./run_demo.sh {' '.join(SMALL[1:])} --max_steps 2 --output_dir experiments/demo"
    process = shell(line, whole=True)
    assert process.wait() == 0, process.output
    assert newest(workspace / "experiments" / "demo") == 2


def test_torchs_defaults_read_every_file(trained: Path) -> None:
    """What a user's own script does: load with torch's defaults (which are ``weights_only``), and read two keys."""
    loaded = {name: torch.load(trained / name, map_location="cpu") for name in manifest.STATE_FILES}
    assert loaded["training_state.pt"]["global_step"] == 3
    assert loaded["multi_layer_state.pt"]["layers_to_train"] == [2, 3]
    assert {key.split("_np.")[0] for key in loaded["npt_weights.pt"]} == {"layer_2", "layer_3"}


@pytest.mark.parametrize("script", ["resume_training.sh", "train_improved_npt.sh", "run_demo.sh"])
def test_shell_scripts(script: str, workspace: Path) -> None:
    subprocess.run(["bash", "-n", str(TRAINER / script)], check=True)
    missing = subprocess.run(
        [str(TRAINER / script), str(TRAINER)],
        env={**os.environ, "PYTHON": "/no/such/python"}, cwd=workspace, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert missing.returncode == 2
    assert missing.stderr == "error: /no/such/python is not there; set PYTHON to the interpreter that has PyTorch\n"
