from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
import tty
from pathlib import Path
from typing import Any, List
from urllib.parse import quote

import pytest
from conftest import LIMIT, PYTHON, SUPERVISE, Bench, alive, parent_of

import npt_supervise

#: Trains until it is asked to stop; then saves, says so in exit.json and ends with 130, as our trainer does.
POLITE = """
    stop = []
    signal.signal(signal.SIGINT, lambda n, f: stop.append(n))
    say("ready")
    while not stop:
        time.sleep(0.02)
    say("saved")
    (run / "exit.json").write_text(json.dumps({"schema": 1, "why": "stopped", "step": 7, "segment": 1,
                                               "signal": "SIGINT", "error": None, "time": time.time()}))
    sys.exit(130)
"""


def test_follows_from_its_own_segment_and_ends_with_the_trainers_code(bench: Bench) -> None:
    bench.run.mkdir(parents=True)
    (bench.run / "train.log").write_text("an earlier segment\n")
    (bench.run / "metrics.jsonl").write_text('{"event": "start", "segment": 1}\n{"event":"metrics","step":41}\n{"ev')
    done = bench.supervised(bench.trainer("say('hello'); print('and errors', file=sys.stderr); sys.exit(3)"))
    assert done.returncode == 3
    assert "earlier" not in done.stdout
    assert "hello\nand errors\n" in done.stdout
    assert bench.log().startswith("an earlier segment\n")
    assert "segment 2" in bench.log()
    exit_document = bench.json("exit.json")
    assert exit_document is not None
    assert {key: exit_document[key] for key in ("schema", "why", "step", "segment", "signal")} == {
        "schema": 1,
        "why": "failed",
        "step": 41,
        "segment": 2,
        "signal": None,
    }
    assert bench.json("process.json") is None


@pytest.mark.parametrize(
    "word",
    [
        "${command:workbench.action.quit}",
        "${env:HOME}",
        "a b",
        'it\'s "quoted"',
        "two\nlines",
        "-x",
        "--",
        "%24{x}",
        "",
        "日本 é",
    ],
)
def test_escaped_words_reach_the_trainer_as_they_are(bench: Bench, word: str) -> None:
    argv = [*bench.trainer("say(json.dumps(sys.argv[1:]))"), "--name", word]
    # As platform/tasks.ts writes them: what VS Code or a terminal would not leave alone.
    encoded = [re.sub("[%$\\x00-\\x1f]", lambda found: f"%{ord(found.group()):02x}", each) for each in argv]
    assert "${" not in "".join(encoded)
    done = bench.supervised(encoded, "--escaped")
    assert done.returncode == 0, done.stderr
    assert json.dumps(["--name", word]) in bench.log().splitlines()


def planned(order: str) -> "subprocess.CompletedProcess[str]":
    command = [PYTHON, str(SUPERVISE), "planned", order]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)


def test_becomes_the_command_that_is_given_as_one_word() -> None:
    words = ["${command:x}", 'it\'s "quoted"', "two\nlines", "--", "-x", "", "%24{x}", "日本 é"]
    order = [sys.executable, "-c", "import json, os, sys; print(json.dumps([os.getppid(), *sys.argv[1:]]))", *words]
    done = planned(quote(json.dumps(order)))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [os.getpid(), *words]  # no process is between


def test_a_command_of_its_own_that_is_given_as_one_word_starts_no_other_python(bench: Bench) -> None:
    argv = bench.trainer("say(json.dumps(sys.argv[1:]))")
    order = [PYTHON, str(SUPERVISE), "run", "--problems", "--run-dir", str(bench.run), "--", *argv, "a b"]
    (bench.folder / "sitecustomize.py").write_text("import sys; print('python starts', file=sys.stderr)")
    command = [PYTHON, str(SUPERVISE), "planned", quote(json.dumps(order))]
    environment = {**os.environ, "PYTHONPATH": str(bench.folder)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, env=environment)
    assert (done.returncode, done.stderr) == (0, "python starts\n")
    assert '["a b"]' in bench.log()
    refused = subprocess.run([*command[:3], quote(json.dumps([PYTHON, str(SUPERVISE), "run"]))], capture_output=True)
    assert refused.returncode == 2
    assert refused.stderr.startswith(b"error: ")


