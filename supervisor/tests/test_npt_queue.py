"""The queue with real processes: fake trainers that write down that they were started."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional

import pytest
from conftest import LIMIT, PYTHON, alive

QUEUE = Path(__file__).resolve().parents[1] / "npt_queue.py"
RECORDED = Path(__file__).resolve().parents[2] / "test" / "fixtures" / "nvidia-smi"
#: Rounds of the tests that kill at random.
STRESS = int(os.environ.get("NPT_STRESS", "1"))

#: What every trainer here does: it says that it was started, holds the run's lock as ours does, and trains.
TRAINER = """
    import json, os, pathlib, sys, time
    run = pathlib.Path(sys.argv[1])
    def append(name, text):
        descriptor = os.open(run.parents[1] / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, (text + "\\n").encode())
        os.close(descriptor)
    append("starts", f"{run.name} {os.environ.get('CUDA_VISIBLE_DEVICES')}")
    (run / "run.json").write_text("{}")
    def until(path):
        while not (run.parents[1] / path).exists():
            time.sleep(0.02)
"""


class Workspace:
    """A workspace with a queue, and what a test starts for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.queue = folder / ".npt" / "queue"
        self.queue.mkdir(parents=True)
        (folder / "experiments").mkdir()
        self.count = 0
        self.environment = dict(os.environ, PATH=str(folder / "bin") + os.pathsep + os.environ["PATH"])
        (folder / "bin").mkdir()

    def trainer(self, body: str = 'append("ends", run.name)', name: str = "trainer.py") -> Path:
        script = self.folder / name
        script.write_text(textwrap.dedent(TRAINER) + textwrap.dedent(body))
        return script

    def add(self, name: str, trainer: Optional[Path] = None, **more: Any) -> str:
        """An entry as the extension writes it; returns its id."""
        self.count += 1
        entry = f"{self.count:04d}{name.replace('-', '').replace('_', '')}"
        run = self.folder / "experiments" / name
        script = trainer or self.folder / "trainer.py"
        content: Dict[str, Any] = {
            "schema": 1,
            "id": entry,
            "added": time.time(),
            "host": socket.gethostname(),
            "folder": {"inode": str(self.queue.stat().st_ino), "path": os.path.realpath(self.queue)},
            "run": str(run),
            "cwd": str(self.folder),
            "gpus": 0,
            "devices": [],
            "supervise": [
                "run",
                "--run-dir",
                str(run),
                "--launcher",
                "local",
                "--",
                sys.executable,
                str(script),
                str(run),
            ],
        }
        content.update(more)
        file = self.queue / f"{self.count:06d}-{entry}.json"
        (self.queue / f".tmp-{file.name}").write_text(json.dumps(content))
        os.rename(self.queue / f".tmp-{file.name}", file)
        return entry

    def process(self, *words: str, **more: Any) -> "subprocess.Popen[bytes]":
        command = [PYTHON, str(QUEUE), *words, "--queue", str(self.queue)]
        return subprocess.Popen(command, env=self.environment, stderr=subprocess.PIPE, **more)

    def dispatch(self, **more: Any) -> None:
        """Starts what waits, until nothing does."""
        process = self.process("dispatch", "--foreground", **more)
        _, errors = process.communicate(timeout=LIMIT)
        assert (process.returncode, errors) == (0, b"")

    def settings(self, **settings: Any) -> None:
        (self.queue / "queue.json").write_text(json.dumps({"schema": 1, **settings}))

    def lines(self, name: str) -> List[str]:
        try:
            return (self.folder / name).read_text().splitlines()
        except FileNotFoundError:
            return []

    def starts(self) -> List[str]:
        return [line.split()[0] for line in self.lines("starts")]

    def entries(self) -> List[str]:
        """What is left in the queue, by state and run."""
        found = []
        for path in sorted(self.queue.glob("*.json")):
            if path.name == "queue.json":
                continue
            try:
                run = Path(json.loads(path.read_text())["run"]).name
            except FileNotFoundError:
                # Its state, which is its name, has changed since the folder was listed.
                return self.entries()
            state = path.name.split("-")[0]
            found.append(f"{'waiting' if state.isdigit() else state} {run}")
        return found

    def failure(self, entry: str) -> str:
        message = json.loads((self.queue / f"failed-{entry}.json").read_text())["failure"]["message"]
        assert isinstance(message, str)
        return message

    def log(self) -> str:
        return "\n".join(self.lines(".npt/queue/queue.log"))

    def wait(self, condition: Callable[[], bool]) -> None:
        until = time.monotonic() + LIMIT
        while not condition():
            assert time.monotonic() < until, f"{self.entries()}\n{self.log()}"
            time.sleep(0.02)

    def gpus(self, case: Dict[str, Any]) -> None:
        """A machine with GPUs, as nvidia-smi tells of them."""
        program = self.folder / "bin" / "nvidia-smi"
        # Once: while a dispatcher runs it, it cannot be written.
        if not program.exists():
            shutil.copy(RECORDED / "nvidia-smi", program)
        file = self.folder / "nvidia-smi.json"
        file.with_suffix(".new").write_text(json.dumps(case))
        os.replace(file.with_suffix(".new"), file)
        self.environment["NPT_TEST_NVIDIA_SMI"] = str(file)

    def dispatcher(self) -> int:
        """The pid that the lock's file tells of; 0 where there is none."""
        for lock in self.queue.glob("dispatcher-*.lock"):
            try:
                pid = json.loads(lock.read_text())["pid"]
                return int(pid) if alive(pid) else 0
            except ValueError:
                return 0
        return 0


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    made = Workspace(tmp_path / "workspace")
    made.trainer()
    yield made
    made.settings(paused=True)
    for pid in processes_of(made.folder):
        os.kill(pid, signal.SIGKILL)


