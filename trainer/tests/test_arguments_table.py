"""arguments.json: typed and stored values are read alike, and each entry does on a resume what it says."""

from __future__ import annotations

import json
import shutil
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from npt.argument_table import ARGUMENTS, PER_START, ValueRefused
from npt.arguments import Arguments, parse_typed, questionable, resolve
from npt.checkpoint import load
from npt.errors import UsageError
from tests.conftest import SMALL, TRAINER, Process, check_schema, events, run_forked, same, series

Train = Callable[..., Process]
FLOW = ("training", "data")


def test_the_class_has_the_tables_arguments() -> None:
    hints = typing.get_type_hints(Arguments)
    assert sorted(hints) == sorted(ARGUMENTS)
    kinds = {"integer": int, "number": float, "flag": bool}
    for name, argument in ARGUMENTS.items():
        wanted = kinds.get(argument.kind)
        if wanted is not None:
            assert hints[name] in (wanted, wanted | None), name
        if argument.default is not None and wanted is not None:
            assert type(argument.default) is wanted, name


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["auto", "5e-3", "1e3", "bf16", "no", "NaN", "-0", "2,3", "1,0.5", "cuda:0", "4.0", "uniform"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip


@given(st.sampled_from(sorted(ARGUMENTS)), JSON)
def test_any_value_is_read_or_refused_in_one_line(name: str, value: Any) -> None:
    argument = ARGUMENTS[name]
    try:
        read = argument.read(value)
    except ValueRefused as error:
        assert "\n" not in str(error) and str(error)
        return
    assert argument.read(read) == read
    json.dumps(read, allow_nan=False)
    if isinstance(read, str) and argument.kind != "choice":
        # What is stored can be typed.
        assert argument.read(str(read)) == read


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("learning_rate", "5e-3", 5e-3), ("batch_size", 4.0, 4), ("batch_size", "4", 4), ("batch_size", "1e1", 10),
        ("mixed_precision", "no", False), ("mixed_precision", "bf16", True), ("mixed_precision", "FP16", True),
        ("mixed_precision", 0, False), ("weight_decay", -0.0, 0.0), ("train_layers", [2.0, "3"], [2, 3]),
        ("train_layers", 3, [3]), ("layer_weights", [1, 0.5], "1,0.5"), ("train_file", "a.txt", ["a.txt"]),
        ("seed", 2**64 - 1, 2**64 - 1), ("seed", str(2**63), 2**63), ("wandb_name", 5, "5"),
    ],
)  # fmt: skip
def test_what_is_clear_is_taken(name: str, value: Any, read: Any) -> None:
    found = ARGUMENTS[name].read(value)
    assert found == read and type(found) is type(read)
    assert str(found) == str(read), "no negative zero"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("batch_size", "auto", "'auto' is not a whole number"), ("batch_size", True, "true is not a whole number"),
        ("batch_size", 4.5, "not a whole number"), ("batch_size", 0, "below 1"), ("batch_size", [4], "not a whole"),
        ("learning_rate", float("nan"), "not a number"), ("learning_rate", "NaN", "not a number"),
        ("learning_rate", 10**400, "not a number"), ("learning_rate", False, "not a number"),
        ("learning_rate", "Infinity", "not a number"), ("learning_rate", -0.0, "not above 0"),
        ("mixed_precision", "fp8", "neither true nor false"), ("mixed_precision", 2, "neither"),
        ("mixed_precision", 1.5, "neither"), ("train_layers", [2, 2], "named twice"), ("train_layers", [], "no layer"),
        ("train_layers", [True], "not a whole number"), ("train_layers", {"2": 1}, "not a whole number"),
        ("layer_weights", [1, None], "not a weight"), ("curriculum_stages", [{"name": "student"}], "not a curriculum"),
        ("seed", 2**64, "above 18446744073709551615"), ("seed", -1, "below 0"), ("device", 0, "not a device"),
        ("wandb_mode", "Online", "not one of"), ("model_name", "a\nb", "control characters"),
        ("max_steps", 2**53, "above 9007199254740991"), ("max_steps", 1e300, "above"),
    ],
)  # fmt: skip
def test_what_is_not_clear_names_file_key_and_remedy(name: str, value: Any, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve({}, {"train_layers": [2, 3], name: value} if value != [] else {name: value})
    line = str(caught.value)
    if value != []:
        assert said in line and "config.json" in line and name in line and f"--{name}" in line
    assert "\n" not in line
    # Another value, typed, is the remedy.
    if name not in ("train_layers", "layer_weights", "curriculum_stages", "model_name", "device", "wandb_mode"):
        typed = {"mixed_precision": "--no-mixed_precision"}.get(name, f"--{name}=1")
        resolve(parse_typed([typed]), {"train_layers": [2, 3], name: value})


def test_a_seed_out_of_range_is_one_line() -> None:
    with pytest.raises(UsageError) as caught:
        parse_typed(["--seed", str(2**64)])
    assert "--seed" in str(caught.value) and "18446744073709551615" in str(caught.value)
    assert parse_typed(["--seed", str(2**64 - 1)])["seed"] == 2**64 - 1


def test_zero_means_never_and_the_end_is_saved_all_the_same(train: Train, tmp_path: Path) -> None:
    run = tmp_path / "run"
    every = ("save_steps", "eval_steps", "generation_steps", "logging_steps", "save_total_limit", "num_eval_samples")
    zeros = [word for name in every for word in (f"--{name}", "0")]
    done = train(*SMALL, *zeros, "--output_dir", str(run))
    assert done.code == 0, done.output
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == ["checkpoint-20", "final"]
    assert "evaluation at" not in done.output and "sample at" not in done.output
    logged = {step for step, name in series(run) if name == "loss/total"}
    assert logged == {20} and not any(name.startswith("eval") for _, name in series(run))
    check_schema("config", json.loads((run / "config.json").read_text()))
    # Without a number of samples, no evaluation either; and a resume inherits the zeros.
    assert train(*SMALL, "--eval_steps", "1", "--num_eval_samples", "0", "--max_steps", "2").code == 0
    resumed = train("--resume_from", str(run), "--max_steps", "22")
    assert resumed.code == 0, resumed.output
    names = sorted(path.name for path in (run / "checkpoints").iterdir())
    assert names == ["checkpoint-20", "checkpoint-22", "final"]


def test_a_stride_above_the_length_is_a_warning_and_never_a_default() -> None:
    typed = parse_typed(["--train_layers", "1", "--stride", "900"])
    assert "--stride 900 is above --max_length 512" in questionable(resolve(typed))[0]
    stored = {"train_layers": [1], "stride": 256, "max_length": 32}
    assert "of every 256 tokens 224" in questionable(resolve({}, stored))[0]
    assert questionable(resolve({}, stored)) and resolve({}, stored).stride == 256
    assert resolve(parse_typed(["--train_layers", "1", "--max_length", "32"])).stride == 32
    assert resolve(parse_typed(["--demo_mode", "--max_length", "32"])).stride == 32
    assert not questionable(resolve({}, {"train_layers": [1], "max_length": 32}))


# --- what each argument does on a resume ---------------------------------------------------------------------------

FILES = [
    *SMALL[1:], "--model_name", str(TRAINER / "npt" / "demo" / "teacher"), "--train_layers", "2,3", "--num_workers",
    "0",
    "--wandb_mode", "disabled", "--gradient_accumulation_steps", "1", "--learning_rate", "5e-3", "--np_init_scale",
    "0.05", "--gradient_scale_factor", "1",
]  # fmt: skip


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 20 steps on files, of which the resumes below go on from step 10."""
    folder = tmp_path_factory.mktemp("table")
    text = (TRAINER / "npt" / "demo" / "text" / "train.txt").read_text(encoding="utf-8")
    (folder / "text.txt").write_text(text[:60_000], encoding="utf-8")
    (folder / "other.txt").write_text(text[60_000:90_000], encoding="utf-8")
    code, output = run_forked(
        [*FILES, "--train_file", "text.txt", "--max_steps", "10", "--output_dir", str(folder / "run")], folder
    )
    assert code == 0, output
    return folder


class Outcome:
    """What a resume left: its code, lines, configuration, weights and metrics."""

    def __init__(self, code: int, output: str, run: Path) -> None:
        self.code, self.output = code, output
        if self.code != 0:
            return
        self.config = json.loads((run / "config.json").read_text())
        self.changed = [e["changed"] for e in events(run) if e["event"] == "start"][-1]
        final = load.read(run / "checkpoints" / "final")
        self.weights, self.data = final.weights, final.training_state["data_state"]
        self.flow = {key: value for key, value in series(run).items() if key[1].startswith(("loss/", "training/"))}
        self.evaluations = {key: value for key, value in series(run).items() if key[1].startswith("eval")}
        told = ("step ", "evaluation", "saved", "sample at", "deleted")
        lines = [line.partition(" in ")[0] for line in self.output.splitlines() if line.startswith(told)]
        self.files = sorted(p.name for p in (run / "checkpoints").iterdir())
        # The line of a step ends with its speed, which is never the same; a save ends beside any step.
        self.written = sorted(line.partition("  grad")[0] for line in lines)


@pytest.fixture
def resume(origin: Path, tmp_path: Path, train: Train) -> Callable[..., Outcome]:
    """Goes on from a copy of the run, in a place of its own."""
    number = 0

    def go_on(*argv: str, steps: int = 14) -> Outcome:
        nonlocal number
        number += 1
        run = tmp_path / f"copy-{number}"
        shutil.copytree(origin / "run", run)
        steps_given = [] if "--max_steps" in argv else ["--max_steps", str(steps)]
        process = train("--resume_from", str(run), *steps_given, *argv, cwd=origin)
        return Outcome(process.wait(), process.output, run)

    return go_on


@pytest.fixture(scope="module")
def unchanged(origin: Path) -> Outcome:
    """What a resume leaves that changes nothing."""
    run = origin / "unchanged"
    shutil.copytree(origin / "run", run)
    (origin / "console.txt").unlink()  # what the run itself said
    code, output = run_forked(["--resume_from", str(run), "--max_steps", "14"], origin)
    return Outcome(code, output, run)


#: A value for each argument that is not the one it has in ``origin``, and what else has to be said with it.
OTHER: dict[str, list[str]] = {
    "learning_rate": ["1e-3"], "curriculum_stages": ["student:20"], "max_steps": ["13"], "batch_size": ["3"],
    "gradient_accumulation_steps": ["2"], "weight_decay": ["0.5"], "gradient_clip": ["0.001"],
    "gradient_scale_factor": ["1e-5"], "lambda_reg": ["5"], "direct_mlp_weight": ["1"], "fidelity_weight": ["30"],
    "layer_weights": ["1,0.1"], "train_layers": ["1,3"], "train_file": ["other.txt"],
    "validation_file": ["other.txt"], "max_length": ["24"], "stride": ["8"], "num_eval_samples": ["2"],
    "num_workers": ["1"], "logging_steps": ["2"], "eval_steps": ["3"], "save_steps": ["3"], "generation_steps": ["4"],
    "save_total_limit": ["1"], "mixed_precision": [], "matmul_precision": ["highest"], "seed": ["43"],
    "gradient_checkpointing": [], "deterministic": [], "wandb_name": ["other"], "wandb_tags": ["a"],
}  # fmt: skip
#: Those that a run of the demo without a GPU, a network and W&B cannot try; the texts say so, and tests beside this.
ELSEWHERE = {"bos", "compile", "device", "dataset_preset", "wandb_mode", "wandb_project"}


def test_every_argument_is_tried() -> None:
    refused = {name for name, each in ARGUMENTS.items() if each.effect in ("shapes", "base model", "start")}
    conditional = {name for name, each in ARGUMENTS.items() if each.when is not None}
    assert set(OTHER) | {"async_save"} | ELSEWHERE | refused | conditional == set(ARGUMENTS)


@pytest.mark.parametrize("name", [*OTHER, "async_save"])
def test_a_changed_argument_does_what_the_table_says(
    name: str, resume: Callable[..., Outcome], unchanged: Outcome
) -> None:
    argument = ARGUMENTS[name]
    assert argument.effect == "takes effect"
    flag = ["--no-async_save"] if name == "async_save" else [f"--{name}", *OTHER[name]]
    before, after = unchanged, resume(*flag)
    assert before.code == 0 and after.code == 0, after.output
    assert name in after.changed and f"changed: {name} was" in after.output
    assert after.config[name] == after.changed[name][1] != before.config[name]
    touched = {
        "training or data": not same(before.weights, after.weights),
        "evaluation": before.evaluations != after.evaluations,
        "output": (before.written, before.files) != (after.written, after.files),
    }
    if any(kind in argument.touches for kind in FLOW):
        assert touched["training or data"], after.output
    elif "rounding" not in argument.touches:
        assert not touched["training or data"]
        common = before.flow.keys() & after.flow.keys()
        assert common and all(before.flow[key] == after.flow[key] for key in common)
    if argument.touches == ["evaluation"]:
        assert touched["evaluation"]
    if argument.touches == ["output"] and not name.startswith("wandb_"):
        assert touched["output"], after.output
    if argument.touches == ["speed"]:
        assert not any(touched.values()), after.output


@pytest.mark.parametrize(
    ("name", "other", "where"),
    [
        # At step 10 of 10 the rate is 0: a schedule that goes on climbs again, by the warm-up.
        ("warmup_steps", "0", ["--max_steps", "60"]),
        ("np_init_scale", "0.5", ["--train_layers", "1,3"]),
        ("init_strategy", "conservative", ["--train_layers", "1,3"]),
    ],
)
def test_an_argument_that_matters_in_one_case_only(
    name: str, other: str, where: list[str], resume: Callable[..., Outcome]
) -> None:
    assert ARGUMENTS[name].when is not None
    idle_where = ["--learning_rate", "1e-3"] if name == "warmup_steps" else []
    before, after = resume(*idle_where), resume(*idle_where, f"--{name}", other)
    assert same(before.weights, after.weights) and before.flow == after.flow
    assert name not in after.changed and after.config[name] == before.config[name]
    assert f"--{name} {other} has no effect here" in after.output and f"changed: {name}" not in after.output
    before, after = resume(*where), resume(*where, f"--{name}", other)
    assert name in after.changed and f"changed: {name} was" in after.output
    assert not same(before.weights, after.weights), after.output


REFUSED = {
    "np_rank": ["8"], "num_ranks": ["1"], "dual_modulation": [], "triple_modulation": [],
    "model_name": ["random-1b"], "model_size": ["3b"], "demo_mode": [],
}  # fmt: skip


@pytest.mark.parametrize("name", [n for n, a in ARGUMENTS.items() if a.effect in ("shapes", "base model")])
def test_what_must_fit_the_checkpoint_is_refused(name: str, resume: Callable[..., Outcome]) -> None:
    after = resume(f"--{name}", *REFUSED[name])
    assert after.code == 2, after.output
    lines = [line for line in after.output.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, after.output


def test_the_same_base_model_may_be_somewhere_else(
    resume: Callable[..., Outcome], unchanged: Outcome, tmp_path: Path
) -> None:
    other = tmp_path / "teacher"
    shutil.copytree(TRAINER / "npt" / "demo" / "teacher", other)
    before, after = unchanged, resume("--model_name", str(other))
    assert after.code == 0, after.output
    assert same(before.weights, after.weights) and "model_name" in after.changed


def test_a_size_beside_a_name_does_nothing(resume: Callable[..., Outcome]) -> None:
    after = resume("--model_size", "3b", "--model_name", str(TRAINER / "npt" / "demo" / "teacher"))
    assert after.code == 0 and "--model_size 3b has no effect here" in after.output, after.output
    assert after.config["model_size"] == "1b"


def test_what_belongs_to_one_start_is_not_inherited(origin: Path) -> None:
    stored = json.loads((origin / "run" / "config.json").read_text())
    given_then = {"output_dir": "x", "resume_from": "y", "overwrite_output_dir": True, "ignore_integrity": True}
    resolved = resolve({}, stored | given_then)
    assert [getattr(resolved, name) for name in PER_START] == [ARGUMENTS[name].default for name in PER_START]


def test_a_stored_value_that_cannot_be_used_is_asked_about_before_anything_is_written(
    origin: Path, tmp_path: Path, train: Train
) -> None:
    run = tmp_path / "run"
    shutil.copytree(origin / "run", run)
    config = run / "checkpoints" / "checkpoint-10" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"batch_size": "auto", "unknown": [1]}))
    before = sorted(p for p in run.rglob("*"))
    done = train("--resume_from", str(config.parent), "--ignore_integrity", "--max_steps", "12", cwd=origin)
    assert done.code == 2 and "Traceback" not in done.output
    assert "config.json: batch_size: 'auto' is not a whole number; give --batch_size to go on" in done.output
    assert sorted(p for p in run.rglob("*")) == before
    given_it = ["--ignore_integrity", "--max_steps", "12", "--batch_size", "2"]
    assert train("--resume_from", str(config.parent), *given_it, cwd=origin).code == 0


def test_a_checkpoint_without_a_run_names_its_branch(origin: Path, tmp_path: Path, train: Train) -> None:
    alone = tmp_path / "experiments" / "merged-7"
    shutil.copytree(origin / "run" / "checkpoints" / "checkpoint-10", alone)
    shutil.copy(origin / "text.txt", tmp_path)
    done = train("--resume_from", str(alone), "--max_steps", "11", cwd=tmp_path)
    assert done.code == 0, done.output
    run = tmp_path / "experiments" / "merged-7-from-10"
    assert json.loads((run / "run.json").read_text())["parent"]["run"] == "merged-7"
    assert torch.load(run / "checkpoints" / "final" / "training_state.pt", weights_only=True)["global_step"] == 11
