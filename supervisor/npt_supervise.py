#!/usr/bin/env python3
"""Runs a training command so that it outlives the terminal, the window and the connection that started it.

    npt_supervise.py run --run-dir DIR --launcher local -- python scripts/train.py …
    npt_supervise.py follow --run-dir DIR
    npt_supervise.py stop --run-dir DIR [--now]
    npt_supervise.py stacks --run-dir DIR
    npt_supervise.py status --run-dir DIR
    npt_supervise.py planned ORDER

``run`` takes the run's lock, starts a supervisor in a session of its own and then only follows DIR/train.log. The
supervisor starts the trainer, writes DIR/process.json, waits, and says in DIR/exit.json how it ended where the trainer
could not say so itself. Closing the terminal ends the follower and nothing else; Ctrl+C asks the trainer to save and
stop.

Whoever wants to stop a run asks its supervisor, which passes the first request on and no other: there are trainers that
a second SIGINT ends unsaved. Ending a run without a save is SIGQUIT (Ctrl+\\, ``stop --now``).

The run's folder is held open: it may be renamed or moved while it is trained in, and everything goes where it is.

``--restarts N`` has the supervisor start the trainer again after a failure that another start may not meet: killed for
memory, a CUDA or data error, a lost process. Each is recorded in DIR/restarts.jsonl.

Works for any trainer. Standard library only, Python 3.8 or later, one file: it is copied to machines as it is.
"""

from __future__ import annotations

import argparse
import codecs
import errno
import functools
import io
import json
import os
import re
import shlex
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType

# Every start waits for these imports: what few need is imported there, what annotations name is not imported at all.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO, Callable, ClassVar, Dict, Iterator, List, NoReturn, Optional, Sequence, Tuple

try:
    import fcntl
except ImportError:  # Windows: main() says so before anything needs it.
    fcntl = None  # type: ignore[assignment]

SCHEMA = 1
POLL_SECONDS = 0.1
#: macOS's fcntl(2) command; Python has its name since 3.9.
F_GETPATH = 50
#: Enough of a log's end for its last error line or traceback.
TAIL_BYTES = 16 * 1024
#: How much of a metrics file is looked at in one go.
BLOCK_BYTES = 256 * 1024
#: What `follow` shows of a log before it goes on.
BACKLOG_BYTES = 4 * 1024
#: How long a trainer that is to end without a save may take for it.
QUIT_SECONDS = 5
#: torchrun's agent dies of SIGUSR1 unless told to handle it, and orphans its workers then; the others are its defaults,
#: which have to be repeated. Told in the two ways that its versions know; by an argument, older ones would not start.
TORCHRUN_SIGNALS = dict.fromkeys(
    ("PET_SIGNALS_TO_HANDLE", "TORCHELASTIC_SIGNALS_TO_HANDLE"), "SIGTERM,SIGINT,SIGHUP,SIGQUIT,SIGUSR1"
)
#: What flock(2) answers where some network and FUSE disks, or a sandbox, have none; identity by process.json has to do.
NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL, errno.EPERM)
#: Without locks, another machine's trainer is taken to be training while its log is as young as this.
SIGN_OF_LIFE_SECONDS = 120
#: How long a request waits for a run that has its lock to say who trains in it.
STARTING_SECONDS = 10.0
#: How long a start waits for what a run's last processes still do once its trainer has ended: exit.json, above all.
ENDING_SECONDS = 20.0
#: What fsync(2) answers on a disk that has none: a write there is as durable as it gets.
NO_SYNC = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)


#: Signals that nobody sends to stop a run: out of memory, a broken mapping, a crash in a library, its own abort.
CRASHES = ("SIGKILL", "SIGBUS", "SIGSEGV", "SIGABRT")
#: Errors that the same command may not meet again: memory, the GPU, data and disks, a lost process or node.
PASSING = re.compile(
    r"out of memory|allocate memory|MemoryError|\bCUDA\b|\bcu(?:DNN|BLAS)|\bNCCL\b|\bHIP error|device-side"
    r"|cannot be (?:read|reached|used|opened|loaded)|disk is full|Input/output error|Stale file|Errno \d+|OSError"
    r"|Connection|timed? ?out|Temporary failure|unreachable|another process of the run|\bgloo\b|TCPStore|rendezvous"
    r"|ChildFailedError|Signal \d+ \(SIG",
    re.IGNORECASE,
)
#: Training that diverged would do so again.
DIVERGED = re.compile(r"\bnan\b|not a number|(?:not|non)[- ]finite|\binf\b", re.IGNORECASE)
#: The first restart comes after this, each later one after twice as long, up to the longest.
RESTART_SECONDS = 30.0
LONGEST_RESTART_SECONDS = 900.0


class Refusal(Exception):
    """Nothing was started or stopped; the message is one line for the user."""


# --- The folder ------------------------------------------------------------------------------------------------------


class RunFolder:
    """A run's folder, held open, and a path that leads to it wherever it was renamed to.

    On Linux that is the system's link to the descriptor; macOS tells where an open folder is now (F_GETPATH, fcntl(2)).
    Raises OSError where the folder cannot be opened.
    """

    def __init__(self, given: Path) -> None:
        self.given = given
        self.descriptor = os.open(given, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        link = Path(f"/proc/self/fd/{self.descriptor}")
        self.link = link if sys.platform == "linux" and link.exists() else None

    @property
    def path(self) -> Path:
        return self.link or self.shown

    @property
    def shown(self) -> Path:
        """The path for people: as it was given while that leads here, else where the folder is now."""
        if self.is_at(self.given):
            return self.given
        try:
            if self.link is not None:
                found = Path(os.readlink(self.link))
            elif sys.platform == "darwin":
                found = Path(os.fsdecode(fcntl.fcntl(self.descriptor, F_GETPATH, bytes(1024)).rstrip(b"\0")))
            else:
                return self.given
        except OSError:
            return self.given
        return found if self.is_at(found) else self.given

    def is_at(self, path: Path) -> bool:
        try:
            here, there = os.fstat(self.descriptor), path.stat()
        except OSError:
            return False
        return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)

    def identity(self) -> Dict[str, Any]:
        """`folder` of process.json."""
        found = os.fstat(self.descriptor)
        return {"device": found.st_dev, "inode": found.st_ino, "path": str(self.shown)}


def is_folder(described: Any, run: Path) -> bool:
    """Whether `folder` of a process.json is this folder: by device and inode, by path where there are none.

    A process.json of an older supervisor has no `folder`, and is believed.
    """
    if not isinstance(described, dict):
        return described is None
    try:
        found = run.stat()
    except OSError:
        return False
    if described.get("inode") and found.st_ino:
        return (described.get("device"), described["inode"]) == (found.st_dev, found.st_ino)
    return described.get("path") in (str(run), str(run.resolve()))


def read_process(run: Path) -> Optional[Dict[str, Any]]:
    """process.json where it is about this folder: in a copy of a run it is about the original."""
    process = read_json(run / "process.json")
    return process if process is not None and is_folder(process.get("folder"), run) else None


def host_name() -> str:
    """As ``socket.gethostname``, which is slow to import."""
    return os.uname().nodename


# --- Files -----------------------------------------------------------------------------------------------------------


def replace_json(path: Path, document: Dict[str, Any]) -> None:
    """Writes a JSON file so that no reader ever sees half of it."""
    # Named as the trainer names its own, whose next start sweeps what a kill leaves behind.
    host = host_name().replace("/", "_") or "localhost"
    temporary = path.with_name(f".tmp-{path.name}-{host}-{os.getpid()}")
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(document, file)
            file.flush()
            try:
                os.fsync(file.fileno())
            except OSError as error:
                if error.errno not in NO_SYNC:
                    raise
        os.replace(temporary, path)
    except OSError:
        if temporary.exists():
            temporary.unlink()
        raise


