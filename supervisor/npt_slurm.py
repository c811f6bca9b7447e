#!/usr/bin/env python3
"""A run as a job of a Slurm cluster: submitted and followed from a terminal, and trained inside of the job.

    npt_slurm.py submit --run-dir DIR [--run-dir DIR]… -- sbatch …
    npt_slurm.py follow --run-dir DIR
    npt_slurm.py job --run-dir DIR --from-step N --first N -- python scripts/train.py …

``submit`` runs the sbatch command, writes down which job the run is (DIR/process.json, its pid 0 while the job has
none) and follows DIR/train.log. Closing the terminal leaves the job as it is; Ctrl+C asks it to save and stop, or takes
it out of the queue. Several runs are the tasks of one array job, in this order.

``job`` is what the batch script becomes: npt_supervise.py's supervisor in the foreground, so that Slurm's signals reach
it. Before the time limit Slurm sends SIGUSR1: the trainer saves, and the job asks for its own requeue, which Slurm does
by itself only for what it preempts. A requeued job goes on from the run's newest checkpoint.

Standard library only, Python 3.8 or later; lies beside npt_supervise.py, and is copied to `.npt/` of the workspace with
it, where a job that waits for days finds both.
"""

from __future__ import annotations

import argparse
import getpass
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any, Dict, List, NamedTuple, NoReturn, Optional, Tuple
from urllib.parse import unquote

import npt_supervise as base
from npt_supervise import Refusal, RunFolder

#: What a workspace holds of ours; the batch script of a job (core/training/launchers/slurm) starts this file in it.
COPIES = Path(".npt") / "supervisor"
#: How long a command of Slurm's may take: a slurmctld that is gone is waited for by them for a minute and more.
ANSWER_SECONDS = 30
#: How often a question is asked that Slurm itself cut short.
ASKED_AGAIN = 3
#: sbatch itself waits and asks again where a slurmctld has too much to do.
SUBMIT_SECONDS = 300
#: Between two looks at the queue, from a terminal: at first, and at most.
LOOK_SECONDS = (3.0, 60.0)
#: Whoever submitted the job, or an earlier start of it, may still hold the run's lock, on a network disk for longer.
LOCK_SECONDS = 60
#: A requeue ends this very job: so long it is waited for.
REQUEUE_SECONDS = 120
#: States of a job that ends no more by itself than by being ended (squeue(1), JOB STATE CODES).
WAITING = ("PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD")
RUNNING = ("RUNNING", "CONFIGURING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING")
#: What a shell inside another job, or a group of processes, leaves in the environment: in a job it would mean that job.
INHERITED = re.compile(
    "(SLURM_(?!CONF$).*|SBATCH_.*|CUDA_VISIBLE_DEVICES|RANK|WORLD_SIZE|LOCAL_RANK|LOCAL_WORLD_SIZE|GROUP_RANK"
    "|MASTER_ADDR|MASTER_PORT|TORCHELASTIC_.*|PET_.*|NPT_SUPERVISED|NPT_RUN_LOCK_.*)"
)


class NoAnswer(Exception):
    """Slurm did not say; the message is a clause."""

    #: The signal that ended the command that asked, where one did.
    ended_by = 0


# --- Slurm -----------------------------------------------------------------------------------------------------------


class Status(NamedTuple):
    """What squeue says of a job; `state` is empty for one that it does not know (any more)."""

    state: str
    reason: str = ""
    start: str = ""
    node: str = ""

    @property
    def ended(self) -> bool:
        return self.state not in WAITING and self.state not in RUNNING

    def describe(self, job: str) -> str:
        if self.state == "":
            return f"job {job} has ended: squeue no longer knows it"
        if self.state in WAITING:
            why = f" ({self.reason})" if self.reason not in ("", "None") else ""
            when = f", expected to start {self.start.replace('T', ' ')}" if self.start[:1].isdigit() else ""
            return f"job {job} is waiting{why}{when}"
        where = f" on {self.node}" if self.node else ""
        return f"job {job} is {self.state.lower()}{where}"


