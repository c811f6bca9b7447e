"""Building everything a segment needs, running it, and ending it properly whatever happens."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from typing import Any

import torch

from npt import SCHEMA, TRAINER, curriculum, effects, environment, failure, layer_selection, memory, memory_need, rng
from npt.arguments import Arguments
from npt.checkpoint import load
from npt.data.sources import Texts, load_texts
from npt.distributed import Group
from npt.environment import RunEnvironment
from npt.errors import TrainingError
from npt.loop import Segment, follow
from npt.model import llama
from npt.run import console, wandb_log
from npt.run.folder import RunFolder
from npt.signals import STOP
from npt.start import Start, enter
from npt.trainer import MultiLayerNPTTrainer


def configuration(arguments: Arguments, layers: list[int], known: RunEnvironment) -> dict[str, Any]:
    """The content of ``config.json``: every resolved argument by its name, and the environment."""
    return {
        "schema": SCHEMA,
        **arguments.as_config(),
        "train_layers": layers,
        "trainer": TRAINER,
        environment.KEY: known.as_config(),
    }


@dataclass
class Built:
    """A trainer at step 0, its layers as typed, its texts, and what its numbers depend on."""

    trainer: MultiLayerNPTTrainer
    layers: list[int]
    texts: Texts
    environment: RunEnvironment


def build(start: Start, device: torch.device, group: Group) -> Built:
    """The model with its NPT layers, on its device, and all that trains it."""
    a = start.arguments
    model = llama.load_base_model(a.model_name, a.seed)
    base: Any = model.config
    layers = layer_selection.parse_layers(a.train_layers, base.num_hidden_layers)
    weights = layer_selection.parse_weights(a.layer_weights, layers)
    texts = load_texts(a, base.vocab_size, group.rank, group.world_size)
    stored = environment.stored_in(start.stored.config if start.stored else {})
    precision = environment.choose_precision(a, device, group, stored)
    known = environment.settle(a, base, precision, device, group, stored)
    trainer = MultiLayerNPTTrainer(
        model,
        a,
        texts.train,
        texts.held_out,
        layers,
        curriculum.parse(a.curriculum_stages),
        weights,
        precision,
        group,
        known.gemm,
        device,
        known.fused,
    )
    return Built(trainer, layers, texts, known)


def restore(start: Start, trainer: MultiLayerNPTTrainer, stored: load.Stored) -> list[str]:
    """Puts the checkpoint of a resume into the trainer, and bends the schedule if asked; returns lines to show."""
    notes = trainer.restore(stored)
    if start.branches:
        # The parent's best checkpoint is not in this run.
        trainer.best = None
    a = start.arguments
    before = trainer.schedule
    if a.learning_rate != before.base_rate:
        trainer.schedule = before.restarted(stored.step, a.learning_rate, a.max_steps)
    else:
        trainer.schedule = before.extended(stored.step, a.max_steps, a.warmup_steps)
    if trainer.schedule != before:
        notes.append(
            f"learning rate {before.rate(stored.step):.3e} at step {stored.step}, "
            f"{trainer.schedule.rate(stored.step + 1):.3e} at the next, 0 at step {trainer.schedule.end_step}"
        )
    for group in trainer.optimizer.param_groups:
        group["weight_decay"] = a.weight_decay
    return notes


def run_segment(start: Start, group: Group) -> int:
    """Trains one segment; returns the exit code."""
    a = start.arguments
    device = environment.prepare(a, group.local_rank)
    rng.seed_all(a.seed)
    built = build(start, device, group)
    with contextlib.closing(built.texts):
        return _train(start, built, group)


def _train(start: Start, built: Built, group: Group) -> int:
    """Restores a resume's state and trains; in a process other than rank 0 without writing anything."""
    a, trainer, layers = start.arguments, built.trainer, built.layers
    if "train_layers" in start.changed:
        # Typed as text; only the model says which layers that are, perhaps the same as before.
        before = start.changed.pop("train_layers")[0]
        if before != layers:
            start.changed["train_layers"] = [before, layers]
    notes: list[str] = []
    if start.stored is not None:
        known_to_wandb = not start.branches and (start.run.path / "wandb.json").exists()
        idle = effects.settle(a, start.changed, start.stored, layers, known_to_wandb)
        notes = restore(start, trainer, start.stored) + idle + effects.rounded_otherwise(start.changed)
        notes += built.environment.differences(environment.stored_in(start.stored.config))
    if not group.main:
        follow(trainer, STOP)
        return 0 if trainer.global_step >= a.max_steps else STOP.exit_code
    if STOP.signal is not None and group.world_size == 1:
        # Asked to stop while the model was loading: nothing has been written yet, and nothing needs to be.
        print("stopped before the first step; nothing was changed")
        return STOP.exit_code
    return _run_main(start, trainer, built.texts, configuration(a, layers, built.environment), notes)