@pytest.mark.parametrize(
    ("metrics", "started"),
    [
        (b"", 0),
        (b'{"event":"metrics","step":1}\n', 0),
        (b'{"event":"start","segment":1}\n{"event":"start","segment":2}\n{"event":"metrics","tag":"start"}\n{"eve', 2),
        (b'{"event":"start","segment":7}\n' + b'{"event":"metrics","step":1}\n' * 40_000, 7),
        (b'{"event":"start","segment":3}\n{"event":"start","segm', 3),
        (b'{"event": "start", "segment": 4, "changed": {"a": "%s"}}' % (b"x" * 200_000), 4),
    ],
)
def test_counts_segments_from_the_end_of_a_metrics_file(tmp_path: Path, metrics: bytes, started: int) -> None:
    file = tmp_path / "metrics.jsonl"
    file.write_bytes(metrics)
    assert npt_supervise.segments(file) == started
    # Wherever the blocks that are read begin.
    for more in range(40):
        padding = b'{"event":"metrics","step":1}\n' * (npt_supervise.BLOCK_BYTES // 29) + b" " * more
        file.write_bytes(metrics + b"\n" + padding)
        assert npt_supervise.segments(file) == started


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (quote(json.dumps("NPT weights not found: a does not exist.")), "NPT weights not found: a does not exist."),
        (quote(json.dumps(["/nowhere/python", "x"])), "/nowhere/python cannot be started: No such file or directory"),
        ("no%20json", "planned needs a command as percent-encoded JSON: a list of a program and its words"),
        (quote("[]"), "planned needs a command as percent-encoded JSON: a list of a program and its words"),
        (quote("[1]"), "planned needs a command as percent-encoded JSON: a list of a program and its words"),
        (quote('["a\\u0000b"]'), "planned needs a command as percent-encoded JSON: a list of a program and its words"),
    ],
)
def test_says_in_one_line_why_there_is_nothing_to_run(order: str, said: str) -> None:
    done = planned(order)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: {said}\n"


def test_ends_with_where_the_log_says_what_went_wrong(bench: Bench) -> None:
    bench.run.mkdir(parents=True)
    (bench.run / "train.log").write_text("error: of an earlier segment\n")
    body = "print('before'); print('error: the loss is not a number', file=sys.stderr); print('after'); sys.exit(1)"
    done = bench.supervised(bench.trainer(body), "--problems")
    assert done.returncode == 1
    number = bench.log().splitlines().index("error: the loss is not a number") + 1
    log = bench.run / "train.log"
    assert done.stdout.splitlines()[-1] == f"{log}:{number}: error: the loss is not a number"
    # A task runner only: people have the line itself.
    assert "train.log:" not in bench.supervised(bench.trainer(body)).stdout
    assert "train.log:" not in bench.supervised(bench.trainer("print('fine')"), "--problems").stdout


def test_a_terminal_obeys_nothing_of_a_log_but_colours_and_progress_bars(bench: Bench) -> None:
    kept = "\x1b[31mred\x1b[0m\r\x1b[K\x1b[Abar é"
    refused = [
        "\x1b]52;c;aGk=\x07",
        "\x1b]8;;command:x\x07",
        "\x1b[6n",
        "\x1b[2J",
        "\x1bPq",
        "\x9b6n",
        "\x00",
        "\u202eevil",
    ]
    primary, secondary = pty.openpty()
    tty.setraw(secondary)
    # Byte by byte: a sequence may come in pieces.
    body = f"""
        for byte in {(kept + "".join(refused) + "THE END").encode()!r}:
            os.write(1, bytes([byte]))
    """
    follower = bench.start(bench.trainer(body), stdout=secondary)
    os.close(secondary)
    shown = b""
    while True:
        try:
            data = os.read(primary, 65536)
        except OSError:  # Linux's way to say that nobody holds the other end any more.
            break
        if not data:
            break
        shown += data
    assert follower.wait(timeout=LIMIT) == 0
    text = shown.decode()
    assert kept in text
    assert text.rstrip().endswith("THE END")
    assert not [sequence for sequence in refused if sequence in text]
    assert "\u241b]52;c;aGk=\u2407" in text
    assert "\\u202eevil" in text
    assert not set("\x00\x07\x9b\u202e") & set(text)


