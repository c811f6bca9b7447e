#!/usr/bin/env python3
"""Starts the runs that wait in a workspace's queue, one after the other as devices become free.

    npt_queue.py dispatch --queue WORKSPACE/.npt/queue
    npt_queue.py start --queue WORKSPACE/.npt/queue --id ID

``dispatch`` goes on in the background until nothing waits; a second one ends at once. ``start`` starts one entry now,
without waiting for its turn.

An entry is a file, and its name is its state: ``<order>-<id>.json`` waits, ``started-<id>.json`` trains,
``failed-<id>.json`` could not be started and says why. Every change of state is one rename or unlink, which the file
system grants once: whoever moves, cancels and starts an entry at the same moment, one of them succeeds and the others
find it gone. While an entry is started, its keeper and the run's supervisor hold a lock on its file; one that is
started and unlocked was left behind by processes that were killed, or by a machine that was switched off.

Entries hold no secrets: a run finds the environment of whoever started the dispatcher. Standard library only, Python
3.8 or later; needs npt_supervise.py, npt_gpus.py and gpus.json beside it.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import re
import socket
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, NoReturn, Optional, Set, Tuple

import npt_gpus
import npt_supervise
from npt_supervise import Refusal

try:
    import fcntl
except ImportError:  # Windows: main() says so before anything needs it.
    fcntl = None  # type: ignore[assignment]

SCHEMA = 1
POLL_SECONDS = 0.5
#: How often nvidia-smi is asked while a run waits for a GPU.
GPU_SECONDS = 3.0
#: A disk that is full, or that fails, is tried again this often.
DISK_SECONDS = 30.0
#: An entry whose start leaves no trace of a run is started again; not for ever.
MOST_ATTEMPTS = 3
#: An entry that is moved again and again is looked for this often before it is left for the next look.
MOST_LOOKS = 100
LOG_BYTES = 1024 * 1024
#: Of what a start says, enough for its error.
SAID_BYTES = 16 * 1024
#: What the supervisor writes into the log right before it starts the trainer.
SEGMENT = "── segment".encode()
#: What a trainer that began leaves in its run's folder.
TRACES = ("run.json", "process.json", "exit.json", "metrics.jsonl", "training_log.jsonl")

WAITING = re.compile(r"(?P<order>[0-9]+)-(?P<id>[0-9a-z]+)\.json")
STARTED = re.compile(r"started-(?P<id>[0-9a-z]+)\.json")


class NotNow(Exception):
    """An entry was not started, and waits on."""


class Entry(NamedTuple):
    id: str
    path: Path
    content: Dict[str, Any]

    @property
    def run(self) -> Path:
        return Path(self.content["run"])

    @property
    def gpus(self) -> int:
        return max(int(self.content.get("gpus", 0)), len(self.devices))

    @property
    def devices(self) -> List[str]:
        """The GPUs that it was planned for; none: any."""
        return list(self.content.get("devices", []))

    @property
    def started(self) -> Dict[str, Any]:
        return dict(self.content.get("started") or {})


# --- The folder ------------------------------------------------------------------------------------------------------


class Queue:
    """A workspace's queue: what is in its folder, and the changes of state that are this program's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host = socket.gethostname()
        #: The last look at what waits found an entry gone that had just been listed: it was moved, or taken away.
        self.moving = False

    def identity(self) -> Dict[str, Any]:
        """What entries say of the folder that they were queued in: a copy of a workspace starts nothing."""
        return {"inode": str(self.folder.stat().st_ino), "path": os.path.realpath(self.folder)}

    def names(self) -> List[str]:
        try:
            return sorted(os.listdir(self.folder))
        except FileNotFoundError:
            return []

    def settings(self) -> Dict[str, Any]:
        return npt_supervise.read_json(self.folder / "queue.json") or {}

    @property
    def paused(self) -> bool:
        return self.settings().get("paused") is True

    @property
    def cpu_slots(self) -> int:
        slots = self.settings().get("cpuSlots")
        return slots if isinstance(slots, int) and slots > 0 else 1

    def waiting(self) -> List[Entry]:
        """This machine's entries in their order. What is no entry becomes a failed one."""
        found: List[Entry] = []
        self.moving = False
        here = self.identity() if self.folder.is_dir() else None
        for name in self.names():
            match = WAITING.fullmatch(name)
            if match is None:
                continue
            path = self.folder / name
            content = content_of(path)
            if content is None:
                # It was moved, or taken away, since it was listed.
                for path in self.places(match["id"]):
                    content = content_of(path)
                    if content is not None:
                        break
            if content is None:
                self.moving = True
            elif wrong(content):
                self.fail(path, match["id"], content, wrong(content))
            elif content["schema"] == SCHEMA and content["host"] == self.host and content["folder"] == here:
                found.append(Entry(match["id"], path, content))
        return sorted(found, key=lambda entry: (order_of(entry.path), entry.id))

    def places(self, entry: str) -> Iterator[Path]:
        """Where an entry waits, anew for each time that it was moved on from the place given last.

        Ends when three listings in a row do not have it (one may miss what is renamed meanwhile), and after
        ``MOST_LOOKS``: then it is left for the next look.
        """
        missed = 0
        for _ in range(MOST_LOOKS):
            name = next((name for name in self.names() if is_waiting_as(name, entry)), None)
            missed = missed + 1 if name is None else 0
            if missed == 3:
                return
            if name is not None:
                yield self.folder / name

    def started(self) -> List[Entry]:
        found: List[Entry] = []
        for name in self.names():
            match = STARTED.fullmatch(name)
            content = npt_supervise.read_json(self.folder / name) if match else None
            if match and content is not None and content.get("host") == self.host and "run" in content:
                found.append(Entry(match["id"], self.folder / name, content))
        return found

    def fail(self, path: Path, entry: str, content: Optional[Dict[str, Any]], reason: str) -> None:
        """Keeps an entry that could not be started, with why; unless it was moved or cancelled just now."""
        if not self.rename(path, f"failed-{entry}.json"):
            return
        self.log(f"{entry} could not be started: {reason}")
        failure = {"message": reason, "time": time.time()}
        try:
            if content:
                npt_supervise.replace_json(self.folder / f"failed-{entry}.json", {**content, "failure": failure})
        except OSError:
            pass  # On a full disk it is kept without the reason.

    def rename(self, path: Path, name: str) -> bool:
        """One change of state; False where another process made one first."""
        try:
            os.rename(path, self.folder / name)
        except FileNotFoundError:
            return False
        self.sync()
        return True

    def remove(self, path: Path) -> None:
        try:
            path.unlink()
        except FileNotFoundError:
            pass

    def sync(self) -> None:
        """A change of state that outlasts the machine's next start, where the disk can do that."""
        try:
            descriptor = os.open(self.folder, os.O_RDONLY)
        except OSError:
            return
        try:
            os.fsync(descriptor)
        except OSError:
            pass
        finally:
            os.close(descriptor)

    def sweep(self) -> None:
        """Takes away what processes of this machine that were killed left half written."""
        for name in self.names():
            match = re.fullmatch(r"\.tmp-.*-(.*)-([0-9]+)", name)
            if match and match[1] == host_in_names() and not npt_supervise.answers(int(match[2])):
                self.remove(self.folder / name)

    def log(self, line: str) -> None:
        """A line of the queue's own log. A full disk must not end the queue."""
        path = self.folder / "queue.log"
        try:
            if path.exists() and path.stat().st_size > LOG_BYTES:
                os.replace(path, self.folder / "queue.log.1")
            with open(path, "a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}\n")
        except OSError:
            pass


