"""What a run leaves on disk, and every way to start in, go on in, or be refused by a run."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from npt.checkpoint import manifest
from npt.run import process as process_file
from npt.storage import atomic
from tests.conftest import SMALL, TRAINER, Process, check_schema, events, same, weights

Train = Callable[..., Process]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """At most one finished run, shared by the tests of this module that only read it."""
    return []


@pytest.fixture
def run(train: Train, finished: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of 20 steps, not to be changed."""
    if not finished:
        path = tmp_path_factory.mktemp("finished") / "run"
        done = train(*SMALL, "--output_dir", str(path))
        assert done.code == 0, done.output
        finished.append(path)
    return finished[0]


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, somewhere else."""
    target = tmp_path / "experiments" / "copy"
    target.parent.mkdir()
    subprocess.run(["cp", "-a", str(run), str(target)], check=True)
    return target


def load(path: Path) -> Any:
    return json.loads(path.read_text())


def test_every_json_file_fits_its_schema(run: Path) -> None:
    check_schema("run", load(run / "run.json"))
    check_schema("config", load(run / "config.json"))
    check_schema("exit", load(run / "exit.json"))
    check_schema("best", load(run / "checkpoints" / "best.json"))
    # glob("*/") finds files too before Python 3.11.
    for checkpoint in filter(Path.is_dir, (run / "checkpoints").iterdir()):
        check_schema("manifest", load(checkpoint / "manifest.json"))
        check_schema("config", load(checkpoint / "config.json"))
    lines = events(run)
    for line in lines:
        check_schema("metrics-line", line)
    assert [e["event"] for e in lines if e["event"] in ("start", "end")] == ["start", "end"]
    assert [(e["step"], e["stage"], e["index"]) for e in lines if e["event"] == "stage"] == [
        (0, "teacher", 0),
        (6, "mixed", 1),
        (12, "student", 2),
    ]
    assert not (run / "process.json").exists()
    assert load(run / "exit.json") | {"time": 0} == {
        "schema": 1, "why": "done", "step": 20, "segment": 1, "signal": None, "error": None, "time": 0,
    }  # fmt: skip


def test_metric_names(run: Path) -> None:
    names = set().union(*(e["metrics"] for e in events(run) if e["event"] == "metrics"))
    per_layer = {
        "mlp_direct_loss", "regularization", "v_a_attention_similarity", "v_a_norm", "v_b_norm",
        "eval_mlp_direct_loss", "probe/v_a_attention_similarity",
    }  # fmt: skip
    assert names == {f"{name}/layer_{layer}" for name in per_layer for layer in (2, 3)} | {
        "loss/total", "loss/fidelity", "curriculum/stage_index", "curriculum/mixing_ratio", "training/learning_rate",
        "training/grad_norm", "eval_loss/total", "eval/cross_entropy", "eval/teacher_cross_entropy", "eval/kl",
        "eval/agreement", "throughput/tokens_per_second", "throughput/steps_per_second",
    }  # fmt: skip


def test_a_checkpoints_content(run: Path) -> None:
    folder = run / "checkpoints" / "checkpoint-10"
    assert manifest.problems(folder) == []
    stored = torch.load(folder / "npt_weights.pt", weights_only=True)
    assert list(stored)[:5] == [
        "layer_2_np.W_down.0", "layer_2_np.W_down.1", "layer_2_np.W_a_up.0", "layer_2_np.W_a_up.1",
        "layer_2_np.W_b_up.0",
    ]  # fmt: skip
    assert {name.split(".")[1]: tuple(tensor.shape) for name, tensor in stored.items()} == {
        "W_down": (128, 4),
        "W_a_up": (4, 128),
        "W_b_up": (4, 384),
    }
    assert all(tensor.dtype == torch.float32 and tensor.is_contiguous() for tensor in stored.values())
    state = torch.load(folder / "training_state.pt", weights_only=True)
    assert set(state) == {
        "global_step", "batch_count", "optimizer_state_dict", "scheduler_state_dict", "scaler_state_dict", "schema",
        "rng_state", "data_state", "best",
    }  # fmt: skip
    assert (state["global_step"], state["batch_count"], state["scaler_state_dict"]) == (10, 10, None)
    moments = state["optimizer_state_dict"]["state"]
    assert list(moments) == list(range(len(stored)))
    for number, tensor in enumerate(stored.values()):
        assert moments[number]["exp_avg"].shape == tensor.shape
    multi = torch.load(folder / "multi_layer_state.pt", weights_only=True)
    assert multi["layers_to_train"] == [2, 3] and multi["layer_weights"] == {2: 1.0, 3: 1.0}
    assert multi["current_stage_index"] == 1
    assert multi["curriculum_schedule"][1] == {
        "name": "mixed", "until_step": 12, "mixing_ratio": 0.5, "mlp_mixing_ratio": None,
    }  # fmt: skip
    # Six steps in the teacher stage reuse both layers' results, four in the mixed stage only the first one's.
    assert (multi["teacher_cache_hits"], multi["teacher_cache_misses"]) == (16, 20)
    probe = torch.load(run / "probe.pt", weights_only=True)
    assert {name: tensor.shape[1] for name, tensor in probe.items()} == {"layer_2": 128, "layer_3": 128}


@pytest.mark.parametrize("modulation", ["--dual_modulation", "--triple_modulation"])
def test_names_and_shapes_of_other_modulations(modulation: str, train: Train, tmp_path: Path) -> None:
    done = train(*SMALL, "--max_steps", "2", modulation, "--num_ranks", "1", "--output_dir", str(tmp_path / "run"))
    assert done.code == 0, done.output
    shapes = {
        name.partition(".")[2]: tuple(tensor.shape)
        for name, tensor in weights(tmp_path / "run").items()
        if name.startswith("layer_3")
    }
    wide, narrow = (4, 384), (4, 128)
    expected = {"W_down_gate": (128, 4), "W_a_up_gate": narrow, "W_b_up_gate": wide}
    expected |= {"W_down_up": (128, 4), "W_a_up_up": narrow, "W_b_up_up": wide}
    if "triple" in modulation:
        expected |= {"W_down_down": (128, 4), "W_a_up_down": wide, "W_b_up_down": narrow}
    assert list(shapes.items()) == list(expected.items())
    again = train("--resume_from", str(tmp_path / "run"), "--max_steps", "3")
    assert again.code == 0, again.output


def test_final_is_hard_links(run: Path) -> None:
    final, last = run / "checkpoints" / "final", run / "checkpoints" / "checkpoint-20"
    assert sorted(f.name for f in final.iterdir()) == sorted(f.name for f in last.iterdir())
    assert all(os.path.samefile(f, last / f.name) for f in final.iterdir())


def test_training_already_complete_changes_nothing(copy: Path, train: Train) -> None:
    before = sorted((p, p.stat().st_mtime_ns) for p in copy.rglob("*"))
    done = train("--resume_from", str(copy))
    assert done.code == 0
    assert "Training already complete" in done.output and "--max_steps" in done.output
    assert sorted((p, p.stat().st_mtime_ns) for p in copy.rglob("*")) == before
    subprocess.run(["rm", "-r", str(copy / "checkpoints" / "final")], check=True)
    assert train("--resume_from", str(copy)).code == 0
    assert same(weights(copy), weights(copy, "checkpoint-20"))


def test_a_final_of_an_earlier_end_is_not_the_run_s(copy: Path, train: Train) -> None:
    """As a kill leaves it between the last save of an extension and its final/."""
    checkpoints = copy / "checkpoints"
    shutil.rmtree(checkpoints / "final")
    shutil.copytree(checkpoints / "checkpoint-15", checkpoints / "final")
    assert train("--resume_from", str(checkpoints / "checkpoint-20"), "--max_steps", "18").code == 0
    assert same(weights(copy), weights(copy, "checkpoint-15")), "nobody asked for the end of 20 steps"
    assert train("--resume_from", str(copy)).code == 0
    assert same(weights(copy), weights(copy, "checkpoint-20"))


def test_extending(copy: Path, train: Train) -> None:
    done = train("--resume_from", str(copy), "--max_steps", "30", "--train_layers", "2-3")
    assert done.code == 0, done.output
    lines = events(copy)
    rates = {e["step"]: e["metrics"]["training/learning_rate"] for e in lines if "loss/total" in e.get("metrics", {})}
    assert rates[20] == 0.0 and rates[21] == pytest.approx(5e-4) and rates[30] == 0.0
    start = [e for e in lines if e["event"] == "start"][-1]
    assert (start["segment"], start["resume_step"], start["changed"]) == (2, 20, {"max_steps": [20, 30]})
    assert load(copy / "checkpoints" / "final" / "manifest.json")["step"] == 30


def test_a_changed_learning_rate_branches_from_an_older_checkpoint(copy: Path, train: Train) -> None:
    done = train("--resume_from", str(copy / "checkpoints" / "checkpoint-10"), "--learning_rate", "1e-3")
    assert done.code == 0, done.output
    branch = copy.with_name("copy-from-10")
    identity = load(branch / "run.json")
    check_schema("run", identity)
    parent = load(copy / "run.json")
    assert identity["id"] != parent["id"]
    assert identity["parent"] == {"id": parent["id"], "run": "copy", "checkpoint": "checkpoint-10", "step": 10}
    assert identity["changed"] == {"learning_rate": [5e-3, 1e-3]}
    rates = [e["metrics"]["training/learning_rate"] for e in events(branch) if "loss/total" in e.get("metrics", {})]
    assert rates[0] == 1e-3 and rates[-1] == 0.0
    again = train("--resume_from", str(copy / "checkpoints" / "checkpoint-10"))
    assert again.code == 0 and copy.with_name("copy-from-10-2").is_dir()
    assert load(copy / "run.json") == parent


def test_a_branch_into_a_named_folder(copy: Path, train: Train, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere" / "mine"
    done = train("--resume_from", str(copy), "--output_dir", str(folder), "--max_steps", "22")
    assert done.code == 0, done.output
    assert load(folder / "run.json")["parent"]["run"] == "copy"
    best = load(folder / "checkpoints" / "best.json")
    assert (folder / "checkpoints" / best["checkpoint"]).is_dir()


def test_layer_mismatch(copy: Path, train: Train) -> None:
    done = train("--resume_from", str(copy), "--train_layers", "1,3", "--max_steps", "22")
    assert done.code == 0, done.output
    assert "Layer mismatch" in done.output
    assert "loaded [3], new [1], dropped [2]" in done.output
    assert [e["changed"] for e in events(copy) if e["event"] == "start"][-1]["train_layers"] == [[2, 3], [1, 3]]
    assert set(torch.load(copy / "probe.pt", weights_only=True)) >= {"layer_1", "layer_3"}
    state = torch.load(copy / "checkpoints" / "checkpoint-22" / "training_state.pt", weights_only=True)
    steps = [int(own["step"]) for own in state["optimizer_state_dict"]["state"].values()]
    assert steps == [2] * 6 + [22] * 6


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--np_rank", "8", "--max_steps", "30"], "--np_rank 4 in the checkpoint, 8 here"),
        (["--num_ranks", "1", "--max_steps", "30"], "--num_ranks 2 in the checkpoint, 1 here"),
        (["--dual_modulation", "--max_steps", "30"], "modulation single in the checkpoint, dual here"),
        (["--model_name", "no/such-model", "--max_steps", "30"], "no/such-model"),
        (["--train_layers", "9", "--max_steps", "30"], "there is no layer 9"),
    ],
)
def test_what_does_not_fit_is_refused(arguments: list[str], said: str, copy: Path, train: Train) -> None:
    before = sorted((p, p.stat().st_mtime_ns) for p in copy.rglob("*") if p.name != "run.lock" and p != copy)
    done = train("--resume_from", str(copy), *arguments)
    assert done.code == 2, done.output
    errors = [line for line in done.output.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and said in errors[0]
    assert "Traceback" not in done.output
    assert sorted((p, p.stat().st_mtime_ns) for p in copy.rglob("*") if p.name != "run.lock" and p != copy) == before


def test_another_base_model_is_refused(copy: Path, train: Train, tmp_path: Path) -> None:
    other = tmp_path / "other"
    subprocess.run(["cp", "-r", str(TRAINER / "npt" / "demo" / "teacher"), str(other)], check=True)
    from safetensors.torch import load_file, save_file

    weights_file = other / "model.safetensors"
    changed = {name: tensor * 1.01 for name, tensor in load_file(weights_file).items()}
    save_file(changed, weights_file, metadata={"format": "pt"})
    done = train("--resume_from", str(copy), "--max_steps", "30", "--model_name", str(other))
    assert done.code == 2 and "another base model" in done.output, done.output


def test_a_path_without_weights(train: Train, tmp_path: Path) -> None:
    done = train("--resume_from", str(tmp_path / "nowhere"))
    assert done.code == 2 and "error: NPT weights not found" in done.output and "nowhere" in done.output
    (tmp_path / "empty").mkdir()
    done = train("--resume_from", str(tmp_path / "empty"))
    assert done.code == 2 and "NPT weights not found" in done.output


def damage(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def test_a_damaged_checkpoint_is_refused_and_passed_over(copy: Path, train: Train) -> None:
    newest = copy / "checkpoints" / "checkpoint-20"
    damage(newest / "npt_weights.pt")
    done = train("--resume_from", str(newest), "--max_steps", "22")
    assert done.code == 2
    assert "npt_weights.pt is damaged" in done.output and "checkpoint-15" in done.output
    passed = train("--resume_from", str(copy))
    assert passed.code == 0, passed.output
    assert "checkpoint-20 is broken and passed over" in passed.output
    assert "resuming from" in passed.output and "checkpoint-15" in passed.output
    assert "is now broken-checkpoint-20-1" in passed.output
    assert manifest.problems(newest) == []


def test_integrity_can_be_ignored(copy: Path, train: Train) -> None:
    newest = copy / "checkpoints" / "checkpoint-20"
    config = load(newest / "config.json")
    (newest / "config.json").write_text(json.dumps(config | {"seed": 43}))
    assert train("--resume_from", str(newest), "--max_steps", "22").code == 2
    done = train("--resume_from", str(newest), "--max_steps", "22", "--ignore_integrity")
    assert done.code == 0, done.output


def test_a_newer_schema_is_refused_in_one_line(copy: Path, train: Train) -> None:
    newest = copy / "checkpoints" / "checkpoint-20"
    document = load(newest / "manifest.json") | {"schema": 2}
    (newest / "manifest.json").write_text(json.dumps(document))
    done = train("--resume_from", str(newest), "--max_steps", "22")
    assert done.code == 2 and "schema 2" in done.output and done.output.count("\n") == 1


def test_a_fresh_start_never_overwrites(copy: Path, train: Train) -> None:
    refused = train(*SMALL, "--output_dir", str(copy))
    assert refused.code == 2 and "already has checkpoints" in refused.output
    done = train(*SMALL, "--output_dir", str(copy), "--overwrite_output_dir", "--max_steps", "3")
    assert done.code == 0, done.output
    assert (copy.with_name("copy-old-1") / "checkpoints" / "checkpoint-20").is_dir()
    assert sorted(p.name for p in (copy / "checkpoints").iterdir()) == ["best.json", "checkpoint-3", "final"]


def test_one_trainer_per_run(launch: Train, train: Train, tmp_path: Path) -> None:
    run = tmp_path / "run"
    first = launch(*SMALL, "--max_steps", "100000", "--output_dir", str(run))
    first.wait_for(lambda: (run / "checkpoints" / "checkpoint-5").exists())
    document = load(run / "process.json")
    check_schema("process", document)
    assert document["pid"] == first.pid and document["start_ticks"] == process_file.start_ticks(first.pid)
    second = train("--resume_from", str(run))
    assert second.code == 2
    assert f"another trainer is already running in {run} (process {first.pid} on {atomic.host()})" in second.output
    first.send(signal.SIGTERM)
    assert first.wait() == 143
    assert load(run / "exit.json")["signal"] == "SIGTERM"
    assert "step 5/" in (run / "train.log").read_text()


def test_a_supervisor_that_holds_the_lock(launch: Train, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    descriptor = os.open(run / "run.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)

    def supervised() -> None:
        os.environ.update(NPT_SUPERVISED="1", NPT_RUN_LOCK_FD=str(descriptor))

    done = launch(*SMALL, "--output_dir", str(run), before=supervised)
    assert done.wait() == 0, done.output
    assert load(run / "exit.json")["why"] == "done"
    assert not (run / "train.log").exists()
    refused = launch("--resume_from", str(run), "--max_steps", "30")
    assert refused.wait() == 2, "without the descriptor the lock is busy"
    os.close(descriptor)


def test_a_lock_that_is_held_for_it_on_another_node(launch: Train, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    descriptor = os.open(run / "run.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    held = os.fstat(descriptor).st_ino

    def of_a_job(inode: int) -> Callable[[], None]:
        return lambda: os.environ.update(NPT_SUPERVISED="1", NPT_RUN_LOCK_INODE=str(inode))

    refused = launch(*SMALL, "--output_dir", str(run), before=of_a_job(held + 1))
    assert refused.wait() == 2, "another run's lock says nothing of this one"
    done = launch(*SMALL, "--output_dir", str(run), before=of_a_job(held))
    assert done.wait() == 0, done.output
    assert not (run / "train.log").exists()
    assert not (run / "process.json").exists()
    os.close(descriptor)


def test_nan_stops_early_and_is_not_saved(launch: Train, tmp_path: Path) -> None:
    run = tmp_path / "run"

    def poison() -> None:
        import npt.losses

        original = npt.losses.LossFunction.__call__
        calls = [0]

        def call(self: Any, *a: Any) -> Any:
            losses = original(self, *a)
            # Not the samples of one text that tell what memory training needs.
            calls[0] += a[0].student.shape[0] > 1
            if calls[0] >= 9 and torch.is_grad_enabled():
                losses.total = losses.total * float("nan")
            return losses

        npt.losses.LossFunction.__call__ = call  # type: ignore[method-assign]

    failed = launch(*SMALL, "--logging_steps", "10", "--output_dir", str(run), before=poison)
    assert failed.wait() == 1
    document = load(run / "exit.json")
    check_schema("exit", document)
    assert document["why"] == "failed" and "not a number since step 7" in document["error"]
    assert manifest.problems(run / "checkpoints" / "checkpoint-5") == []
    assert not (run / "checkpoints" / "checkpoint-10").exists()


def test_save_total_limit_keeps_what_matters(train: Train, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert train(*SMALL, "--max_steps", "10", "--save_steps", "2", "--output_dir", str(run)).code == 0
    (run / "pins.json").write_text('{"schema": 1, "checkpoints": ["checkpoint-2"]}')
    branched = train("--resume_from", str(run / "checkpoints" / "checkpoint-6"), "--max_steps", "7")
    assert branched.code == 0, branched.output
    done = train("--resume_from", str(run), "--max_steps", "16", "--save_total_limit", "2")
    assert done.code == 0, done.output
    best = load(run / "checkpoints" / "best.json")["checkpoint"]
    kept = {p.name for p in (run / "checkpoints").glob("checkpoint-*")}
    assert kept == {"checkpoint-2", "checkpoint-6", "checkpoint-14", "checkpoint-16", best}


def test_the_resume_script(copy: Path, tmp_path: Path) -> None:
    def script(*arguments: str) -> subprocess.CompletedProcess[str]:
        import sys

        return subprocess.run(
            [str(TRAINER / "resume_training.sh"), *arguments],
            capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "PYTHON": sys.executable}, check=False,
        )  # fmt: skip

    done = script(str(copy / "checkpoints" / "checkpoint-20"), "4")
    assert done.returncode == 0, done.stderr
    assert (copy / "checkpoints" / "checkpoint-24").is_dir()
    missing = script(str(copy / "checkpoints" / "checkpoint-99"))
    assert missing.returncode == 2 and "NPT weights not found" in missing.stderr
    wrong = script(str(copy), "many")
    assert wrong.returncode == 2 and "additional_steps" in wrong.stderr
    assert script().returncode == 2
