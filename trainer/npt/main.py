"""The program: from a command line to an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Any

from npt.arguments import parse_typed
from npt.errors import TrainingError, UsageError
from npt.run import console


def say(line: str) -> None:
    """Prints a line of the program's own."""
    print(line, flush=True)


def fail(line: str, code: int) -> int:
    """Prints one ``error:`` line and passes the exit code on."""
    print(f"error: {' '.join(line.split())}", file=sys.stderr, flush=True)
    return code


def main(argv: list[str] | None = None) -> int:
    """Runs one segment of training. Returns 0 done, 1 failed, 2 wrong usage, 128 + n after a signal.

    A stack trace is for whoever works on the trainer: ``NPT_TRACEBACK=1`` prints it.
    """
    arguments = sys.argv[1:] if argv is None else argv
    if os.environ.get("RANK", "0") != "0":
        # Of the processes that torchrun starts, the first one speaks.
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - for the rest of the process
    console.install()
    try:
        return _start(parse_typed(arguments))
    except UsageError as error:
        return fail(str(error), 2)
    except ModuleNotFoundError as error:
        lock = Path(__file__).resolve().parents[1] / "requirements.lock"
        return fail(f"{sys.executable} has no module {error.name}; install with: pip install -r {lock}", 2)
    except Exception as error:
        if os.environ.get("NPT_TRACEBACK") == "1":
            traceback.print_exc()
        known = isinstance(error, TrainingError)
        return fail(str(error) if known else f"{type(error).__name__}: {error}", 1)


def _start(typed: dict[str, Any]) -> int:
    if os.name == "nt":
        raise UsageError("training does not run on Windows itself; use WSL, or a remote machine")
    from npt import start as starting

    start = starting.resumed(typed, say) if "resume_from" in typed else starting.fresh(typed)
    if start.source is not None and start.step >= start.arguments.max_steps:
        return _already_complete(start)
    from npt.distributed import Group
    from npt.session import run_segment

    group = Group.join()
    try:
        code = run_segment(start, group)
        group.finish()
        return code
    finally:
        group.leave()


def _already_complete(start: Any) -> int:
    from npt.checkpoint import save

    source = start.source
    say(
        f"Training already complete: {source.checkpoint.name} is at step {start.step} and --max_steps is "
        f"{start.arguments.max_steps}; raise --max_steps to continue training"
    )
    first = os.environ.get("RANK", "0") == "0"
    if first and source.run is not None and not start.branches and not (source.checkpoint.parent / "final").exists():
        start.run.lock()
        save.write_final(source.checkpoint)
        say("wrote the missing final/")
    return 0