def host_in_names() -> str:
    """This machine as the names of half-written files have it (npt_supervise.replace_json)."""
    return socket.gethostname().replace("/", "_") or "localhost"


def content_of(path: Path) -> Optional[Dict[str, Any]]:
    """What a file of the queue says; {} where it is damaged or not to be read, None where there is none (any more).

    Raises ``OSError`` where the disk fails, which says nothing of the file.
    """
    try:
        with npt_supervise.open_file(path, "rb") as file:
            document = json.loads(file.read())
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.EACCES, errno.EPERM, errno.ELOOP):
            return {}
        raise
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def wrong(content: Dict[str, Any]) -> str:
    """Why a document is no entry; empty where it is one, or one of a newer version, which is left alone."""
    if not content:
        return "its file is damaged"
    if isinstance(content.get("schema"), int) and content["schema"] > SCHEMA:
        return ""
    words = content.get("supervise")
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        return "its file has no command"
    for name in ("run", "cwd", "host"):
        if not isinstance(content.get(name), str):
            return f"its file has no {name}"
    devices = content.get("devices", [])
    if not isinstance(content.get("gpus", 0), int) or not isinstance(devices, list):
        return "its file does not say how many GPUs it needs"
    return ""


def is_waiting_as(name: str, entry: str) -> bool:
    match = WAITING.fullmatch(name)
    return match is not None and match["id"] == entry