def open_file(path: Path, mode: str, buffering: int = -1) -> BinaryIO:
    """Opens a file that is there, or that ``mode`` makes; what is no file is not opened: a pipe waits for its end.

    Raises ``OSError``.
    """
    try:
        kind = os.stat(path).st_mode
    except FileNotFoundError:
        kind = stat.S_IFREG
    if not stat.S_ISREG(kind):
        raise OSError(errno.EINVAL, f"{path.name} is not a file", str(path))
    return open(path, mode, buffering=buffering)  # type: ignore[return-value]


def read_json(path: Path) -> Optional[Dict[str, Any]]:
    """A JSON object; None where there is none that can be read."""
    try:
        with open_file(path, "rb") as file:
            document = json.loads(file.read())
    except (OSError, ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def stamp(path: Path) -> Optional[Tuple[int, int]]:
    """Changes whenever a file is replaced; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def tail(path: Path, size: int) -> str:
    """The last bytes of a file as text; empty where there is none."""
    try:
        with open_file(path, "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - size))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def segments(path: Path) -> int:
    """How many segments a metrics file says have started: the number of the last start. It is looked for from the end
    back, since a start waits for it and the file of a long run is large."""
    try:
        with open_file(path, "rb") as file:
            for place in places_back(file, b'"start"'):
                try:
                    event = json.loads(line_at(file, place))
                except ValueError:
                    continue  # A torn line, or one that only mentions the word.
                if isinstance(event, dict) and event.get("event") == "start" and isinstance(event.get("segment"), int):
                    return int(event["segment"])
    except OSError:
        pass
    return 0


def places_back(file: BinaryIO, word: bytes) -> "Iterator[int]":
    """Where a file holds a word, the last place first."""
    end = file.seek(0, os.SEEK_END)
    while end > 0:
        start = max(0, end - BLOCK_BYTES)
        file.seek(start)
        # A word may begin in this block and end in the next.
        block = file.read(end - start + len(word) - 1)
        found = block.rfind(word)
        while found >= 0:
            yield start + found
            found = block.rfind(word, 0, found)
        end = start


def line_at(file: BinaryIO, place: int) -> bytes:
    """The line of a file that a place is in, as far as it is no longer than any of ours."""
    start = max(0, place - BLOCK_BYTES)
    file.seek(start)
    around = file.read(2 * BLOCK_BYTES)
    begin, end = around.rfind(b"\n", 0, place - start) + 1, around.find(b"\n", place - start)
    return around[begin : end if end >= 0 else len(around)]


def newest_checkpoint(run: Path) -> int:
    """The step of the newest folder of a checkpoint; 0 where there is none."""
    try:
        names = [entry.name for entry in (run / "checkpoints").iterdir()]
    except OSError:
        return 0
    return max([int(name[11:]) for name in names if re.fullmatch(r"checkpoint-[0-9]+", name)], default=0)


def last_step(run: Path) -> int:
    """The last step that the run logged, else its newest checkpoint's, else 0."""
    for line in reversed(tail(run / "metrics.jsonl", 4 * TAIL_BYTES).splitlines()):
        try:
            step = json.loads(line).get("step")
        except (ValueError, AttributeError):
            continue
        if isinstance(step, int):
            return step
    return newest_checkpoint(run)


# --- Processes -------------------------------------------------------------------------------------------------------


def boot_id() -> str:
    """Tells this start of the machine from others; empty where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def proc_stat(pid: int) -> Optional[Tuple[str, int]]:
    """State letter and start time in clock ticks since boot (proc(5), fields 3 and 22); None for no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return fields[0], int(fields[19])


def identified(pid: int) -> Tuple[int, int]:
    """A process and its start in clock ticks, by which a later one of its pid is another; 0 where nothing tells."""
    found = proc_stat(pid)
    return pid, found[1] if found else 0


def is_alive(process: Dict[str, Any]) -> bool:
    """Whether the very process that a process.json of this host names still runs: pids are reused."""
    pid = process.get("pid")
    if not isinstance(pid, int) or pid <= 0 or process.get("host") != host_name():
        return False
    here = boot_id()
    return (here == "" or process.get("boot_id") == here) and is_same(pid, process.get("start_ticks"))


def is_same(pid: Any, ticks: Any) -> bool:
    """Whether a process of this machine still is the one that started at `ticks`."""
    if not isinstance(pid, int) or pid <= 0:
        return False
    found = proc_stat(pid)
    if found is None:
        return boot_id() == "" and answers(pid)
    return found[0] not in "ZX" and found[1] == ticks


def answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def all_processes() -> Optional[List[int]]:
    """The pids of this machine; None where there is no /proc."""
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return None


def children(pid: int) -> List[int]:
    """The processes that a process started and that still run."""
    found: List[int] = []
    pids = all_processes()
    if pids is None:
        listed = subprocess.run(["pgrep", "-P", str(pid)], stdout=subprocess.PIPE, check=False).stdout
        return [int(word) for word in listed.split()]
    for each in pids:
        try:
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] not in "ZX":
            found.append(each)
    return found


def reading_from(descriptor: int) -> List[int]:
    """The other processes whose standard input is the file of a descriptor (proc(5)); none where there is no /proc."""
    file = os.fstat(descriptor)
    found: List[int] = []
    for pid in all_processes() or []:
        try:
            theirs = os.stat(f"/proc/{pid}/fd/0")
        except OSError:
            continue
        if (theirs.st_dev, theirs.st_ino) == (file.st_dev, file.st_ino) and pid != os.getpid():
            found.append(pid)
    return sorted(found)


def send(pids: List[int], number: int) -> None:
    """Signals processes, those that have ended meanwhile aside."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def ask(process: Dict[str, Any], number: int) -> None:
    """Sends a request to whoever decides about a run: its supervisor, or the trainer where that is gone."""
    supervisor = process.get("supervisor")
    if isinstance(supervisor, dict) and is_same(supervisor.get("pid"), supervisor.get("start_ticks")):
        os.kill(supervisor["pid"], number)
    else:
        os.kill(int(process["pid"]), number)


def is_going(process: Dict[str, Any]) -> bool:
    """Whether a run goes on: its trainer, or its supervisor, which may be about to start another."""
    supervisor = process.get("supervisor")
    if isinstance(supervisor, dict) and is_same(supervisor.get("pid"), supervisor.get("start_ticks")):
        return True
    return is_alive(process)


def catches(pid: int, number: int) -> bool:
    """Whether a process has a handler for a signal (proc(5), SigCgt): without one, SIGUSR2 would end it."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    found = re.search(r"^SigCgt:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return found is not None and int(found[1], 16) >> (number - 1) & 1 == 1


def holder(run: Path) -> str:
    """Who trains in a run, for a message."""
    process = read_process(run)
    if process is None:
        return ""
    gone = ", which has ended" if process.get("host") == host_name() and not is_going(process) else ""
    return f" (process {process.get('pid')} on {process.get('host')}{gone})"


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIGRTMIN+{number - signal.SIGRTMIN}"


# --- The trainer's environment --------------------------------------------------------------------------------------