def ask_slurm(words: List[str]) -> str:
    """What one of Slurm's commands prints. Raises NoAnswer where it says nothing of use."""
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=ANSWER_SECONDS,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NoAnswer(f"{words[0]} gave no answer within {ANSWER_SECONDS} s") from None
    except OSError as error:
        raise NoAnswer(f"{words[0]} cannot be started: {error.strerror}") from None
    if done.returncode != 0:
        failure = NoAnswer(last_line(done.stderr) or f"{words[0]} ended with {done.returncode}")
        failure.ended_by = max(0, -done.returncode)
        raise failure
    return done.stdout


def last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def status_of(job: str) -> Status:
    """Raises NoAnswer."""
    try:
        answer = ask_slurm(["squeue", "--noheader", "--states=all", f"--jobs={job}", "--format=%T|%r|%S|%N"])
    except NoAnswer as error:
        if "Invalid job id" in str(error):
            return Status("")
        raise
    fields = answer.strip().splitlines()[0].split("|") if answer.strip() else [""]
    return Status(*fields[:4])


def restarts_of(job: str) -> Optional[int]:
    """How often Slurm has requeued a job, one that is under way included; None where it does not say."""
    for _ in range(ASKED_AGAIN):
        try:
            answer = ask_slurm(["scontrol", "--oneliner", "show", "job", job])
        except NoAnswer as error:
            # What ends a job's processes may end this one of them, too; the next is no longer among those.
            if error.ended_by == signal.SIGTERM:
                continue
            return None
        found = re.search(r"\bRestarts=(\d+)", answer)
        return int(found.group(1)) if found else None
    return None


def this_job() -> str:
    """The id of the job that this process is in, as squeue names it."""
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array and task else os.environ.get("SLURM_JOB_ID", "")


def cluster() -> str:
    """Empty where nothing tells; a job's id says nothing on another cluster."""
    inside = os.environ.get("SLURM_CLUSTER_NAME")
    if inside:
        return inside
    try:
        found = re.search(r"^ClusterName\s*=\s*(\S+)", ask_slurm(["scontrol", "show", "config"]), re.MULTILINE)
    except NoAnswer:
        return ""
    return found.group(1) if found else ""


def user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return str(os.getuid())


# --- The run's files -------------------------------------------------------------------------------------------------


def waiting_document(folder: RunFolder, job: str, on: str) -> Dict[str, Any]:
    """process.json of a run whose job has not started, or not started again."""
    return {
        "schema": base.SCHEMA,
        "host": socket.gethostname(),
        "boot_id": base.boot_id(),
        "pid": 0,
        "started": time.time(),
        "start_ticks": 0,
        "launcher": "slurm",
        "job": job,
        "cluster": on,
        "user": user(),
        "segment": base.segments(folder.path / "metrics.jsonl") + 1,
        "folder": folder.identity(),
    }


def job_in(run: Path) -> str:
    """The job that process.json says the run is; empty where it says none."""
    named = base.read_process(run) or {}
    job = named.get("job")
    return job if named.get("launcher") == "slurm" and isinstance(job, str) else ""


def newest_step(run: Path) -> int:
    """The step of the newest checkpoint that was finished; -1 where there is none."""
    try:
        names = [entry.name for entry in (run / "checkpoints").iterdir() if (entry / "config.json").is_file()]
    except OSError:
        return -1
    return max([int(name[11:]) for name in names if re.fullmatch(r"checkpoint-[0-9]+", name)], default=-1)


def install(workspace: Path) -> None:
    """Copies this program into the workspace: the extension's own folder goes with its next version."""
    folder = workspace / COPIES
    folder.mkdir(parents=True, exist_ok=True)
    for source in (Path(base.__file__), Path(__file__)):
        target = folder / source.name
        content = source.read_bytes()
        try:
            if target.read_bytes() == content:
                continue
        except OSError:
            pass
        draft = folder / f".{source.name}.{socket.gethostname()}.{os.getpid()}"
        draft.write_bytes(content)
        os.replace(draft, target)


