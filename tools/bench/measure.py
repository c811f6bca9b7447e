"""Runs one command to its end and prints what the operating system accounted for it.

usage: measure.py RESULT_FILE COMMAND [ARG ...]

Writes {"code": int, "seconds": wall, "peak_bytes": the child's peak resident set} to RESULT_FILE. A process of its own
for each command: getrusage(RUSAGE_CHILDREN) keeps the maximum of all children that a process ever waited for.
"""

import json
import resource
import subprocess
import sys
import time

began = time.perf_counter()
done = subprocess.run(sys.argv[2:], stdout=subprocess.DEVNULL, check=False)
seconds = time.perf_counter() - began
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
# Linux counts ru_maxrss in kB, macOS in bytes.
unit = 1 if sys.platform == "darwin" else 1024
with open(sys.argv[1], "w") as result:
    json.dump({"code": done.returncode, "seconds": seconds, "peak_bytes": usage.ru_maxrss * unit}, result)
