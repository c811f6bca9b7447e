"""``scripts/merge_checkpoints.py``: layer-wise checkpoints of sequential runs as one run that resumes."""

from __future__ import annotations

import sys
from pathlib import Path

from npt import program
from npt.commands.parser import Parser
from npt.errors import UsageError


def main() -> int:
    """Merges the checkpoints named on the command line into a new run."""
    parser = Parser(
        "merge_checkpoints.py",
        "Merge checkpoints that trained different layers of the same model into one that resumes.",
    )
    parser.add_argument(
        "checkpoint",
        nargs="+",
        help="checkpoints, runs (their newest valid checkpoint), or a folder of sequential runs (layer_<n>_… in it)",
    )
    parser.add_argument("--output", required=True, help="the new run's folder; nothing may be there")
    arguments = parser.parse_args()
    output = Path(arguments.output).expanduser().absolute()
    if output.exists():
        raise UsageError(f"{output} is already there; choose another --output")
    from npt.argument_table import usable
    from npt.checkpoint import find, load, merge, save
    from npt.run.folder import RunFolder
    from npt.run.opened import readable
    from npt.storage import atomic

    sources = merge.sources_in(arguments.checkpoint)
    for source in sources:
        for line in source.passed_over:
            program.say(f"warning: {line}")
        find.refuse_damaged(source)
    content, notes = merge.merge([load.read(source.checkpoint) for source in sources])
    run = RunFolder(output)
    run.lock()
    checkpoint = save.save(run.checkpoints, content)
    run.birth(sys.argv, None, {})
    atomic.replace_json(run.path / "config.json", content.config)
    for line in notes:
        program.say(line)
    layers = content.multi_layer_state["layers_to_train"]
    program.say(
        f"merged {len(sources)} checkpoints into {readable(str(checkpoint))}: layers {layers}, step {content.step}"
    )
    end = usable(content.config, "max_steps", 0)
    more = "" if content.step < end else f" --max_steps {content.step + 5000}"
    program.say(f"resume with --resume_from {run.shown}{more}")
    return 0
