"""What changed arguments do on a resume, as ``arguments.json`` says it: some take effect, some cannot be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from npt.argument_table import ARGUMENTS
from npt.arguments import Arguments
from npt.checkpoint import np_weights
from npt.checkpoint.load import Stored
from npt.errors import UsageError
from npt.schedule import Schedule


def refuse_other_base(stored: Mapping[str, Any], after: Arguments, checkpoint: str) -> None:
    """Raises ``UsageError`` where another base model is asked for than a checkpoint's, before one is loaded.

    A model in another folder, or under another name on the hub, may be the same one: its fingerprint tells.
    """
    for name in ("demo_mode", "model_name"):
        before, now = stored.get(name), getattr(after, name)
        if before is None or before == now:
            continue
        if name == "demo_mode" or str(now).startswith("random-"):
            raise UsageError(
                f"{checkpoint} belongs to --{name} {_typed(before)}: it cannot go on with --{name} {_typed(now)}"
            )


def settle(
    arguments: Arguments,
    changed: dict[str, list[Any]],
    stored: Stored,
    layers: list[int],
    has_wandb_run: bool,
) -> list[str]:
    """Puts back what has no effect in this resume, so that ``config.json`` says what was trained with.

    ``changed`` then holds what takes effect; returns a line for each of the others.
    """
    lines: list[str] = []
    for name, (before, after) in list(changed.items()):
        argument = ARGUMENTS[name]
        if name == "model_size" and "model_name" not in changed:
            why = "the model's name decides"
        elif argument.when is None or _CONDITIONS[argument.when](arguments, stored, layers, has_wandb_run):
            continue
        else:
            why = argument.note or ""
        del changed[name]
        setattr(arguments, name, argument.read(before))
        lines.append(f"--{name} {_typed(after)} has no effect here, {_typed(before)} stays: {why}")
    return lines


def rounded_otherwise(changed: Mapping[str, list[Any]]) -> list[str]:
    """A line for changes that keep a resume from being bit-identical although it goes on at the same sample."""
    names = [name for name in changed if "rounding" in ARGUMENTS[name].touches]
    return [f"another {' and '.join(names)}: going on at the same sample, not bit-identically"] if names else []


def _typed(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _layers_are_new(arguments: Arguments, stored: Stored, layers: list[int], has_wandb_run: bool) -> bool:
    return not set(layers) <= set(np_weights.layers_in(stored.weights))


def _climbs_from_floor(arguments: Arguments, stored: Stored, layers: list[int], has_wandb_run: bool) -> bool:
    schedule = Schedule.from_state(stored.training_state["scheduler_state_dict"])
    return arguments.learning_rate == schedule.base_rate and schedule.climbs(stored.step, arguments.max_steps)


def _is_new_to_wandb(arguments: Arguments, stored: Stored, layers: list[int], has_wandb_run: bool) -> bool:
    return not has_wandb_run


_CONDITIONS: dict[str, Callable[[Arguments, Stored, list[int], bool], bool]] = {
    "layers are new": _layers_are_new,
    "schedule restarts from its floor": _climbs_from_floor,
    "W&B run is new": _is_new_to_wandb,
}
