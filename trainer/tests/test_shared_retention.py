"""What a limit deletes, by the cases that the extension's clean-up is held to as well (test/fixtures/retention)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from npt.checkpoint.retention import Retention
from npt.checkpoint.save import save
from npt.checkpoint.verified import Verified
from tests.tiny_checkpoints import content

FILE = Path(__file__).resolve().parents[2] / "test" / "fixtures" / "retention" / "cases.json"
CASES: list[dict[str, Any]] = json.loads(FILE.read_text())["cases"] if FILE.exists() else []
pytestmark = pytest.mark.skipif(not CASES, reason="the fixtures are in the extension's repository")


def made(case: dict[str, Any], experiments: Path) -> tuple[Path, Verified]:
    """The case's runs on disk, and what the trainer knows of what it saved."""
    run = experiments / "a"
    folder = run / "checkpoints"
    folder.mkdir(parents=True)
    verified = Verified()
    for step, kind in case["checkpoints"].items():
        if kind == "empty":
            (folder / f"checkpoint-{step}").mkdir()
            continue
        weights = save(folder, content(int(step)), verified) / "npt_weights.pt"
        if kind == "damaged":
            weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    run_id = case.get("id", "A")
    (run / "run.json").write_text(json.dumps({"schema": 1} | ({} if run_id is None else {"id": run_id})))
    (run / "pins.json").write_text(json.dumps({"schema": 1, "checkpoints": case.get("pinned", [])}))
    if "best" in case:
        (folder / "best.json").write_text(json.dumps({"schema": 1, "checkpoint": case["best"]}))
    if "final" in case:
        (folder / "final").symlink_to(case["final"])
    for name, document in case.get("branches", {}).items():
        (experiments / name).mkdir()
        text = "" if document is None else json.dumps({"schema": 1} | document)
        (experiments / name / "run.json").write_text(text)
    return run, verified


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_what_a_limit_deletes(case: dict[str, Any], tmp_path: Path) -> None:
    run, verified = made(case, tmp_path / "experiments")
    before = {path.name for path in (run / "checkpoints").iterdir()}
    newest = max(int(step) for step, kind in case["checkpoints"].items() if kind == "valid")
    Retention(case["limit"], verified).prune(run / "checkpoints" / f"checkpoint-{newest}")
    after = {path.name for path in (run / "checkpoints").iterdir()}
    assert before - after == set(case["goes"])
    assert after <= before