# --- submit and follow: in the terminal ------------------------------------------------------------------------------


class JobFollower(base.Follower):
    """Shows a run's log as it grows, and says how its job is doing."""

    def __init__(self, folder: RunFolder, offset: int, job: str) -> None:
        super().__init__(folder, offset)
        self.job = job
        self.status = Status("PENDING")
        self.said = ""
        self.silent = False
        self.pause = LOOK_SECONDS[0]
        self.due = time.monotonic() + 0.5
        self.document: Optional[Tuple[int, int]] = None

    def ended(self) -> bool:
        """Looks at the queue where that is due: now and then, and when the run's process.json changed."""
        document = base.stamp(self.run / "process.json")
        if document != self.document:
            self.document, self.pause = document, LOOK_SECONDS[0]
            self.due = min(self.due, time.monotonic() + 0.5)
        if time.monotonic() < self.due:
            return False
        try:
            self.status = status_of(self.job)
        except NoAnswer as error:
            if not self.silent:
                self.say(f"Slurm does not answer ({error}): what the job does is not known. Asking again…")
            self.silent = True
        else:
            self.silent = False
            line = self.status.describe(self.job)
            if line != self.said and not (self.status.state in RUNNING and "running" in self.said):
                self.said, self.pause = line, LOOK_SECONDS[0]
                self.say(f"── {line}")
            if self.status.ended:
                return True
        self.pause = min(self.pause * 1.5, LOOK_SECONDS[1])
        self.due = time.monotonic() + self.pause
        return False

    def forward(self) -> None:
        """SIGINT and SIGTERM ask to save and stop, SIGQUIT to end."""
        while self.wanted:
            now = self.wanted.pop(0) == signal.SIGQUIT
            if self.asked and not now:
                self.say("already saving and stopping: waiting for the job to end (Ctrl+\\ ends it without a save)")
                continue
            self.asked = True
            try:
                self.say(f"\n{stop(self.job, now)}")
            except NoAnswer as error:
                self.asked = False
                self.say(f"\nthe job could not be asked to stop: {error}")
            self.due = time.monotonic() + 1


def stop(job: str, now: bool) -> str:
    """Asks a job to save and stop, or to end; cancels one that waits. What was done, in one line. Raises NoAnswer."""
    if status_of(job).state in RUNNING:
        # To the batch script, which is the supervisor: scancel by itself would let the trainer save within KillWait.
        ask_slurm(["scancel", "--batch", f"--signal={'QUIT' if now else 'INT'}", job])
        how = "end without a save" if now else "save and stop (Ctrl+\\ ends it without a save)"
        return f"job {job} was asked to {how}"
    ask_slurm(["scancel", job])
    return f"job {job} was cancelled"


class Submitted:
    """A run's folder while its job is submitted: made where it is not there, and locked.

    Raises Refusal where something trains in it, waits to, or where it cannot be written.
    """

    def __init__(self, given: str) -> None:
        self.run = Path(given).expanduser().absolute()
        self.missing = base.missing_ancestors(self.run)
        self.lock: Optional[int] = None
        try:
            self.run.mkdir(parents=True, exist_ok=True)
            self.folder = RunFolder(self.run)
            self.lock = base.take_lock(self.folder)
            with base.open_file(self.folder.path / "train.log", "ab") as log:
                self.offset = log.tell()
            refuse_second(self.folder)
        except OSError as error:
            self.give_up()
            raise Refusal(f"the run folder {self.run} cannot be written: {error.strerror}") from None
        except Refusal:
            self.give_up()
            raise
        self.before = base.stamp(self.folder.path / "exit.json")

    def settle(self, job: str, on: str) -> JobFollower:
        # The job waits for the lock, so that what it writes here comes after this.
        base.replace_json(self.folder.path / "process.json", waiting_document(self.folder, job, on))
        self.unlock()
        return JobFollower(self.folder, self.offset, job)

    def unlock(self) -> None:
        if self.lock is not None:
            os.close(self.lock)
        self.lock = None

    def give_up(self) -> None:
        self.unlock()
        base.remove_empty(self.run, self.missing)


