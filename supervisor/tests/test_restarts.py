"""A run goes on by itself after a failure that is not its own doing, and only then."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Any, Dict, List

import pytest
from conftest import LIMIT, Bench, alive

QUICK = ["--restart-wait", "0.05"]
#: Counts its starts, saves a checkpoint where the test says so, and ends as the test's word says.
ENDING = """
    starts = run.parent.parent / "starts"
    with open(starts, "a") as file:
        file.write(json.dumps(sys.argv[1:]) + "\\n")
    number = len(starts.read_text().splitlines())
    def end(why, error=None, signal=None):
        (run / "exit.json").unlink(missing_ok=True)
        with open(run / "metrics.jsonl", "a") as file:
            file.write(json.dumps({"event": "start", "segment": number}) + "\\n")
        (run / "exit.json").write_text(json.dumps({"schema": 1, "why": why, "step": number, "segment": number,
                                                   "signal": signal, "error": error, "time": time.time()}))
    def save():
        (run / "checkpoints" / f"checkpoint-{number * 10}").mkdir(parents=True)
"""


def starts(bench: Bench) -> List[List[str]]:
    try:
        return [json.loads(line) for line in (bench.folder / "starts").read_text().splitlines()]
    except FileNotFoundError:
        return []


def restarts(bench: Bench) -> List[Dict[str, Any]]:
    try:
        return [json.loads(line) for line in (bench.run / "restarts.jsonl").read_text().splitlines()]
    except FileNotFoundError:
        return []


FAILURES = {
    "killed for memory": "os.kill(os.getpid(), signal.SIGKILL)",
    "crashed in a library": "os.kill(os.getpid(), signal.SIGSEGV)",
    "CUDA": "end('failed', 'RuntimeError: CUDA error: unspecified launch failure'); sys.exit(1)",
    "GPU memory": "end('failed', 'the GPU is out of memory: lower --batch_size'); sys.exit(1)",
    "data": "end('failed', '/data/a.txt cannot be used: Stale file handle'); sys.exit(1)",
    "a lost process": "end('failed', 'another process of the run ended; its own message says why'); sys.exit(1)",
    "another trainer's traceback": "print('Traceback:\\n  x\\nConnectionResetError: [Errno 104] reset'); sys.exit(1)",
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_starts_again_from_its_newest_checkpoint_and_records_it(bench: Bench, failure: str) -> None:
    argv = bench.trainer(f"{ENDING}\n    if number == 1:\n        save()\n        {failure}\n    end('done')")
    again = json.dumps([*argv, "again"])
    done = bench.supervised([*argv, "first"], "--restarts", "2", "--again", again, *QUICK)
    assert done.returncode == 0, done.stdout + done.stderr
    assert starts(bench) == [["first"], ["again"]]
    (noted,) = restarts(bench)
    assert (noted["number"], noted["of"]) == (1, 2) and noted["ended"]["why"] in ("failed", "killed") and noted["after"]
    assert "── restart 1 of 2 from checkpoint-10" in bench.log() and bench.log().count("── segment") == 2
    assert bench.json("process.json") is None
    ended = bench.json("exit.json")
    assert ended is not None and ended["why"] == "done"


def test_what_was_asked_for_is_asked_for_again_where_nothing_was_saved_since(bench: Bench) -> None:
    (bench.run / "checkpoints" / "checkpoint-500").mkdir(parents=True)
    argv = bench.trainer(f"{ENDING}\n    if number < 3: os.kill(os.getpid(), signal.SIGKILL)\n    end('done')")
    done = bench.supervised([*argv, "first"], "--restarts", "5", "--again", json.dumps([*argv, "again"]), *QUICK)
    assert done.returncode == 0
    assert starts(bench) == [["first"]] * 3


NEVER = {
    "NaN": "end('failed', 'the loss is not a number since step 3; resume from the last checkpoint'); sys.exit(1)",
    "NaN, in another's words": "end('failed', 'RuntimeError: CUDA: Loss is NaN'); sys.exit(1)",
    "a usage error": "print('error: data cannot be read: no such file'); sys.exit(2)",
    "a mistake of the program's": "end('failed', 'TypeError: unsupported operand'); sys.exit(1)",
    "somebody's kill": "os.kill(os.getpid(), signal.SIGTERM)",
    "a stop": "end('stopped', signal='SIGINT'); sys.exit(130)",
    "an end": "end('done')",
}


@pytest.mark.parametrize("ending", NEVER.values(), ids=NEVER)
def test_never_after_its_own_doing(bench: Bench, ending: str) -> None:
    # What an earlier segment left says nothing about this one.
    bench.run.mkdir(parents=True)
    (bench.run / "run.json").write_text("{}")
    (bench.run / "exit.json").write_text('{"schema": 1, "why": "killed", "signal": "SIGKILL"}')
    bench.supervised(bench.trainer(f"{ENDING}\n    {ending}"), "--restarts", "5", *QUICK)
    assert len(starts(bench)) == 1 and restarts(bench) == []


def test_never_without_being_told_to_and_never_more_often(bench: Bench) -> None:
    argv = bench.trainer(f"{ENDING}\n    os.kill(os.getpid(), signal.SIGKILL)")
    assert bench.supervised(argv).returncode == 128 + signal.SIGKILL
    assert len(starts(bench)) == 1
    done = bench.supervised(argv, "--restarts", "3", *QUICK)
    assert done.returncode == 128 + signal.SIGKILL and len(starts(bench)) == 1 + 4
    noted = restarts(bench)
    assert [each["number"] for each in noted] == [1, 2, 3]
    waits = [each["at"] - each["time"] for each in noted]
    assert waits[1] > 1.5 * waits[0] and waits[2] > 1.5 * waits[1], "each wait is longer"
    ended = bench.json("exit.json")
    assert ended is not None and (ended["why"], ended["signal"]) == ("killed", "SIGKILL")


@pytest.mark.parametrize("how", [[], ["--now"]])
def test_while_it_waits_it_holds_the_lock_looks_alive_and_can_be_stopped(bench: Bench, how: List[str]) -> None:
    argv = bench.trainer(f"{ENDING}\n    os.kill(os.getpid(), signal.SIGKILL)")
    follower = bench.start(argv, "--restarts", "3", "--restart-wait", "600", "--stopped-ok")
    bench.wait(lambda: "restart" in (bench.json("process.json") or {}))
    process = bench.process()
    assert alive(process["pid"]) and process["pid"] == process["supervisor"]["pid"]
    assert process["restart"]["after"] == "killed by SIGKILL" and process["restart"]["at"] > time.time() + 500
    refused = bench.supervised(argv)
    assert refused.returncode == 2 and "another trainer is already running" in refused.stderr
    assert bench.call("stop", *how, "--run-dir", str(bench.run)).returncode == 0
    assert follower.wait(timeout=LIMIT) == 0
    ended = bench.json("exit.json")
    assert ended is not None and ended["why"] == "stopped"
    assert bench.json("process.json") is None and len(starts(bench)) == 1


def test_whoever_follows_sees_all_of_it(bench: Bench) -> None:
    gate = bench.folder / "gate"
    argv = bench.trainer(
        f"""{ENDING}
    if number == 1:
        while not pathlib.Path({str(gate)!r}).exists():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGKILL)
    say("the second")
    end("done")
