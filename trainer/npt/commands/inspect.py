"""``scripts/inspect_checkpoint.py``: what a checkpoint holds, for people."""

from __future__ import annotations

import time
from typing import Any

from npt import program
from npt.commands.parser import Parser


def main() -> int:
    """Shows the checkpoint named on the command line; of a run, its newest valid one."""
    parser = Parser("inspect_checkpoint.py", "Show what a checkpoint (of a run: its newest valid one) holds.")
    parser.add_argument("checkpoint", help="a checkpoint's folder, or a run's")
    path = parser.parse_args().checkpoint
    from npt.checkpoint import find, load

    source = find.locate(path)
    for line in source.passed_over:
        program.say(f"warning: {line}")
    for line in describe(load.read(source.checkpoint)):
        program.say(line)
    return 0


def describe(stored: Any) -> list[str]:
    """A checkpoint (``load.Stored``) as readable lines, a heading in front of each."""
    from npt.checkpoint import np_weights

    shape = np_weights.shape_of(stored.weights)
    parameters = sum(t.numel() for t in stored.weights.values())
    lines = [
        _line("checkpoint", stored.path),
        _line("step", f"{stored.step:,} finished, {stored.training_state['batch_count']:,} micro-batches"),
        *_stage(stored),
        _line("layers", ", ".join(str(layer) for layer in np_weights.layers_in(stored.weights))),
        _line("components", f"{shape.modulation} modulation, {shape.num_ranks} × rank {shape.np_rank}"),
        _line("sizes", f"hidden {shape.hidden_size}, MLP {shape.mlp_size}"),
        _line("parameters", f"{parameters:,} in {len(stored.weights)} matrices"),
        _line("model", stored.config.get("model_name", "not said")),
        *_norms(stored),
        *_optimizer(stored),
        *_schedule(stored),
        *_manifest(stored),
    ]
    merged = stored.training_state.get("merge_info")
    if merged:
        lines.append(_line("merged from", f"{len(merged.get('sources', []))} checkpoints"))
    return lines + [_line("note", note) for note in stored.notes]


def _line(name: str, value: Any) -> str:
    return f"{name:<12} {value}"


def _stage(stored: Any) -> list[str]:
    from npt.curriculum import Curriculum

    stages = stored.multi_layer_state.get("curriculum_schedule")
    if not stages:
        return [_line("stage", "the checkpoint has no curriculum")]
    curriculum = Curriculum.from_list(stages)
    index = curriculum.index_at(stored.step)
    start = curriculum.stages[index - 1].until_step if index else 0
    stage = curriculum.stages[index]
    return [
        _line("stage", f"{stage.name}, steps {start}–{stage.until_step}, mixing ratio {stage.mixing_ratio:g}"),
        _line("curriculum", curriculum.describe()),
    ]


def _norms(stored: Any) -> list[str]:
    """The root mean square of each layer's matrices, over ranks and modulations."""
    from npt.checkpoint import np_weights

    lines = []
    for layer in np_weights.layers_in(stored.weights):
        parts = []
        for matrix in ("W_down", "W_a_up", "W_b_up"):
            own = [t.double() for key, t in stored.weights.items() if key.startswith(f"layer_{layer}_np.{matrix}")]
            squares = sum(float(t.square().sum()) for t in own)
            parts.append(f"{matrix} {(squares / max(sum(t.numel() for t in own), 1)) ** 0.5:.4g}")
        lines.append(_line(f"layer {layer} rms", ", ".join(parts)))
    return lines


def _optimizer(stored: Any) -> list[str]:
    state = stored.training_state["optimizer_state_dict"]
    moments = state["state"]
    if not moments:
        return [_line("optimizer", "no moments: a resume starts it afresh")]
    steps = sorted({int(own["step"]) for own in moments.values() if "step" in own})
    group = (state.get("param_groups") or [{}])[0]
    rate, decay = float(group.get("lr", 0.0)), float(group.get("weight_decay", 0.0))
    counted = (
        f"{steps[0]:,}" if len(steps) == 1 else f"{steps[0]:,} to {steps[-1]:,}" if steps else "an unknown number of"
    )
    text = f"moments of {len(moments)} of {len(stored.weights)} matrices, {counted} updates"
    return [_line("optimizer", f"{text}; last rate {rate:.3e}, weight decay {decay:g}")]


def _schedule(stored: Any) -> list[str]:
    from npt.schedule import Schedule

    schedule = Schedule.from_state(stored.training_state["scheduler_state_dict"])
    text = f"base rate {schedule.base_rate:.3e}, next step {schedule.rate(stored.step + 1):.3e}, "
    if schedule.warmup_steps and stored.step < schedule.peak_step:
        text += f"warming up to step {schedule.peak_step}, "
    return [_line("schedule", f"{text}0 at step {schedule.end_step}")]


def _manifest(stored: Any) -> list[str]:
    from npt.checkpoint import manifest
    from npt.storage import reading

    path = stored.path / manifest.NAME
    wrong = manifest.problems(stored.path)
    if not path.exists():
        return [_line("manifest", "none: the files cannot be checked against it")]
    state = "all files match" if not wrong else f"DAMAGED: {'; '.join(wrong)}"
    try:
        facts = reading.read_object(path)
        saved = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(float(facts["time"])))
        state = f"saved {saved} in segment {facts['segment']}; {state}"
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        pass
    shown = [f"{k} {v:.4g}" for k, v in sorted(stored.metrics.items()) if k in ("loss/total", "eval_loss/total")]
    return [_line("manifest", state), *([_line("metrics", ", ".join(shown))] if shown else [])]
