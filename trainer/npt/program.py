"""What every program of this package does: one ``error:`` line instead of a stack trace, and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from npt.errors import TrainingError, UsageError
from npt.run import console
from npt.run.opened import readable


def say(line: str) -> None:
    """Prints a line of the program's own."""
    try:
        print(line, flush=True)
    except UnicodeEncodeError:
        # A script of somebody's own that calls us, with a console that lacks what a path has.
        encoding = sys.stdout.encoding
        print(line.encode(encoding, "backslashreplace").decode(encoding), flush=True)


def fail(line: str, code: int) -> int:
    """Prints one ``error:`` line and passes the exit code on."""
    print(f"error: {' '.join(readable(line).split())}", file=sys.stderr, flush=True)
    return code


def run(command: Callable[[], int]) -> int:
    """Runs a command; 1 where it failed, 2 where it was asked for something that cannot be, else what it returns.

    Ctrl+C is 130, in one line, for commands that have nothing to save.

    A stack trace is for whoever works on the trainer: ``NPT_TRACEBACK=1`` prints it.
    """
    console.install()
    try:
        return command()
    except UsageError as error:
        return fail(str(error), 2)
    except ModuleNotFoundError as error:
        lock = Path(__file__).resolve().parents[1] / "requirements.lock"
        return fail(f"{sys.executable} has no module {error.name}; install with: pip install -r {lock}", 2)
    except KeyboardInterrupt:
        return fail("stopped by Ctrl+C", 130)
    except Exception as error:
        if os.environ.get("NPT_TRACEBACK") == "1":
            traceback.print_exc()
        known = isinstance(error, TrainingError)
        return fail(str(error) if known else f"{type(error).__name__}: {error}", 1)