def test_gives_the_trainer_the_lock_and_names_it_in_process_json(bench: Bench) -> None:
    body = """
        lock = int(os.environ["NPT_RUN_LOCK_FD"])
        assert os.environ["NPT_SUPERVISED"] == "1"
        assert os.environ["PET_SIGNALS_TO_HANDLE"].split(",")[-1] == "SIGUSR1"
        assert os.fstat(lock).st_ino == (run / "run.lock").stat().st_ino
        try:
            fcntl.flock(os.open(run / "run.lock", os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("locked")
        time.sleep(600)
    """
    began = time.time()
    bench.start(bench.trainer(body), "--launcher", "torchrun", "--segment", "5")
    process = bench.process()
    bench.wait(lambda: "locked" in bench.log())
    stat = Path(f"/proc/{process['pid']}/stat").read_text().rpartition(")")[2].split()
    assert process["start_ticks"] == int(stat[19])
    assert process["host"] == socket.gethostname()
    assert process["boot_id"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert (process["launcher"], process["segment"], process["job"]) == ("torchrun", 5, None)
    assert began <= process["started"] <= time.time()
    # Neither the follower nor anything above it is an ancestor: ending a process tree does not reach the trainer.
    supervisor = parent_of(process["pid"])
    assert parent_of(supervisor) not in [follower.pid for follower in bench.started]
    assert os.getsid(process["pid"]) != os.getsid(0)


def test_what_torchrun_starts_holds_the_lock_when_torchrun_is_gone(bench: Bench) -> None:
    # As torchrun starts a process: with no descriptors of its own but the standard ones, in a session of its own.
    body = """
        import subprocess
        child = "import os, time\\nprint('up', flush=True)\\nwhile not os.path.exists('done'): time.sleep(0.02)"
        subprocess.Popen([sys.executable, "-c", child], start_new_session=True, cwd=run)
        time.sleep(600)
    """
    bench.start(bench.trainer(body), "--launcher", "torchrun")
    bench.wait(lambda: "up" in bench.log())
    agent = bench.process()["pid"]
    assert bench.supervised([sys.executable, "-c", ""]).returncode == 2
    os.kill(agent, signal.SIGKILL)
    bench.wait(lambda: bench.process()["pid"] != agent)
    assert bench.supervised([sys.executable, "-c", ""]).returncode == 2, "the child has the lock, and still trains"
    assert bench.json("exit.json") is None, "how the run ended is not known yet"
    (bench.run / "done").touch()
    bench.wait(lambda: bench.supervised([sys.executable, "-c", ""]).returncode == 0)


def test_what_torchrun_left_behind_says_how_the_run_ended(bench: Bench) -> None:
    # The agent gives up at once and its worker is still saving: a request reaches it, and what it writes counts.
    agent = f"""
        import subprocess
        subprocess.Popen({bench.trainer(POLITE)!r}, start_new_session=True)
        while "ready" not in (run / "train.log").read_text():
            time.sleep(0.02)
        sys.exit(1)
    """
    follower = bench.start(bench.trainer(agent), "--launcher", "torchrun", "--stopped-ok")
    bench.wait(lambda: "has ended and left" in bench.log())
    assert bench.call("stop", "--run-dir", str(bench.run)).returncode == 0
    assert follower.wait(timeout=LIMIT) == 0, bench.log()
    ended = bench.json("exit.json")
    assert ended is not None and (ended["why"], ended["step"]) == ("stopped", 7)
    assert bench.json("process.json") is None


def test_a_second_start_is_refused_in_one_line(bench: Bench) -> None:
    argv = bench.trainer(POLITE)
    bench.start(argv)
    process = bench.process()
    second = bench.supervised(argv)
    assert second.returncode == 2
    assert second.stderr.count("\n") == 1
    assert f"already running in {bench.run} (process {process['pid']} on" in second.stderr
    assert bench.json("process.json") == process


def test_a_stop_that_was_asked_for_is_a_success_for_a_task(bench: Bench) -> None:
    follower = bench.start(bench.trainer(POLITE), "--stopped-ok")
    bench.wait(lambda: "ready" in bench.log())
    assert bench.call("stop", "--run-dir", str(bench.run)).returncode == 0
    assert follower.wait(timeout=LIMIT) == 0


def test_only_a_stop_of_this_segment_counts_as_one(bench: Bench) -> None:
    bench.run.mkdir(parents=True)
    earlier = {"schema": 1, "why": "stopped", "step": 1, "segment": 1, "signal": "SIGINT", "error": None, "time": 1.0}
    (bench.run / "exit.json").write_text(json.dumps(earlier))
    assert bench.supervised(bench.trainer("sys.exit(3)"), "--stopped-ok").returncode == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_follower_asks_the_trainer_to_save_and_follows_to_the_end(bench: Bench, number: int) -> None:
    follower = bench.start(bench.trainer(POLITE))
    bench.wait(lambda: "ready" in bench.log())
    follower.send_signal(number)
    out, _ = follower.communicate(timeout=LIMIT)
    assert follower.returncode == 130
    text = out.decode()
    assert text.index("saving and stopping") < text.index("saved")
    exit_document = bench.json("exit.json")
    assert exit_document is not None and exit_document["step"] == 7, "the trainer's own exit.json stays"
    assert bench.json("process.json") is None


#: A trainer that saves when it is asked once, and ends unsaved when it is asked twice, as many do.
HASTY = """
    got = []
    def ask(n, f):
        got.append(n)
        if len(got) > 1:
            os._exit(99)
    for name in ("SIGINT", "SIGTERM", "SIGUSR1", "SIGHUP"):
        signal.signal(getattr(signal, name), ask)
    say("ready")
    while not (got and (run.parents[1] / "go").exists()):
        time.sleep(0.02)
    say("saved")
    sys.exit(130)
"""


def test_stop_from_anywhere_any_number_of_times_reaches_the_trainer_once(bench: Bench) -> None:
    follower = bench.start(bench.trainer(HASTY))
    bench.wait(lambda: "ready" in bench.log())
    process = bench.process()
    second = subprocess.Popen([PYTHON, str(SUPERVISE), "follow", "--run-dir", str(bench.run)], stdout=subprocess.PIPE)
    bench.started.append(second)
    assert second.stdout is not None and b"ready" in os.read(second.stdout.fileno(), 65536)
    shown = b""
    for times, number in enumerate((signal.SIGINT, signal.SIGTERM, signal.SIGINT), 1):
        follower.send_signal(number)
        # Two signals that come before the first is heard are one.
        while shown.count(b"saving and stopping") < times:
            assert follower.stdout is not None and select.select([follower.stdout], [], [], LIMIT)[0], shown
            shown += os.read(follower.stdout.fileno(), 65536)
        second.send_signal(number)
        os.kill(process["supervisor"]["pid"], number)
        assert bench.call("stop", "--run-dir", str(bench.run)).returncode == 0
    os.kill(process["supervisor"]["pid"], signal.SIGUSR1)
    bench.wait(lambda: bench.log().count("already stopping, since ") >= 4)
    assert "still waiting for the trainer to finish its step and save (last logged step: 0)" in bench.log()
    (bench.folder / "go").touch()
    out, _ = follower.communicate(timeout=LIMIT)
    assert follower.returncode == 130, bench.log()
    text = (shown + out).decode()
    assert text.count("saving and stopping... (Ctrl+\\ ends it without a save)") == 1
    assert text.count("already saving and stopping: waiting for the trainer") == 2
    assert "saved\n" in bench.log()


def test_sigquit_ends_without_a_save(bench: Bench) -> None:
    for way in ("follower", "stop --now"):
        follower = bench.start(bench.trainer(POLITE))
        bench.wait(lambda: bench.log().count("ready") == len(bench.started))
        if way == "follower":
            follower.send_signal(signal.SIGQUIT)
        else:
            done = bench.call("stop", "--run-dir", str(bench.run), "--now")
            assert done.returncode == 0 and "was asked to end without a save" in done.stdout
        assert follower.wait(timeout=LIMIT) == 128 + signal.SIGQUIT
        exit_document = bench.json("exit.json")
        assert exit_document is not None
        assert (exit_document["why"], exit_document["signal"]) == ("killed", "SIGQUIT")
        assert "saved" not in bench.log()
        assert bench.json("process.json") is None


def test_a_trainer_that_does_not_hear_sigquit_is_killed(bench: Bench) -> None:
    follower = bench.start(bench.trainer("signal.signal(signal.SIGQUIT, signal.SIG_IGN); say('ready'); time.sleep(99)"))
    bench.wait(lambda: "ready" in bench.log())
    bench.call("stop", "--run-dir", str(bench.run), "--now")
    assert follower.wait(timeout=LIMIT) == 128 + signal.SIGKILL
    bench.wait(lambda: bench.json("process.json") is None)


def test_says_in_process_json_that_it_was_asked_to_stop_until_it_has(bench: Bench) -> None:
    follower = bench.start(
        bench.trainer("""
            signal.signal(signal.SIGINT, lambda n, f: say("asked"))
            signal.signal(signal.SIGQUIT, lambda n, f: say("told"))
            say("ready")
            while not (run / "go").exists():
                time.sleep(0.02)
        """)
    )
    bench.wait(lambda: "ready" in bench.log())
    before = bench.process()
    assert "stopping" not in before
    assert bench.call("stop", "--run-dir", str(bench.run)).returncode == 0
    bench.wait(lambda: "stopping" in bench.process())
    stopping = bench.process()["stopping"]
    assert stopping["signal"] == "SIGINT"
    assert abs(time.time() - stopping["since"]) < LIMIT
    # Nothing else has changed, and nobody is asked again.
    assert {**bench.process(), "stopping": None} == {**before, "stopping": None}
    bench.call("stop", "--run-dir", str(bench.run))
    assert bench.process()["stopping"] == stopping
    os.kill(before["supervisor"]["pid"], signal.SIGQUIT)
    bench.wait(lambda: bench.process()["stopping"]["signal"] == "SIGQUIT")
    (bench.run / "go").touch()
    follower.wait(LIMIT)
    assert bench.json("process.json") is None


def test_a_stop_that_a_trainer_does_not_handle_is_a_stop(bench: Bench) -> None:
    follower = bench.start(bench.trainer("signal.signal(signal.SIGINT, signal.SIG_DFL); say('ready'); time.sleep(600)"))
    bench.wait(lambda: "ready" in bench.log())
    follower.send_signal(signal.SIGINT)
    assert follower.wait(timeout=LIMIT) == 130
    exit_document = bench.json("exit.json")
    assert exit_document is not None and (exit_document["why"], exit_document["signal"]) == ("stopped", "SIGINT")


def test_a_copy_of_a_run_does_not_train_and_its_stop_stops_nothing(bench: Bench) -> None:
    follower = bench.start(bench.trainer(POLITE))
    bench.wait(lambda: "ready" in bench.log())
    process = bench.process()
    found = bench.run.stat()
    assert process["folder"] == {"device": found.st_dev, "inode": found.st_ino, "path": str(bench.run)}
    copy = bench.run.with_name("copy")
    shutil.copytree(bench.run, copy)
    for words in (["stop"], ["stop", "--now"], ["follow"]):
        refused = bench.call(*words[:1], "--run-dir", str(copy), *words[1:])
        assert refused.returncode == 2
        assert refused.stderr == (
            f"error: nothing is training in {copy}: it is a copy of a run, whose process trains in the original\n"
        )
    assert status_of(bench, copy) == {"schema": 1, "process": "none", "lock": "free"}
    assert status_of(bench, bench.run) == {"schema": 1, "process": "alive", "lock": "held"}
    # The copy can be trained in at the same time.
    other = bench.call("run", "--run-dir", str(copy), "--", sys.executable, "-c", "print('trained')")
    assert other.returncode == 0 and "trained" in other.stdout
    assert alive(process["pid"]) and bench.json("process.json") == process
    follower.send_signal(signal.SIGINT)
    assert follower.wait(timeout=LIMIT) == 130


def status_of(bench: Bench, run: Path) -> Any:
    return json.loads(bench.call("status", "--run-dir", str(run)).stdout)


def test_a_process_of_an_older_supervisor_names_no_folder_and_is_believed(bench: Bench) -> None:
    follower = bench.start(bench.trainer(POLITE))
    bench.wait(lambda: "ready" in bench.log())
    older = {key: value for key, value in bench.process().items() if key not in ("folder", "supervisor")}
    (bench.run / "process.json").write_text(json.dumps(older))
    assert bench.call("stop", "--run-dir", str(bench.run)).returncode == 0
    assert follower.wait(timeout=LIMIT) == 130


@pytest.mark.parametrize("move", ["renamed", "another parent", "parent renamed", "another in its place"])
def test_a_run_that_moves_is_one_run(bench: Bench, move: str) -> None:
    body = """
        stop = []
        signal.signal(signal.SIGINT, lambda n, f: stop.append(n))
        say("ready")
        while not stop:
            time.sleep(0.02)
        say("stopping")
        os.kill(os.getpid(), signal.SIGKILL)
    """
    follower = bench.start(bench.trainer(body))
    bench.wait(lambda: "ready" in bench.log())
    process = bench.process()
    old = bench.run
    if move == "renamed" or move == "another in its place":
        bench.run = old.rename(old.with_name("new"))
    elif move == "another parent":
        (bench.folder / "elsewhere").mkdir()
        bench.run = old.rename(bench.folder / "elsewhere" / "run")
    else:
        bench.run = old.parent.rename(bench.folder / "other") / old.name
    if move == "another in its place":
        old.mkdir()
        assert bench.call("stop", "--run-dir", str(old)).returncode == 2
    assert bench.supervised([sys.executable, "-c", ""]).returncode == 2, "the lock went along"
    assert bench.json("process.json") == process and alive(process["pid"])
    assert bench.call("stop", "--run-dir", str(bench.run)).returncode == 0
    out, _ = follower.communicate(timeout=LIMIT)
    assert follower.returncode == 128 + signal.SIGKILL and "stopping\n" in out.decode()
    assert bench.json("process.json") is None
    exit_document = bench.json("exit.json")
    assert exit_document is not None and exit_document["why"] == "killed"
    assert "stopping\n" in bench.log()
    assert list(old.iterdir()) == [] if move == "another in its place" else not old.exists()


def test_a_run_that_is_deleted_is_not_made_anew(bench: Bench) -> None:
    follower = bench.start(bench.trainer(POLITE.replace("(run /", "run.exists() and (run /")))
    bench.wait(lambda: "ready" in bench.log())
    bench.process()
    shutil.rmtree(bench.run)
    follower.send_signal(signal.SIGINT)
    out, _ = follower.communicate(timeout=LIMIT)
    assert follower.returncode == 130, out
    assert "saved\n" in out.decode() and "/proc/" not in out.decode()
    assert not bench.run.exists()


@pytest.mark.parametrize(
    ("host", "held", "expected"),
    [
        ("elsewhere", False, {"process": "elsewhere", "lock": "free"}),
        ("elsewhere", True, {"process": "elsewhere", "lock": "held"}),
        (socket.gethostname(), False, {"process": "dead", "lock": "free"}),
    ],
)
def test_the_lock_says_whether_a_container_that_is_gone_still_trains(
    bench: Bench, host: str, held: bool, expected: "dict[str, str]"
) -> None:
    bench.run.mkdir(parents=True)
    (bench.run / "process.json").write_text(json.dumps({"schema": 1, "host": host, "boot_id": "", "pid": 2**22 + 1}))
    lock = os.open(bench.run / "run.lock", os.O_RDWR | os.O_CREAT)
    try:
        if held:
            fcntl.flock(lock, fcntl.LOCK_EX)
        assert status_of(bench, bench.run) == {"schema": 1, **expected}
        refused = bench.call("stop", "--run-dir", str(bench.run)).stderr
        assert ("nothing here holds its lock" in refused) == (expected == {"process": "elsewhere", "lock": "free"})
    finally:
        os.close(lock)


def test_closing_the_terminal_does_not_touch_the_training(bench: Bench) -> None:
    controller, terminal = pty.openpty()
    command = [PYTHON, str(SUPERVISE), "run", "--run-dir", str(bench.run), "--", *bench.trainer(POLITE)]
    follower = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True)
    os.close(terminal)
    bench.wait(lambda: "ready" in bench.log())
    process = bench.process()
    os.close(controller)
    follower.send_signal(signal.SIGHUP)
    follower.wait(timeout=LIMIT)
    time.sleep(0.3)
    assert alive(process["pid"])
    # Somebody else can follow it, and stop it.
    second = subprocess.Popen([PYTHON, str(SUPERVISE), "follow", "--run-dir", str(bench.run)], stdout=subprocess.PIPE)
    bench.started.append(second)
    assert second.stdout is not None
    backlog = os.read(second.stdout.fileno(), 65536)
    stop = bench.call("stop", "--run-dir", str(bench.run))
    assert stop.returncode == 0
    assert stop.stdout == f"process {process['pid']} was asked to save and stop\n"
    out, _ = second.communicate(timeout=LIMIT)
    text = (backlog + out).decode()
    assert "ready\n" in text and "saved\n" in text
    assert second.returncode == 130
    bench.wait(lambda: bench.json("process.json") is None)