#: A line of a file of variables, and what may follow NAME=: a text in quotes, which may go on over lines.
ASSIGNMENT = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=[ \t]*(.*)")
COMMENT = re.compile(r"\s*(?:#.*)?")
QUOTED = {
    "'": re.compile(r"'([^']*)'\s*(?:#.*)?"),
    '"': re.compile(r'"((?:[^"\\]|\\.)*)"\s*(?:#.*)?', re.DOTALL),
}
ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
#: Loading modules reads files on network disks, and may run programs.
ENVIRONMENT_SECONDS = 300
#: Run by bash: modules are a function of a login shell's, and a conda environment brings scripts of its own.
ACTIVATE = """
if [ $# -gt 0 ]; then module load "$@" >&2 || exit 1; fi
if [ -n "$NPT_ACTIVATE" ]; then
  export CONDA_PREFIX="$NPT_ACTIVATE" PATH="$NPT_ACTIVATE/bin:$PATH" CONDA_DEFAULT_ENV="${NPT_ACTIVATE##*/}"
  for script in "$CONDA_PREFIX"/etc/conda/activate.d/*.sh; do [ -r "$script" ] && . "$script" >&2; done
fi
unset NPT_ACTIVATE
env -0 >&"$NPT_ANSWER"
"""


class TrainerEnvironment:
    """What the trainer finds around it: modules, conda's environment, a file of variables, variables; later win."""

    def __init__(
        self,
        variables: Sequence[str] = (),
        file: Optional[str] = None,
        modules: Sequence[str] = (),
        conda: Optional[str] = None,
    ) -> None:
        self.variables = dict(split_variable(word) for word in variables)
        self.file = None if file is None else Path(file).expanduser().absolute()
        self.modules = modules
        self.conda = conda

    def made(self) -> Dict[str, str]:
        """The variables, all of them. Raises Refusal, which names no value."""
        found = dict(os.environ)
        if self.modules or self.conda is not None:
            found = self.activated()
        if self.file is not None:
            found.update(variables_in(self.file))
        found.update(self.variables)
        return found

    def activated(self) -> Dict[str, str]:
        """The environment once the modules are loaded and the conda environment is active."""
        what = f"the environment modules {' '.join(self.modules)}" if self.modules else f"conda's {self.conda}"
        if self.conda is not None and not os.path.isdir(self.conda):
            raise Refusal(f"there is no conda environment in {self.conda}")
        reader, writer = os.pipe()
        try:
            started = subprocess.Popen(
                ["bash", *(["-l"] if self.modules else []), "-c", ACTIVATE, "npt", *self.modules],
                env=dict(os.environ, NPT_ACTIVATE=self.conda or "", NPT_ANSWER=str(writer)),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=[writer],
            )
        except OSError as error:
            os.close(reader)
            raise Refusal(f"{what} cannot be loaded: bash cannot be started ({error.strerror})") from None
        finally:
            os.close(writer)
        limit = threading.Timer(ENVIRONMENT_SECONDS, started.kill)
        limit.start()
        # Two pipes: what is said is read by the side, so that neither waits for the other.
        said: List[bytes] = []
        listener = threading.Thread(target=lambda: said.append(started.stderr.read() if started.stderr else b""))
        listener.start()
        with open(reader, "rb") as answer:
            words = answer.read().split(b"\0")
        code = started.wait()
        limit.cancel()
        listener.join(1)
        lines = [line for line in b"".join(said).decode("utf-8", "replace").splitlines() if line.strip()]
        found = dict(os.fsdecode(word).split("=", 1) for word in words if b"=" in word)
        # Some versions say that a module is not there, and end well.
        loaded = found.get("LOADEDMODULES")
        missing = [name for name in self.modules if loaded is not None and not is_loaded(name, loaded)]
        if code != 0 or not found or missing:
            why = lines[-1].strip() if lines else f"bash ended with {code}"
            raise Refusal(f"{what} cannot be loaded: {why}")
        for name in ("NPT_ANSWER", "SHLVL", "_"):
            found.pop(name, None)
        return found


def is_loaded(module: str, loaded: str) -> bool:
    return any(name == module or name.startswith(f"{module}/") for name in loaded.split(":"))


def split_variable(word: str) -> Tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals or re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name) is None:
        raise Refusal(f"--env takes NAME=VALUE, and {name!r} is not the name of a variable")
    return name, value


def variables_in(file: Path) -> Dict[str, str]:
    """The variables of a file of NAME=VALUE lines. Raises Refusal, which says the line and nothing that is in it."""
    try:
        with open_file(file, "rb") as opened:
            text = opened.read().decode("utf-8-sig").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise Refusal(f"the file of variables {file} cannot be read: {why}") from None
    found: Dict[str, str] = {}
    lines = text.split("\n")
    while lines:
        number = text.count("\n") - len(lines) + 2
        line = lines.pop(0)
        if COMMENT.fullmatch(line):
            continue
        match = ASSIGNMENT.fullmatch(line)
        value = None if match is None else value_of(match[2], lines)
        if match is None or value is None or "\0" in value:
            raise Refusal(f"the file of variables {file} has no NAME=VALUE in line {number}")
        found[match[1]] = value
    return found


def value_of(text: str, more: List[str]) -> Optional[str]:
    """A value as it stands behind NAME=, which takes further lines while its quotes are open; None for none."""
    if text[:1] not in QUOTED:
        return re.sub(r"(^|\s)#.*", "", text).strip()
    quoted = QUOTED[text[0]]
    while quoted.fullmatch(text) is None:
        if not more:
            return None
        text += "\n" + more.pop(0)
    match = quoted.fullmatch(text)
    assert match is not None
    inner = match[1]
    if text[0] == "'":
        return inner
    return re.sub(r"\\(.)", lambda found: ESCAPES.get(found[1], found[1]), inner, flags=re.DOTALL)


# --- The lock --------------------------------------------------------------------------------------------------------


def take_lock(folder: RunFolder) -> int:
    """Takes DIR/run.lock and returns its descriptor. Raises Refusal where another trainer holds it.

    Right after a trainer was killed its supervisor still has the lock, for as long as it takes to say so in exit.json.
    """
    run, shown = folder.path, folder.shown
    descriptor = os.open(run / "run.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    until = time.monotonic() + ENDING_SECONDS
    waits = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except OSError as error:
            if error.errno in NO_LOCKS:
                if not seems_to_train(run, descriptor):
                    print(
                        f"warning: {shown} is on a disk without file locks: take care not to start two trainers in it"
                    )
                    return descriptor
            elif error.errno not in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES):
                os.close(descriptor)
                raise
            elif seems_to_end(run) and time.monotonic() < until:
                if not waits:
                    print(f"waiting for the last process of {shown} to end", file=sys.stderr, flush=True)
                waits = True
                time.sleep(POLL_SECONDS)
                continue
            os.close(descriptor)
            raise Refusal(f"another trainer is already running in {shown}{holder(run)}; stop it first") from None


def seems_to_end(run: Path) -> bool:
    """Whether whoever holds a run's lock is no trainer that goes on: its trainer was killed or has just ended, and a
    supervisor writes down how; or it is being started, which shows in a moment."""
    named = read_process(run)
    return named is None or (named.get("host") == host_name() and not is_alive(named))


def seems_to_train(run: Path, lock: int) -> bool:
    """Whether the process that process.json names trains, as far as can be told without a lock."""
    named = read_process(run)
    if named is None:
        return False
    if named.get("host") == host_name():
        return is_alive(named)
    if named.get("job") is not None and named["job"] == os.environ.get("SLURM_JOB_ID"):
        return False  # This very job, before it was requeued.
    # Another machine's clock may differ: both times are the file system's.
    os.utime(lock)
    signs = [found[1] for found in (stamp(run / "metrics.jsonl"), stamp(run / "process.json")) if found is not None]
    return 0 <= os.fstat(lock).st_mtime_ns - max(signs, default=0) < SIGN_OF_LIFE_SECONDS * 10**9