def processes_of(folder: Path) -> List[int]:
    """Whatever still runs for a workspace: its path is in every command line here."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path(f"/proc/{name}/cmdline").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in words and int(name) != os.getpid():
            found.append(int(name))
    return found


# --- Order, and going on ---------------------------------------------------------------------------------------------


def test_entries_train_in_their_order_one_at_a_time(workspace: Workspace) -> None:
    workspace.trainer(
        "time.sleep(0.1)\nappend('ends', f'{run.name} {len((run.parents[1] / \"starts\").read_text().split())}')"
    )
    for name in ("b", "a", "c"):
        workspace.add(name)
    workspace.dispatch()
    assert workspace.starts() == ["b", "a", "c"]
    # Each found as many words in the list of starts as there are with its own.
    assert workspace.lines("ends") == ["b 1", "a 2", "c 3"]
    assert workspace.entries() == []


def test_the_queue_goes_on_when_a_run_fails_is_killed_or_stopped(workspace: Workspace) -> None:
    workspace.add("fails", workspace.trainer("sys.exit('error: no luck')", "fails.py"))
    workspace.add("killed", workspace.trainer("os.kill(os.getpid(), 9)", "killed.py"))
    workspace.add("stopped", workspace.trainer("os.kill(os.getppid(), 2); time.sleep(600)", "stopped.py"))
    workspace.add("done")
    workspace.dispatch()
    assert workspace.starts() == ["fails", "killed", "stopped", "done"]
    # Each of these runs tells itself how it ended; the queue keeps none of them.
    assert workspace.entries() == []


def test_what_cannot_be_started_is_kept_with_its_reason_and_the_queue_goes_on(workspace: Workspace) -> None:
    refusing = workspace.trainer(
        "(run / 'run.json').unlink()\nprint('error: --max_steps is missing')\nsys.exit(2)", "refuses.py"
    )
    run = workspace.folder / "experiments" / "x"
    reasons = {
        workspace.add("usage", refusing): "--max_steps is missing",
        workspace.add(
            "program", supervise=["run", "--run-dir", str(run), "--", "/no/such/python"]
        ): "/no/such/python is not a program",
        workspace.add("folder", cwd="/no/such/folder"): "/no/such/folder cannot be entered: No such file",
        workspace.add("nothing", supervise=[]): "its file has no command",
        workspace.add("words", supervise="run"): "its file has no command",
        workspace.add("many", gpus="two"): "does not say how many GPUs",
    }
    (workspace.queue / "000050-broken.json").write_text("{")
    workspace.add("done")
    workspace.dispatch()
    for entry, reason in reasons.items():
        assert reason in workspace.failure(entry)
        assert "\n" not in workspace.failure(entry)
    assert (workspace.queue / "failed-broken.json").read_text() == "{"
    assert workspace.starts()[-1] == "done"
    assert not run.exists() and not (workspace.folder / "experiments" / "usage").exists()


def test_a_run_that_somebody_trains_already_is_not_trained_twice(workspace: Workspace) -> None:
    workspace.trainer("until('go')")
    workspace.settings(cpuSlots=2)
    both = [workspace.add("run") for _ in range(2)]
    dispatcher = workspace.process("dispatch", "--foreground")
    # They are started in their turn, and either may be the first to have the run's lock.
    workspace.wait(lambda: any((workspace.queue / f"failed-{each}.json").exists() for each in both))
    (workspace.folder / "go").touch()
    dispatcher.communicate(timeout=LIMIT)
    assert workspace.starts() == ["run"]
    [refused] = [each for each in both if (workspace.queue / f"failed-{each}.json").exists()]
    assert "another trainer is already running" in workspace.failure(refused)


def test_what_the_other_trainer_writes_is_not_taken_for_a_refused_ones(workspace: Workspace) -> None:
    workspace.trainer("""
        with open(run / "metrics.jsonl", "a") as metrics:
            while not (run.parents[1] / "go").exists():
                print("{}", file=metrics, flush=True)
                time.sleep(0.001)
        """)
    workspace.settings(cpuSlots=2)
    workspace.add("run")
    dispatcher = workspace.process("dispatch", "--foreground")
    workspace.wait(lambda: (workspace.folder / "experiments" / "run" / "metrics.jsonl").exists())
    second = workspace.add("run")
    workspace.wait(lambda: workspace.entries() != ["waiting run", "started run"])
    workspace.wait(lambda: workspace.entries() != ["started run", "started run"])
    (workspace.folder / "go").touch()
    dispatcher.communicate(timeout=LIMIT)
    assert "another trainer is already running" in workspace.failure(second)


def test_as_many_at_once_as_the_setting_says(workspace: Workspace) -> None:
    workspace.trainer("until('go')")
    workspace.settings(cpuSlots=2)
    for name in ("a", "b", "c"):
        workspace.add(name)
    dispatcher = workspace.process("dispatch", "--foreground")
    workspace.wait(lambda: len(workspace.starts()) == 2)
    assert workspace.entries() == ["waiting c", "started a", "started b"]
    (workspace.folder / "go").touch()
    dispatcher.communicate(timeout=LIMIT)
    # Two that train at once say so in either order.
    assert sorted(workspace.starts()[:2]) == ["a", "b"]
    assert workspace.starts()[2:] == ["c"]


def test_a_run_that_was_started_without_the_queue_is_waited_for(workspace: Workspace) -> None:
    workspace.trainer("until('go')")
    by_hand = workspace.folder / "experiments" / "by-hand"
    supervise = [PYTHON, str(QUEUE.with_name("npt_supervise.py")), "run", "--run-dir", str(by_hand), "--"]
    follower = subprocess.Popen(
        [*supervise, sys.executable, str(workspace.folder / "trainer.py"), str(by_hand)], stdout=subprocess.DEVNULL
    )
    workspace.wait(lambda: (by_hand / "process.json").exists())
    workspace.add("queued")
    dispatcher = workspace.process("dispatch", "--foreground")
    workspace.wait(lambda: workspace.dispatcher() == dispatcher.pid)
    time.sleep(1)
    assert workspace.starts() == ["by-hand"]
    (workspace.folder / "go").touch()
    dispatcher.communicate(timeout=LIMIT)
    follower.wait(LIMIT)
    assert workspace.starts() == ["by-hand", "queued"]


def test_paused_nothing_starts_until_it_goes_on(workspace: Workspace) -> None:
    workspace.settings(paused=True)
    workspace.add("a")
    workspace.dispatch()
    assert workspace.entries() == ["waiting a"]
    workspace.settings(paused=False)
    workspace.dispatch()
    assert workspace.starts() == ["a"]


def test_one_entry_is_started_now_whatever_trains(workspace: Workspace) -> None:
    workspace.trainer("until('go')")
    workspace.add("first")
    workspace.add("second")
    now = workspace.add("now")
    dispatcher = workspace.process("dispatch", "--foreground")
    workspace.wait(lambda: workspace.starts() == ["first"])
    assert workspace.process("start", "--id", now).wait(LIMIT) == 0
    workspace.wait(lambda: workspace.starts() == ["first", "now"])
    assert workspace.entries() == ["waiting second", "started first", "started now"]
    again = workspace.process("start", "--id", now)
    assert again.communicate(timeout=LIMIT)[1] == f"error: {now} does not wait in this queue (any more)\n".encode()
    assert again.returncode == 2
    (workspace.folder / "go").touch()
    dispatcher.communicate(timeout=LIMIT)
    assert workspace.starts() == ["first", "now", "second"]


# --- Whose entries it starts -----------------------------------------------------------------------------------------


def test_a_copy_of_a_workspace_starts_nothing(workspace: Workspace, tmp_path: Path) -> None:
    workspace.add("a")
    copy = tmp_path / "copy"
    shutil.copytree(workspace.folder, copy)
    process = subprocess.run(
        [PYTHON, str(QUEUE), "dispatch", "--foreground", "--queue", str(copy / ".npt" / "queue")], check=True
    )
    assert process.returncode == 0
    assert workspace.starts() == []
    workspace.dispatch()
    assert workspace.starts() == ["a"]


def test_another_machines_entries_and_a_newer_versions_are_left_alone(workspace: Workspace) -> None:
    workspace.add("elsewhere", host="another")
    workspace.add("newer", schema=2)
    workspace.dispatch()
    assert workspace.entries() == ["waiting elsewhere", "waiting newer"]
    assert workspace.starts() == []


# --- GPUs ------------------------------------------------------------------------------------------------------------


def machine(*uuids: str) -> Dict[str, Any]:
    return {
        "answers": {
            "--query-gpu": {
                "stdout": "".join(f"{uuid}, {i}, NVIDIA H100, 81559, 3, 0\n" for i, uuid in enumerate(uuids))
            },
            "--query-compute-apps": {"stdout": ""},
            "-L": {"stdout": ""},
        }
    }


def test_each_gpu_trains_one_run_at_a_time_and_is_named_by_its_uuid(workspace: Workspace) -> None:
    workspace.trainer("until('go')")
    workspace.gpus(machine("GPU-aaaa", "GPU-bbbb"))
    for name in ("a", "b", "c"):
        workspace.add(name, gpus=1)
    workspace.add("cpu")
    dispatcher = workspace.process("dispatch", "--foreground")
    # The CPU's turn does not wait for a GPU.
    workspace.wait(lambda: sorted(workspace.starts()) == ["a", "b", "cpu"])
    assert workspace.entries() == ["waiting c", "started a", "started b", "started cpu"]
    (workspace.folder / "go").touch()
    dispatcher.communicate(timeout=LIMIT)
    devices = dict(line.partition(" ")[::2] for line in workspace.lines("starts"))
    assert {devices["a"], devices["b"]} == {"GPU-aaaa", "GPU-bbbb"}
    assert devices["c"] in ("GPU-aaaa", "GPU-bbbb")
    assert devices["cpu"] == ""


def test_several_gpus_and_named_ones_and_more_than_there_are(workspace: Workspace) -> None:
    workspace.gpus(machine("GPU-aaaa", "GPU-bbbb"))
    workspace.add("both", gpus=2)
    workspace.add("named", gpus=1, devices=["1"])
    more = workspace.add("more", gpus=3)
    absent = workspace.add("absent", gpus=1, devices=["GPU-cccc"])
    workspace.dispatch()
    devices = dict(line.partition(" ")[::2] for line in workspace.lines("starts"))
    assert devices == {"both": "GPU-aaaa,GPU-bbbb", "named": "GPU-bbbb"}
    assert workspace.failure(more) == "it needs 3 GPUs, and this machine has 2"
    assert workspace.failure(absent) == "this machine has no GPU GPU-cccc"


def test_a_gpu_that_others_use_is_waited_for(workspace: Workspace) -> None:
    busy = machine("GPU-aaaa")
    busy["answers"]["--query-compute-apps"]["stdout"] = "GPU-aaaa, 1, 4000\n"
    busy["answers"]["count"] = str(workspace.folder / "asked")
    workspace.gpus(busy)
    workspace.add("a", gpus=1)
    dispatcher = workspace.process("dispatch", "--foreground")
    workspace.wait(lambda: "--query-compute-apps" in workspace.lines("asked"))
    assert workspace.starts() == []
    workspace.gpus(machine("GPU-aaaa"))
    dispatcher.communicate(timeout=LIMIT)
    assert workspace.lines("starts") == ["a GPU-aaaa"]


def test_without_nvidia_smi_a_run_that_needs_a_gpu_is_kept(workspace: Workspace) -> None:
    programs = workspace.folder / "bin"
    workspace.environment["PATH"] = str(programs)
    entry = workspace.add("a", gpus=1)
    workspace.dispatch()
    assert workspace.failure(entry) == "it needs 1 GPU, and this machine has none that nvidia-smi tells of"


# --- Killed, full, switched off --------------------------------------------------------------------------------------


def test_of_many_dispatchers_one_works(workspace: Workspace) -> None:
    workspace.trainer("time.sleep(0.05)")
    names = [f"run{number}" for number in range(4)]
    for name in names:
        workspace.add(name)
    many = [workspace.process("dispatch", "--foreground") for _ in range(6)]
    for each in many:
        each.communicate(timeout=LIMIT)
    assert workspace.starts() == names
    assert workspace.entries() == []


@pytest.mark.parametrize("chance", range(2 * STRESS))
def test_kills_at_any_moment_start_nothing_twice_and_lose_nothing(workspace: Workspace, chance: int) -> None:
    dice = random.Random(chance)
    workspace.trainer("time.sleep(0.2)\nappend('ends', run.name)")
    names = [f"run{number}" for number in range(5)]
    for name in names:
        workspace.add(name)
    kills = 0
    deadline = time.monotonic() + LIMIT
    while any(not entry.startswith("failed") for entry in workspace.entries()):
        assert time.monotonic() < deadline, workspace.log()
        dispatcher = workspace.process("dispatch", "--foreground", stdout=subprocess.DEVNULL)
        if kills < 12:
            time.sleep(dice.uniform(0, 0.6))
            # The dispatcher and its keepers: their command line is the dispatcher's. Trainers and supervisors live on.
            victims = [pid for pid in processes_of(workspace.queue) if dice.random() < 0.8]
            for pid in victims:
                kills += 1
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        dispatcher.wait(LIMIT) if kills >= 12 else dispatcher.kill()
        dispatcher.wait(LIMIT)
    workspace.wait(lambda: len(workspace.lines("ends")) == len(workspace.starts()))
    starts = workspace.starts()
    kept = [entry.split()[1] for entry in workspace.entries()]
    assert len(set(starts)) == len(starts), (starts, workspace.log())
    # Each was started, or is kept for the user to start.
    assert set(starts) | set(kept) == set(names), (starts, kept, workspace.log())


def test_moving_and_cancelling_while_it_is_started(workspace: Workspace) -> None:
    workspace.trainer("append('ends', run.name)")
    names = [f"run{number}" for number in range(6)]
    for name in names:
        workspace.add(name)
    cancelled: List[str] = []
    done = threading.Event()

    def disturb() -> None:
        dice = random.Random(1)
        while not done.is_set():
            waiting = sorted(workspace.queue.glob("[0-9]*.json"))
            if not waiting:
                continue
            file = dice.choice(waiting)
            try:
                if len(cancelled) < 2 and dice.random() < 0.1:
                    name = Path(json.loads(file.read_text())["run"]).name
                    file.unlink()
                    cancelled.append(name)
                else:
                    os.rename(file, file.with_name(f"{dice.randrange(10**6):06d}-{file.name.split('-')[1]}"))
            except FileNotFoundError:
                pass  # It was started at this moment.

    window = threading.Thread(target=disturb)
    window.start()
    try:
        workspace.dispatch()
    finally:
        done.set()
        window.join()
    assert workspace.entries() == []
    assert sorted([*workspace.starts(), *cancelled]) == names


def test_a_full_disk_keeps_every_entry_waiting(workspace: Workspace) -> None:
    workspace.add("a")
    workspace.add("b")

    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))

    dispatcher = workspace.process("dispatch", "--foreground", preexec_fn=full)
    # It cannot even say so. It goes on trying, and takes nothing away.
    with pytest.raises(subprocess.TimeoutExpired):
        dispatcher.wait(1.5)
    assert workspace.entries() == ["waiting a", "waiting b"]
    dispatcher.kill()
    dispatcher.communicate(timeout=LIMIT)
    workspace.dispatch()
    assert workspace.starts() == ["a", "b"]


def started_before(workspace: Workspace, name: str, began: bool, attempts: int = 1) -> str:
    """An entry as a machine leaves it that was switched off while it was started."""
    entry = workspace.add(name)
    [path] = workspace.queue.glob(f"*-{entry}.json")
    content = json.loads(path.read_text())
    content["started"] = {
        "time": 0,
        "pid": 4711,
        "start_ticks": 1,
        "boot_id": "another",
        "devices": [],
        "order": path.name.split("-")[0],
        "attempts": attempts,
        "before": [None] * 5,
        "began": began,
    }
    path.write_text(json.dumps(content))
    os.rename(path, workspace.queue / f"started-{entry}.json")
    return entry


def test_after_a_reboot_what_did_not_begin_waits_again_and_what_began_is_the_runs_to_tell(workspace: Workspace) -> None:
    started_before(workspace, "claimed", began=False)
    started_before(workspace, "trained", began=True)
    trained = workspace.folder / "experiments" / "trained"
    trained.mkdir()
    (trained / "run.json").write_text("{}")
    tried = started_before(workspace, "tried", began=False, attempts=3)
    gone = started_before(workspace, "gone", began=True)
    workspace.dispatch()
    assert workspace.starts() == ["claimed"]
    assert workspace.failure(tried) == "its start was interrupted 3 times"
    assert "nobody saw how its start ended" in workspace.failure(gone)
    assert workspace.entries() == ["failed tried", "failed gone"]


def test_a_run_that_is_renamed_while_it_trains_is_not_started_again(workspace: Workspace) -> None:
    workspace.trainer("(run.parents[1] / 'up').touch()\nuntil('go')")
    workspace.add("a")
    dispatcher = workspace.process("dispatch", "--foreground")
    workspace.wait(
        lambda: (
            (workspace.folder / "up").exists()
            and 'began": true' in "".join(path.read_text() for path in workspace.queue.glob("started-*"))
        )
    )
    os.rename(workspace.folder / "experiments" / "a", workspace.folder / "experiments" / "renamed")
    (workspace.folder / "go").touch()
    dispatcher.communicate(timeout=LIMIT)
    assert workspace.starts() == ["a"]
    assert workspace.entries() == []


def test_in_the_background_it_outlives_who_started_it(workspace: Workspace) -> None:
    workspace.trainer("until('go')")
    workspace.add("a")
    started = workspace.process("dispatch", stdout=subprocess.PIPE, start_new_session=True)
    # Its streams are closed: nobody waits for them.
    assert started.communicate(timeout=LIMIT) == (b"", b"")
    assert started.returncode == 0
    workspace.wait(lambda: workspace.starts() == ["a"] and workspace.dispatcher() > 0)
    assert os.getsid(workspace.dispatcher()) != started.pid
    (workspace.folder / "go").touch()
    workspace.wait(lambda: workspace.entries() == [] and workspace.dispatcher() == 0)


def test_what_cannot_be_done_is_one_line(workspace: Workspace) -> None:
    for words, line in (
        (["dispatch", "--queue", "/no/such/queue"], "there is no queue at /no/such/queue"),
        (["start", "--queue", str(workspace.queue)], "the following arguments are required: --id"),
        ([], "the following arguments are required: dispatch|start"),
    ):
        done = subprocess.run([PYTHON, str(QUEUE), *words], stderr=subprocess.PIPE, check=False, text=True)
        assert (done.returncode, done.stderr) == (2, f"error: {line}\n")
