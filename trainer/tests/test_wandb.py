"""W&B, as far as it can be tested offline: a fake module records what a run sends, and a resume goes on in its run."""

from __future__ import annotations

import json
import os
import signal
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from npt.run import wandb_records
from npt.run.wandb_log import logged_in
from tests.conftest import SAMPLES, SMALL, Process, check_schema, events
from tests.holds import hold_step

Train = Callable[..., Process]


def recording(path: Path, *, fails_at: int | None = None) -> Callable[[], None]:
    """Puts a module in wandb's place that writes every call to a file."""

    def install() -> None:
        def write(kind: str, **what: Any) -> None:
            with open(path, "a") as file:
                file.write(json.dumps({"call": kind, **what}, default=str) + "\n")

        class Run:
            def define_metric(self, name: str, step_metric: str | None = None) -> None:
                write("define", name=name, step_metric=step_metric)

            def log(self, values: dict[str, Any]) -> None:
                if fails_at is not None and values["global_step"] >= fails_at:
                    raise RuntimeError("the network is gone")
                write("log", values=values)

            def finish(self, exit_code: int) -> None:
                write("finish", exit_code=exit_code)

        def init(**how: Any) -> Run:
            write("init", **how)
            return Run()

        module = types.ModuleType("wandb")
        module.init = init  # type: ignore[attr-defined]
        sys.modules["wandb"] = module
        os.environ.pop("WANDB_API_KEY", None)
        os.environ["NETRC"] = str(path.with_name("netrc"))

    return install


def calls(path: Path, kind: str) -> list[dict[str, Any]]:
    return [call for call in map(json.loads, path.read_text().splitlines()) if call["call"] == kind]


def test_a_resume_goes_on_in_the_same_wandb_run(train: Train, tmp_path: Path) -> None:
    run, record = tmp_path / "run", tmp_path / "calls.jsonl"
    install = recording(record)
    first = train(
        *SMALL, "--wandb_mode", "online", "--wandb_tags", "a", "b", "--max_steps", "5", "--output_dir", str(run),
        before=install,
    )  # fmt: skip
    assert first.code == 0, first.output
    assert "no W&B login; going on offline" in first.output
    identity = json.loads((run / "wandb.json").read_text())
    check_schema("wandb", identity)
    assert train("--resume_from", str(run), "--max_steps", "8", before=install).code == 0
    made = calls(record, "init")
    assert [(call["id"], call["mode"], call["resume"]) for call in made] == [(identity["id"], "offline", "allow")] * 2
    assert made[0]["project"] == "npt-multi-layer" and made[0]["tags"] == ["a", "b"] and made[0]["name"] == "run"
    assert made[0]["config"]["np_rank"] == 4
    assert {"call": "define", "name": "*", "step_metric": "global_step"} in calls(record, "define")
    sent = {(c["values"]["global_step"], n) for c in calls(record, "log") for n in c["values"] if n != "global_step"}
    written = {(e["step"], name) for e in events(run) if e["event"] == "metrics" for name in e["metrics"]}
    assert sent == written
    assert [call["exit_code"] for call in calls(record, "finish")] == [0, 0]


def test_a_login_is_found_where_wandb_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert not logged_in()
    (tmp_path / "netrc").write_text("machine api.wandb.ai login user password secret\n")
    assert logged_in()
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example.org:8080")
    assert not logged_in()
    monkeypatch.setenv("WANDB_API_KEY", "x")
    assert logged_in()