def command_submit(arguments: argparse.Namespace, words: List[str]) -> int:
    if arguments.escaped:
        arguments.run_dir = [unquote(word, errors="surrogateescape") for word in arguments.run_dir]
        words = [unquote(word, errors="surrogateescape") for word in words]
    if not words or shutil.which(words[0]) is None:
        raise Refusal("sbatch is not there: this machine is no login node of a Slurm cluster")
    runs: List[Submitted] = []
    try:
        for given in arguments.run_dir:
            runs.append(Submitted(given))
        try:
            install(Path.cwd())
        except OSError as error:
            raise Refusal(f"{error.filename} cannot be written: {error.strerror}") from None
        job = submit(words)
    except Refusal:
        for run in runs:
            run.give_up()
        raise
    jobs = [job] if len(runs) == 1 else [f"{job}_{task}" for task in range(len(runs))]
    on = cluster()
    followers = [run.settle(one, on) for run, one in zip(runs, jobs)]
    print(f"── job {job} was submitted. Closing this terminal leaves it as it is; Ctrl+C stops it.", flush=True)
    codes = []
    # Of an array's tasks one log after the other is shown: mixed, nobody could read them.
    for run, follower in zip(runs, followers):
        if len(runs) > 1:
            follower.say(f"── {run.run.name} is job {follower.job}")
        codes.append(follow(follower, run.before, arguments.stopped_ok, arguments.problems))
    return max(codes)


def refuse_second(folder: RunFolder) -> None:
    job = job_in(folder.path)
    if job == "":
        return
    try:
        status = status_of(job)
    except NoAnswer as error:
        raise Refusal(f"{folder.shown} is job {job}, which may still be waiting: {error}") from None
    if not status.ended:
        raise Refusal(f"{folder.shown} has been submitted already: {status.describe(job)}; stop it first")


def submit(words: List[str]) -> str:
    """Runs sbatch and gives the job's id. Raises Refusal with what sbatch said where it did not take the job."""
    environment = {name: value for name, value in os.environ.items() if not INHERITED.fullmatch(name)}
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            timeout=SUBMIT_SECONDS,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Refusal("sbatch gave no answer: look with `squeue --me` whether it took the job") from None
    # `--parsable` prints the id, and behind a semicolon the cluster where there are several.
    found = re.match(r"\d+", done.stdout.strip())
    if done.returncode != 0 or found is None:
        reason = re.sub(r"^sbatch: (error|fatal): ", "", last_line(done.stderr))
        raise Refusal(f"Slurm did not take the job: {reason or f'sbatch ended with {done.returncode}'}")
    for line in done.stderr.splitlines():
        print(line)
    return found.group()


def command_follow(arguments: argparse.Namespace, words: List[str]) -> int:
    run = Path(arguments.run_dir[0]).expanduser().absolute()
    job = job_in(run)
    if job == "":
        raise Refusal(f"{run} is no job of Slurm's at present")
    folder = RunFolder(run)
    try:
        size = (run / "train.log").stat().st_size
    except OSError:
        size = 0
    follower = JobFollower(folder, max(0, size - base.BACKLOG_BYTES), job)
    return follow(follower, base.stamp(run / "exit.json"), False, False)


def follow(follower: JobFollower, before: Optional[Tuple[int, int]], stopped_ok: bool, problems: bool) -> int:
    """Follows until the job has ended; its exit code as npt_supervise.py gives a trainer's."""
    follower.install()
    follower.until(follower.ended)
    run = follower.run
    if base.stamp(run / "exit.json") == before:
        cancelled = follower.asked or follower.status.state == "CANCELLED"
        return (0 if stopped_ok else 130) if cancelled else 1
    code = base.exit_code_of(run, before)
    problem = base.located_error(follower.folder.shown / "train.log") if problems and code == 1 else None
    if problem is not None:
        follower.say(problem)
    return 0 if stopped_ok and base.stopped_as_asked(run, before) else code


