"""Validating, inspecting and merging checkpoints: as commands, and as a function."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from npt.checkpoint import load, manifest, validate
from npt.errors import UsageError
from npt.storage import atomic
from scripts.validate_checkpoint import validate_checkpoint
from tests.conftest import SMALL, TRAINER, Process, run_forked, same
from tests.test_other_trainers_and_library import theirs

FIXTURES = TRAINER.parent / "test" / "fixtures" / "checkpoints"
Train = Callable[..., Process]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Runs that each trained one layer, by layer; layer 3 for longer and with another loss weight."""
    folder = tmp_path_factory.mktemp("layers")
    made: dict[int, Path] = {}
    for layer, steps in ((2, 4), (3, 7)):
        made[layer] = folder / f"layer_{layer}_x"
        code, output = run_forked(
            [*SMALL, "--train_layers", str(layer), "--layer_weights", str(layer / 2), "--max_steps", str(steps),
             "--eval_steps", "1000", "--generation_steps", "1000", "--save_steps", "1000",
             "--output_dir", str(made[layer])],
            folder,
        )  # fmt: skip
        assert code == 0, output
    return made


@pytest.fixture
def checkpoint(runs: dict[int, Path], tmp_path: Path) -> Path:
    """A copy of a checkpoint, to be spoiled."""
    target = tmp_path / "run" / "checkpoints" / "checkpoint-7"
    shutil.copytree(runs[3] / "checkpoints" / "checkpoint-7", target)
    return target