def order_of(path: Path) -> str:
    match = WAITING.fullmatch(path.name)
    return match["order"] if match else ""


# --- Whether something runs ------------------------------------------------------------------------------------------


def is_locked(path: Path) -> bool:
    """Whether a started entry has somebody who looks after it; True, too, for one that is no longer there."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except OSError:
        return True
    finally:
        os.close(descriptor)


def trains(run: Path) -> bool:
    """Whether something trains in a run's folder on this machine."""
    state = npt_supervise.lock_state(run)
    if state != "unknown":
        return state == "held"
    process = npt_supervise.read_process(run)
    return process is not None and npt_supervise.is_alive(process)


def traces(run: Path) -> List[Optional[List[int]]]:
    """Changes once a trainer began in a run; JSON can say it."""
    found = [npt_supervise.stamp(run / name) for name in TRACES]
    return [None if each is None else list(each) for each in found]


def others_training(entries: List[Entry], waiting: List[Entry]) -> int:
    """Runs beside these that somebody started without the queue, on this machine's CPU as far as can be told."""
    ours = {entry.run for entry in entries}
    count = 0
    for folder in {entry.run.parent for entry in [*entries, *waiting]}:
        try:
            runs = [run for run in folder.iterdir() if run not in ours and (run / "process.json").exists()]
        except OSError:
            continue
        for run in runs:
            process = npt_supervise.read_process(run)
            if process is not None and npt_supervise.is_alive(process):
                count += 1
    return count


# --- The keeper: starts one entry and stays with it ------------------------------------------------------------------


class Claim:
    """A waiting entry that becomes a started one, locked by this process while it and what it starts live.

    Raises ``NotNow`` where it was moved, cancelled or started meanwhile, ``OSError`` where the disk fails: then it
    waits on, as it was.
    """

    def __init__(self, queue: Queue, entry: Entry, devices: List[str]) -> None:
        self.queue = queue
        self.path = queue.folder / f"started-{entry.id}.json"
        self.before = traces(entry.run)
        own = npt_supervise.proc_stat(os.getpid())
        self.content = {
            **entry.content,
            "failure": None,
            "started": {
                "time": time.time(),
                "pid": os.getpid(),
                "start_ticks": own[1] if own else 0,
                "boot_id": npt_supervise.boot_id(),
                "devices": devices,
                "order": order_of(entry.path),
                "attempts": int(entry.started.get("attempts", 0)) + 1,
                "before": self.before,
                "began": False,
            },
        }
        first = self.take_waiting(entry)
        if first is None:
            raise NotNow("it was moved, cancelled or started just now")
        try:
            self.write(lambda: self.win(entry))
        finally:
            os.close(first)

    def take_waiting(self, entry: Entry) -> Optional[int]:
        """A waiting entry's lock, under whatever name it waits; None where somebody else has it, or it is gone."""
        for path in self.queue.places(entry.id):
            descriptor = take(path)
            if descriptor is not None or path.exists():
                return descriptor
        return None

    def win(self, entry: Entry) -> bool:
        """The rename that makes it a started one, under whatever name it waits: it may be moved at this moment."""
        return any(self.queue.rename(path, self.path.name) for path in self.queue.places(entry.id))

    def write(self, allowed: Callable[[], bool]) -> None:
        """Puts the content in the started entry's place, where a locked file is at every moment."""
        draft = self.queue.folder / f".tmp-{self.path.name}-{host_in_names()}-{os.getpid()}"
        try:
            npt_supervise.replace_json(draft, self.content)
            lock = take(draft)
            # Whose rename this is has the entry.
            if lock is None or not allowed():
                raise NotNow("it was moved, cancelled or started just now")
            os.rename(draft, self.path)
            self.lock = lock
        finally:
            self.queue.remove(draft)

    def note_beginning(self) -> None:
        """The trainer was started: whatever comes, this entry is not started again by itself."""
        self.content["started"]["began"] = True
        before = self.lock
        try:
            self.write(lambda: True)
            os.close(before)
        except OSError:
            pass  # A full disk; the run's own files tell it, too.