# --- job: on the node ------------------------------------------------------------------------------------------------


class Steps(base.Launcher):
    """srun, which starts a torchrun on each node."""

    variables = base.TORCHRUN_SIGNALS


class JobSupervisor(base.Supervisor):
    """The supervisor of a job: keeps process.json naming the job for as long as Slurm may start it again."""

    def __init__(self, folder: RunFolder, orders: base.Orders, lock: int) -> None:
        super().__init__(folder, orders, lock, os.open(os.devnull, os.O_WRONLY))
        argv = orders.argv
        #: Whether srun starts a torchrun on each node.
        self.is_steps = Path(argv[0]).name == "srun"
        if self.is_steps:
            self.launcher = Steps()
            # A descriptor does not get to the other nodes: the trainer there is told which lock is held for it.
            os.environ["NPT_RUN_LOCK_INODE"] = str(os.fstat(lock).st_ino)
        elif "torch.distributed.run" in argv:
            self.launcher = base.Torchrun()
        self.job = this_job()
        self.on = cluster()
        self.before = newest_step(self.run)
        self.received: List[int] = []
        self.why = ""

    def pass_on(self, number: int, frame: Optional[FrameType]) -> None:
        self.received.append(number)
        super().pass_on(number, frame)

    def signal_trainer(self, number: int) -> None:
        if not self.is_steps:
            super().signal_trainer(number)
            return
        try:
            # All processes of the job's steps, on every node; srun would take SIGINT for a question.
            ask_slurm(["scancel", f"--signal={signal.Signals(number).name[3:]}", os.environ.get("SLURM_JOB_ID", "")])
        except NoAnswer as error:
            self.say(f"warning: the nodes could not be asked to stop: {error}")

    def describe(self, pid: int, ticks: int) -> Dict[str, Any]:
        named = super().describe(pid, ticks)
        return {**named, "job": self.job, "cluster": self.on, "user": user()}

    def conclude(self, code: int, before: Optional[Tuple[int, int]]) -> None:
        # Replaced, not removed: while nobody knows whether the job is to start again, the run is this job's.
        base.replace_json(self.run / "process.json", waiting_document(self.folder, self.job, self.on))
        super().conclude(code, before)
        changed = base.stamp(self.run / "exit.json") != before
        document = (base.read_json(self.run / "exit.json") if changed else None) or {}
        self.why = str(document.get("why", ""))
        if self.preempted and self.why in ("stopped", "killed"):
            # Slurm preempts with SIGTERM, which to a trainer is a request to stop like any other.
            self.why = "preempted"
            base.replace_json(self.run / "exit.json", {**document, "why": self.why})

    @property
    def preempted(self) -> bool:
        """Whether Slurm is requeueing this job already."""
        if signal.SIGTERM not in self.received or self.was_stopped:
            return False
        restarts = restarts_of(os.environ.get("SLURM_JOB_ID", ""))
        return restarts is not None and restarts > int(os.environ.get("SLURM_RESTART_COUNT") or 0)

    @property
    def was_stopped(self) -> bool:
        """Whether a person asked for the end: nothing starts again then."""
        return signal.SIGINT in self.received or signal.SIGQUIT in self.received

    def settle(self) -> int:
        """What becomes of the job; its exit code."""
        requeues = self.why == "preempted" and signal.SIGTERM not in self.received and not self.was_stopped
        if requeues and newest_step(self.run) <= self.before:
            self.say("error: the job's time was over before anything was saved: give it more. It is not requeued")
        elif requeues:
            self.requeue()
        elif signal.SIGTERM in self.received and not self.was_stopped:
            # Cancelled or preempted: squeue knows, and process.json says which job to ask for.
            return 128 + signal.SIGTERM
        if job_in(self.run) == self.job:
            (self.run / "process.json").unlink()
        if self.why in ("done", "stopped", ""):
            return self.code if self.why == "" else 0
        return 75 if self.why == "preempted" else self.code or 1

    @property
    def code(self) -> int:
        code = 0 if self.trainer is None or self.trainer.returncode is None else self.trainer.returncode
        return 128 - code if code < 0 else code

    def requeue(self) -> None:
        """Asks Slurm to start this job again, which ends it; returns where it does not."""
        try:
            ask_slurm(["scontrol", "requeue", os.environ.get("SLURM_JOB_ID", "")])
        except NoAnswer as error:
            # What was asked for ends every process of the job, sometimes scontrol before it could say so.
            if error.ended_by != signal.SIGTERM:
                self.say(f"error: Slurm does not requeue the job: {error}")
                return
        self.say(f"── job {self.job} is requeued, and goes on from its newest checkpoint")
        until = time.monotonic() + REQUEUE_SECONDS
        while time.monotonic() < until and not self.was_stopped:
            if signal.SIGTERM in self.received:
                os._exit(128 + signal.SIGTERM)
            time.sleep(base.POLL_SECONDS)


