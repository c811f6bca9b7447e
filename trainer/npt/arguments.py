"""The command line: every flag, its default, and who wins when several say something.

What is typed wins over the checkpoint's ``config.json`` (on resume), which wins over the demo's defaults (with
``--demo_mode``), which win over the defaults below.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, NoReturn

from npt import TRAINER, curriculum
from npt.errors import UsageError

# Flags that belong to one start, not to the run; a resume does not inherit them.
PER_START = ("resume_from", "output_dir", "overwrite_output_dir", "ignore_integrity")


@dataclass
class Arguments:
    """Every argument, resolved. Field names are the flags' names; values are what ``config.json`` stores."""

    train_layers: list[int] | str = ""
    curriculum_stages: str = "teacher:5000,mixed:5000:0.5,student:20000"
    layer_weights: str = "uniform"
    model_name: str = "meta-llama/Llama-3.2-1B"
    model_size: str = "1b"
    np_rank: int = 256
    np_init_scale: float = 0.001
    num_ranks: int = 1
    init_strategy: str = "improved"
    dual_modulation: bool = False
    triple_modulation: bool = False
    direct_mlp_weight: float = 10.0
    fidelity_weight: float = 1.0
    gradient_scale_factor: float = 2.5
    dataset_preset: str = "medium"
    max_length: int = 512
    stride: int = 256
    batch_size: int = 4
    gradient_accumulation_steps: int = 4
    learning_rate: float = 5e-5
    weight_decay: float = 0.01
    lambda_reg: float = 0.01
    max_steps: int = 30000
    warmup_steps: int = 1000
    gradient_clip: float = 0.5
    output_dir: str | None = None
    logging_steps: int = 10
    eval_steps: int = 500
    save_steps: int = 2000
    generation_steps: int = 500
    wandb_project: str = "npt-multi-layer"
    wandb_name: str | None = None
    wandb_tags: list[str] = field(default_factory=list)
    wandb_mode: str = "online"
    mixed_precision: bool = False
    matmul_precision: str = "auto"
    compile: bool = False
    num_workers: int = 4
    seed: int = 42
    demo_mode: bool = False
    num_eval_samples: int = 1000
    resume_from: str | None = None
    train_file: list[str] = field(default_factory=list)
    validation_file: str | None = None
    save_total_limit: int | None = None
    overwrite_output_dir: bool = False
    async_save: bool = True
    device: str = "auto"
    deterministic: bool = False
    ignore_integrity: bool = False

    def as_config(self) -> dict[str, Any]:
        """The arguments as plain JSON values, as ``config.json`` stores them."""
        return asdict(self)

    @property
    def modulation(self) -> str:
        """``single``, ``dual`` or ``triple``."""
        if self.triple_modulation:
            return "triple"
        return "dual" if self.dual_modulation else "single"


# Chosen so that three stages pass in about a minute on two cores and every curve shows learning: 600 steps against the
# shipped teacher bring the student's held-out cross-entropy from above 3 to near the teacher's.
DEMO_DEFAULTS: dict[str, Any] = {
    "train_layers": "2,3",
    "curriculum_stages": "teacher:200,mixed:200:0.5,student:200",
    "max_steps": 600,
    "np_rank": 16,
    "num_ranks": 4,
    "np_init_scale": 0.05,
    "model_name": "npt-demo",
    "model_size": "demo",
    "max_length": 128,
    "stride": 64,
    "batch_size": 10,
    "gradient_accumulation_steps": 1,
    "learning_rate": 5e-3,
    "warmup_steps": 20,
    "gradient_clip": 1.0,
    "gradient_scale_factor": 1.0,
    "lambda_reg": 1e-4,
    "logging_steps": 5,
    "eval_steps": 50,
    "save_steps": 50,
    "generation_steps": 200,
    "num_eval_samples": 32,
    "wandb_mode": "disabled",
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def _whole(minimum: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"'{text}' is not a whole number") from None
        if value < minimum:
            raise argparse.ArgumentTypeError(f"{value} is below {minimum}")
        return value

    return read


def _number(minimum: float, *, above: bool = False) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"'{text}' is not a number") from None
        if not math.isfinite(value) or value < minimum or (above and value == minimum):
            raise argparse.ArgumentTypeError(f"{text} must be {'above' if above else 'at least'} {minimum:g}")
        return value

    return read