def test_kill_9_of_the_trainer_is_written_down(bench: Bench) -> None:
    bench.run.mkdir(parents=True)
    (bench.run / "exit.json").write_text('{"schema": 1, "why": "stopped"}')
    follower = bench.start(bench.trainer("(run / 'exit.json').unlink(); say('ready'); time.sleep(600)"))
    process = bench.process()
    bench.wait(lambda: "ready" in bench.log())
    os.kill(process["pid"], signal.SIGKILL)
    assert follower.wait(timeout=LIMIT) == 128 + signal.SIGKILL
    exit_document = bench.json("exit.json")
    assert exit_document is not None
    assert (exit_document["why"], exit_document["signal"]) == ("killed", "SIGKILL")
    assert bench.json("process.json") is None


def test_kill_9_of_the_supervisor_leaves_the_trainer_and_its_lock(bench: Bench) -> None:
    argv = bench.trainer(POLITE)
    follower = bench.start(argv)
    bench.wait(lambda: "ready" in bench.log())
    process = bench.process()
    os.kill(parent_of(process["pid"]), signal.SIGKILL)
    time.sleep(0.3)
    assert alive(process["pid"])
    assert follower.poll() is None, "the follower goes on with the trainer itself"
    assert bench.supervised(argv).returncode == 2, "the lock is still held"
    follower.send_signal(signal.SIGINT)
    out, _ = follower.communicate(timeout=LIMIT)
    assert "saved" in out.decode()
    assert follower.returncode == 130
    # What process.json names is gone: the run can be started again.
    again = bench.supervised(bench.trainer("sys.exit(0)"))
    assert again.returncode == 0
    assert bench.json("process.json") is None