def test_a_login_in_wandbs_own_settings_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WANDB_API_KEY", "WANDB_BASE_URL", "WANDB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    settings = tmp_path / "config" / "settings"
    settings.parent.mkdir()
    for content in ("", "[default]\n", "no section\n", "[default]\nmode = online\nproject = 100%\n", "\0\0"):
        settings.write_text(content)
        assert not logged_in(), content
    settings.write_text("[default]\napi_key = 0123\n")
    assert logged_in()
    # A server of one's own is named there, too.
    settings.write_text("[default]\nbase_url = https://wandb.example.org\n")
    (tmp_path / "netrc").write_text("machine wandb.example.org login user password secret\n")
    assert logged_in()
    settings.write_text("[default]\nbase_url = https://other.example.org\n")
    assert not logged_in()
    (tmp_path / "wandb").mkdir()
    (tmp_path / "wandb" / "settings").write_text("[default]\napi_key = 4567\n")
    assert logged_in(), "the working folder's own settings"
    settings.write_text("")
    (tmp_path / "wandb" / "settings").unlink()
    monkeypatch.setenv("WANDB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    assert logged_in()


def points(path: Path) -> list[tuple[int, str]]:
    """What was sent: steps and names, in order, ``global_step`` left out."""
    return [
        (call["values"]["global_step"], name)
        for call in calls(path, "log")
        for name in call["values"]
        if name != "global_step"
    ]


def test_replayed_steps_are_not_sent_twice(train: Train, launch: Train, tmp_path: Path) -> None:
    run, record = tmp_path / "run", tmp_path / "calls.jsonl"
    install = recording(record)
    words = [*SMALL, *SAMPLES, "--wandb_mode", "offline", "--output_dir", str(run)]
    process = launch(*words, before=install)
    process.wait_for(lambda: "step 8/" in process.output and "saved checkpoint-5" in process.output)
    process.send(signal.SIGKILL)
    process.wait()
    sent = points(record)
    # A segment without W&B: what it logs is not known there, whatever metrics.jsonl has.
    off = launch("--resume_from", str(run), "--wandb_mode", "disabled")
    off.wait_for(lambda: "step 13/" in off.output and "saved checkpoint-10" in off.output)
    off.send(signal.SIGKILL)
    off.wait()
    assert points(record) == sent
    resumed = train("--resume_from", str(run), "--wandb_mode", "offline", before=install)
    assert resumed.code == 0, resumed.output
    everything = points(record)
    assert len(everything) == len(set(everything)), "nothing is there twice"
    made = {(e["step"], name) for e in events(run) if e["event"] == "metrics" for name in e["metrics"]}
    missing = made - set(everything)
    assert all(step <= 10 for step, _ in missing), "all that was made again without W&B is sent"
    identity = json.loads((run / "wandb.json").read_text())
    check_schema("wandb", identity)
    assert identity["segments"] == [1, 3]


def test_offline_records_have_every_step_once(train: Train, launch: Train, tmp_path: Path) -> None:
    """With the library itself, where it is installed, and SIGKILL."""
    pytest.importorskip("wandb")
    run = tmp_path / "run"
    first = train(*SMALL, *SAMPLES, "--wandb_mode", "offline", "--output_dir", str(run))
    assert first.code == 0, first.output
    identity = json.loads((run / "wandb.json").read_text())["id"]

    def losses() -> list[int]:
        rows = wandb_records.rows(run / "wandb", identity) or []
        return [row["global_step"] for row in rows if "loss/total" in row]

    assert losses() == list(range(1, 21))
    longer = ["--resume_from", str(run), "--save_steps", "0", "--generation_steps", "21"]
    process = launch(*longer, "--max_steps", "100000")
    process.wait_for(lambda: 25 in losses())
    process.send(signal.SIGKILL)
    process.wait()
    kept = losses()
    last = kept[-1]
    resumed = train(*longer, "--max_steps", str(last + 5))
    assert resumed.code == 0, resumed.output
    assert losses() == list(range(1, last + 6)), "every step once, and none is missing"
    rows = wandb_records.rows(run / "wandb", identity) or []
    everything = [(row["global_step"], name) for row in rows for name in row if not name.startswith(("_", "global"))]
    assert len(everything) == len(set(everything))
    sampled = [step for step, name in everything if name == "generation/sample.path"]
    assert sampled[:3] == [7, 14, 21]


@pytest.mark.parametrize(("last", "sent_again"), [(7, False), (6, True), (None, False)])
def test_what_the_server_has_is_not_sent_again(
    last: int | None, sent_again: bool, train: Train, launch: Train, tmp_path: Path
) -> None:
    """W&B keeps a while what it is sent: after a kill its server may have less than metrics.jsonl."""
    run, record = tmp_path / "run", tmp_path / "calls.jsonl"
    install = recording(record)

    def held_after_step_7() -> None:
        install()
        hold_step(tmp_path / "never")

    process = launch(*SMALL, "--wandb_mode", "offline", "--output_dir", str(run), before=held_after_step_7)
    process.wait_for(lambda: "held in train_step" in process.output and "saved checkpoint-5" in process.output)
    process.send(signal.SIGKILL)
    process.wait()
    record.unlink()

    def summarised() -> None:
        install()
        init = sys.modules["wandb"].init

        def with_summary(**how: Any) -> Any:
            found = init(**how)
            found.summary = {} if last is None else {"global_step": last}
            return found

        sys.modules["wandb"].init = with_summary  # type: ignore[attr-defined]

    assert train("--resume_from", str(run), "--max_steps", "9", before=summarised).code == 0
    sent = points(record)
    assert (9, "loss/total") in sent and ((7, "loss/total") in sent) == sent_again
    assert (6, "loss/total") not in sent


def test_wandb_that_breaks_or_is_missing_stops_nothing(train: Train, tmp_path: Path) -> None:
    run = tmp_path / "run"
    broken = train(
        *SMALL, "--wandb_mode", "offline", "--output_dir", str(run),
        before=recording(tmp_path / "calls.jsonl", fails_at=4),
    )  # fmt: skip
    assert broken.code == 0
    assert broken.output.count("warning: W&B stopped working (the network is gone)") == 1

    def missing() -> None:
        sys.modules["wandb"] = None  # type: ignore[assignment]

    none = train(
        *SMALL, "--wandb_mode", "online", "--max_steps", "2", "--output_dir", str(tmp_path / "b"), before=missing
    )
    assert none.code == 0 and "wandb is not installed" in none.output
