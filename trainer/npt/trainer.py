"""The trainer: model, optimizer and data as one state that steps, and that a checkpoint can hold and restore."""

from __future__ import annotations

import difflib
import inspect
import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from npt import SCHEMA, environment, rng
from npt.argument_table import ARGUMENTS, ValueRefused
from npt.arguments import Arguments
from npt.checkpoint import load, np_weights, tensors
from npt.checkpoint.save import Content
from npt.checkpoint.snapshot import Snapshot
from npt.curriculum import Curriculum, Stage
from npt.distributed import Group
from npt.errors import TrainingError, UsageError
from npt.gemm_probe import GemmPlan
from npt.losses import LossFunction
from npt.measurements import Measurements
from npt.model import llama
from npt.model.np_component import NPComponent, NPShape
from npt.model.npt_layer import NPTDecoderLayer
from npt.model.scaffold import Scaffold
from npt.precision_plan import PrecisionPlan
from npt.schedule import Schedule


class SampleSource(Protocol):
    """Where training samples come from: an endless, ordered stream with a position."""

    def next_batch(self, size: int, rank: int = 0, world_size: int = 1) -> Tensor:
        """The next samples, as token ids (size, tokens)."""

    def state_dict(self) -> dict[str, Any]:
        """The position."""

    def load_state_dict(self, state: dict[str, Any]) -> list[str]:
        """Goes to a stored position; returns what the reader should be told."""


@runtime_checkable
class JoinedSource(Protocol):
    """A source of which every process has a position of its own."""

    def joined(self, states: list[dict[str, Any]]) -> dict[str, Any]:
        """The positions of the processes as one; those of some that are gone may be missing."""


class Part(NamedTuple):
    """What each process of a run adds to a checkpoint: its random numbers' state and its position in the data."""

    rng: Any
    data: dict[str, Any]


def as_arguments(config: Arguments | Mapping[str, Any] | Any) -> Arguments:
    """Arguments from arguments, a mapping, or any object with attributes of their names.

    Values are read like those of a ``config.json``; raises ``UsageError`` for one that cannot be used.
    """
    if isinstance(config, Arguments):
        return config
    given = config if isinstance(config, Mapping) else getattr(config, "__dict__", {})
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in ARGUMENTS or value is None:
            continue
        try:
            values[name] = ARGUMENTS[name].read(value) if value not in ("", []) else ARGUMENTS[name].default
        except ValueRefused as error:
            raise UsageError(f"config: {name}: {error}") from None
    return Arguments(**values)


