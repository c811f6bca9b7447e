"""Data workers as the trainer sees them: processes that read and tokenise ahead, in an order that they cannot change.

``torch.utils.data.DataLoader`` was weighed for this. Samples are packed across documents, so each of its workers would
read the whole stream to know where its samples begin, n times the downloads; it forks a process that has threads, or
imports PyTorch in every worker; it draws from the global random numbers; and its SIGCHLD handler raises at any line of
the trainer, a save included. Here one worker reads, the others tokenise, the trainer packs: the position is that of the
documents it has packed, so nothing that is prefetched can leak into a checkpoint.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
import weakref

from npt import signals
from npt.data import frames
from npt.data.documents import Encoder, Pause, Tokens
from npt.data.reading import Reading
from npt.data.worker import PIPE_CLOSED, Task
from npt.errors import TrainingError, UsageError

#: How long the trainer waits without a word.
PATIENCE_SECONDS = 60.0
#: How often it looks meanwhile whether somebody asked to stop.
LOOK_SECONDS = 0.2
#: What is read ahead waits in the pipes; this is as large as Linux makes one without privileges.
PIPE_BYTES = 1 << 20
BLOCKED = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGTSTP")
    if hasattr(signal, name)
]


def _pipe() -> tuple[int, int]:
    reader, writer = os.pipe()
    size = getattr(fcntl, "F_SETPIPE_SZ", None)
    if size is not None:
        # Above the system's limit, or the user's share of it: a smaller pipe prefetches less.
        with contextlib.suppress(OSError):
            fcntl.fcntl(writer, size, PIPE_BYTES)
    return reader, writer


def _start(lifeline: int, source: int, outputs: list[int]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "npt.data.worker", str(lifeline), str(source), ",".join(map(str, outputs))]
    paths = os.pathsep.join(path for path in sys.path if path)
    # Blocked signals stay blocked in the program that is started, from its first instruction on; those that come for
    # the trainer meanwhile wait for the line after.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED)
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=2,
            pass_fds=[lifeline, source, *outputs],
            env={**os.environ, "PYTHONPATH": paths, "TOKENIZERS_PARALLELISM": "false"},
            start_new_session=True,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(processes: list[subprocess.Popen[bytes]], descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
    for process in processes:
        process.kill()
    for process in processes:
        process.wait()


class DataWorkers:
    """``count`` processes, alive until closed: one reads, the others tokenise; a single one does both."""

    def __init__(self, count: int, reading: Reading, tokenizer: Encoder) -> None:
        lifeline, alive = os.pipe()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._results: list[int] = []
        self._turn = 0
        self._silence_said = 0.0
        self._kept = [alive]
        self._finalizer = weakref.finalize(self, _end, self._processes, self._kept)
        # Ends of pipes that belong to workers; a copy that stayed open here would hide the death of one.
        lent = [lifeline]
        try:
            if count == 1:
                lent.append(self._launch(lifeline, Task(reading, tokenizer), []))
                return
            texts: list[int] = []
            for _ in range(count - 1):
                texts.append(self._launch(lifeline, Task(None, tokenizer), []))
                lent.append(texts[-1])
            lent.append(self._launch(lifeline, Task(reading, None), texts))
        except BaseException:
            self.close()
            raise
        finally:
            for descriptor in lent:
                os.close(descriptor)

    def _launch(self, lifeline: int, task: Task, outputs: list[int]) -> int:
        """Starts a worker on a task, with a pipe back to the trainer unless it has outputs; returns its input."""
        source, written = _pipe()
        result = []
        if not outputs:
            kept, output = _pipe()
            self._results.append(kept)
            self._kept.append(kept)
            result = [output]
        self._processes.append(_start(lifeline, source, outputs or result))
        for descriptor in (source, *result):
            os.close(descriptor)
        try:
            frames.send(written, task)
        except frames.Closed:
            raise self._failure(len(self._results) - 1) from None
        return written

    def next_documents(self) -> list[Tokens]:
        """The next documents' tokens.

        Raises ``TrainingError`` in one line where a worker is gone, ``UsageError`` where the sources cannot be read,
        ``Stopped`` where the wait is given up; what has arrived of them is then lost, and so are the workers' turns.
        """
        while True:
            turn = self._turn % len(self._results)
            self._silence_said = time.monotonic()
            try:
                value: list[Tokens] | Pause | str = frames.receive(self._results[turn], LOOK_SECONDS, self._waiting)
            except frames.Closed:
                raise self._failure(turn) from None
            if isinstance(value, str):
                raise UsageError(value)
            self._turn += 1
            if not isinstance(value, Pause):
                return value
            print(value.line, flush=True)

    def _waiting(self) -> None:
        signals.STOP.check()
        if time.monotonic() - self._silence_said < PATIENCE_SECONDS:
            return
        self._silence_said = time.monotonic()
        print(f"still waiting for text to train on, for {PATIENCE_SECONDS:.0f} s more", flush=True)

    def check(self) -> None:
        """Raises ``TrainingError`` where a worker was killed, also while what it had read ahead would still last."""
        for number, process in enumerate(self._processes):
            if process.poll() not in (None, 0, PIPE_CLOSED):
                raise self._failure(number)

    def _failure(self, number: int) -> TrainingError:
        """What to say of worker ``number``, whose pipe ended."""
        code = self._processes[number].wait()
        if code in (0, PIPE_CLOSED) and number != len(self._processes) - 1:
            # It ended because the one that reads did.
            number, code = len(self._processes) - 1, self._processes[-1].wait()
        what = f"data worker {number + 1} of {len(self._processes)} (process {self._processes[number].pid})"
        if code == -signal.SIGKILL:
            return TrainingError(
                f"{what} was killed, perhaps because memory ran out; resume from the last checkpoint, "
                "with fewer --num_workers where memory is short"
            )
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return TrainingError(f"{what} {how}; resume from the last checkpoint")

    def close(self) -> None:
        """Ends the workers; what they had read ahead is forgotten."""
        self._finalizer()
