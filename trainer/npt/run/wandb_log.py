"""Weights & Biases: the same metrics under the same names, in one W&B run for the whole life of a run."""

from __future__ import annotations

import netrc
import os
import uuid
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from npt import SCHEMA
from npt.arguments import Arguments
from npt.run import optional
from npt.storage import atomic

Say = Callable[[str], None]


class WandbLog:
    """A W&B run in progress. What goes wrong here is said once and never stops training."""

    def __init__(self, run: Any, say: Say) -> None:
        self._run: Any = run
        self._say = say

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Logs numbers against ``global_step``."""
        if self._run is None:
            return
        try:
            self._run.log({**values, "global_step": step})
        except Exception as error:
            self._give_up(error)

    def finish(self, exit_code: int) -> None:
        """Ends the W&B run."""
        if self._run is None:
            return
        try:
            self._run.finish(exit_code=exit_code)
        except Exception as error:
            self._give_up(error)
        self._run = None

    def _give_up(self, error: Exception) -> None:
        self._run = None
        self._say(f"warning: W&B stopped working ({_first_line(error)}); metrics.jsonl goes on")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _known_run(content: bytes) -> dict[str, Any]:
    document = optional.json_object(content)
    if not all(isinstance(document.get(key), str) and document[key] for key in ("id", "project")):
        raise optional.Unusable("names no W&B run")
    return document


def _identity(folder: Path, project: str) -> dict[str, Any]:
    known = optional.load(folder / "wandb.json", _known_run)
    return known or {"schema": SCHEMA, "id": uuid.uuid4().hex[:12], "project": project}


def logged_in() -> bool:
    """Whether W&B has a key: in the environment, or for its host in the netrc file that ``wandb login`` writes."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlsplit(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname or ""
    path = Path(os.environ.get("NETRC", "~/.netrc")).expanduser()
    try:
        return netrc.netrc(path).authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False


def start(folder: Path, shown: Path, arguments: Arguments, config: Mapping[str, Any], say: Say) -> WandbLog | None:
    """Starts or goes on in the W&B run of a run's folder; None where W&B is off or cannot be used.

    ``shown`` is the folder's path for other programs and for people. Without a login it goes on offline;
    ``wandb sync`` can send the files later.
    """
    mode = arguments.wandb_mode
    if mode == "disabled":
        return None
    try:
        wandb: Any = import_module("wandb")
    except ImportError:
        say("warning: wandb is not installed, so nothing goes to W&B (pip install wandb, or --wandb_mode disabled)")
        return None
    os.environ.setdefault("WANDB_SILENT", "true")
    identity = _identity(folder, arguments.wandb_project)
    try:
        if mode == "online" and not logged_in():
            say("warning: there is no W&B login; going on offline (log in with: wandb login)")
            mode = "offline"
        run = wandb.init(
            id=identity["id"],
            project=identity["project"],
            name=arguments.wandb_name or shown.name,
            tags=list(arguments.wandb_tags) or None,
            config=dict(config),
            dir=str(shown),
            mode=mode,
            resume="allow",
        )
        run.define_metric("global_step")
        run.define_metric("*", step_metric="global_step")
    except Exception as error:
        say(f"warning: W&B cannot be used ({_first_line(error)}); metrics.jsonl has the metrics")
        return None
    optional.store(folder / "wandb.json", atomic.json_bytes(identity))
    return WandbLog(run, say)
