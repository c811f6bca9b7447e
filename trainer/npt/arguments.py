"""The command line: who wins when several say something, and what a change does on a resume.

What is typed wins over the checkpoint's ``config.json`` (on a resume), which wins over the demo's defaults (with
``--demo_mode``), which win over a script's settings (the words before a lone ``--``), which win over the defaults.
What the arguments are, and what each does on a resume, is in ``arguments.json``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from npt import TRAINER
from npt.argument_table import ARGUMENTS, DEMO_DEFAULTS, PER_START, Argument, ValueRefused
from npt.errors import UsageError

DEMO_MODEL = "npt-demo"
#: What separates a script's own settings from what its user typed behind them.
SEPARATOR = "--"


class Arguments:
    """Every argument, resolved. Names are the flags' names; values are what ``config.json`` stores."""

    train_layers: list[int] | str
    curriculum_stages: str
    layer_weights: str
    model_name: str
    model_size: str
    np_rank: int
    np_init_scale: float
    num_ranks: int
    init_strategy: str
    dual_modulation: bool
    triple_modulation: bool
    direct_mlp_weight: float
    fidelity_weight: float
    gradient_scale_factor: float
    dataset_preset: str
    max_length: int
    stride: int
    bos: bool
    batch_size: int
    gradient_accumulation_steps: int
    learning_rate: float
    weight_decay: float
    lambda_reg: float
    max_steps: int
    warmup_steps: int
    gradient_clip: float
    output_dir: str | None
    logging_steps: int
    eval_steps: int
    save_steps: int
    generation_steps: int
    wandb_project: str
    wandb_name: str | None
    wandb_tags: list[str]
    wandb_mode: str
    mixed_precision: bool
    matmul_precision: str
    compile: bool
    gradient_checkpointing: bool
    num_workers: int
    seed: int
    demo_mode: bool
    num_eval_samples: int
    resume_from: str | None
    train_file: list[str]
    validation_file: str | None
    save_total_limit: int | None
    overwrite_output_dir: bool
    async_save: bool
    device: str
    deterministic: bool
    ignore_integrity: bool

    def __init__(self, **given: Any) -> None:
        for name, argument in ARGUMENTS.items():
            value = given.pop(name) if name in given else argument.default
            setattr(self, name, list(value) if isinstance(value, list) else value)
        if given:
            raise TypeError(f"the trainer has no argument {next(iter(given))}")

    def as_config(self) -> dict[str, Any]:
        """The arguments as plain JSON values, as ``config.json`` stores them."""
        return {name: getattr(self, name) for name in ARGUMENTS}

    @property
    def modulation(self) -> str:
        """``single``, ``dual`` or ``triple``."""
        if self.triple_modulation:
            return "triple"
        return "dual" if self.dual_modulation else "single"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def _reader(argument: Argument) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            return argument.read([text])[0] if argument.kind == "list" else argument.read(text)
        except ValueRefused as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def _options(argument: Argument) -> dict[str, Any]:
    """How argparse reads an argument."""
    if argument.kind == "flag":
        # BooleanOptionalAction would otherwise set its own default and hide whether the flag was typed.
        return {"action": argparse.BooleanOptionalAction, "default": argparse.SUPPRESS}
    if argument.kind == "choice":
        return {"choices": argument.choices}
    if argument.kind == "list":
        return {"type": _reader(argument), **({"action": "append"} if argument.entry["repeat"] else {"nargs": "*"})}
    return {"type": _reader(argument)}


def _help(argument: Argument) -> str:
    default = argument.default
    if argument.kind == "flag":
        shown = " [on]" if default else " [off]"
    else:
        shown = f" [{default}]" if default not in (None, "", []) else ""
    return f"{argument.entry['description']}{shown}".replace("%", "%%")


def build_parser() -> argparse.ArgumentParser:
    """The parser; it yields only what was typed, so that a checkpoint's values can fill in the rest."""
    parser = _Parser(
        prog="train_multi_layer_npt.py",
        description="Train NPT layers of a Llama model against the model itself as teacher.",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="On resume, whatever is not given comes from the checkpoint.",
    )
    groups: dict[str, Any] = {}
    for name, argument in ARGUMENTS.items():
        title = argument.entry["group"]
        if title not in groups:
            groups[title] = parser.add_argument_group(title)
        groups[title].add_argument(f"--{name}", help=_help(argument), **_options(argument))
    parser.add_argument("--version", action="version", version=TRAINER)
    return parser


def parse_typed(argv: Sequence[str]) -> dict[str, Any]:
    """What was typed, by flag name. Raises ``UsageError`` in one line for anything that is not a flag or value."""
    return vars(build_parser().parse_args(list(argv)))