def take(path: Path) -> Optional[int]:
    """An open file with its lock; None where somebody else has that, or the file is gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if error.errno in npt_supervise.NO_LOCKS:
            raise
        return None
    return descriptor


def keep(queue: Queue, entry: Entry, devices: List[str], answer: int) -> None:
    """A keeper's whole life: claims an entry, says `claimed` or why not, trains it, notes what became of it."""
    try:
        claim = Claim(queue, entry, devices)
    except NotNow as error:
        os.write(answer, f"not {error}".encode())
        return
    except OSError as error:
        os.write(answer, f"disk {queue.folder} cannot be written: {error.strerror}".encode())
        return
    os.write(answer, b"claimed")
    os.close(answer)
    queue.log(f"{entry.id} starts: {entry.run}{f' on {chr(44).join(devices)}' if devices else ''}")
    code, said = train(entry, devices, claim)
    # A trainer that began had the run to itself. It says there how it ended, also where the run was renamed meanwhile,
    # unless it refused its words (2) and left nothing. One that did not begin leaves no traces: they are another's.
    began = claim.content["started"]["began"]
    if code == 0 or (began and (code != 2 or claim.before != traces(entry.run))):
        queue.log(f"{entry.id} ended with {code}: {entry.run}")
        queue.remove(claim.path)
    else:
        queue.fail(claim.path, entry.id, claim.content, error_in(said) or f"its start ended with {code}")


def train(entry: Entry, devices: List[str], claim: Claim) -> Tuple[int, str]:
    """Starts the supervisor and follows it to the end. Returns its exit code and the end of what it said."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reader)
            for standard in (1, 2):
                os.dup2(writer, standard)
            os.close(writer)
            # Python remembers what a stream was that it opened.
            sys.stdout = open(1, "w", encoding="utf-8", closefd=False)
            sys.stderr = open(2, "w", encoding="utf-8", closefd=False)
            code = begin(entry, devices)
            sys.stdout.flush()
            sys.stderr.flush()
        except BaseException as error:
            os.write(2, f"error: {type(error).__name__}: {error}\n".encode("utf-8", "replace"))
        finally:
            os._exit(code & 0xFF)
    os.close(writer)
    said = b""
    while True:
        data = os.read(reader, 64 * 1024)
        if not data:
            break
        said = (said + data)[-SAID_BYTES:]
        if not claim.content["started"]["began"] and SEGMENT in said:
            claim.note_beginning()
    return exit_code(os.waitpid(child, 0)[1]), said.decode("utf-8", "replace")


def begin(entry: Entry, devices: List[str]) -> int:
    try:
        os.chdir(entry.content["cwd"])
    except OSError as error:
        print(f"error: {entry.content['cwd']} cannot be entered: {error.strerror}", flush=True)
        return 2
    os.environ["PYTHONUNBUFFERED"] = "1"
    if devices or entry.gpus == 0:
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(devices)
    return npt_supervise.main([str(word) for word in entry.content["supervise"]])


def exit_code(status: int) -> int:
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


def error_in(said: str) -> str:
    """The line that says what went wrong."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    for line in reversed(lines):
        found = re.match(r"(?:.*train\.log:[0-9]+: )?error: (.+)", line)
        if found:
            return found[1]
    return lines[-1] if lines else ""