def test_a_traceback_becomes_one_line(bench: Bench) -> None:
    done = bench.supervised(bench.trainer("raise RuntimeError('CUDA out of memory')"))
    assert done.returncode == 1
    exit_document = bench.json("exit.json")
    assert exit_document is not None
    assert (exit_document["why"], exit_document["error"]) == ("failed", "RuntimeError: CUDA out of memory")


def test_a_refused_start_leaves_the_run_as_it_was(bench: Bench) -> None:
    refuse = bench.trainer("print('error: --batch_size: 0 is below 1', file=sys.stderr); sys.exit(2)")
    done = bench.supervised(refuse)
    assert done.returncode == 2
    assert "error: --batch_size: 0 is below 1" in done.stdout
    assert not (bench.folder / "experiments").exists(), "a branch that never began leaves no folder"

    bench.run.mkdir(parents=True)
    (bench.run / "run.json").write_text("{}")
    (bench.run / "exit.json").write_text('{"schema": 1, "why": "stopped", "step": 5}')
    assert bench.supervised(refuse).returncode == 2
    assert bench.json("exit.json") == {"schema": 1, "why": "stopped", "step": 5}
    assert bench.supervised(bench.trainer("say('Training already complete')")).returncode == 0
    assert bench.json("exit.json") == {"schema": 1, "why": "stopped", "step": 5}