def _run_main(
    start: Start, trainer: MultiLayerNPTTrainer, texts: Texts, config: dict[str, Any], notes: list[str]
) -> int:
    enter(start, print)
    a, run = start.arguments, start.run
    tracker: wandb_log.WandbLog | None = None
    segment: Segment | None = None
    try:
        run.birth(sys.argv, start.parent, start.changed if start.branches else {})
        log = run.begin_segment(start.step, start.changed, config)
        if not run.supervised:
            console.log_to(run.path / "train.log")
        STOP.before_exit = lambda number: run.end_segment(
            STOP.why if number == STOP.signal else "killed", trainer.global_step, number.name, None
        )
        _introduce(start, trainer, notes)
        tracker = _start_wandb(run, a, config, start.step)
        log.mirror = tracker.metrics if tracker is not None else None
        segment = Segment(
            trainer, run, log, config, texts.tokenizer, STOP, start.stored.metrics if start.stored else None
        )
        if tracker is not None:
            segment.on_sample = tracker.sample
        why = segment.train()
    except Exception as error:
        if STOP.signal is not None and trainer.global_step == start.step and trainer.group.is_loss(error):
            # Asked to stop before the first step was made: a process with nothing to save does not wait for others.
            run.end_segment(STOP.why, trainer.global_step, STOP.signal.name, None)
            return STOP.exit_code
        lost = "another process of the run ended; its own message, if it had time for one, says why"
        rescued = segment.rescued if segment is not None else ""
        line = lost if trainer.group.is_loss(error) else f"{failure.describe(error)}{rescued}"
        run.end_segment("failed", trainer.global_step, None, line)
        if tracker is not None:
            tracker.finish(1)
        raise TrainingError(line) from error
    stopped = STOP.signal if why != "done" else None
    run.end_segment(why, trainer.global_step, stopped.name if stopped else None, None)
    if tracker is not None:
        tracker.finish(0)
    if why == "done":
        print(f"done: step {trainer.global_step}, {run.shown}")
        return 0
    hint = f"resume with --resume_from {run.shown}" if trainer.global_step else "nothing to save yet"
    print(f"{why} at step {trainer.global_step}; {hint}")
    return STOP.exit_code


def _start_wandb(run: RunFolder, a: Arguments, config: dict[str, Any], step: int) -> wandb_log.WandbLog | None:
    """Starts W&B without letting it draw from the random numbers that training goes on with."""
    with rng.left_alone():
        return wandb_log.start(run.path, run.shown, a, config, print, step, run.segment)


def _introduce(start: Start, trainer: MultiLayerNPTTrainer, notes: list[str]) -> None:
    a = start.arguments
    trained = sum(p.numel() for p in trainer.parameters)
    print(f"{TRAINER}: run {start.run.shown}, segment {start.run.segment}, on {trainer.device}")
    if start.source is not None:
        print(f"resuming from {start.source.checkpoint} at step {start.step}")
    for name, (before, after) in start.changed.items():
        print(f"changed: {name} was {before} and is {after}")
    for note in notes:
        print(f"warning: {note}")
    hint = environment.advice(a, trainer.device) if start.source is None else None
    if hint is not None:
        print(f"hint: {hint}")
    print(
        f"model {a.model_name}, NPT layers {trainer.layers_to_train}, {a.modulation}, "
        f"{a.num_ranks} × rank {a.np_rank}, {trained:,} parameters to train"
    )
    print(f"curriculum: {trainer.curriculum.describe()}; training to step {a.max_steps}")
    needed, there = memory_need.need(trainer), memory.available(trainer.device)
    print(memory_need.told(needed, there, a.batch_size, a.max_length))