def _device(text: str) -> str:
    kind, _, index = text.partition(":")
    if kind not in ("auto", "cpu", "cuda", "mps") or (index and not index.isdigit()):
        raise argparse.ArgumentTypeError(f"'{text}' is not a device; use auto, cpu, cuda, cuda:N or mps")
    return text


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
    defaults = Arguments()
    flag = argparse.BooleanOptionalAction

    def add(group: Any, name: str, text: str, **how: Any) -> None:
        default = getattr(defaults, name, None)
        shown = f" [{default}]" if default not in (None, "", []) and not isinstance(default, bool) else ""
        if how.get("action") is flag:
            # BooleanOptionalAction would otherwise set its own default and hide whether the flag was typed.
            how["default"] = argparse.SUPPRESS
            shown = " [on]" if default else " [off]"
        group.add_argument(f"--{name}", help=(text + shown).replace("%", "%%"), **how)

    layers = parser.add_argument_group("layers and curriculum")
    add(layers, "train_layers", "which layers: 13,14,15 or 8-15 or all, upper_half, lower_half (required)")
    add(layers, "curriculum_stages", "name:steps[:mixing_ratio[:mlp_mixing_ratio]],… with steps as a stage's length")
    add(layers, "layer_weights", "uniform, linear (1.0 to 0.5 in the order typed) or one number per layer")

    model = parser.add_argument_group("model")
    add(model, "model_name", "a Llama on the Hugging Face hub, or a local folder")
    add(
        model,
        "model_size",
        "a randomly initialised preset, used without --model_name",
        choices=["1b", "3b", "8b", "demo"],
    )
    add(model, "np_rank", "rank of each NP component", type=_whole(1))
    add(model, "np_init_scale", "size of the initial modulation", type=_number(0.0, above=True))
    add(model, "num_ranks", "rank-one updates per NP component", type=_whole(1))
    add(model, "init_strategy", "how NP components start", choices=["improved", "conservative"])
    add(model, "dual_modulation", "modulate gate and up projections", action=flag)
    add(model, "triple_modulation", "modulate gate, up and down projections; implies dual", action=flag)

    losses = parser.add_argument_group("losses")
    add(losses, "direct_mlp_weight", "weight of the direct MLP loss", type=_number(0.0))
    add(losses, "fidelity_weight", "weight of the MSE between student and teacher logits", type=_number(0.0))
    add(losses, "lambda_reg", "weight of the regularization", type=_number(0.0))

    data = parser.add_argument_group("data")
    add(data, "dataset_preset", "which texts", choices=["small", "medium", "large", "xlarge", "custom"])
    add(data, "train_file", "text or JSONL to train on; repeatable", action="append")
    add(data, "validation_file", "text or JSONL to evaluate on")
    add(data, "max_length", "tokens in a sample", type=_whole(2))
    add(data, "stride", "tokens between the starts of neighbouring samples", type=_whole(1))
    add(data, "batch_size", "samples in a micro-batch", type=_whole(1))
    add(
        data,
        "num_workers",
        "processes that download and tokenise a dataset ahead, in the same order; 0: the training process does it; "
        "files of --train_file are tokenised at the start and need none",
        type=_whole(0),
    )
    add(data, "num_eval_samples", "samples in the held-out set", type=_whole(1))

    training = parser.add_argument_group("training")
    add(training, "gradient_accumulation_steps", "micro-batches in a step", type=_whole(1))
    add(training, "learning_rate", "peak learning rate", type=_number(0.0, above=True))
    add(training, "weight_decay", "AdamW's weight decay", type=_number(0.0))
    add(training, "max_steps", "the step to stop at", type=_whole(1))
    add(training, "warmup_steps", "steps of linear warm-up", type=_whole(0))
    add(training, "gradient_clip", "largest gradient norm; 0 does not clip", type=_number(0.0))
    add(
        training,
        "gradient_scale_factor",
        "gradients are multiplied by this before clipping",
        type=_number(0.0, above=True),
    )
    add(training, "mixed_precision", "autocast: bf16 where supported, else fp16", action=flag)
    add(
        training,
        "matmul_precision",
        "fp32 products: highest, or medium (16-bit factors on CPUs that have them, TF32 on GPUs); auto tries medium on "
        "CPUs and takes it where it is faster and accurate",
        choices=["auto", "highest", "medium"],
    )
    add(training, "compile", "compile the layers with torch.compile (GPUs)", action=flag)
    add(training, "device", "auto, cpu, cuda, cuda:N or mps", type=_device)
    add(training, "deterministic", "deterministic kernels, needed for bit-identical resumes on CUDA", action=flag)
    add(training, "seed", "seed of weights and data order", type=_whole(0))

    output = parser.add_argument_group("output")
    add(output, "output_dir", "the run's folder [experiments/<name>]")
    add(output, "overwrite_output_dir", "move a run that is in the way aside", action=flag)
    add(output, "logging_steps", "steps between log lines", type=_whole(1))
    add(output, "eval_steps", "steps between evaluations", type=_whole(1))
    add(output, "save_steps", "steps between checkpoints", type=_whole(1))
    add(output, "generation_steps", "steps between samples of generated text", type=_whole(1))
    add(output, "save_total_limit", "checkpoints to keep; best, pinned and branch origins stay [all]", type=_whole(1))
    add(output, "async_save", "write checkpoints in the background", action=flag)
    add(output, "wandb_project", "W&B project")
    add(output, "wandb_name", "W&B run name, also the run folder's name")
    add(output, "wandb_tags", "W&B tags", nargs="*")
    add(output, "wandb_mode", "W&B mode", choices=["online", "offline", "disabled"])

    other = parser.add_argument_group("starting and resuming")
    add(other, "resume_from", "a checkpoint, or a run (its newest valid checkpoint)")
    add(other, "ignore_integrity", "resume from a checkpoint whose checksums do not match", action=flag)
    add(other, "demo_mode", "a small teacher and text that ship with the trainer; no network", action=flag)
    other.add_argument("--version", action="version", version=TRAINER)
    return parser