def lock_state(run: Path) -> str:
    """`held` while something trains in a run, `free` while nothing does, `unknown` where the disk has no locks.

    Of processes on this system it is the truth, in whichever container they are; of another machine's on a network disk
    it is what that disk makes of flock(2).
    """
    try:
        descriptor = os.open(run / "run.lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return "free"
    except OSError:
        return "unknown"
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return "free"
    except OSError as error:
        return "held" if error.errno in (errno.EWOULDBLOCK, errno.EACCES) else "unknown"
    finally:
        os.close(descriptor)


# --- The launchers ---------------------------------------------------------------------------------------------------


class Launcher:
    """What is particular to a way of starting the trainer; this one is a process that trains by itself."""

    #: What the command's process finds in its environment.
    variables: ClassVar[Dict[str, str]] = {}

    def stdin(self, lock: int) -> int:
        """What the command's process reads from."""
        return subprocess.DEVNULL

    def trainers(self, pid: int) -> List[int]:
        """The processes that a request goes to, of the command's process."""
        return [pid]

    def everything(self, pid: int) -> List[int]:
        """The processes that are ended by force."""
        return [pid]

    def left_behind(self, lock: int) -> List[int]:
        """The processes that still train once the command's has ended."""
        return []


class Torchrun(Launcher):
    variables: ClassVar[Dict[str, str]] = TORCHRUN_SIGNALS

    def stdin(self, lock: int) -> int:
        # torchrun closes every descriptor of its own but the standard ones in the processes that it starts. The lock's
        # file is empty, so whoever reads from it finds the end, as in /dev/null.
        return lock

    def trainers(self, pid: int) -> List[int]:
        # torchrun's agent gives its workers 30 s from the first signal on and leaves them behind at a second one; the
        # workers themselves agree on a step, save and end, and the agent with them.
        return children(pid) or [pid]

    def everything(self, pid: int) -> List[int]:
        return [*children(pid), pid]

    def left_behind(self, lock: int) -> List[int]:
        return reading_from(lock)


#: By the word that process.json has for them; any other is a process that trains by itself.
LAUNCHERS: Dict[str, Launcher] = {"local": Launcher(), "torchrun": Torchrun()}


# --- The supervisor: detached, waits for the trainer -----------------------------------------------------------------


class Orders:
    """What a supervisor is told to do: what it starts, in which environment, and how often it starts it again."""

    def __init__(
        self,
        kind: str,
        argv: List[str],
        *,
        environment: Optional[TrainerEnvironment] = None,
        segment: Optional[int] = None,
        restarts: int = 0,
        restart_seconds: float = RESTART_SECONDS,
        again: Optional[List[str]] = None,
    ) -> None:
        self.kind = kind
        self.argv = argv
        self.environment = environment or TrainerEnvironment()
        self.segment = segment
        self.restarts = restarts
        self.restart_seconds = restart_seconds
        #: What a restart runs once the run saved something.
        self.again = argv if again is None else again


def read_words(text: str) -> List[str]:
    try:
        words = json.loads(text)
    except ValueError:
        words = None
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        raise Refusal("--again takes a command as a JSON list of words")
    return words


class Supervisor:
    """Starts the trainer, waits for it, writes down how it ended, and starts it again where it was told to."""

    def __init__(self, folder: RunFolder, orders: Orders, lock: int, report: int) -> None:
        self.folder = folder
        self.orders = orders
        self.kind = orders.kind
        self.launcher = LAUNCHERS.get(orders.kind, Launcher())
        self.argv = orders.argv
        self.segment = orders.segment or self.next_segment()
        self.lock = lock
        self.report = report
        self.trainer: "Optional[subprocess.Popen[bytes]]" = None
        self.log: Optional[BinaryIO] = None
        self.own_ticks = 0
        #: The process that process.json names, by its start in clock ticks.
        self.named: Optional[Tuple[int, int]] = None
        #: What the command's process left behind when it ended.
        self.left: List[int] = []
        #: The first request to stop, and when it came.
        self.asked: Optional[int] = None
        self.asked_at = 0.0
        self.unasked = [True]
        #: Whether it was told to end without a save.
        self.quit = False
        #: Since when the process that process.json names runs.
        self.started = 0.0
        #: Whether nothing else is done than to wait for the trainer, so that process.json can be written.
        self.waits = False
        #: How often the trainer was started again, and after what, for process.json.
        self.restarted = 0
        self.restart: Optional[Dict[str, Any]] = None

    def next_segment(self) -> int:
        return segments(self.run / "metrics.jsonl") + 1

    @property
    def run(self) -> Path:
        return self.folder.path

    def tell(self, line: str) -> None:
        """A line to the follower, if it is still there."""
        try:
            os.write(self.report, line.encode() + b"\n")
        except OSError:
            pass

    def pass_on(self, number: int, frame: Optional[FrameType]) -> None:
        """Passes a signal on to the trainer: the first request to stop, and the one to end at once."""
        if number == signal.SIGQUIT:
            self.quit = True
            self.asked_at = self.asked_at or time.time()
            signal.alarm(QUIT_SECONDS)
        elif not self.is_first():
            since = time.strftime("%H:%M:%S", time.localtime(self.asked_at))
            waiting = "for the trainer to finish its step and save"
            self.say(
                f"already stopping, since {since}: still waiting {waiting} (last logged step: {last_step(self.run)})"
            )
            return
        else:
            self.asked, self.asked_at = number, time.time()
        self.signal_trainer(number)
        self.note_process()

    def is_first(self) -> bool:
        """True once. A handler may run inside another, and list.pop is a single step."""
        try:
            return self.unasked.pop()
        except IndexError:
            return False

    def note_process(self) -> None:
        """Says in process.json who trains, and whether it was asked to end. Of two writers at once, in a handler and in
        what it interrupted, one would write into the other's file: the one that is at it says what came meanwhile."""
        if not self.waits or self.named is None:
            return
        self.waits = False
        pid, ticks = self.named
        noted: Optional[Tuple[Optional[int], bool]] = None
        while noted != (self.asked, self.quit):
            noted = (self.asked, self.quit)
            self.record(lambda: self.write_process(pid, ticks))
        self.waits = True

    def trainers(self) -> List[int]:
        """The processes that a request goes to."""
        if self.trainer is None or self.trainer.poll() is not None:
            return self.left
        return self.launcher.trainers(self.trainer.pid)

    def signal_trainer(self, number: int) -> None:
        send(self.trainers(), number)

    def end_now(self, number: int, frame: Optional[FrameType]) -> None:
        """The trainer was told to end without a save and has not."""
        if self.trainer is None or self.trainer.poll() is not None:
            send(self.left, signal.SIGKILL)
        else:
            send(self.launcher.everything(self.trainer.pid), signal.SIGKILL)

    def show_stacks(self, number: int, frame: Optional[FrameType]) -> None:
        """Passes SIGUSR2 on to trainers that answer it with the Python stacks of their threads, in the log."""
        send([pid for pid in self.trainers() if catches(pid, number)], number)

    def see_out(self) -> None:
        """Waits for what the command's process left behind. It holds the run's lock and still saves: until it has
        ended nobody knows how the run did, and another start would train beside it."""
        while True:
            left = self.launcher.left_behind(self.lock)
            if left and self.named is not None and self.named[0] not in left:
                self.say(f"── process {self.named[0]} has ended and left {', '.join(map(str, left))}: waiting for that")
                self.named = identified(left[0])
                self.note_process()
            self.left = left
            if not left:
                return
            time.sleep(POLL_SECONDS)

    def supervise(self) -> int:
        """The supervisor's whole life; the exit code of the last start."""
        for name in ("SIGINT", "SIGTERM", "SIGUSR1", "SIGQUIT"):
            signal.signal(getattr(signal, name), self.pass_on)
        signal.signal(signal.SIGALRM, self.end_now)
        signal.signal(signal.SIGUSR2, self.show_stacks)
        # A handler, not SIG_IGN: what is ignored stays ignored in the trainer, for which SIGHUP means save and stop.
        signal.signal(signal.SIGHUP, lambda number, frame: None)
        self.own_ticks = identified(os.getpid())[1]
        self.log = open_file(self.run / "train.log", "ab", buffering=0)
        before = newest_checkpoint(self.run)
        while True:
            code = self.train()
            after = self.failure(code)
            if after is None:
                break
            if not self.wait_to_restart(after):
                code = 128 + (self.asked or signal.SIGQUIT)
                break
            # What was asked for first is in the run's own checkpoints once it saved one.
            self.argv = self.orders.again if newest_checkpoint(self.run) > before else self.orders.argv
            self.segment = self.next_segment()
        self.record(self.forget_process)
        self.tell(f"exit {code}")
        return code

    def train(self) -> int:
        """One start of the trainer, to its end; its exit code, or 2 where the environment was refused."""
        before = stamp(self.run / "exit.json")
        self.say(f"\n── segment {self.segment} · {time.strftime('%Y-%m-%d %H:%M:%S')} · {self.command()}")
        try:
            environment = self.orders.environment.made()
        except Refusal as refusal:
            # Nothing was started: the run is as it was.
            self.say(f"error: {refusal}")
            return 2
        environment.update(self.launcher.variables)
        environment.update(NPT_SUPERVISED="1", NPT_RUN_LOCK_FD=str(self.lock), PYTHONUNBUFFERED="1")
        try:
            trainer = self.trainer = subprocess.Popen(
                self.argv,
                stdin=self.launcher.stdin(self.lock),
                stdout=self.log,
                stderr=self.log,
                env=environment,
                # The trainer holds the lock, too: a supervisor that is killed leaves no unlocked run behind.
                pass_fds=[self.lock],
            )
        except OSError as error:
            reason = f"{self.argv[0]} cannot be started: {error.strerror}"
            self.say(f"error: {reason}")
            self.record(lambda: self.write_exit("failed", None, reason))
            return 1
        self.started = time.time()
        pid, ticks = self.named = identified(trainer.pid)
        self.record(lambda: self.write_process(pid, ticks))
        self.tell(f"pid {pid} {ticks} {os.getpid()} {self.own_ticks}")
        self.waits = True
        if self.asked is not None:
            self.signal_trainer(self.asked)
            self.note_process()
        code = trainer.wait()
        self.see_out()
        self.waits = False
        signal.alarm(0)
        self.record(lambda: self.conclude(code, before))
        return code

    def failure(self, code: int) -> Optional[str]:
        """What the trainer is to be started again after, as one line; None where it is not.

        Only after a failure that another start may not meet: never after a request to stop, a usage error or NaN, and
        not when it was ended by a signal that people end programs with.
        """
        if self.restarted >= self.orders.restarts or self.asked is not None or self.quit or self.trainer is None:
            return None
        # A command that is refused at the first start is wrong; later, what it needs may be away for a while.
        if code == 0 or (code == 2 and self.restarted == 0):
            return None
        ended = read_json(self.run / "exit.json") or {}
        error = str(ended.get("error") or error_line(self.run / "train.log") or "")
        if ended.get("why") == "killed":
            return f"killed by {ended.get('signal')}" if ended.get("signal") in CRASHES else None
        if ended.get("why") == "stopped" and code < 0 and signal_name(-code) in CRASHES:
            # Nobody asked: the workers saved because their agent was killed.
            return f"killed by {signal_name(-code)}"
        if ended.get("why") != "failed":
            return None
        return error if PASSING.search(error) and not DIVERGED.search(error) else None

    def wait_to_restart(self, after: str) -> bool:
        """Waits, longer each time, with the run's lock held; False where it was asked to stop meanwhile."""
        seconds = min(self.orders.restart_seconds * 2**self.restarted, LONGEST_RESTART_SECONDS)
        self.restarted += 1
        most, newest = self.orders.restarts, newest_checkpoint(self.run)
        source = f"checkpoint-{newest}" if newest > 0 else "the beginning"
        self.say(f"── restart {self.restarted} of {most} from {source} in {seconds:g} s · after: {after}")
        self.restart = {"number": self.restarted, "of": most, "after": after, "at": time.time() + seconds}
        self.record(self.note_restart)
        self.started = time.time()
        self.record(lambda: self.write_process(os.getpid(), self.own_ticks))
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.asked is not None or self.quit:
                sent = signal_name(signal.SIGQUIT if self.quit else self.asked or signal.SIGINT)
                self.say(f"{sent} received: not starting again")
                self.record(functools.partial(self.write_exit, "stopped", sent, None))
                return False
            time.sleep(min(POLL_SECONDS, max(0.0, until - time.monotonic())))
        return True

    def note_restart(self) -> None:
        """A line in restarts.jsonl: how the segment before ended, and what is done about it."""
        ended = read_json(self.run / "exit.json") or {}
        kept = {name: ended.get(name) for name in ("why", "step", "segment", "signal", "error")}
        line = {"schema": SCHEMA, "time": time.time(), **(self.restart or {}), "ended": kept}
        with open_file(self.run / "restarts.jsonl", "ab") as file:
            file.write(json.dumps(line).encode() + b"\n")

    def command(self) -> str:
        return " ".join(shlex.quote(word) for word in self.argv)

    def say(self, line: str) -> None:
        """A line of the supervisor's own in the log. A full disk must not end the supervision."""
        try:
            if self.log is not None:
                self.log.write(line.encode() + b"\n")
        except OSError:
            pass

    def record(self, write: Callable[[], None]) -> None:
        """Writes a file about the run; where that fails, training goes on and the log says so."""
        try:
            write()
        except OSError as error:
            where = str(error.filename or self.run).replace(str(self.run), str(self.folder.shown))
            self.say(f"warning: {where} cannot be written: {error.strerror}")

    def write_process(self, pid: int, ticks: int) -> None:
        """process.json: about the trainer, or between two starts about this process."""
        replace_json(self.run / "process.json", self.describe(pid, ticks))

    def describe(self, pid: int, ticks: int) -> Dict[str, Any]:
        """The content of process.json."""
        return {
            "schema": SCHEMA,
            "host": host_name(),
            "boot_id": boot_id(),
            "pid": pid,
            "started": self.started,
            "start_ticks": ticks,
            "launcher": self.kind,
            "job": os.environ.get("SLURM_JOB_ID"),
            "segment": self.segment,
            "folder": self.folder.identity(),
            "supervisor": {"pid": os.getpid(), "start_ticks": self.own_ticks},
            **({} if self.restart is None else {"restart": self.restart}),
            **({} if self.asked is None and not self.quit else {"stopping": self.stopping()}),
        }

    def stopping(self) -> Dict[str, Any]:
        """What the trainer was asked to end by, and since when."""
        number = signal.SIGQUIT if self.quit else self.asked or signal.SIGINT
        return {"signal": signal_name(number), "since": self.asked_at}

    def write_exit(self, why: str, sent: Optional[str], error: Optional[str]) -> None:
        replace_json(
            self.run / "exit.json",
            {
                "schema": SCHEMA,
                "why": why,
                "step": last_step(self.run),
                "segment": self.segment,
                "signal": sent,
                "error": error,
                "time": time.time(),
            },
        )

    def conclude(self, code: int, before: Optional[Tuple[int, int]]) -> None:
        """exit.json where the trainer did not write it."""
        after = stamp(self.run / "exit.json")
        wrote = after is not None and after != before
        # 0 and 2 without a segment: the trainer had nothing to do, or refused what was asked. The run is as it was.
        began = segments(self.run / "metrics.jsonl") >= self.segment
        untouched = code in (0, 2) and not began and (self.run / "run.json").exists()
        if not wrote and not untouched:
            number = -code if code < 0 else code - 128 if 128 < code < 192 else 0
            if self.asked is not None and (number == self.asked or (number == 0 and code != 0 and not began)):
                # Asked to stop before it had anything to save, perhaps while Python itself was starting, or one that
                # cannot save: it did as it was told.
                why = "preempted" if self.asked == signal.SIGUSR1 else "stopped"
                self.write_exit(why, signal_name(self.asked), None)
            elif number:
                self.write_exit("killed", signal_name(number), None)
            elif code == 0:
                self.write_exit("done", None, None)
            else:
                self.write_exit("failed", None, error_line(self.run / "train.log") or f"the trainer ended with {code}")

    def forget_process(self) -> None:
        """process.json goes, where it is about a process of this supervisor."""
        process = self.run / "process.json"
        named = read_json(process)
        own = [os.getpid()] if self.named is None else [os.getpid(), self.named[0]]
        if named is not None and named.get("pid") in own:
            process.unlink()


def error_line(log: Path) -> Optional[str]:
    """The line of a log's end that says what went wrong: an `error:` line, or a traceback's last."""
    lines = [line.strip() for line in tail(log, TAIL_BYTES).splitlines() if line.strip()]
    for line in reversed(lines):
        if line.startswith("── segment"):
            break
        if line.startswith("error:"):
            return line[len("error:") :].strip()
    for line in reversed(lines[-30:]):
        if re.match(r"[\w.]*(Error|Exception|Exit|Interrupt|Warning)\b", line):
            return line
    return lines[-1] if lines and not lines[-1].startswith("── segment") else None


def located_error(log: Path) -> Optional[str]:
    """The last segment's `error:` line as compilers write theirs, `file:line: error: message`, for a task runner that
    lists problems: it takes none without a file."""
    try:
        lines = log.read_bytes().split(b"\n")
    except OSError:
        return None
    for number in range(len(lines), 0, -1):
        line = lines[number - 1].decode("utf-8", "replace").strip()
        if line.startswith("── segment"):
            break
        if line.startswith("error:"):
            return f"{log}:{number}: error: {line[len('error:') :].strip()}"
    return None


# --- The follower: in the terminal -----------------------------------------------------------------------------------


class TerminalText:
    """What a terminal is shown of a log, which holds whatever a trainer, its data and its names put there: text,
    colours and what progress bars need. Every other control sequence, which could retitle the terminal, make links,
    write to the clipboard or have the terminal type, is shown instead of obeyed."""

    #: Colours, erasing in a line, moving the cursor; and what is shown by a sign or an escape.
    SPECIAL = re.compile(
        "\x1b\\[[0-9;]*[mKABCDG]|[\x00-\x07\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
    )
    #: The start of a sequence whose rest is not there yet.
    TORN = re.compile("\x1b(\\[[0-9;]{0,16})?$")

    def __init__(self) -> None:
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.held = ""

    def take(self, data: bytes) -> bytes:
        text = self.held + self.decoder.decode(data)
        torn = self.TORN.search(text)
        self.held = torn.group() if torn else ""
        return self.SPECIAL.sub(self.sign, text[: len(text) - len(self.held)]).encode("utf-8", "replace")

    @staticmethod
    def sign(match: "re.Match[str]") -> str:
        found = match.group()
        if len(found) > 1:
            return found
        code = ord(found)
        if code < 0x20:
            return chr(0x2400 + code)
        return "\u2421" if code == 0x7F else f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


class Follower:
    """Shows a log as it grows and passes Ctrl+C on."""

    def __init__(self, folder: RunFolder, offset: int) -> None:
        self.folder = folder
        self.offset = offset
        self.trainer: Optional[Dict[str, Any]] = None
        self.asked = False
        self.wanted: List[int] = []
        self.log: Optional[BinaryIO] = None
        self.screen = TerminalText() if sys.stdout.isatty() else None

    @property
    def run(self) -> Path:
        return self.folder.path

    def install(self) -> None:
        for name in ("SIGINT", "SIGTERM", "SIGQUIT"):
            signal.signal(getattr(signal, name), self.on_signal)
        # A terminal that closes ends the follower, quietly, and nothing else.
        signal.signal(signal.SIGHUP, lambda number, frame: os._exit(128 + number))

    def on_signal(self, number: int, frame: Optional[FrameType]) -> None:
        """SIGINT and SIGTERM ask to save and stop, SIGQUIT to end without a save."""
        self.wanted.append(number)

    def forward(self) -> None:
        """Passes on what was asked for, once there is a trainer."""
        while self.wanted and self.trainer is not None:
            number = self.wanted.pop(0)
            if not is_going(self.trainer):
                return
            if number == signal.SIGQUIT:
                self.show(b"\nending it without a save...\n")
                self.pass_on(number)
            elif not self.asked:
                self.asked = True
                self.show(b"\nsaving and stopping... (Ctrl+\\ ends it without a save)\n")
                self.pass_on(signal.SIGINT)
            else:
                self.show(b"\nalready saving and stopping: waiting for the trainer to finish its step and save\n")

    def pass_on(self, number: int) -> None:
        try:
            ask(self.trainer or {}, number)
        except ProcessLookupError:
            pass  # It ended at this moment.

    def show(self, data: bytes) -> None:
        """Writes to the terminal; where that is gone, there is nobody left to follow for."""
        try:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        except (OSError, ValueError):
            os._exit(128 + signal.SIGHUP)

    def pump(self) -> None:
        """Shows what the log grew by."""
        if self.log is None:
            try:
                self.log = open_file(self.run / "train.log", "rb")
            except OSError:
                return
        if os.fstat(self.log.fileno()).st_size < self.offset:
            self.offset = 0  # Somebody emptied it.
        self.log.seek(self.offset)
        while True:
            data = self.log.read(64 * 1024)
            if not data:
                return
            self.offset += len(data)
            self.show(data if self.screen is None else self.screen.take(data))

    def say(self, line: str) -> None:
        """A line of the follower's own."""
        data = f"{line}\n".encode("utf-8", "surrogateescape")
        self.show(data if self.screen is None else self.screen.take(data))

    def until(self, ended: Callable[[], bool]) -> None:
        """Follows until `ended` says so, and then shows the rest."""
        while not ended():
            self.pump()
            self.forward()
            time.sleep(POLL_SECONDS)
        self.pump()


class Report:
    """What the supervisor tells its follower through a pipe: `pid N TICKS` and its own, then `exit CODE`."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self.text = b""
        self.trainer: Optional[Dict[str, Any]] = None
        self.code: Optional[int] = None
        self.closed = False

    def read(self) -> None:
        while not self.closed:
            try:
                data = os.read(self.descriptor, 4096)
            except BlockingIOError:
                break
            self.closed = data == b""
            self.text += data
        *lines, self.text = self.text.split(b"\n")
        for line in lines:
            words = line.decode().split()
            if words[0] == "exit":
                self.code = int(words[1])
            else:
                self.trainer = {
                    "host": host_name(),
                    "boot_id": boot_id(),
                    "pid": int(words[1]),
                    "start_ticks": int(words[2]),
                    "supervisor": {"pid": int(words[3]), "start_ticks": int(words[4])},
                }


def exit_code_of(run: Path, since: Optional[Tuple[int, int]]) -> int:
    """An exit code from exit.json, for a follower that is not told one: 0 done, 1 failed, 128+n after a signal."""
    if stamp(run / "exit.json") == since:
        return 1
    document = read_json(run / "exit.json") or {}
    why = document.get("why")
    if why == "done":
        return 0
    name = document.get("signal") or {"stopped": "SIGINT", "preempted": "SIGUSR1", "killed": "SIGKILL"}.get(str(why))
    number = getattr(signal, str(name), None)
    return 128 + int(number) if isinstance(number, signal.Signals) else 1


def stopped_as_asked(run: Path, since: Optional[Tuple[int, int]]) -> bool:
    """Whether this segment saved and stopped because somebody asked it to."""
    if stamp(run / "exit.json") == since:
        return False
    return (read_json(run / "exit.json") or {}).get("why") == "stopped"


# --- The commands ----------------------------------------------------------------------------------------------------


def command_run(arguments: argparse.Namespace, argv: List[str]) -> int:
    if arguments.escaped:
        argv = [unescaped(word) for word in argv]
        for name, value in vars(arguments).items():
            if isinstance(value, str):
                setattr(arguments, name, unescaped(value))
            elif isinstance(value, list):
                setattr(arguments, name, [unescaped(word) for word in value])
    run = Path(arguments.run_dir).expanduser().absolute()
    if not argv:
        raise Refusal("run needs a command after --, such as: -- python scripts/train_multi_layer_npt.py …")
    import shutil

    if shutil.which(argv[0]) is None:
        raise Refusal(f"{argv[0]} is not a program that can be started")
    orders = Orders(
        arguments.launcher,
        argv,
        environment=TrainerEnvironment(arguments.env, arguments.env_file, arguments.module, arguments.conda),
        segment=arguments.segment,
        restarts=arguments.restarts,
        restart_seconds=arguments.restart_wait,
        again=None if arguments.again is None else read_words(arguments.again),
    )
    missing = missing_ancestors(run)
    try:
        run.mkdir(parents=True, exist_ok=True)
        folder = RunFolder(run)
        lock = take_lock(folder)
        # Fails here, with a reason on the terminal, rather than in the supervisor, where nobody looks.
        with open_file(folder.path / "train.log", "ab") as log:
            offset = log.tell()
    except OSError as error:
        raise Refusal(f"the run folder {run} cannot be written: {error.strerror}") from None
    before = stamp(folder.path / "exit.json")
    reader, writer = os.pipe()
    follower = Follower(folder, offset)
    follower.install()
    supervisor = Supervisor(folder, orders, lock, writer)
    detach(supervisor.supervise, reader)
    os.close(lock)
    os.close(writer)

    report = Report(reader)

    def ended() -> bool:
        report.read()
        follower.trainer = report.trainer
        # The supervisor is gone without a word (kill -9): the trainer itself is what there is to follow.
        lost = report.closed and not (follower.trainer is not None and is_alive(follower.trainer))
        return report.code is not None or lost

    follower.until(ended)
    if report.code is None:
        return exit_code_of(folder.path, before)
    named = run if folder.is_at(run) else Path(os.path.realpath(folder.path))
    problem = located_error(named / "train.log") if arguments.problems else None
    if report.code == 2 and folder.is_at(run):
        remove_empty(run, missing)
    if problem is not None and report.code != 0:
        follower.say(problem)
    if arguments.stopped_ok and stopped_as_asked(folder.path, before):
        return 0
    return 128 - report.code if report.code < 0 else report.code


def command_planned(arguments: argparse.Namespace) -> int:
    """Runs the command in ORDER, in this process, where a task runner puts what is only known once the task is run:
    percent-encoded JSON, a list of a program and its words, or a text that says why there is nothing to run."""
    try:
        order = json.loads(unescaped(arguments.order))
    except ValueError:
        order = None
    if isinstance(order, str):
        raise Refusal(order)
    if (
        not isinstance(order, list)
        or not order
        or not all(isinstance(word, str) and "\0" not in word for word in order)
    ):
        raise Refusal("planned needs a command as percent-encoded JSON: a list of a program and its words")
    program, *words = order
    if program == sys.executable and words[:1] == [sys.argv[0]]:
        # This very program: another start of Python would only cost time.
        return main(words[1:])
    try:
        os.execvp(program, order)
    except OSError as error:
        raise Refusal(f"{program} cannot be started: {error.strerror}") from None


def unescaped(word: str) -> str:
    """What percent-encoded text stands for. Not by urllib, whose import takes as long as half a start of Python."""
    data = word.encode("utf-8", "surrogateescape")
    data = re.sub(b"%([0-9A-Fa-f]{2})", lambda escape: bytes([int(escape[1], 16)]), data)
    return data.decode("utf-8", "surrogateescape")


def detach(body: Callable[[], object], reader: int) -> None:
    """Runs `body` in a process of its own session whose parent is gone: no terminal, no window and no process tree that
    somebody ends reaches it."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child != 0:
        os.waitpid(child, 0)
        return
    code = 1
    try:
        os.setsid()
        if os.fork() != 0:
            os._exit(0)
        os.close(reader)
        nothing = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(nothing, standard)
        body()
        code = 0
    finally:
        os._exit(code)


def missing_ancestors(run: Path) -> List[Path]:
    """The folders that creating this one would create, innermost first."""
    return [folder for folder in (run, *run.parents) if not folder.exists()]


def remove_empty(run: Path, created: List[Path]) -> None:
    """After a refused start: takes away the folder that was made for it, if nothing else came to be in it."""
    if run not in created:
        return
    leftovers = {"run.lock", "train.log", "exit.json", "checkpoints"}
    try:
        if not {entry.name for entry in run.iterdir()} <= leftovers:
            return
        if (run / "checkpoints").is_dir():
            (run / "checkpoints").rmdir()
        for name in leftovers - {"checkpoints"}:
            if (run / name).exists():
                (run / name).unlink()
        for folder in created:
            folder.rmdir()
    except OSError:
        return  # Something came to be in it after all: it stays.


def command_follow(arguments: argparse.Namespace) -> int:
    folder, trainer = training_in(arguments.run_dir)
    run = folder.path
    before = stamp(run / "exit.json")
    try:
        size = (run / "train.log").stat().st_size
    except OSError:
        size = 0
    follower = Follower(folder, max(0, size - BACKLOG_BYTES))
    follower.trainer = trainer
    follower.install()
    # Its supervisor lives until it wrote down how the run ended, and may start another trainer before.
    follower.until(lambda: not is_going(trainer))
    return exit_code_of(run, before)


def command_stop(arguments: argparse.Namespace) -> int:
    _, trainer = training_in(arguments.run_dir)
    try:
        ask(trainer, signal.SIGQUIT if arguments.now else signal.SIGINT)
    except PermissionError:
        raise Refusal(f"process {trainer['pid']} belongs to another user, who has to stop it") from None
    except ProcessLookupError:
        raise Refusal(f"process {trainer['pid']} has ended already") from None
    what = "end without a save" if arguments.now else "save and stop"
    print(f"process {trainer['pid']} was asked to {what}")
    return 0


def command_stacks(arguments: argparse.Namespace) -> int:
    folder, trainer = training_in(arguments.run_dir)
    kind = LAUNCHERS.get(str(trainer.get("launcher")), Launcher())
    pids = [pid for pid in kind.trainers(int(trainer["pid"])) if catches(pid, signal.SIGUSR2)]
    if not pids:
        raise Refusal(f"process {trainer['pid']} cannot show its stacks: it has no handler for SIGUSR2")
    send(pids, signal.SIGUSR2)
    print(f"the Python stacks of {', '.join(map(str, pids))} are in {folder.shown / 'train.log'}")
    return 0


def command_status(arguments: argparse.Namespace) -> int:
    """One JSON document: who process.json says trains here, whether it runs, and what the lock says."""
    run = Path(arguments.run_dir).expanduser().absolute()
    process = read_process(run)
    here = process is not None and process.get("host") == host_name()
    alive = process is not None and is_alive(process)
    state = "none" if process is None else ("alive" if alive else "dead") if here else "elsewhere"
    print(json.dumps({"schema": SCHEMA, "process": state, "lock": lock_state(run)}))
    return 0


def training_in(run_dir: str) -> Tuple[RunFolder, Dict[str, Any]]:
    """A run's folder and the process that trains in it. Raises Refusal where none does."""
    run = Path(run_dir).expanduser().absolute()
    process = read_process(run)
    until = time.monotonic() + STARTING_SECONDS
    while is_starting(run, process) and time.monotonic() < until:
        time.sleep(POLL_SECONDS)
        process = read_process(run)
    if process is None and read_json(run / "process.json") is not None:
        raise Refusal(f"nothing is training in {run}: it is a copy of a run, whose process trains in the original")
    if process is None or not is_alive(process):
        raise Refusal(nothing_trains(run, process))
    try:
        return RunFolder(run), process
    except OSError as error:
        raise Refusal(f"{run} cannot be opened: {error.strerror}") from None


def is_starting(run: Path, process: Optional[Dict[str, Any]]) -> bool:
    """Whether somebody of this machine has the run's lock and has not said yet who trains."""
    if process is None:
        unsaid = read_json(run / "process.json") is None
    else:
        unsaid = process.get("host") == host_name() and not is_alive(process)
    return unsaid and lock_state(run) == "held"


def nothing_trains(run: Path, process: Optional[Dict[str, Any]]) -> str:
    if process is None or process.get("host") == host_name():
        return f"nothing is training in {run}"
    ended = ", or has ended: nothing here holds its lock" if lock_state(run) == "free" else ""
    return f"{run} is trained on {process.get('host')}, not on this machine{ended}"


def command_exec(arguments: argparse.Namespace, argv: List[str]) -> int:
    """Becomes a program in the trainer's environment: what works on checkpoints finds what training finds."""
    if arguments.escaped:
        argv = [unescaped(word) for word in argv]
        for name in ("env", "module"):
            setattr(arguments, name, [unescaped(word) for word in getattr(arguments, name)])
        for name in ("env_file", "conda"):
            value = getattr(arguments, name)
            setattr(arguments, name, value and unescaped(value))
    if not argv:
        raise Refusal("exec needs a command after --, such as: -- python scripts/evaluate.py …")
    environment = TrainerEnvironment(arguments.env, arguments.env_file, arguments.module, arguments.conda).made()
    try:
        os.execvpe(argv[0], argv, environment)
    except OSError as error:
        raise Refusal(f"{argv[0]} cannot be started: {error.strerror}") from None


def add_environment(command: argparse.ArgumentParser) -> None:
    """Options about the trainer's environment."""
    command.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="a variable for it")
    command.add_argument("--env-file", metavar="FILE", help="NAME=VALUE lines, which stay in that file")
    command.add_argument("--module", action="append", default=[], metavar="NAME", help="a module to load")
    command.add_argument("--conda", metavar="FOLDER", help="a conda environment to activate")