def command_job(arguments: argparse.Namespace, words: List[str]) -> int:
    first, again = words[: arguments.first], words[arguments.first :]
    run = Path(arguments.run_dir[0])
    if this_job() == "":
        raise Refusal("this is not a job of Slurm's")
    try:
        folder = RunFolder(run)
        lock = take_lock(folder)
    except OSError as error:
        raise Refusal(f"the run's folder {run} cannot be opened ({error.strerror}): submit it again") from None
    goes_on = newest_step(folder.path) > arguments.from_step
    orders = base.Orders(
        "slurm",
        again if goes_on and again else first,
        environment=base.TrainerEnvironment(arguments.env, arguments.env_file, arguments.module, arguments.conda),
        restarts=arguments.restarts,
        again=again or None,
    )
    supervisor = JobSupervisor(folder, orders, lock)
    code = supervisor.supervise()
    settled = supervisor.settle()
    return code if supervisor.trainer is None else settled


def take_lock(folder: RunFolder) -> int:
    """The run's lock, which whoever submitted this job may still hold. Raises Refusal."""
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return base.take_lock(folder)
        except Refusal:
            if time.monotonic() > until:
                raise
            time.sleep(base.POLL_SECONDS)


# --- The command line ------------------------------------------------------------------------------------------------


class OneLineParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Refusal(message)


def parse(words: List[str]) -> Tuple[argparse.Namespace, List[str]]:
    """The arguments, and the command behind `--`."""
    own, command = words, []
    if "--" in words:
        own, command = words[: words.index("--")], words[words.index("--") + 1 :]
    parser = OneLineParser(prog="npt_slurm.py", description="Trains a run as a job of a Slurm cluster.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="submit|follow|job")
    for name, text in (
        ("submit", "run an sbatch command, given after --, and follow the job"),
        ("follow", "follow the job that a run is"),
        ("job", "train, inside of a job"),
    ):
        one = commands.add_parser(name, help=text)
        one.add_argument("--run-dir", required=True, action="append", metavar="DIR", help="the run's folder")
        if name == "submit":
            one.add_argument("--stopped-ok", action="store_true", help="exit with 0 after a requested stop")
            one.add_argument("--problems", action="store_true", help="end with where the log says what went wrong")
            one.add_argument("--escaped", action="store_true", help="DIR and the command are percent-encoded")
        if name == "job":
            one.add_argument("--from-step", type=int, default=-1, metavar="N", help="the step that the run starts from")
            base.add_orders(one)
            one.add_argument("--first", type=int, required=True, metavar="N", help="how many words the first start has")
    return parser.parse_args(own), command


def main(words: List[str]) -> int:
    base.ready_console()
    try:
        arguments, command = parse(words)
        if sys.platform == "win32":
            raise Refusal("training needs Linux or macOS; on Windows use WSL or a Remote window")
        commands = {"submit": command_submit, "follow": command_follow, "job": command_job}
        return commands[arguments.command](arguments, command)
    except Refusal as refusal:
        print(f"error: {refusal}", file=sys.stderr, flush=True)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
