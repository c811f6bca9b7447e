"""Weights & Biases: the same metrics under the same names, in one W&B run for the whole life of a run."""

from __future__ import annotations

import configparser
import json
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
from npt.run import optional, wandb_records
from npt.storage import atomic, reading

Say = Callable[[str], None]
#: The name that generated text has there.
SAMPLE = "generation/sample"
#: A step, and the name of a metric logged at it.
Point = tuple[int, str]


class WandbLog:
    """A W&B run in progress. What goes wrong here is said once and never stops training.

    ``known`` are steps and names that an earlier segment logged, which died after that; made again, they are left out.
    """

    def __init__(self, run: Any, say: Say, known: set[Point]) -> None:
        self._run: Any = run
        self._say = say
        self._known = known

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Logs numbers against ``global_step``."""
        new = {name: value for name, value in values.items() if (step, name) not in self._known}
        if self._run is None or not new:
            return
        try:
            self._run.log({**new, "global_step": step})
        except Exception as error:
            self._give_up(error)

    def sample(self, step: int, prompt: str, text: str) -> None:
        """Logs generated text against ``global_step``, as a table of one row."""
        if self._run is None or (step, SAMPLE) in self._known:
            return
        try:
            table = getattr(import_module("wandb"), "Table", None)
            if table is None:
                return
            row = table(columns=["global_step", "prompt", "text"], data=[[step, prompt, text]])
            self._run.log({SAMPLE: row, "global_step": step})
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


def _settings() -> dict[str, str]:
    """W&B's own settings: the user's file, and over it the one that ``wandb init`` writes in the working folder."""
    folder = os.environ.get("WANDB_CONFIG_DIR") or "~/.config/wandb"
    found: dict[str, str] = {}
    for path in (Path(folder).expanduser() / "settings", Path("wandb") / "settings"):
        parser = configparser.ConfigParser(interpolation=None)
        try:
            with reading.open_text(path) as file:
                parser.read_file(file)
            found |= dict(parser["default"])
        except (OSError, KeyError, ValueError, configparser.Error):
            continue
    return found


def logged_in() -> bool:
    """Whether W&B has a key: in the environment, in its settings, or for its host in a netrc file."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    settings = _settings()
    if settings.get("api_key"):
        return True
    address = os.environ.get("WANDB_BASE_URL") or settings.get("base_url") or "https://api.wandb.ai"
    host = urlsplit(address).hostname or ""
    named = os.environ.get("NETRC")
    for path in [named] if named else ["~/.netrc", "~/_netrc"]:
        try:
            if netrc.netrc(Path(path).expanduser()).authenticators(host) is not None:
                return True
        except (OSError, netrc.NetrcParseError):
            continue
    return False


def _logged(folder: Path, after: int, segments: Any) -> set[Point]:
    """Steps after ``after`` and names that earlier segments logged; ``segments`` are those that W&B took part in."""
    found: set[Point] = set()
    try:
        with reading.open_regular(folder / "metrics.jsonl") as file:
            for line in file:
                if not line.startswith(b'{"event":"metrics"'):
                    continue
                try:
                    event = json.loads(line)
                    took_part = not isinstance(segments, list) or event["segment"] in segments
                    if took_part and event["step"] > after:
                        found |= {(event["step"], name) for name in event["metrics"]}
                except (ValueError, KeyError, TypeError):
                    # A line that a kill tore.
                    continue
    except OSError:
        return set()
    return found


def _known_points(folder: Path, identity: Mapping[str, Any], step: int, run: Any) -> set[Point]:
    """What W&B has of the steps after ``step``, which are made again: by its own files, and by what its server says.

    Without either, what metrics.jsonl has: it went there, too.
    """
    logged = _logged(folder, step, identity.get("segments"))
    rows = wandb_records.rows(folder / "wandb", identity["id"])
    try:
        last: Any = run.summary.get("global_step")
    except Exception:
        last = None
    if rows is None and last is None:
        return logged
    known = {point for point in logged if isinstance(last, int) and point[0] <= last}
    for row in rows or []:
        at = row.get("global_step")
        if isinstance(at, int) and at > step:
            known |= {(at, SAMPLE if name.startswith(f"{SAMPLE}.") else name) for name in row}
    return known


def start(
    folder: Path,
    shown: Path,
    arguments: Arguments,
    config: Mapping[str, Any],
    say: Say,
    step: int = 0,
    segment: int = 0,
) -> WandbLog | None:
    """Starts or goes on in the W&B run of a run's folder; None where W&B is off or cannot be used.

    ``shown`` is the folder's path for other programs and for people; the segment goes on from ``step``, and what an
    earlier one logged beyond it is not logged again. Without a login it goes on offline; ``wandb sync`` can send the
    files later.
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
    # Before W&B adds a file of its own for this segment.
    resumes = (folder / "wandb.json").exists()
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
        known = _known_points(folder, identity, step, run) if resumes else set()
        run.define_metric("global_step")
        run.define_metric("*", step_metric="global_step")
    except Exception as error:
        say(f"warning: W&B cannot be used ({_first_line(error)}); metrics.jsonl has the metrics")
        return None
    before = identity.get("segments")
    identity["segments"] = sorted({*(before if isinstance(before, list) else range(1, segment)), segment})
    optional.store(folder / "wandb.json", atomic.json_bytes(identity))
    return WandbLog(run, say, known)
