"""``scripts/validate_checkpoint.py``: exit 0 where every checkpoint is valid, 1 where one is not, 2 for wrong usage."""

from __future__ import annotations

from npt import program
from npt.commands.parser import Parser
from npt.errors import UsageError


def main() -> int:
    """Validates the checkpoints named on the command line, one after the other."""
    parser = Parser(
        "validate_checkpoint.py",
        "Say whether checkpoints can be resumed from, and what is wrong where they cannot. "
        "Exit code 0: all are valid; 1: one is not; 2: a path is not a checkpoint.",
    )
    parser.add_argument("checkpoint", nargs="+", help="a checkpoint's folder")
    checkpoints = parser.parse_args().checkpoint
    from npt.checkpoint import validate

    code = 0
    for number, path in enumerate(checkpoints):
        if number:
            program.say("")
        try:
            report = validate.examine(path)
        except UsageError as error:
            code = program.fail(str(error), 2)
            continue
        validate.show(report)
        code = max(code, 0 if report.valid else 1)
    return code
