"""The program: from a command line to an exit code."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from npt import launched, program
from npt.arguments import parse_command, questionable
from npt.errors import TrainingError, UsageError
from npt.program import say


def main(argv: list[str] | None = None) -> int:
    """Runs one segment of training. Returns 0 done, 1 failed, 2 wrong usage, 128 + n after a signal."""
    arguments = sys.argv[1:] if argv is None else argv
    if not launched.launch().first:
        # Of the processes that torchrun starts, the first one speaks.
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - for the rest of the process
    return program.run(lambda: _start(*parse_command(arguments)))


def _start(typed: dict[str, Any], script: dict[str, Any]) -> int:
    if os.name == "nt":
        raise UsageError("training does not run on Windows itself; use WSL, or a remote machine")
    from npt import start as starting

    note = launched.launch().note
    if note is not None:
        say(f"note: {note}")
    start = starting.resumed(typed, say, script) if "resume_from" in typed else starting.fresh(typed, script)
    for line in questionable(start.arguments):
        say(f"warning: {line}")
    if start.source is not None and start.step >= start.arguments.max_steps and not start.evaluation_due:
        return _already_complete(start)
    from npt.distributed import Group
    from npt.session import run_segment

    group = Group.join()
    try:
        code = run_segment(start, group)
        group.finish()
        return code
    except Exception as error:
        from npt.failure import out_of_memory

        memory = out_of_memory(error)
        if memory is not None:
            raise TrainingError(memory) from error
        if group.main or not group.is_loss(error):
            raise
        # Not an error of this process: the line with the reason is to stay the last one that says "error:".
        print(f"process {group.rank} of the run ends: another one is gone", file=sys.stderr)
        return 1
    finally:
        group.leave()


def _lacks_final(checkpoint: Path, step: int, max_steps: int) -> bool:
    """Whether a run whose last step is trained was ended before its ``final/``; an earlier end's may be there."""
    from npt.checkpoint import manifest
    from npt.storage import reading

    final = checkpoint.with_name("final")
    if not final.exists():
        return True
    try:
        before = reading.read_object(final / manifest.NAME).get("step")
    except (OSError, reading.ContentError):
        return False  # Whatever it is, it is not ours to replace.
    return step == max_steps and isinstance(before, int) and before < step


def _already_complete(start: Any) -> int:
    from npt.checkpoint import save

    source = start.source
    say(
        f"Training already complete: {source.checkpoint.name} is at step {start.step} and --max_steps is "
        f"{start.arguments.max_steps}; raise --max_steps to continue training"
    )
    if (
        launched.launch().first
        and source.run is not None
        and not start.branches
        and _lacks_final(source.checkpoint, start.step, start.arguments.max_steps)
    ):
        start.run.lock()
        save.write_final(source.checkpoint)
        say("wrote the missing final/")
    return 0