def start_keeper(queue: Queue, entry: Entry, devices: List[str], closing: "List[int]") -> str:
    """Starts an entry's keeper in a session of its own, and waits until it has the entry.

    Returns "" for that, else why it has not; "disk …" where the disk fails.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            for descriptor in (reader, *closing):
                os.close(descriptor)
            nothing = os.open(os.devnull, os.O_RDWR)
            for standard in (0, 1, 2):
                os.dup2(nothing, standard)
            keep(queue, entry, devices, writer)
        except BaseException as error:
            queue.log(f"{entry.id}: {type(error).__name__}: {error}")
        finally:
            os._exit(0)
    os.close(writer)
    said = b""
    while True:
        data = os.read(reader, 4096)
        said += data
        if not data or said == b"claimed":
            break
    os.close(reader)
    return "" if said == b"claimed" else said.decode("utf-8", "replace") or "not its keeper was killed"


# --- The dispatcher --------------------------------------------------------------------------------------------------


class Dispatcher:
    """Starts what waits as devices become free, until nothing waits and nothing that was started here trains."""

    def __init__(self, queue: Queue, lock: int) -> None:
        self.queue = queue
        self.lock = lock
        self.gpus: "Optional[List[npt_gpus.Gpu]]" = None
        self.gpus_read = -GPU_SECONDS
        self.disk_failed = -DISK_SECONDS

    def run(self) -> None:
        self.queue.sweep()
        idle = 0
        # A listing may miss an entry that is being renamed, which two in a row do not.
        while idle < 2:
            try:
                idle = 0 if self.look() else idle + 1
            except OSError as error:
                # The queue goes on when the disk, or the machine, does.
                self.queue.log(f"{error.filename or self.queue.folder}: {error.strerror}")
            self.reap()
            time.sleep(POLL_SECONDS if idle == 0 else POLL_SECONDS / 10)

    def look(self) -> bool:
        """One look at everything. Returns whether there is more to come."""
        training = [entry for entry in self.queue.started() if not self.settle(entry)]
        waiting = self.queue.waiting()
        paused = self.queue.paused
        if waiting and not paused and time.monotonic() - self.disk_failed >= DISK_SECONDS:
            self.start_some(waiting, training)
        # Moved again and again, an entry could be missed by any number of looks.
        return bool(training) or (not paused and (bool(waiting) or self.queue.moving))

    def settle(self, entry: Entry) -> bool:
        """Looks after a started entry that nobody looks after any more. Returns whether it is started no longer."""
        if is_locked(entry.path):
            return not entry.path.exists()
        if trains(entry.run):
            return False
        # Read again: its keeper may have ended between the two looks.
        content = npt_supervise.read_json(entry.path)
        if content is None:
            return True
        entry = Entry(entry.id, entry.path, content)
        attempts = int(entry.started.get("attempts", 1))
        if entry.started and entry.started.get("before") != traces(entry.run):
            self.queue.log(f"{entry.id} ended while nobody looked after it: {entry.run}")
            self.queue.remove(entry.path)
        elif entry.started.get("began") is True:
            reason = f"nobody saw how its start ended, and there is nothing of it in {entry.run}"
            self.queue.fail(entry.path, entry.id, entry.content, reason)
        elif attempts >= MOST_ATTEMPTS:
            self.queue.fail(entry.path, entry.id, entry.content, f"its start was interrupted {attempts} times")
        else:
            # Nothing began, and nothing of it runs: it waits again, where it was.
            self.queue.log(f"{entry.id} waits again: its start was interrupted")
            self.queue.rename(entry.path, f"{entry.started.get('order') or '0'}-{entry.id}.json")
        return True

    def start_some(self, waiting: List[Entry], training: List[Entry]) -> None:
        """Starts entries in order; one that finds no device makes those behind it wait that need the same kind."""
        cpu_left: Optional[int] = None
        gpus_left = True
        for entry in waiting:
            devices: Optional[List[str]] = []
            if entry.gpus > 0:
                devices = self.devices_for(entry, training) if gpus_left else None
                gpus_left = devices is not None
            else:
                if cpu_left is None:
                    busy = len([each for each in training if each.gpus == 0])
                    cpu_left = self.queue.cpu_slots - busy - others_training(training, waiting)
                devices = [] if cpu_left > 0 else None
            if devices is None:
                continue
            why = start_keeper(self.queue, entry, devices, [self.lock])
            if why.startswith("disk "):
                self.queue.log(f"{entry.id} waits on: {why[5:]}")
                self.disk_failed = time.monotonic()
                return
            if why == "":
                training.append(self.with_devices(entry, devices))
                cpu_left = cpu_left if cpu_left is None or entry.gpus > 0 else cpu_left - 1

    def with_devices(self, entry: Entry, devices: List[str]) -> Entry:
        return Entry(entry.id, entry.path, {**entry.content, "started": {"devices": devices}})

    def devices_for(self, entry: Entry, training: List[Entry]) -> Optional[List[str]]:
        """The GPUs to start an entry on; None while it has to wait. An entry that can never have them fails."""
        gpus = self.read_gpus()
        why = impossible(entry, gpus)
        if why != "":
            self.queue.fail(entry.path, entry.id, entry.content, why)
            return None
        return devices_of(entry, gpus or [], {uuid for each in training for uuid in each.started.get("devices", [])})

    def read_gpus(self) -> "Optional[List[npt_gpus.Gpu]]":
        if time.monotonic() - self.gpus_read >= GPU_SECONDS:
            self.gpus = npt_gpus.read_gpus()
            self.gpus_read = time.monotonic()
        return self.gpus

    def reap(self) -> None:
        """Takes leave of keepers that ended."""
        try:
            while os.waitpid(-1, os.WNOHANG)[0] != 0:
                pass
        except ChildProcessError:
            pass


def counted(gpus: int) -> str:
    return "1 GPU" if gpus == 1 else f"{gpus} GPUs"


def impossible(entry: Entry, gpus: "Optional[List[npt_gpus.Gpu]]") -> str:
    """Why an entry can never have the GPUs that it needs; empty where it can, or where the driver does not say."""
    if gpus is None:
        return f"it needs {counted(entry.gpus)}, and this machine has none that nvidia-smi tells of"
    if gpus and len(gpus) < entry.gpus:
        return f"it needs {counted(entry.gpus)}, and this machine has {len(gpus)}"
    missing = [word for word in entry.devices if npt_gpus.named(gpus, word) is None]
    return f"this machine has no GPU {missing[0]}" if gpus and missing else ""


def devices_of(entry: Entry, gpus: "List[npt_gpus.Gpu]", taken: Set[str]) -> Optional[List[str]]:
    """The free GPUs for an entry, by UUID; None where there are not enough."""
    free = npt_gpus.free_gpus(gpus, taken)
    if not entry.devices:
        return [gpu.uuid for gpu in free[: entry.gpus]] if len(free) >= entry.gpus else None
    wanted = [npt_gpus.named(gpus, word) for word in entry.devices]
    return [gpu.uuid for gpu in wanted if gpu is not None] if all(gpu in free for gpu in wanted) else None


def take_queue_lock(queue: Queue) -> Optional[int]:
    """The lock that this machine's dispatcher holds; None where there is one already. It says who that is."""
    path = queue.folder / f"dispatcher-{host_in_names()}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if error.errno in npt_supervise.NO_LOCKS:
            raise Refusal(f"{queue.folder} is on a disk without file locks, which the queue needs") from None
        return None
    return descriptor


