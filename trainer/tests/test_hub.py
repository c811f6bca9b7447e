"""A hub that is not there is said within seconds, in one line, and the demo never asks for it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.conftest import SMALL, TRAINER

TRAIN = [sys.executable, str(TRAINER / "scripts" / "train_multi_layer_npt.py")]
#: What the trainer itself needs to start and to fail is not the hub's time: its imports take most of it.
PATIENCE = 4.0


class _Gateway(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_error(503)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(params=["refused", "unknown name", "silent", "gateway"])
def nowhere(request: pytest.FixtureRequest) -> Iterator[str]:
    """An address where no hub answers."""
    if request.param == "unknown name":
        yield "http://no-such-host.invalid"
        return
    if request.param == "gateway":
        server = HTTPServer(("127.0.0.1", 0), _Gateway)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        return
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if request.param == "silent":
            listener.listen()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def environment(nowhere: str, cache: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    kept.pop("HF_HUB_OFFLINE", None)
    return kept | {"HF_ENDPOINT": nowhere, "HF_HOME": str(cache), "NO_PROXY": "*"}


@pytest.mark.parametrize("what", ["model", "text"])
def test_a_hub_that_is_not_there_is_said_within_seconds(what: str, nowhere: str, tmp_path: Path) -> None:
    ours = ["--model_name", "npt-demo", "--train_layers", "2,3"]
    words = {"model": ["--model_name", "meta-llama/Llama-3.2-1B", "--train_layers", "1"], "text": ours}[what]
    if what == "text":
        pytest.importorskip("datasets")
    base = time.monotonic()
    subprocess.run([sys.executable, "-c", "import torch, transformers.models.llama.modeling_llama"], check=True)
    imports = time.monotonic() - base
    began = time.monotonic()
    done = subprocess.run(
        [*TRAIN, *words, "--output_dir", "run", "--wandb_mode", "disabled"],
        cwd=tmp_path, env=environment(nowhere, tmp_path / "cache"), capture_output=True, text=True, check=False,
    )  # fmt: skip
    took = time.monotonic() - began
    assert done.returncode == 2, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and "cannot be reached" in errors[0] and nowhere in errors[0], done.stderr
    assert "Retrying" not in done.stderr and "Traceback" not in done.stderr
    # Asked once: a machine under load stretches both alike.
    assert took < PATIENCE + 6 * imports + 5, (took, imports)
    assert not (tmp_path / "run").exists()


def test_the_improved_script_in_demo_mode_needs_no_network(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        done = subprocess.run(
            [str(TRAINER / "train_improved_npt.sh"), *SMALL, "--max_steps", "2"],
            cwd=tmp_path, env=environment(address, tmp_path / "cache") | {"PYTHON": sys.executable},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    config = json.loads((tmp_path / "experiments" / "npt_new_arch" / "config.json").read_text())
    assert config["model_name"] == "npt-demo" and config["train_layers"] == [2, 3]
    assert config["dual_modulation"] is True, "the script's other settings stay"
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    "words",
    [["--model_name", "meta-llama/Llama-3.2-1B"], ["--model_size", "1b"], ["--dataset_preset", "medium"]],
    ids=lambda words: words[0],
)
def test_two_that_a_person_typed_and_that_contradict_are_named(words: list[str], tmp_path: Path) -> None:
    for script in ([*TRAIN], [str(TRAINER / "train_improved_npt.sh")]):
        done = subprocess.run(
            [*script, "--demo_mode", *words], cwd=tmp_path, env=os.environ | {"PYTHON": sys.executable},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 2, done.stderr
        assert done.stderr.startswith(f"error: --demo_mode and {' '.join(words)} contradict each other"), done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_what_a_person_types_behind_the_script_wins_over_its_settings(tmp_path: Path) -> None:
    from npt.arguments import parse_command, resolve

    script = ["--model_name", "meta-llama/Llama-3.2-1B", "--train_layers", "8-15", "--dataset_preset", "medium"]
    resolved = resolve(*_split([*script, "--", "--model_size", "3b"], parse_command))
    assert resolved.model_name == "random-3b"
    resolved = resolve(*_split([*script, "--", "--train_file", "a.txt"], parse_command))
    assert (resolved.dataset_preset, resolved.train_file) == ("custom", [str(Path("a.txt").absolute())])
    typed, settings = parse_command([*script, "--output_dir", "x", "--", "--resume_from", "run"])
    resumed = resolve(typed, {"train_layers": [1, 2], "model_name": "other"}, settings)
    assert (resumed.model_name, resumed.train_layers, resumed.output_dir) == ("other", [1, 2], None)
    assert resolve(*_split(script, parse_command)).train_layers == "8-15"


def _split(argv: list[str], parse: object) -> tuple[dict[str, object], None, dict[str, object]]:
    typed, settings = parse(argv)  # type: ignore[operator]
    return typed, None, settings
