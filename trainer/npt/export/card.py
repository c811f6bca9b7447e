"""The model card of an export: how to load it, where it comes from, what it was measured at."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

from npt import TRAINER
from npt.curriculum import Curriculum
from npt.errors import UsageError
from npt.inference import Opened
from npt.run.folder import read_json

#: Arguments that say where on somebody's disk something was, or are told of elsewhere in the card.
_LEFT_OUT = (
    "output_dir", "resume_from", "train_file", "validation_file", "train_layers", "curriculum_stages", "model_name",
    "wandb_project", "wandb_name", "wandb_tags", "wandb_mode", "overwrite_output_dir", "ignore_integrity", "np_rank",
    "num_ranks", "dual_modulation", "triple_modulation",
)  # fmt: skip
_MOST_ANCESTORS = 100


def describe(opened: Opened, name: str, dtype: str, np_only: bool) -> str:
    """The card, Markdown with the front matter that model hubs read; everything from disk in it is text, not markup."""
    base = _base_name(opened.arguments.model_name)
    shape, stored = opened.shape, opened.stored
    head = {"library_name": "transformers", "pipeline_tag": "text-generation", "tags": ["npt", "custom_code"]}
    if base is not None:
        head = {"base_model": base, **head}
    front = "\n".join(f"{key}: {json.dumps(value)}" for key, value in head.items())
    trained = sum(tensor.numel() for tensor in stored.weights.values())
    weights = (
        "It holds the NP weights alone; the base weights are loaded from the base model."
        if np_only
        else f"It holds all weights: the base model's in {dtype}, the NP weights in float32."
    )
    parts = [
        f"---\n{front}\n---",
        f"# {text(name)}",
        f"{text(base or Path(opened.arguments.model_name).name)} with NPT layers: in layers {_numbers(opened.layers)} "
        "the attention output is not added to the residual stream but makes low-rank updates of the MLP "
        f"({shape.modulation} modulation, {shape.num_ranks} × rank {shape.np_rank}, {trained:,} trained parameters). "
        f"{weights}",
        "```python\n"
        "import torch\n"
        "from transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
        f"folder = {json.dumps(name, ensure_ascii=False)}\n"
        "tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)\n"
        "model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True, dtype=torch.float32)\n"
        'inputs = tokenizer("The library", return_tensors="pt")\n'
        "print(tokenizer.decode(model.generate(**inputs, max_new_tokens=50)[0]))\n"
        "```",
        "In float32 it computes what the trainer's student does.",
        "## Where it comes from",
        _table(("", ""), _origin(opened)),
        *_lineage(opened),
        *_curriculum(opened),
        *_figures(opened),
        "## Trained with",
        _table(("argument", "value"), _arguments(opened)),
        *_notes(opened),
    ]
    return "\n\n".join(parts) + "\n"


def text(value: Any) -> str:
    """A value as Markdown that shows it, whatever characters it has."""
    flat = " ".join(str(value).split())
    return re.sub(r"([\\`*_{}\[\]()<>#|!~&$@]|:(?=/)|(?<=www)\.)", r"\\\1", flat)


def _base_name(model_name: str) -> str | None:
    """The base model as a name that others can use; None for one that has none, such as a folder."""
    local = Path(model_name).is_dir() or Path(model_name).is_absolute()
    return None if local or "/" not in model_name or model_name.startswith(".") else model_name


def _numbers(values: list[int]) -> str:
    return ", ".join(str(value) for value in values)


def _table(head: tuple[str, str], rows: list[tuple[str, Any]]) -> str:
    lines = [f"| {head[0]} | {head[1]} |", "|---|---|"]
    return "\n".join(lines + [f"| {text(name)} | {text(value)} |" for name, value in rows])


def _identity(run: Path | None) -> dict[str, Any]:
    """A run's run.json; empty where there is none that can be read."""
    try:
        return (read_json(run / "run.json") if run else None) or {}
    except (UsageError, OSError):
        return {}


def _date(seconds: Any) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(float(seconds)))
    except (TypeError, ValueError, OverflowError, OSError):
        return "unknown"


def _origin(opened: Opened) -> list[tuple[str, Any]]:
    stored, identity = opened.stored, _identity(opened.source.run)
    model = opened.arguments.model_name
    rows: list[tuple[str, Any]] = [
        ("base model", _base_name(model) or Path(model).name),
        ("base model's fingerprint", stored.fingerprint or "not known"),
        ("run", opened.source.name),
        ("checkpoint", opened.path.name),
        ("step", f"{stored.step:,}"),
    ]
    if identity.get("id"):
        rows.append(("run's id", identity["id"]))
    if identity.get("created"):
        rows.append(("run began", _date(identity["created"])))
    if identity.get("trainer"):
        rows.append(("trained by", identity["trainer"]))
    git = identity.get("git")
    if isinstance(git, dict) and git.get("commit"):
        rows.append(("commit", f"{git['commit']}{' with changes' if git.get('dirty') else ''}"))
    return [*rows, ("exported", f"{_date(time.time())} by {TRAINER}")]


def _lineage(opened: Opened) -> list[str]:
    """The runs that this one branched from, nearest first, as far as they are beside it."""
    lines: list[str] = []
    run, seen = opened.source.run, set()
    while run is not None and len(lines) < _MOST_ANCESTORS:
        parent = _identity(run).get("parent")
        if not isinstance(parent, dict):
            break
        lines.append(f"- {text(parent.get('checkpoint', '?'))} of {text(parent.get('run', '?'))}")
        identity = parent.get("id")
        if not identity or identity in seen:
            break
        seen.add(identity)
        run = _run_with(run.parent, str(identity), str(parent.get("run", "")))
    return ["It branched from", "\n".join(lines)] if lines else []


def _run_with(experiments: Path, identity: str, likely: str) -> Path | None:
    """The run of an id beside another; ``likely`` is the name that it had."""
    try:
        names = sorted(experiments.iterdir(), key=lambda each: each.name != likely)
    except OSError:
        return None
    return next((each for each in names if _identity(each).get("id") == identity), None)


def _curriculum(opened: Opened) -> list[str]:
    stages = opened.stored.multi_layer_state.get("curriculum_schedule")
    try:
        curriculum = Curriculum.from_list(stages) if stages else None
    except (UsageError, ValueError, KeyError, TypeError):
        curriculum = None
    if curriculum is None:
        return []
    stage = curriculum.stages[curriculum.index_at(opened.stored.step)]
    return [f"Curriculum: {text(curriculum.describe())}; at this step {text(stage.name)}."]


def _figures(opened: Opened) -> list[str]:
    """The last metrics that were logged before the checkpoint was saved, evaluation first."""
    metrics = opened.stored.metrics
    shown = [name for name in sorted(metrics) if name.startswith(("eval", "loss/"))]
    if not shown:
        return []
    shown.sort(key=lambda name: not name.startswith("eval"))
    rows: list[tuple[str, Any]] = [(name, f"{metrics[name]:.6g}") for name in shown]
    return ["## Figures", "As last logged when the checkpoint was saved.", _table(("metric", "value"), rows)]


def _arguments(opened: Opened) -> list[tuple[str, Any]]:
    own = opened.arguments.as_config()
    rows = [(name, value) for name, value in own.items() if name not in _LEFT_OUT and value not in (None, "", [])]
    files = [Path(name).name for name in own.get("train_file") or []]
    return [*rows, *([("train_file", ", ".join(files))] if files else [])]


def _notes(opened: Opened) -> list[str]:
    notes = opened.stored.notes
    return ["## Notes", "\n".join(f"- {text(note)}" for note in notes)] if notes else []