def script(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs one of the scripts as a user does."""
    command = [sys.executable, str(TRAINER / "scripts" / name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def resave(checkpoint: Path, name: str, change: Callable[[Any], Any]) -> None:
    """Changes what a file holds, and the manifest with it: only its content gives it away."""
    value = torch.load(checkpoint / name, weights_only=True)
    torch.save(change(value), checkpoint / name)
    resign(checkpoint, name)


def resign(checkpoint: Path, name: str) -> None:
    document = json.loads((checkpoint / manifest.NAME).read_text())
    size, digest = manifest.file_hash(checkpoint / name)
    document["files"][name] = {"bytes": size, "sha256": digest}
    (checkpoint / manifest.NAME).write_bytes(atomic.json_bytes(manifest.signed(document)))


def errors(checkpoint: Path) -> dict[str, str]:
    report = validate.examine(checkpoint)
    return {item.code: item.message for item in report.findings if item.severity == "error"}


# --- validate ------------------------------------------------------------------------------------------------------


def test_a_valid_checkpoint(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert validate_checkpoint(checkpoint) is True and validate_checkpoint(str(checkpoint)) is True
    said = capsys.readouterr().out.splitlines()
    assert said[:3] == ["Checkpoint step: 7", "NPT layers: [3]", f"valid: {checkpoint}"]


@pytest.mark.parametrize("folder", [p for p in FIXTURES.glob("*/*") if p.is_dir()], ids=lambda p: p.parent.name)
def test_every_layout_of_the_field_is_valid(folder: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(folder, tmp_path / folder.name)
    for file in copied.iterdir():
        # In a fresh clone every file is young, and a young checkpoint without config.json is still being written.
        os.utime(file, (0, 0))
    os.utime(copied, (0, 0))
    report = validate.examine(copied)
    assert report.valid, report.findings
    assert report.step and report.layers


@pytest.mark.parametrize("kind", [{}, {"long_names": True}, {"old": True}, {"merged": True}], ids=str)
def test_other_trainers_checkpoints_are_valid(kind: dict[str, bool], tmp_path: Path) -> None:
    report = validate.examine(theirs(tmp_path, **kind))
    assert report.valid and (report.step, report.layers) == (40, [2, 3]), report.findings


def test_a_merely_doubtful_checkpoint_is_valid(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    resave(checkpoint, "npt_weights.pt", lambda w: {k: t * 0 if "W_b_up" in k else t for k, t in w.items()})
    assert validate_checkpoint(checkpoint)
    assert "warning: npt_weights.pt: tensor layer_3_np.W_b_up.0 is zero everywhere" in capsys.readouterr().out


def nan(value: dict[str, Any], *path: Any) -> dict[str, Any]:
    place: Any = value
    for key in path:
        place = place[key]
    place.view(-1)[5] = float("nan")
    return value


SPOILED: dict[str, tuple[str, Callable[[Any], Any], str, str]] = {
    "NaN in weights": (
        "npt_weights.pt", lambda w: nan(w, "layer_3_np.W_down.1"), "non-finite", "layer_3_np.W_down.1 has 1 values"),
    "NaN in moments": (
        "training_state.pt", lambda s: nan(s, "optimizer_state_dict", "state", 2, "exp_avg"), "non-finite",
        "optimizer_state_dict.state.2.exp_avg"),
    "another step": ("training_state.pt", lambda s: s | {"global_step": 8}, "step-folder", "named for step 7"),
    "no step": (
        "training_state.pt", lambda s: {k: v for k, v in s.items() if k != "global_step"}, "missing-key", "lacks"),
    "another stage": (
        "multi_layer_state.pt", lambda s: s | {"current_stage_index": 2}, "stage-mismatch", "names stage 2"),
    "a layer without weights": (
        "multi_layer_state.pt", lambda s: s | {"layers_to_train": [2, 3]}, "layer-missing", "layers [2]"),
    "a matrix is missing": (
        "npt_weights.pt", lambda w: dict(list(w.items())[:-1]), "missing-weight", "layer_3_np.W_b_up.1"),
    "a wrong shape": (
        "npt_weights.pt", lambda w: w | {"layer_3_np.W_a_up.1": torch.zeros(4, 127)}, "weight-shape", "(4, 127)"),
    "moments of another shape": (
        "training_state.pt",
        lambda s: (s["optimizer_state_dict"]["state"][0].update(exp_avg=torch.zeros(3)), s)[1],
        "optimizer-mismatch", "exp_avg of parameter 0"),
    "no curriculum": (
        "multi_layer_state.pt", lambda s: s | {"curriculum_schedule": []}, "curriculum-malformed", "not a list"),
    "no weights": ("npt_weights.pt", lambda w: {}, "no-weights", "no NP tensor"),
    "not a dict": ("training_state.pt", lambda s: [1, 2], "bad-value", "holds no dict"),
    "a newer schema": ("training_state.pt", lambda s: s | {"schema": 2}, "newer-schema", "reads up to 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILED)
def test_what_is_wrong_is_named(name: str, checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, change, code, said = SPOILED[name]
    resave(checkpoint, file, change)
    found = errors(checkpoint)
    assert said in found.get(code, ""), found
    assert validate_checkpoint(checkpoint) is False
    assert "not valid: " in capsys.readouterr().out


@pytest.mark.parametrize("name", [*manifest.STATE_FILES, "config.json", manifest.NAME])
def test_a_missing_an_empty_and_a_cut_file(name: str, checkpoint: Path) -> None:
    whole = (checkpoint / name).read_bytes()
    for content in (None, b"", whole[: len(whole) // 2], b"\0" * len(whole)):
        if content is None:
            (checkpoint / name).unlink()
        else:
            (checkpoint / name).write_bytes(content)
        found = errors(checkpoint)
        assert found and any(name in message for message in found.values()), (content and content[:10], found)
        assert all("\n" not in message for message in found.values())


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[]", "manifest-unreadable"),
        ('{"schema":1,"files":[]}', "manifest-unreadable"),
        ('{"schema":1,"files":{"config.json":3}}', "manifest-unreadable"),
        ('{"schema":1e999,"files":{}}', "manifest-unreadable"),
        ("[" * 100000, "manifest-unreadable"),
        ('{"schema":2,"files":{}}', "newer-schema"),
        ('{"schema":1,"files":{},"sha256":"0"}', "manifest-changed"),
    ],
)
def test_a_strange_manifest(text: str, code: str, checkpoint: Path) -> None:
    (checkpoint / manifest.NAME).write_text(text)
    assert list(errors(checkpoint)) == [code]


def test_a_file_of_another_size_than_the_manifests(checkpoint: Path) -> None:
    path = checkpoint / "config.json"
    path.write_text(path.read_text() + "\n")
    assert errors(checkpoint) == {
        "manifest-size": f"config.json has {path.stat().st_size} bytes instead of {path.stat().st_size - 1}"
    }


def test_a_changed_byte_is_noticed_where_torch_notices_nothing(checkpoint: Path) -> None:
    path = checkpoint / "npt_weights.pt"
    weights = torch.load(path, weights_only=True)
    key = "layer_3_np.W_a_up.1"
    raw = bytearray(path.read_bytes())
    at = raw.index(weights[key].numpy().tobytes()[:64])
    raw[at] ^= 1
    path.write_bytes(raw)
    assert not same(torch.load(path, weights_only=True), weights), "torch loads it without a word"
    assert set(errors(checkpoint)) == {"sha256-mismatch", "checksum-mismatch"}
    resign(checkpoint, path.name)
    found = errors(checkpoint)
    assert set(found) == {"checksum-mismatch"} and f"(tensor {key})" in found["checksum-mismatch"]


class Runs:
    """Unpickled carelessly, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        import os

        return (os.system, (f"touch {self.path}",))


def test_nothing_in_a_file_is_executed(checkpoint: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    state = torch.load(checkpoint / "training_state.pt", weights_only=True)
    torch.save(state | {"note": Runs(trace)}, checkpoint / "training_state.pt")
    resign(checkpoint, "training_state.pt")
    found = errors(checkpoint)
    assert any("system" in message and "do not load it" in message for message in found.values()), found
    assert not trace.exists()


@pytest.mark.parametrize("attack", ["trailing", "leading", "duplicate", "extra", "comment"])
def test_a_container_that_says_two_things(attack: str, checkpoint: Path) -> None:
    import zipfile

    path = checkpoint / "npt_weights.pt"
    if attack == "leading":
        path.write_bytes(b"#!/bin/sh\n" + path.read_bytes())
    elif attack == "trailing":
        path.write_bytes(path.read_bytes() + b"more")
    else:
        with zipfile.ZipFile(path, "a") as archive:
            root = archive.namelist()[0].partition("/")[0]
            if attack == "duplicate":
                with pytest.warns(UserWarning, match="Duplicate"):
                    archive.writestr(f"{root}/data.pkl", archive.read(f"{root}/data.pkl"))
            elif attack == "extra":
                archive.writestr(f"{root}/code.py", "1")
            else:
                archive.comment = b"hello"
    resign(checkpoint, path.name)
    assert errors(checkpoint), attack


def test_what_is_no_checkpoint(checkpoint: Path, tmp_path: Path) -> None:
    for path, said in (
        (tmp_path / "nowhere", "does not exist"),
        (checkpoint / "npt_weights.pt", "name the checkpoint folder"),
        (checkpoint.parent.parent, "is a run: name one of the checkpoints"),
    ):
        with pytest.raises(UsageError, match=said):
            validate.examine(path)
        assert validate_checkpoint(path) is False
    written = checkpoint.with_name(".tmp-checkpoint-9-host-1")
    checkpoint.rename(written)
    assert list(errors(written)) == ["being-written"]


def test_a_checkpoint_that_is_deleted_while_it_is_read(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look = validate._look_into

    def interrupted(report: validate.Report, obstacles: dict[str, Any]) -> None:
        checkpoint.rename(checkpoint.with_name(f".del-{checkpoint.name}"))
        look(report, obstacles)

    monkeypatch.setattr(validate, "_look_into", interrupted)
    with pytest.raises(UsageError, match="was deleted or moved while it was read"):
        validate.examine(checkpoint)


def test_the_validation_command(checkpoint: Path, tmp_path: Path) -> None:
    good = script("validate_checkpoint.py", checkpoint)
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.splitlines()[:2] == ["Checkpoint step: 7", "NPT layers: [3]"]
    broken = checkpoint.with_name("checkpoint-8")
    shutil.copytree(checkpoint, broken)
    (broken / "training_state.pt").unlink()
    mixed = script("validate_checkpoint.py", checkpoint, broken)
    assert mixed.returncode == 1 and mixed.stderr == ""
    assert "error: training_state.pt is missing" in mixed.stdout
    assert f"whole is {checkpoint}" in mixed.stdout
    wrong = script("validate_checkpoint.py", checkpoint, tmp_path / "nowhere")
    assert wrong.returncode == 2 and wrong.stderr == f"error: {tmp_path / 'nowhere'} does not exist\n"


# --- inspect -------------------------------------------------------------------------------------------------------


def test_the_inspection_command(runs: dict[int, Path]) -> None:
    shown = script("inspect_checkpoint.py", runs[3])
    assert (shown.returncode, shown.stderr) == (0, "")
    lines = {line[:12].strip(): line[13:] for line in shown.stdout.splitlines()}
    assert lines["step"] == "7 finished, 7 micro-batches"
    assert lines["stage"] == "mixed, steps 6–12, mixing ratio 0.5"
    assert lines["curriculum"] == "teacher 0–6, mixed 6–12 (ratio 0.5), student 12–20"
    assert lines["layers"] == "3" and lines["components"] == "single modulation, 2 × rank 4"
    assert lines["parameters"] == "5,120 in 6 matrices"
    assert lines["layer 3 rms"].startswith("W_down 0.08")
    assert lines["optimizer"].startswith("moments of 6 of 6 matrices, 7 updates")
    assert lines["schedule"].endswith("0 at step 7")
    assert lines["manifest"].endswith("in segment 1; all files match")
    nothing = script("inspect_checkpoint.py", runs[3] / "nothing")
    assert nothing.returncode == 2 and nothing.stderr.startswith("error: NPT weights not found: ")
    assert nothing.stderr.count("\n") == 1


def test_inspecting_another_trainers_checkpoint() -> None:
    from npt.commands import inspect

    text = "\n".join(inspect.describe(load.read(FIXTURES / "field" / "checkpoint-24000")))
    assert "mixed, steps 20000–50000" in text and "1 × rank 4" in text and "another NPT trainer" in text


# --- merge ---------------------------------------------------------------------------------------------------------


def test_merged_layers_resume(runs: dict[int, Path], tmp_path: Path, train: Train) -> None:
    output = tmp_path / "experiments" / "merged"
    done = script("merge_checkpoints.py", runs[2].parent, "--output", output)
    assert done.returncode == 0, done.stderr
    assert "optimizer state of the layers [2, 3] goes with them" in done.stdout
    assert "of the steps 4, 7: the merged one goes on at 7" in done.stdout
    merged_at = output / "checkpoints" / "checkpoint-7"
    assert validate_checkpoint(merged_at)
    merged = load.read(merged_at)
    moments = merged.training_state["optimizer_state_dict"]["state"]
    for layer, step in ((2, 4), (3, 7)):
        part = load.read(runs[layer] / "checkpoints" / f"checkpoint-{step}")
        own = {k: t for k, t in merged.weights.items() if k.startswith(f"layer_{layer}_")}
        assert same(own, part.weights)
        numbers = [i for i, key in enumerate(merged.weights) if key in part.weights]
        theirs_state = part.training_state["optimizer_state_dict"]["state"]
        assert same([moments[i] for i in numbers], [theirs_state[i] for i in range(len(numbers))])
        assert merged.multi_layer_state["layer_weights"][layer] == layer / 2
    info = merged.training_state["merge_info"]
    assert info == merged.config["merge_info"] and info["steps"] == [4, 7] and info["layers"] == [[2], [3]]
    resumed = train("--resume_from", str(output), "--max_steps", "9")
    assert resumed.code == 0, resumed.output
    assert "Layer mismatch" not in resumed.output
    after = load.read(output / "checkpoints" / "checkpoint-9")
    assert after.multi_layer_state["layers_to_train"] == [2, 3]
    assert after.multi_layer_state["layer_weights"] == {2: 1.0, 3: 1.5}
    counted = {int(own["step"]) for own in after.training_state["optimizer_state_dict"]["state"].values()}
    assert counted == {6, 9}
    before = (merged_at / manifest.NAME).read_bytes()
    again = script("merge_checkpoints.py", runs[2], runs[3], "--output", output)
    assert again.returncode == 2 and "is already there; choose another --output" in again.stderr
    assert (merged_at / manifest.NAME).read_bytes() == before


def test_what_does_not_fit_is_not_merged(runs: dict[int, Path]) -> None:
    from npt.checkpoint import merge

    two, three = (load.read(merge.sources_in([str(runs[n]), str(runs[n])])[0].checkpoint) for n in (2, 3))
    with pytest.raises(UsageError, match="layer 3 is in both"):
        merge.merge([three, three])
    other = load.read(FIXTURES / "ours-dual" / "checkpoint-30")
    with pytest.raises(UsageError, match=r"single modulation, 2 × rank 4.*dual modulation.*cannot be merged"):
        merge.merge([three, other])
    two.fingerprint = "another"
    with pytest.raises(UsageError, match="base model's fingerprint"):
        merge.merge([two, three])
    with pytest.raises(UsageError, match="at least two"):
        merge.sources_in([str(runs[2])])


def test_merging_another_trainers_layers(tmp_path: Path) -> None:
    from npt.checkpoint import merge

    parts = []
    for layer in (2, 3):
        stored = load.read(theirs(tmp_path / str(layer), merged=layer == 3))
        numbered = list(enumerate(stored.weights))
        keys = [(i, k) for i, k in numbered if k.startswith(f"layer_{layer}_")]
        optimizer = stored.training_state["optimizer_state_dict"]
        moments = {new: optimizer["state"][i] for new, (i, _) in enumerate(keys) if i in optimizer["state"]}
        optimizer["state"] = moments
        stored.weights = {k: stored.weights[k] for _, k in keys}
        parts.append(stored)
    content, notes = merge.merge(parts)
    assert sorted(content.training_state["optimizer_state_dict"]["state"]) == [0, 1, 2]
    assert any("layers [3] does not fit or is not there" in note for note in notes)
    assert any("the loss will jump" in note for note in notes)