def add_orders(command: argparse.ArgumentParser) -> None:
    """Options about the trainer's environment, and about starting it again."""
    add_environment(command)
    command.add_argument("--restarts", type=int, default=0, metavar="N", help="start it again at most N times [0]")


def parse(words: List[str]) -> Tuple[argparse.Namespace, List[str]]:
    """The arguments, and the trainer's command behind `--`."""
    own, argv = words, []
    if "--" in words:
        own, argv = words[: words.index("--")], words[words.index("--") + 1 :]
    parser = OneLineParser(prog="npt_supervise.py", description="Trains in the background and follows it.")
    names = "run|follow|stop|stacks|status|exec|planned"
    commands = parser.add_subparsers(dest="command", required=True, metavar=names)
    for name, text in (
        ("run", "start a trainer, given after --, and follow it"),
        ("follow", "follow the trainer that is running"),
        ("stop", "ask the trainer to save and stop"),
        ("stacks", "have the trainer write its Python stacks into train.log"),
        ("status", "print as JSON whether something trains in the run"),
        ("exec", "run a program, given after --, in the environment that training has"),
    ):
        command = commands.add_parser(name, help=text)
        if name == "exec":
            add_environment(command)
            command.add_argument("--escaped", action="store_true", help="the words are percent-encoded")
            continue
        command.add_argument("--run-dir", required=True, metavar="DIR", help="the run's folder")
        if name == "stop":
            command.add_argument("--now", action="store_true", help="end it without a save")
        if name == "run":
            command.add_argument("--launcher", default="local")
            add_orders(command)
            command.add_argument("--again", metavar="JSON", help="what a restart runs once the run saved [the same]")
            command.add_argument("--restart-wait", type=float, default=RESTART_SECONDS, help=argparse.SUPPRESS)
            command.add_argument("--segment", type=int, help="this segment's number [counted in metrics.jsonl]")
            # For a task runner: 128+n would mark as failed what did as it was told.
            command.add_argument("--stopped-ok", action="store_true", help="exit with 0 after a requested stop")
            command.add_argument("--problems", action="store_true", help="end with where the log says what went wrong")
            # VS Code substitutes ${…} in a task's words, and a terminal obeys the control characters it shows.
            command.add_argument("--escaped", action="store_true", help="DIR and the command are percent-encoded")
    planned = commands.add_parser("planned", help="run a command that is given as one word")
    planned.add_argument("order", metavar="ORDER", help="the command's words as percent-encoded JSON")
    return parser.parse_args(own), argv


class OneLineParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Refusal(message)


def ready_console() -> None:
    """A console that lacks a character shows it escaped. Streams that a shell closed (`>&-`) lead nowhere: the next
    file that is opened would otherwise take their place."""
    while True:
        number = os.open(os.devnull, os.O_RDWR)
        if number > 2:
            os.close(number)
            break
        os.set_inheritable(number, True)
    # Python sets neither where the stream was closed.
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def main(words: List[str]) -> int:
    ready_console()
    try:
        arguments, argv = parse(words)
        if fcntl is None:
            raise Refusal("training needs Linux or macOS; on Windows use WSL or a Remote window")
        if arguments.command == "run":
            return command_run(arguments, argv)
        if arguments.command == "exec":
            return command_exec(arguments, argv)
        commands = {
            "follow": command_follow,
            "stop": command_stop,
            "stacks": command_stacks,
            "status": command_status,
            "planned": command_planned,
        }
        return commands[arguments.command](arguments)
    except Refusal as refusal:
        print(f"error: {refusal}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
