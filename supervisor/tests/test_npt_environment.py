"""What `NPT: Check Environment` asks an interpreter: the truth, whatever lies around, and no secrets."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

ENVIRONMENT = Path(__file__).resolve().parents[1] / "npt_environment.py"
PYTHON = os.environ.get("SUPERVISOR_PYTHON", sys.executable)


def ask(packages: "list[str]", *words: str, **environment: str) -> Dict[str, Any]:
    script = "import json, runpy, sys; print(json.dumps(runpy.run_path(sys.argv[1])['facts'](sys.argv[2:])))"
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("WANDB") and k != "NETRC"}
    done = subprocess.run(
        [PYTHON, *words, "-c", script, str(ENVIRONMENT), *packages],
        env={**inherited, **environment},
        stdout=subprocess.PIPE,
        universal_newlines=True,
        check=True,
    )
    found: Dict[str, Any] = json.loads(done.stdout)
    return found


def test_tells_versions_and_what_is_not_there(tmp_path: Path) -> None:
    found = ask(["numpy", "no-such-package"], NETRC=str(tmp_path / "none"))
    assert found["packages"]["no-such-package"] is None
    assert (found["packages"]["numpy"] is not None) == (importlib.util.find_spec("numpy") is not None)
    assert found["version"].split(".")[0] == "3"
    assert found["wandb"] == {"login": False, "offline": False}


def test_an_interpreter_without_packages_says_so() -> None:
    # -S leaves out site-packages, -E whatever PYTHONPATH adds.
    found = ask(["torch"], "-S", "-E")
    assert found["torch"] is None
    assert found["packages"] == {"torch": None}


def test_a_torch_that_cannot_be_imported_says_why(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise OSError('libcudart.so.12: cannot open shared object file\\nmore')")
    found = ask([], PYTHONPATH=str(tmp_path))
    assert found["torch"] == {"error": "libcudart.so.12: cannot open shared object file"}


def test_tells_of_a_login_and_never_its_key(tmp_path: Path) -> None:
    secret = "0123456789abcdef"
    known = tmp_path / "netrc"
    known.write_text(f"machine api.wandb.ai\n  login user\n  password {secret}\n")
    known.chmod(0o600)
    for environment in ({"NETRC": str(known)}, {"WANDB_API_KEY": secret}):
        found = ask([], "-S", **environment)
        assert found["wandb"]["login"] is True
        assert secret not in json.dumps(found)
    known.write_text("machine {{{")
    assert ask([], "-S", NETRC=str(known))["wandb"]["login"] is False
    assert ask([], "-S", NETRC=str(known), WANDB_BASE_URL="https://wandb.example")["wandb"]["login"] is False