def parse_command(argv: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What was typed, and the settings of the script that it was typed behind (none without a lone ``--``)."""
    words = list(argv)
    if SEPARATOR not in words:
        return parse_typed(words), {}
    at = words.index(SEPARATOR)
    return parse_typed(words[at + 1 :]), parse_typed(words[:at])


def _absolute(value: Any) -> Any:
    """Paths as the checkpoint keeps them, so that a resume from another folder finds them."""
    return [_absolute(item) for item in value] if isinstance(value, list) else str(Path(value).expanduser().absolute())


def _inherited(stored: Mapping[str, Any], typed: Mapping[str, Any]) -> dict[str, Any]:
    """A checkpoint's arguments, read as strictly as typed ones.

    Raises ``UsageError`` for a value that cannot be used, unless another one was typed.
    """
    values: dict[str, Any] = {}
    for name, argument in ARGUMENTS.items():
        value = stored.get(name)
        if name in typed or argument.effect == "start" or value is None or value in ("", []):
            continue
        try:
            values[name] = argument.read(value)
        except ValueRefused as error:
            raise UsageError(f"the checkpoint's config.json: {name}: {error}; give --{name} to go on") from None
    return values


def _refuse_contradiction(typed: Mapping[str, Any]) -> None:
    """Raises ``UsageError`` where the demo and what needs a network, or another model, were both typed."""
    if not typed.get("demo_mode"):
        return
    name = typed.get("model_name", DEMO_MODEL)
    asked = {
        "model_name": name != DEMO_MODEL and not Path(name).expanduser().is_dir(),
        "model_size": "model_name" not in typed and typed.get("model_size", "demo") != "demo",
        "dataset_preset": typed.get("dataset_preset", "small") not in ("small", "custom"),
    }
    for flag, contradicts in asked.items():
        if contradicts:
            raise UsageError(
                f"--demo_mode and --{flag} {typed[flag]} contradict each other: the demo has a teacher and text of its "
                "own; leave one of them out"
            )


def resolve(
    typed: Mapping[str, Any], stored: Mapping[str, Any] | None = None, script: Mapping[str, Any] | None = None
) -> Arguments:
    """Merges what was typed with a checkpoint's arguments, a script's settings and the defaults, and checks the result.

    ``train_layers`` stays as typed here: ``npt.layer_selection`` turns it into numbers once the model is known.
    """
    _refuse_contradiction(typed)
    inherited = _inherited(stored or {}, typed)
    # Where a resume writes is the checkpoint's affair, not a script's.
    own = {k: v for k, v in (script or {}).items() if stored is None or k not in PER_START}
    merged: dict[str, Any] = dict(own)
    if typed.get("demo_mode", inherited.get("demo_mode", own.get("demo_mode", False))):
        merged.update(DEMO_DEFAULTS)
        own_text = typed.get("train_file") or inherited.get("train_file")
        merged["dataset_preset"] = "custom" if own_text else "small"
    merged.update(inherited)
    merged.update({name: value for name, value in typed.items() if name in ARGUMENTS})
    if "train_file" in typed and "dataset_preset" not in typed:
        merged["dataset_preset"] = "custom"
    if "model_size" in typed and "model_name" not in typed:
        # A size alone asks for a model of that shape with random weights; the demo's size is the demo's teacher.
        size = typed["model_size"]
        merged["model_name"] = DEMO_MODEL if size == "demo" else f"random-{size}"
    for name in ("train_file", "validation_file"):
        if name in typed or (name in own and name not in inherited):
            merged[name] = _absolute(merged[name])
    arguments = Arguments(**merged)
    if "stride" not in typed and "stride" not in inherited and ("stride" not in own or arguments.demo_mode):
        arguments.stride = min(arguments.stride, arguments.max_length)
    if arguments.triple_modulation:
        arguments.dual_modulation = True
    if arguments.train_layers in (None, "", []):
        raise UsageError("--train_layers is required, for example --train_layers 13,14,15")
    if arguments.dataset_preset == "custom" and not arguments.train_file:
        raise UsageError("--dataset_preset custom needs --train_file")
    return arguments


def questionable(arguments: Arguments) -> list[str]:
    """Lines about what can be trained with, but may not be what was meant."""
    lines = []
    if arguments.stride > arguments.max_length:
        lines.append(
            f"--stride {arguments.stride} is above --max_length {arguments.max_length}: of every {arguments.stride} "
            f"tokens {arguments.stride - arguments.max_length}, those between samples, are left out "
            f"(--stride {arguments.max_length} uses all of them)"
        )
    return lines


def same_value(name: str, before: Any, after: Any) -> bool:
    """Whether a stored value and a resolved one mean the same, as far as that is known without the model."""
    try:
        return bool(ARGUMENTS[name].read(before) == after) if before not in (None, "", []) else before == after
    except ValueRefused:
        return False


def changes(before: Mapping[str, Any], after: Arguments) -> dict[str, list[Any]]:
    """The arguments that differ from a stored configuration, as ``{name: [before, after]}``."""
    now = after.as_config()
    return {
        name: [before[name], value]
        for name, value in now.items()
        if name in before and name not in PER_START and not same_value(name, before[name], value)
    }