def test_other_trainers_that_say_nothing_themselves(bench: Bench) -> None:
    assert bench.supervised(bench.trainer("(run / 'checkpoints').mkdir(); sys.exit(1)")).returncode == 1
    assert bench.supervised(bench.trainer("pass")).returncode == 0
    exit_document = bench.json("exit.json")
    assert exit_document is not None and exit_document["why"] == "done"


def test_a_trainer_that_cannot_be_started(bench: Bench) -> None:
    done = bench.supervised(["/nowhere/python", "x.py"])
    assert done.returncode == 2
    assert done.stderr == "error: /nowhere/python is not a program that can be started\n"
    assert not bench.run.exists()
    broken = bench.folder / "broken"
    broken.write_text("#!/nowhere/interpreter\n")
    broken.chmod(0o755)
    assert bench.supervised([str(broken)]).returncode == 1
    exit_document = bench.json("exit.json")
    assert exit_document is not None and "cannot be started" in exit_document["error"]


def test_ctrl_c_before_the_trainer_is_up_reaches_it(bench: Bench) -> None:
    follower = bench.start(bench.trainer("time.sleep(600)"))
    bench.wait(lambda: (bench.run / "run.lock").exists())
    time.sleep(0.05)
    follower.send_signal(signal.SIGINT)
    assert follower.wait(timeout=LIMIT) in (1, 130)
    bench.wait(lambda: bench.json("process.json") is None)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["stop", "--run-dir", "RUN"], "nothing is training in"),
        (["follow", "--run-dir", "RUN"], "nothing is training in"),
        (["run", "--run-dir", "RUN"], "needs a command after --"),
        (["run"], "--run-dir"),
        (["dance"], "invalid choice"),
        ([], "required"),
    ],
)
def test_wrong_usage_is_one_line(bench: Bench, words: "list[str]", line: str) -> None:
    done = bench.call(*[str(bench.run) if word == "RUN" else word for word in words])
    assert done.returncode == 2
    assert line in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "ascii:strict"])