def parse_typed(argv: Sequence[str]) -> dict[str, Any]:
    """What was typed, by flag name. Raises ``UsageError`` in one line for anything that is not a flag or value."""
    return vars(build_parser().parse_args(list(argv)))


def _absolute(value: Any) -> Any:
    """Paths as the checkpoint keeps them, so that a resume from another folder finds them."""
    return [_absolute(item) for item in value] if isinstance(value, list) else str(Path(value).expanduser().absolute())


def resolve(typed: Mapping[str, Any], stored: Mapping[str, Any] | None = None) -> Arguments:
    """Merges what was typed with a checkpoint's arguments and the defaults, and checks the result.

    ``train_layers`` stays as typed here: ``npt.layer_selection`` turns it into numbers once the model is known.
    """
    known = {item.name for item in fields(Arguments)}
    merged: dict[str, Any] = {}
    inherited = {k: v for k, v in (stored or {}).items() if k in known and k not in PER_START and v is not None}
    if typed.get("demo_mode", inherited.get("demo_mode", False)):
        merged.update(DEMO_DEFAULTS)
        own_text = typed.get("train_file") or inherited.get("train_file")
        merged["dataset_preset"] = "custom" if own_text else "small"
    merged.update(inherited)
    merged.update({k: v for k, v in typed.items() if k in known})
    if "train_file" in typed and "dataset_preset" not in typed:
        merged["dataset_preset"] = "custom"
    if "model_size" in typed and "model_name" not in typed:
        # A size alone asks for a model of that shape with random weights; the demo's size is the demo's teacher.
        size = typed["model_size"]
        merged["model_name"] = "npt-demo" if size == "demo" else f"random-{size}"
    for name in ("train_file", "validation_file"):
        if name in typed:
            merged[name] = _absolute(typed[name])
    arguments = Arguments(**merged)
    if arguments.triple_modulation:
        arguments.dual_modulation = True
    if arguments.train_layers in ("", []):
        raise UsageError("--train_layers is required, for example --train_layers 13,14,15")
    curriculum.parse(arguments.curriculum_stages)
    if arguments.dataset_preset == "custom" and not arguments.train_file:
        raise UsageError("--dataset_preset custom needs --train_file")
    if arguments.stride > arguments.max_length:
        # A stride beyond the window would silently drop text between samples.
        raise UsageError(f"--stride {arguments.stride} is above --max_length {arguments.max_length}")
    return arguments


def changes(before: Mapping[str, Any], after: Arguments) -> dict[str, list[Any]]:
    """The arguments that differ from a stored configuration, as ``{name: [before, after]}``."""
    now = after.as_config()
    return {
        name: [before[name], value]
        for name, value in now.items()
        if name in before and name not in PER_START and before[name] != value
    }