"""
    )
    first = bench.start(argv, "--restarts", "1", "--restart-wait", "0.3")
    bench.process()
    second = bench.follow()
    gate.touch()
    for follower in (first, second):
        out, _ = follower.communicate(timeout=LIMIT)
        assert follower.returncode == 0 and b"restart 1 of 1" in out and b"the second\n" in out


def test_a_trainer_that_is_told_to_end_without_a_save_is_not_started_again(bench: Bench) -> None:
    bench.start(bench.trainer(f"{ENDING}\n    say('ready')\n    time.sleep(600)"), "--restarts", "3", *QUICK)
    bench.wait(lambda: "ready" in bench.log())
    os.kill(bench.process()["supervisor"]["pid"], signal.SIGQUIT)
    bench.wait(lambda: bench.json("exit.json") is not None and bench.json("process.json") is None)
    assert len(starts(bench)) == 1


def test_waits_for_what_torchrun_left_behind(bench: Bench) -> None:
    worker = bench.trainer(
        """
        say("up")
        while not (run / "done").exists():
            time.sleep(0.02)
        """
    )
    agent = f"""
        import subprocess
        if (run / "again").exists():
            sys.exit(0)
        (run / "again").touch()
        subprocess.Popen({worker!r}, start_new_session=True)
        while "up" not in (run / "train.log").read_text():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    follower = bench.start(bench.trainer(agent), "--launcher", "torchrun", "--restarts", "1", *QUICK)
    bench.wait(lambda: "has ended and left" in bench.log())
    assert "── restart" not in bench.log()
    (bench.run / "done").touch()
    assert follower.wait(timeout=LIMIT) == 0, bench.log()
    assert bench.log().index("has ended and left") < bench.log().index("── restart 1 of 1")