class MultiLayerNPTTrainer:
    """Trains the NP components of several layers of a frozen Llama against the model itself.

    ``model`` is a ``LlamaForCausalLM``; its layers in ``layers_to_train`` become NPT layers in place, so that calling
    it afterwards runs the student. ``train_loader`` yields samples (see ``SampleSource``); without one the trainer
    can load a checkpoint for inference or analysis. An empty ``curriculum_schedule`` takes the checkpoint's.
    ``device`` moves the model there first; without it everything is where the model is. ``fused``: whether the
    optimizer's step is one kernel; None takes that on GPUs.
    """

    def __init__(
        self,
        model: nn.Module,
        config: Arguments | Mapping[str, Any] | Any,
        train_loader: SampleSource | None,
        val_loader: Tensor | None,
        layers_to_train: Sequence[int],
        curriculum_schedule: Curriculum | Sequence[Stage] | Sequence[dict[str, Any]],
        layer_weights: Mapping[int, float] | None = None,
        precision: PrecisionPlan | None = None,
        group: Group | None = None,
        gemm: GemmPlan | None = None,
        device: str | torch.device | None = None,
        fused: bool | None = None,
        **unknown: Any,
    ) -> None:
        if unknown:
            raise TypeError(_no_argument(next(iter(unknown))))
        self.arguments = as_arguments(config)
        self.model = model
        self.train_loader = train_loader
        self.val_loader = val_loader
        self.group = group or Group(0, 1)
        self.gemm = gemm or GemmPlan()
        self.layers_to_train = sorted(int(layer) for layer in layers_to_train)
        self.layer_weights = dict(layer_weights or dict.fromkeys(self.layers_to_train, 1.0))
        self.curriculum = _curriculum(curriculum_schedule)
        self.global_step = 0
        self.batch_count = 0
        self.teacher_cache_hits = 0
        self.teacher_cache_misses = 0
        self.best: dict[str, Any] | None = None
        #: Whether the evaluation at the present step is still to be made: it was given up for a stop, or failed.
        self.evaluation_due = False
        #: Whether weights, optimizer and counters are those of ``global_step``: always, but while a step is being made.
        self.intact = True
        self.snapshot = Snapshot()
        self._fetched: list[Tensor] = []
        self._position: dict[str, Any] | None = None
        self.schedule = Schedule.fresh(
            self.arguments.learning_rate, self.arguments.warmup_steps, self.arguments.max_steps
        )
        self.fingerprint = llama.fingerprint(model)
        self.device = next(model.parameters()).device if device is None else torch.device(device)
        self.fused = environment.fuses(self.device, {}) if fused is None else fused
        self.precision = precision or PrecisionPlan.choose(False, self.device)
        self.precision.place(model, self.device)
        a = self.arguments
        llama.install_npt_layers(model, self.layers_to_train, a.np_rank, a.num_ranks, a.modulation)
        self._initialise()
        self._prepare()

    def _initialise(self) -> None:
        generator = torch.Generator().manual_seed(self.arguments.seed)
        for layer in llama.npt_layers(self.model).values():
            layer.np_component.initialise(self.arguments.init_strategy, self.arguments.np_init_scale, generator)

    def _prepare(self) -> None:
        self.layers: dict[int, NPTDecoderLayer] = llama.npt_layers(self.model)
        for layer in self.layers.values():
            layer.np_component.to(self.device)
        a, module = self.arguments, self.model
        head: Any = module.lm_head
        compiled = torch.compile if a.compile else None
        self.scaffold = Scaffold(
            module, self.precision.autocast, self.gemm.products, compiled, recomputes=a.gradient_checkpointing
        )
        self.losses = LossFunction(
            head,
            self.layer_weights,
            direct_mlp_weight=a.direct_mlp_weight,
            fidelity_weight=a.fidelity_weight,
            lambda_reg=a.lambda_reg,
        )
        self.parameters = tensors.parameters(self.layers)
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=a.learning_rate, weight_decay=a.weight_decay, fused=self.fused or None
        )
        self.scaler = self.precision.scaler()
        self._first_bad_step = torch.full((), -1.0, device=self.device)

    @property
    def current_stage(self) -> Stage:
        """The stage at ``global_step``."""
        return self.curriculum.stage_at(self.global_step)

    def fetch(self) -> None:
        """Takes the samples of the next step; the only part of a step that may wait for somebody else."""
        if self.train_loader is None:
            raise TrainingError("this trainer was made without a train_loader; it cannot train")
        if self._fetched:
            return
        a, group = self.arguments, self.group
        self._position = self.train_loader.state_dict()
        for _ in range(a.gradient_accumulation_steps):
            self._fetched.append(self.train_loader.next_batch(a.batch_size, group.rank, group.world_size))

    def put_back(self) -> None:
        """Gives back what ``fetch`` took, all of it or a part: the position is again that of the steps made."""
        self._fetched.clear()
        if self.train_loader is not None and self._position is not None:
            self.train_loader.load_state_dict(self._position)
            self._position = None

    def train_step(self, *, measure: bool) -> dict[str, float]:
        """One optimizer step; with ``measure`` the training metrics, otherwise an empty dictionary.

        Where it fails before the weights change, nothing of it has happened but that its samples are fetched.
        """
        self.fetch()
        counted = self.batch_count, self.teacher_cache_hits, self.teacher_cache_misses
        try:
            return self._train_step(measure)
        except BaseException:
            if self.intact:
                self.batch_count, self.teacher_cache_hits, self.teacher_cache_misses = counted
                self.optimizer.zero_grad(set_to_none=True)
            raise

    def _train_step(self, measure: bool) -> dict[str, float]:
        a, stage = self.arguments, self.current_stage
        step = self.global_step + 1
        rate = self.schedule.rate(step)
        measured = Measurements()
        for batch in self._fetched:
            ids = batch.to(self.device)
            result = self.scaffold.run(ids, stage)
            losses = self.losses(result, self.layers)
            loss = losses.total / a.gradient_accumulation_steps
            (loss if self.scaler is None else self.scaler.scale(loss)).backward()
            self.batch_count += 1
            self.teacher_cache_hits += result.teacher_results_reused
            self.teacher_cache_misses += result.teacher_results_computed
            if measure:
                measured.add(result, losses, self.layers)
            self._watch(losses.total.detach(), step)
            # The next pass must not find this one's tensors still in memory.
            del result, losses, loss
        self.group.average([p.grad for p in self.parameters if p.grad is not None])
        self.group.average(list(measured.sums.values()))
        if self.scaler is not None:
            self.scaler.unscale_(self.optimizer)
        norm = self._clip(a.gradient_scale_factor, a.gradient_clip)
        if self.scaler is None:
            # With a scaler, infinite gradients are an overflow: it skips the step and lowers its scale.
            self._watch(norm, step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.snapshot.wait()
        self.intact = False
        if self.scaler is None:
            self.optimizer.step()
        else:
            self.scaler.step(self.optimizer)
            self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        self.global_step = step
        self._fetched, self._position = [], None
        self.intact = True
        if not measure:
            return {}
        values = measured.means(a.gradient_accumulation_steps)
        values |= {
            "curriculum/stage_index": self.curriculum.index_at(step - 1),
            "curriculum/mixing_ratio": stage.mixing_ratio,
            "training/learning_rate": rate,
        }
        length = norm.item()
        if self.scaler is None or math.isfinite(length):
            # Of a step that the scaler skipped there is none.
            values["training/grad_norm"] = length
        if self.device.type == "cuda":
            values["system/gpu_memory_bytes"] = torch.cuda.max_memory_allocated(self.device)
        return values

    def _clip(self, factor: float, limit: float) -> Tensor:
        """Scales the gradients by ``factor``, clips them, and returns their norm after scaling, before clipping."""
        grads = [p.grad for p in self.parameters if p.grad is not None]
        norm: Tensor = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in grads])) * factor
        scale: Tensor | float = factor
        if limit > 0:
            scale = factor * (limit / (norm + 1e-6)).clamp(max=1.0)
        for grad in grads:
            grad.mul_(scale)
        return norm

    def _watch(self, value: Tensor, step: int) -> None:
        # A tensor remembers the first bad step, so that no step waits for the device.
        bad = ~torch.isfinite(value) & (self._first_bad_step < 0)
        self._first_bad_step = torch.where(bad, float(step), self._first_bad_step)

    def check_finite(self) -> None:
        """Raises ``TrainingError`` where a step's loss or gradients were not finite, naming the first such step."""
        step = int(self._first_bad_step.item())
        if step >= 0:
            raise TrainingError(
                f"the loss is not a number since step {step}; resume from the last checkpoint with a lower "
                "--learning_rate, or a lower --gradient_scale_factor"
            )

    def part(self) -> Part:
        """What only this process knows of a checkpoint."""
        return Part(rng.capture(), self.train_loader.state_dict() if self.train_loader is not None else {})

    def content(
        self, segment: int, config: dict[str, Any], metrics: dict[str, float], parts: Sequence[Part]
    ) -> Content:
        """Everything that a checkpoint holds; its large tensors are there once ``snapshot.copy`` has run.

        ``parts`` are those of the processes, by rank, this one's first. Training may go on: ``train_step`` waits for
        the copy before it changes anything.
        """
        data = [part.data for part in parts]
        self.snapshot.begin()
        return Content(
            step=self.global_step,
            segment=segment,
            stage=self.current_stage.name,
            weights=tensors.weights(self.layers, self.snapshot.add),
            training_state={
                "global_step": self.global_step,
                "batch_count": self.batch_count,
                "optimizer_state_dict": tensors.optimizer_state(self.optimizer, self.layers, self.snapshot.add),
                "scheduler_state_dict": self.schedule.state_dict(),
                "scaler_state_dict": None if self.scaler is None else self.scaler.state_dict(),
                "schema": SCHEMA,
                "rng_state": [part.rng for part in parts],
                "data_state": self.train_loader.joined(data)
                if isinstance(self.train_loader, JoinedSource)
                else data[0],
                "best": self.best,
                **({"evaluation_due": True} if self.evaluation_due else {}),
            },
            multi_layer_state={
                "layers_to_train": list(self.layers_to_train),
                "curriculum_schedule": self.curriculum.as_list(),
                "current_stage_index": self.curriculum.index_at(self.global_step),
                "layer_weights": dict(self.layer_weights),
                "teacher_cache_hits": self.teacher_cache_hits,
                "teacher_cache_misses": self.teacher_cache_misses,
            },
            config=config,
            metrics=metrics,
            model={"name": self.arguments.model_name, "fingerprint": self.fingerprint},
        )

    def load_checkpoint(self, path: str | Path) -> load.Stored:
        """Loads weights, optimizer, schedule, counters, random states and the data's position from a checkpoint.

        Without a ``train_loader`` the NP components take the checkpoint's shape, whatever the configuration says.
        """
        stored = load.read(Path(path))
        shape = np_weights.shape_of(stored.weights)
        if self.train_loader is None and shape != self.shape:
            for layer in self.layers.values():
                layer.np_component = NPComponent(shape)
            self._prepare()
        for note in self.restore(stored):
            warnings.warn(note, stacklevel=2)
        return stored

    def _refuse_misfit(self, stored: load.Stored) -> list[str]:
        """Raises ``UsageError`` where a checkpoint is of another base model or shape; returns what is unsure.

        For inference a base model may have been rounded to 16 bits when it was loaded: then nothing tells whether it is
        the one of the checkpoint.
        """
        unsure: list[str] = []
        if stored.fingerprint is not None and stored.fingerprint != self.fingerprint:
            kind = next(self.model.model.embed_tokens.parameters()).dtype  # type: ignore[union-attr]
            if self.train_loader is None and kind in (torch.float16, torch.bfloat16):
                unsure.append(
                    f"the base model is rounded to {kind}: whether it is the one of {stored.path.name} is unknown"
                )
            else:
                self._refuse_base_model(stored)
        theirs, ours = np_weights.shape_of(stored.weights), self.shape
        if theirs != ours:
            what = "  ".join(
                f"{flag} {before} in the checkpoint, {now} here;"
                for flag, before, now in (
                    ("--np_rank", theirs.np_rank, ours.np_rank),
                    ("--num_ranks", theirs.num_ranks, ours.num_ranks),
                    ("modulation", theirs.modulation, ours.modulation),
                    ("hidden size", theirs.hidden_size, ours.hidden_size),
                    ("MLP size", theirs.mlp_size, ours.mlp_size),
                )
                if before != now
            )
            raise UsageError(f"the NP components of {stored.path.name} do not fit: {what.rstrip(';')}")
        return unsure

    def _refuse_base_model(self, stored: load.Stored) -> None:
        raise UsageError(
            f"{stored.path.name} was trained on another base model (fingerprint "
            f"{(stored.fingerprint or '')[:12]}) than "
            f"{self.arguments.model_name} (fingerprint {self.fingerprint[:12]})"
        )

    def restore(self, stored: load.Stored) -> list[str]:
        """Puts a checkpoint that was read into this trainer; returns lines that the user should be told."""
        unsure = self._refuse_misfit(stored)
        state, multi = stored.training_state, stored.multi_layer_state
        notes = unsure + list(stored.notes) + self._layer_mismatch(np_weights.layers_in(stored.weights))
        tensors.load_weights(self.layers, stored.weights)
        tensors.load_optimizer_state(self.optimizer, self.layers, state["optimizer_state_dict"], list(stored.weights))
        self.global_step = int(state["global_step"])
        self.batch_count = int(state["batch_count"])
        self.schedule = Schedule.from_state(state["scheduler_state_dict"])
        self.teacher_cache_hits = int(multi["teacher_cache_hits"])
        self.teacher_cache_misses = int(multi["teacher_cache_misses"])
        self.best = state.get("best")
        self.evaluation_due = bool(state.get("evaluation_due", False))
        if self.scaler is not None and state.get("scaler_state_dict"):
            self.scaler.load_state_dict(state["scaler_state_dict"])
        if self._takes_curriculum and multi.get("curriculum_schedule"):
            self.curriculum = Curriculum.from_list(multi["curriculum_schedule"])
        if self.train_loader is not None:
            notes += self.train_loader.load_state_dict(state["data_state"])
        if state["rng_state"]:
            states = state["rng_state"]
            rng.restore(states[self.group.rank if self.group.rank < len(states) else 0])
        return notes

    def _layer_mismatch(self, stored: list[int]) -> list[str]:
        ours = self.layers_to_train
        if stored == ours:
            return []
        parts = {
            "loaded": [layer for layer in ours if layer in stored],
            "new": [layer for layer in ours if layer not in stored],
            "dropped": [layer for layer in stored if layer not in ours],
        }
        said = ", ".join(f"{what} {layers}" for what, layers in parts.items() if layers)
        return [f"Layer mismatch: the checkpoint has layers {stored}, --train_layers is {ours}; {said}"]

    @property
    def shape(self) -> NPShape:
        """The shape of the NP components."""
        return next(iter(self.layers.values())).np_component.shape

    @property
    def _takes_curriculum(self) -> bool:
        return self.curriculum is _ANY


def _no_argument(name: str) -> str:
    known = [known for known in inspect.signature(MultiLayerNPTTrainer).parameters if known != "unknown"]
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}"
    return f"MultiLayerNPTTrainer has no argument {name}; {hint}"


_ANY = Curriculum([Stage("student", 1, 1.0)])


def _curriculum(schedule: Curriculum | Sequence[Stage] | Sequence[dict[str, Any]]) -> Curriculum:
    if isinstance(schedule, Curriculum):
        return schedule
    if not schedule:
        return _ANY
    if all(isinstance(stage, Stage) for stage in schedule):
        return Curriculum([stage for stage in schedule if isinstance(stage, Stage)])
    return Curriculum.from_list([stage for stage in schedule if isinstance(stage, dict)])
