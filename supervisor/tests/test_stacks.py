"""SIGUSR2 asks a trainer for its Python stacks."""

from __future__ import annotations

import os
import signal

from conftest import Bench, alive

WAITS = """
    say("ready")
    while True:
        time.sleep(0.02)
"""


def test_reach_the_log_of_a_trainer_that_knows_them(bench: Bench) -> None:
    known = "import faulthandler; faulthandler.register(signal.SIGUSR2, all_threads=True)"
    bench.start(bench.trainer(f"    {known}{WAITS}"))
    bench.wait(lambda: "ready" in bench.log())
    answer = bench.call("stacks", "--run-dir", str(bench.run))
    assert answer.returncode == 0 and "train.log" in answer.stdout
    bench.wait(lambda: "most recent call first" in bench.log() and "trainer1.py" in bench.log())
    assert alive(bench.process()["pid"])


def test_are_not_asked_of_a_trainer_that_the_signal_would_end(bench: Bench) -> None:
    bench.start(bench.trainer(WAITS))
    bench.wait(lambda: "ready" in bench.log())
    process = bench.process()
    answer = bench.call("stacks", "--run-dir", str(bench.run))
    assert answer.returncode == 2 and "cannot show its stacks" in answer.stderr
    # The supervisor itself passes nothing on, either.
    os.kill(process["supervisor"]["pid"], signal.SIGUSR2)
    os.kill(process["supervisor"]["pid"], signal.SIGINT)
    bench.wait(lambda: bench.json("exit.json") is not None)
    ended = bench.json("exit.json")
    assert ended is not None and ended["signal"] == "SIGINT"
