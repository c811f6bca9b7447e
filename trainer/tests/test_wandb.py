"""W&B, as far as it can be tested offline: a fake module records what a run sends, and a resume goes on in its run."""

from __future__ import annotations

import json
import os
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from npt.run.wandb_log import logged_in
from tests.conftest import SMALL, Process, check_schema, events

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
