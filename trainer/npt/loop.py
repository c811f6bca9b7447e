"""A segment: training from the present step to ``max_steps`` or a request to stop, and all that is written on the way.

The order within a step is: update, log, evaluate, generate, save.
"""

from __future__ import annotations

import contextlib
import math
import signal
import time
from collections.abc import Callable
from typing import Any

import torch

from npt import SCHEMA, failure, memory, rng
from npt.arguments import Arguments
from npt.checkpoint import save
from npt.checkpoint.background import BackgroundSaver
from npt.checkpoint.retention import Retention
from npt.checkpoint.verified import Verified
from npt.data.tokenizers import Tokenizer
from npt.errors import TrainingError
from npt.evaluation import evaluate, generate
from npt.measurements import probe_similarity
from npt.run import optional, probe_file
from npt.run.folder import RunFolder
from npt.run.metrics_log import MetricsLog
from npt.run.pace import Pace
from npt.signals import Stopped, StopRequest
from npt.storage import atomic
from npt.trainer import MultiLayerNPTTrainer, Part
from npt.work import Share

BEST_METRIC = "eval_loss/total"
GENERATED_TOKENS = 80
PROMPT_TOKENS = 40
PROBE_TOKENS = 64


class Segment:
    """Runs a trainer inside a run's folder."""

    def __init__(
        self,
        trainer: MultiLayerNPTTrainer,
        run: RunFolder,
        log: MetricsLog,
        config: dict[str, Any],
        tokenizer: Tokenizer,
        stop: StopRequest,
        metrics: dict[str, float] | None = None,
    ) -> None:
        self.trainer = trainer
        self.run = run
        self.log = log
        self.config = config
        self.tokenizer = tokenizer
        self.stop = stop
        self._saver = BackgroundSaver(trainer.arguments.async_save)
        self._verified = Verified()
        limit = trainer.arguments.save_total_limit or None
        self._retention = Retention(limit, self._verified, lambda: stop.signal is not None)
        self.last_metrics: dict[str, float] = dict(metrics or {})
        self._evaluated: tuple[int, float] | None = None
        self._stage_shown = -1
        self._training_seconds = 0.0
        self._training_tokens = 0
        self._steps_since_log = 0
        #: Called with a step, a prompt and the text that was generated after it.
        self.on_sample: Callable[[int, str, str], None] | None = None
        #: What a failure that ended training left safe; a clause to put behind it.
        self.rescued = ""
        self.probe = self._load_or_make_probe()
        self._restore_best_file()

    def _load_or_make_probe(self) -> dict[str, torch.Tensor]:
        """A few real attention outputs of each NPT layer, the same for the whole life of a run."""
        path = self.run.path / "probe.pt"
        widths = dict.fromkeys(self.trainer.layers, self.trainer.shape.hidden_size)
        known = probe_file.load(path, widths)
        if known is not None:
            return known
        samples = self.trainer.val_loader
        if samples is None:
            return {}
        ids = samples[:1, :PROBE_TOKENS].to(self.trainer.device)
        found = self.trainer.scaffold.teacher_attention(ids)
        probe = {f"layer_{index}": a[0].to("cpu", torch.float32).contiguous() for index, a in found.items()}
        probe_file.store(path, probe)
        return probe

    def _restore_best_file(self) -> None:
        """Writes best.json anew where it is damaged or missing and the checkpoint that it would name is there."""
        path = self.run.checkpoints / "best.json"
        known = optional.load(path, optional.json_object)
        best = self.trainer.best
        if known is None and best is not None and (self.run.checkpoints / best["checkpoint"]).is_dir():
            self._store_best(best)

    def _store_best(self, best: dict[str, Any]) -> None:
        optional.store(self.run.checkpoints / "best.json", atomic.json_bytes({"schema": SCHEMA, **best}))

    def train(self) -> str:
        """Trains; returns why it ended: ``done``, ``stopped`` or ``preempted``.

        Where training fails, everything that can be saved soundly is saved before the failure is raised.
        """
        try:
            return self._train()
        except Exception as error:
            self.rescued = self._rescue(error)
            raise
        finally:
            self.stop.kept()

    def _train(self) -> str:
        trainer, a = self.trainer, self.trainer.arguments
        self._catch_up()
        self._pace = Pace(trainer.global_step, a.max_steps)
        self._share = Share(trainer)
        while trainer.global_step < a.max_steps and not agreed_to_stop(trainer, self.stop):
            self.run.follow()
            self._saver.check()
            self._step()
        step = trainer.global_step
        self.stop.doing = f"the save of checkpoint-{step}"
        self._saver.join()
        if step >= a.max_steps and not trainer.evaluation_due:
            save.write_final(self.run.checkpoints / f"checkpoint-{step}")
            return "done"
        parts = trainer.group.gather(trainer.part()) if step < a.max_steps else [trainer.part()]
        if step > 0 and not self._saved(step):
            self._save(parts)
        self._saver.join()
        return self.stop.why

    def _rescue(self, error: Exception) -> str:
        """Saves the last finished step after a failure; returns a clause about what can be gone on from."""
        trainer = self.trainer
        step = trainer.global_step
        with contextlib.suppress(Exception):
            self._saver.join()
        try:
            trainer.put_back()
            # Of processes that are gone nothing can be asked: training draws no random numbers, and what they have read
            # of the data is found again from where they last told.
            agreed = isinstance(error, GroupFailure) and step > 0
            parts = trainer.group.gather(trainer.part()) if agreed else [trainer.part()]
            if step == 0 or not trainer.intact or self.run.gone:
                return ""
            trainer.check_finite()
            self.stop.doing = f"the save of checkpoint-{step}"
            if not self._saved(step):
                self._save(parts)
                self._saver.join()
        except Exception:
            # Whatever ended the run may keep it from being saved, too: the first failure is the one to tell.
            return ""
        return f"; step {step} is saved, go on from it with --resume_from {self.run.shown}"

    def _catch_up(self) -> None:
        """Evaluates what a stop left to this start, as if it had not come between; its checkpoint is there already."""
        step = self.trainer.global_step
        if not evaluates(self.trainer.arguments):
            # This start wants none.
            self.trainer.evaluation_due = False
        if not self.trainer.evaluation_due:
            return
        self._evaluate(step)
        saved = self.run.checkpoints / f"checkpoint-{step}"
        if self._note_best(step) and saved.exists():
            self._store_best(self.trainer.best or {})

    def _step(self) -> None:
        trainer, a = self.trainer, self.trainer.arguments
        self._show_stage()
        step = trainer.global_step + 1
        last = step == a.max_steps
        self.stop.doing = f"step {step}"
        started = time.perf_counter()
        values = trainer.train_step(measure=measured(a, step))
        self.stop.keep()
        self._training_seconds += time.perf_counter() - started
        self._training_tokens += a.batch_size * a.gradient_accumulation_steps * a.max_length * trainer.group.world_size
        self._steps_since_log += 1
        if values or trainer.device.type == "cpu":
            # Elsewhere asking would wait for the device, so it waits for a step that is logged.
            trainer.check_finite()
        if values:
            self._log(step, values)
        if evaluates(a, step):
            self._evaluate(step)
        if a.generation_steps and step % a.generation_steps == 0:
            self._generate(step)
        if last or (a.save_steps and step % a.save_steps == 0):
            self._save(trainer.group.gather(trainer.part()))

    def _saved(self, step: int) -> bool:
        return save.is_kept(self.run.checkpoints / f"checkpoint-{step}", self._verified)

    def _show_stage(self) -> None:
        trainer = self.trainer
        index = trainer.curriculum.index_at(trainer.global_step)
        if index != self._stage_shown:
            self._stage_shown = index
            stage = trainer.current_stage
            self.log.stage(trainer.global_step, stage.name, index, stage.mixing_ratio)
            print(
                f"stage {stage.name} from step {trainer.global_step} to {stage.until_step}, "
                f"mixing ratio {stage.mixing_ratio:g}"
            )

    def _log(self, step: int, values: dict[str, float]) -> None:
        values["throughput/tokens_per_second"] = self._training_tokens / self._training_seconds
        values["throughput/steps_per_second"] = self._steps_since_log / self._training_seconds
        each = self._training_seconds / self._steps_since_log
        pace = self._pace.said(step, each, memory.held(self.trainer.device))
        share = self._share.of(self.trainer.curriculum.stage_at(step - 1), each)
        self._training_seconds, self._training_tokens, self._steps_since_log = 0.0, 0, 0
        self.log.metrics(step, values)
        self.last_metrics.update(values)
        stage = self.trainer.curriculum.stage_at(step - 1).name
        norm = values.get("training/grad_norm")
        grad = "overflow, step skipped" if norm is None else f"grad {norm:.3f}"
        print(
            f"step {step}/{self.trainer.arguments.max_steps}  {stage:<7}  loss {values['loss/total']:.4f}  "
            f"lr {values['training/learning_rate']:.2e}  {grad}  "
            f"{values['throughput/tokens_per_second']:,.0f} tokens/s  "
            f"{'' if share is None else f'{share:.0%} of peak  '}{pace}"
        )

    def _evaluate(self, step: int) -> None:
        trainer = self.trainer
        if trainer.val_loader is None:
            return
        trainer.check_finite()
        self.stop.doing = f"the evaluation at step {step}"
        try:
            values = evaluation(trainer, self.stop)
        except Stopped:
            print(f"the evaluation at step {step} is left to the next start")
            return
        self.log.metrics(step, values)
        self.last_metrics.update(values)
        self._evaluated = (step, values[BEST_METRIC])
        print(
            f"evaluation at step {step}: loss {values[BEST_METRIC]:.4f}, cross-entropy "
            f"{values['eval/cross_entropy']:.3f} (teacher {values['eval/teacher_cross_entropy']:.3f}), "
            f"agreement {values['eval/agreement']:.1%}"
        )

    def _generate(self, step: int) -> None:
        if self.trainer.val_loader is None:
            return
        self.trainer.check_finite()
        prompt = self.trainer.val_loader[0, :PROMPT_TOKENS]
        self.stop.doing = f"the sample at step {step}"
        try:
            with self.trainer.precision.autocast():
                made = generate(
                    self.trainer.model, prompt, GENERATED_TOKENS, self.trainer.arguments.seed, check=self.stop.check
                )
        except Stopped:
            return
        text = " ".join(self.tokenizer.decode(made).split())
        before = " ".join(self.tokenizer.decode(prompt.tolist()).split())
        print(f"sample at step {step}: {before} … {text}")
        if self.on_sample is not None:
            with rng.left_alone():
                self.on_sample(step, before, text)

    def _save(self, parts: list[Part]) -> None:
        """Copies the present state and has it written; the logs hear of it when it is on disk."""
        trainer = self.trainer
        started = time.perf_counter()
        self._saver.join()
        trainer.check_finite()
        step = trainer.global_step
        probed = probe_similarity(trainer.layers, self.probe)
        if probed:
            self.log.metrics(step, probed)
            self.last_metrics.update(probed)
        best = dict(trainer.best or {}) if self._note_best(step) else None
        known_best = (trainer.best or {}).get("checkpoint")
        content = trainer.content(self.run.segment, self.config, dict(self.last_metrics), parts)
        stall = time.perf_counter() - started

        def write() -> None:
            trainer.snapshot.copy()
            path = self.run.saving(lambda checkpoints: save.save(checkpoints, content, self._verified))
            seconds = time.perf_counter() - started
            if best is not None:
                self._store_best(best)
            in_background = trainer.arguments.async_save
            stood = stall + trainer.snapshot.waited if in_background else seconds
            self.log.checkpoint(step, f"checkpoints/{path.name}", seconds, stood)
            print(f"saved {path.name} in {seconds:.2f} s")
            for line in self._retention.prune(path, known_best, self.run.shown):
                print(line)

        self._saver.submit(write)

    def _note_best(self, step: int) -> bool:
        """Whether the present step is the best so far, which is then noted."""
        if self._evaluated is None or self._evaluated[0] != step or not math.isfinite(self._evaluated[1]):
            return False
        best = self.trainer.best
        if best is not None and best["value"] <= self._evaluated[1]:
            return False
        self.trainer.best = {
            "checkpoint": f"checkpoint-{step}",
            "step": step,
            "metric": BEST_METRIC,
            "value": self._evaluated[1],
        }
        return True


