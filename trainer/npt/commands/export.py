"""``scripts/export_model.py``: a checkpoint as a folder that transformers loads without this project."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

from npt import program
from npt.commands.parser import Parser
from npt.errors import TrainingError, UsageError


def main() -> int:
    """Exports the checkpoint named on the command line."""
    parser = Parser(
        "export_model.py",
        "Make a folder that AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True) loads with torch and "
        "transformers alone: weights, configuration, tokenizer, code of the model, model card.",
    )
    parser.add_argument("checkpoint", help="a checkpoint's folder, or a run's (its newest valid one)")
    parser.add_argument("--output", required=True, help="the new folder; nothing may be there")
    parser.add_argument(
        "--np_only", action="store_true", help="the NP weights beside the base model's name, instead of all weights"
    )
    parser.add_argument(
        "--dtype",
        choices=["auto", "float32", "bfloat16", "float16"],
        default="auto",
        help="type of the base weights (auto: as the base model stores them); NP weights are always float32",
    )
    parser.add_argument("--model_name", help="where the base model is now, if not where the checkpoint says")
    a = parser.parse_args()
    if a.np_only and a.dtype != "auto":
        raise UsageError("--dtype is the type of the base weights, which --np_only leaves out")
    from npt import failure, inference
    from npt.export import folder
    from npt.run.opened import readable
    from npt.storage import paths

    target = paths.absolute(a.output)
    folder.refuse_taken(target)
    opened = inference.open_checkpoint(a.checkpoint, program.say, a.model_name)
    with _ended_tidily():
        try:
            size = folder.export(folder.Export(opened, a.dtype, a.np_only), target, program.say)
        except OSError as error:
            raise TrainingError(f"nothing was exported: {failure.describe(error)}") from error
    step = f"step {opened.stored.step:,} of {opened.source.name}"
    program.say(f"exported {step} to {readable(str(target))}: {size:,} bytes")
    program.say(
        f"load it with AutoModelForCausalLM.from_pretrained({str(target)!r}, trust_remote_code=True, "
        "dtype=torch.float32)"
    )
    return 0


@contextlib.contextmanager
def _ended_tidily() -> Iterator[None]:
    """Whoever ends the process (a closed terminal, a task that is terminated) leaves nothing half done behind."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
