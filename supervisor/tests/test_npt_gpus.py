"""The recorded machines that the extension's tests read, too."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Dict

import pytest

import npt_gpus

RECORDED = Path(__file__).resolve().parents[2] / "test" / "fixtures" / "nvidia-smi"
MIB = 1024 * 1024


@pytest.mark.parametrize("name", sorted(path.stem for path in RECORDED.glob("*.json")))
def test_gpus_are_read_as_the_extension_reads_them(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = RECORDED / f"{name}.json"
    expected: Dict[str, Any] = json.loads(file.read_text())
    monkeypatch.setenv("PATH", f"{RECORDED}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("NPT_TEST_NVIDIA_SMI", str(file))
    gpus = npt_gpus.read_gpus()
    assert (gpus is None) == (name == "no-devices")
    gpus = gpus or []
    found = [
        {
            "uuid": gpu.uuid,
            "index": gpu.ordinal,
            "memoryBytes": None if gpu.total is None else gpu.total * MIB,
            "usedBytes": None if gpu.used is None else gpu.used * MIB,
            "utilisation": gpu.utilisation,
            "pids": gpu.pids,
        }
        for gpu in gpus
    ]
    assert found == [
        {
            **{key: gpu[key] for key in ("uuid", "index", "memoryBytes", "usedBytes", "utilisation")},
            "pids": [process["pid"] for process in gpu["processes"]],
        }
        for gpu in expected["gpus"]
    ]
    assert [gpu.uuid for gpu in npt_gpus.free_gpus(gpus, set())] == expected["free"]


def test_a_machine_without_nvidia_smi_is_told_from_one_without_gpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert npt_gpus.read_gpus() is None