class GroupFailure(TrainingError):
    """A failure that every process of the run knows of, between two steps."""


#: What a process without samples says to the others. A signal, which is its number more, counts above it.
FAILED = 1


def agreed_to_stop(trainer: MultiLayerNPTTrainer, stop: StopRequest) -> bool:
    """Takes the next step's samples; whether any process of the run was asked to stop before all had theirs.

    Then all of them take that signal as their own, and nothing of the step has happened. Raises ``GroupFailure`` in
    every process where one of them has no samples.
    """
    failed: Exception | None = None
    try:
        with stop.wait("text to train on"):
            trainer.fetch()
    except Stopped:
        pass
    except Exception as error:
        failed = error
    said = FAILED + int(stop.signal) if stop.signal is not None else FAILED if failed else 0
    number = trainer.group.highest(said)
    if number == 0:
        return False
    trainer.put_back()
    if number == FAILED:
        lines = trainer.group.gather(None if failed is None else failure.describe(failed))
        line = next((line for line in lines if line is not None), "another process has no text to train on")
        raise GroupFailure(line) from failed
    if stop.signal is None:
        stop.signal = signal.Signals(number - FAILED)
    return True


def evaluation(trainer: MultiLayerNPTTrainer, stop: StopRequest) -> dict[str, float]:
    """The metrics of the held-out samples, which all processes of a run compute together; complete on rank 0.

    Raises ``Stopped`` in every process where one of them was asked to stop; it then stays due.
    """
    if trainer.val_loader is None:
        raise TrainingError("there are no samples to evaluate")
    # Until it is done: whatever ends it, the next start makes up for it.
    trainer.evaluation_due = True
    values = evaluate(
        trainer.model,
        trainer.scaffold,
        trainer.losses,
        trainer.val_loader,
        trainer.arguments.batch_size,
        lambda: agree_and_check(trainer, stop),
        trainer.group,
    )
    trainer.evaluation_due = False
    return values