def sign(lock: int) -> None:
    """Writes into the lock's file which process holds it: a hint for windows, which cannot ask for locks."""
    own = npt_supervise.proc_stat(os.getpid())
    who = {"schema": SCHEMA, "host": socket.gethostname(), "boot_id": npt_supervise.boot_id()}
    who.update({"pid": os.getpid(), "start_ticks": own[1] if own else 0})
    try:
        os.ftruncate(lock, 0)
        os.pwrite(lock, json.dumps(who).encode(), 0)
    except OSError:
        pass  # A full disk: windows will try to start another one, which ends at once.


# --- The commands ----------------------------------------------------------------------------------------------------


def command_dispatch(arguments: argparse.Namespace) -> int:
    queue = queue_at(arguments.queue)
    lock = take_queue_lock(queue)
    if lock is None:
        return 0

    def work() -> None:
        held: Optional[int] = lock
        while held is not None:
            sign(held)
            Dispatcher(queue, held).run()
            os.close(held)
            # Whoever added an entry after the last look found the lock held, and counts on this process.
            held = take_queue_lock(queue) if not queue.paused and queue.waiting() else None

    if arguments.foreground:
        work()
    else:
        in_background(queue, work)
        os.close(lock)
    return 0


def in_background(queue: Queue, body: Callable[[], None]) -> None:
    """Runs `body` in a session of its own, whose parent is gone."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child != 0:
        os.waitpid(child, 0)
        return
    try:
        os.setsid()
        if os.fork() != 0:
            os._exit(0)
        nothing = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(nothing, standard)
        os.chdir("/")
        body()
    except BaseException as error:
        queue.log(f"the dispatcher ended: {type(error).__name__}: {error}")
    finally:
        os._exit(0)


def command_start(arguments: argparse.Namespace) -> int:
    queue = queue_at(arguments.queue)
    entry = next((each for each in queue.waiting() if each.id == arguments.id), None)
    if entry is None:
        raise Refusal(f"{arguments.id} does not wait in this queue (any more)")
    devices: List[str] = []
    if entry.gpus > 0:
        gpus = npt_gpus.read_gpus() or []
        taken = {uuid for each in queue.started() for uuid in each.started.get("devices", [])}
        # Asked for now: where too few are free, those with the most memory left.
        by_memory = sorted(gpus, key=lambda gpu: -gpu.left())
        devices = devices_of(entry, gpus, taken) or entry.devices or [gpu.uuid for gpu in by_memory[: entry.gpus]]
        if not devices:
            raise Refusal(f"it needs {counted(entry.gpus)}, and nvidia-smi tells of none")
    why = start_keeper(queue, entry, devices, [])
    if why != "":
        raise Refusal(why.partition(" ")[2])
    return 0


def queue_at(given: str) -> Queue:
    folder = Path(given).expanduser().absolute()
    if not folder.is_dir():
        raise Refusal(f"there is no queue at {folder}")
    return Queue(folder)


def parse(words: List[str]) -> argparse.Namespace:
    parser = OneLineParser(prog="npt_queue.py", description="Starts the runs that wait in a queue.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="dispatch|start")
    dispatch = commands.add_parser("dispatch", help="start what waits, in the background, until nothing does")
    dispatch.add_argument("--foreground", action="store_true", help="do not go into the background")
    start = commands.add_parser("start", help="start one entry now")
    start.add_argument("--id", required=True, help="the entry's")
    for command in (dispatch, start):
        command.add_argument("--queue", required=True, metavar="DIR", help="the queue's folder")
    return parser.parse_args(words)


class OneLineParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Refusal(message)


def main(words: List[str]) -> int:
    npt_supervise.ready_console()
    try:
        arguments = parse(words)
        if fcntl is None:
            raise Refusal("training needs Linux or macOS; on Windows use WSL or a Remote window")
        return {"dispatch": command_dispatch, "start": command_start}[arguments.command](arguments)
    except Refusal as refusal:
        print(f"error: {refusal}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM):
            raise
        print(f"error: {error.filename or arguments.queue} cannot be written: {error.strerror}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
