"""A hub that is not there is asked once and said in one line, and the demo never asks for it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import SMALL, TRAINER

TRAIN = [sys.executable, str(TRAINER / "scripts" / "train_multi_layer_npt.py")]


class Nowhere(NamedTuple):
    """An address where no hub answers, and how often it was asked there; None where nobody could count."""

    address: str
    asked: Callable[[], int | None]


WAYS = ["refused", "unknown name", "silent", "gateway"]


@pytest.fixture(params=WAYS)
def nowhere(request: pytest.FixtureRequest) -> Iterator[Nowhere]:
    """A hub that cannot be reached, in each of the ways that a practitioner meets."""
    if request.param == "unknown name":
        yield Nowhere("http://no-such-host.invalid", lambda: None)
        return
    if request.param == "gateway":
        requests: list[str] = []

        class Gateway(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                requests.append(self.path)
                self.send_error(503)

            do_GET = do_HEAD

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Gateway)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Nowhere(f"http://127.0.0.1:{server.server_port}", lambda: len(requests))
        server.shutdown()
        return
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        silent = request.param == "silent"
        if silent:
            listener.listen(64)
            listener.setblocking(False)
        yield Nowhere(
            f"http://127.0.0.1:{listener.getsockname()[1]}", lambda: connections(listener) if silent else None
        )


def connections(listener: socket.socket) -> int:
    """How many wait to be accepted."""
    count = 0
    while True:
        try:
            listener.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


def environment(hub: str, cache: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    kept.pop("HF_HUB_OFFLINE", None)
    return kept | {"HF_ENDPOINT": hub, "HF_HOME": str(cache), "NO_PROXY": "*"}


@pytest.mark.parametrize(
    ("nowhere", "what"), [*((way, "model") for way in WAYS), ("silent", "text")], indirect=["nowhere"]
)
def test_a_hub_that_is_not_there_is_asked_once(what: str, nowhere: Nowhere, tmp_path: Path) -> None:
    ours = ["--model_name", "npt-demo", "--train_layers", "2,3"]
    words = {"model": ["--model_name", "meta-llama/Llama-3.2-1B", "--train_layers", "1"], "text": ours}[what]
    if what == "text":
        pytest.importorskip("datasets")
    done = subprocess.run(
        [*TRAIN, *words, "--output_dir", "run", "--wandb_mode", "disabled"],
        cwd=tmp_path, env=environment(nowhere.address, tmp_path / "cache"), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and "cannot be reached" in errors[0] and nowhere.address in errors[0], done.stderr
    assert "Retrying" not in done.stderr and "Traceback" not in done.stderr
    # Each question costs a silent network's patience: one is asked.
    assert nowhere.asked() in (1, None)
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