def agree_and_check(trainer: MultiLayerNPTTrainer, stop: StopRequest) -> None:
    """Raises ``Stopped`` in every process where one of them was asked to stop, each taking the signal as its own."""
    number = trainer.group.highest(int(stop.signal or 0))
    if number == 0:
        # One that comes from now on counts at the next call: no process may give up alone.
        return
    if stop.signal is None:
        stop.signal = signal.Signals(number)
    raise Stopped


def _follow_evaluation(trainer: MultiLayerNPTTrainer, stop: StopRequest) -> None:
    """A process's share of an evaluation, whose metrics rank 0 has."""
    if trainer.val_loader is not None:
        with contextlib.suppress(Stopped):
            evaluation(trainer, stop)


def follow(trainer: MultiLayerNPTTrainer, stop: StopRequest) -> None:
    """What a process other than rank 0 does: the same steps, and its part of every evaluation and checkpoint."""
    a = trainer.arguments
    try:
        if trainer.evaluation_due and evaluates(a):
            _follow_evaluation(trainer, stop)
        while trainer.global_step < a.max_steps and not agreed_to_stop(trainer, stop):
            step = trainer.global_step + 1
            last = step == a.max_steps
            trainer.train_step(measure=measured(a, step))
            stop.keep()
            if evaluates(a, step):
                _follow_evaluation(trainer, stop)
            if last or (a.save_steps and step % a.save_steps == 0):
                trainer.group.gather(trainer.part())
    except GroupFailure:
        # Rank 0 saves before it says so.
        if trainer.global_step > 0:
            trainer.group.gather(trainer.part())
        stop.kept()
        return
    if trainer.global_step < a.max_steps:
        trainer.group.gather(trainer.part())
    stop.kept()


def measured(a: Arguments, step: int) -> bool:
    """Whether a step's metrics are logged: the last one's always."""
    return step == a.max_steps or (a.logging_steps > 0 and step % a.logging_steps == 0)


def evaluates(a: Arguments, step: int | None = None) -> bool:
    """Whether a run evaluates, at a step or at all: after the last step always."""
    wanted = a.eval_steps > 0 and a.num_eval_samples > 0
    return wanted and (step is None or step == a.max_steps or step % a.eval_steps == 0)