def test_a_console_that_lacks_a_character_gets_it_escaped(bench: Bench, encoding: str) -> None:
    run = bench.folder / "né→"
    done = subprocess.run(
        [PYTHON, str(SUPERVISE), "stop", "--run-dir", str(run)],
        env=dict(os.environ, PYTHONIOENCODING=encoding), stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith(b"error: ") and done.stderr.count(b"\n") == 1, done.stderr


@pytest.mark.parametrize("way", [">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_streams_that_a_shell_closed_change_no_exit_code(bench: Bench, way: str) -> None:
    line = f'"$0" "$@" {way}'
    status = [PYTHON, str(SUPERVISE), "status", "--run-dir", str(bench.run)]
    assert subprocess.run(["sh", "-c", line, *status], check=False, stderr=subprocess.DEVNULL).returncode == 0
    stop = [PYTHON, str(SUPERVISE), "stop", "--run-dir", str(bench.run)]
    assert subprocess.run(["sh", "-c", line, *stop], check=False, stderr=subprocess.DEVNULL).returncode == 2
    assert not bench.run.exists()


def test_a_reused_pid_is_not_signalled(bench: Bench) -> None:
    bench.run.mkdir(parents=True)
    innocent = subprocess.Popen(["sleep", "60"])
    try:
        (bench.run / "process.json").write_text(
            '{"schema": 1, "host": "%s", "boot_id": "%s", "pid": %d, "start_ticks": 1}'
            % (socket.gethostname(), Path("/proc/sys/kernel/random/boot_id").read_text().strip(), innocent.pid)
        )
        assert bench.call("stop", "--run-dir", str(bench.run)).returncode == 2
        assert innocent.poll() is None
        (bench.run / "process.json").write_text('{"schema": 1, "host": "elsewhere", "pid": 1}')
        assert "is trained on elsewhere" in bench.call("stop", "--run-dir", str(bench.run)).stderr
    finally:
        innocent.kill()
        innocent.wait()


def test_a_run_folder_that_cannot_be_made(bench: Bench) -> None:
    (bench.folder / "experiments").write_text("a file")
    done = bench.supervised(bench.trainer("pass"))
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: the run folder {bench.run} cannot be written")


@pytest.mark.parametrize("name", ["train.log", "metrics.jsonl", "process.json", "exit.json"])
def test_a_pipe_in_place_of_a_runs_file_is_waited_for_by_nobody(bench: Bench, name: str) -> None:
    bench.run.mkdir(parents=True)
    os.mkfifo(bench.run / name)
    done = bench.supervised(bench.trainer("say('trained')"))
    if name == "train.log":
        assert done.returncode == 2
        assert re.fullmatch(r"error: .*train\.log is not a file\n", done.stderr), done.stderr
    else:
        assert done.returncode == 0, done.stderr
        assert "trained" in bench.log()


def test_a_reader_that_goes_away_is_no_stack_trace(bench: Bench) -> None:
    argv = bench.trainer("[say('x' * 100) for _ in range(2000)]; say('the last')")
    follower = bench.start(argv)
    assert follower.stdout is not None and follower.stderr is not None
    follower.stdout.read(10)
    follower.stdout.close()
    assert follower.stderr.read() == b""
    follower.wait(timeout=LIMIT)
    bench.wait(lambda: (bench.json("exit.json") or {}).get("why") == "done" and bench.json("process.json") is None)
    assert bench.log().endswith("the last\n"), "the trainer went on to its end"


def test_a_start_right_after_a_kill_waits_for_the_supervisor_to_say_how_it_ended(bench: Bench) -> None:
    bench.start(bench.trainer("time.sleep(1000)"))
    named = bench.process()
    os.kill(named["supervisor"]["pid"], signal.SIGSTOP)
    os.kill(named["pid"], signal.SIGKILL)
    bench.wait(lambda: not alive(named["pid"]))
    again = bench.start(bench.trainer("say('again')"), stderr=subprocess.STDOUT)
    assert again.stdout is not None
    first = again.stdout.readline().decode()
    assert first == f"waiting for the last process of {bench.run} to end\n"
    os.kill(named["supervisor"]["pid"], signal.SIGCONT)
    rest, _ = again.communicate(timeout=LIMIT)
    assert again.returncode == 0 and b"again" in rest
    # It wrote down how the first one ended before the second one began.
    assert bench.log().count("── segment") == 2


def test_a_trainer_outlives_its_supervisor_and_keeps_the_lock(bench: Bench) -> None:
    bench.start(bench.trainer("time.sleep(1000)"))
    named = bench.process()
    os.kill(named["supervisor"]["pid"], signal.SIGKILL)
    bench.wait(lambda: not alive(named["supervisor"]["pid"]))
    refused = bench.supervised(bench.trainer("say('second')"))
    assert refused.returncode == 2
    assert refused.stderr.startswith(
        f"error: another trainer is already running in {bench.run} (process {named['pid']} on"
    )
    assert alive(named["pid"]) and "second" not in bench.log()
    # It is asked itself, then.
    assert bench.call("stop", "--run-dir", str(bench.run)).returncode == 0
    bench.wait(lambda: not alive(named["pid"]))


def test_a_request_waits_for_a_start_that_is_under_way(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock is taken first; process.json says only when the trainer runs whom to ask."""
    bench.run.mkdir(parents=True)
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    named = {"schema": 1, "host": socket.gethostname(), "pid": os.getpid(), "start_ticks": ticks, "launcher": "local",
             "boot_id": Path("/proc/sys/kernel/random/boot_id").read_text().strip(), "segment": 1}  # fmt: skip
    waited: List[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            (bench.run / "process.json").write_text(json.dumps(named))

    monkeypatch.setattr(time, "sleep", sleep)
    with pytest.raises(npt_supervise.Refusal, match="nothing is training in"):
        npt_supervise.training_in(str(bench.run))
    assert waited == [], "nobody has the lock"
    with open(bench.run / "run.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert npt_supervise.training_in(str(bench.run))[1]["pid"] == os.getpid()
    assert len(waited) == 3
    # Whatever it names is ended after a test.
    (bench.run / "process.json").unlink()
