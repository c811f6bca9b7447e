"""A data worker: a process that reads documents, or tokenises what another reads, or both.

    python -m npt.data.worker LIFELINE INPUT OUTPUT[,OUTPUT…]      (numbers of pipes)

The first value of the input is the ``Task``. Chunks of documents go to the outputs in turn, and whoever reads those in
the same turn has them in order: no numbering, no queue, no lock. Signals are blocked by the trainer that starts it:
Ctrl+C in a terminal and a scheduler's SIGTERM are for the trainer to decide about.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from npt.data import frames
from npt.data.documents import Document, Encoder, Pause, Tokens, reason, tokenized
from npt.data.reading import Reading
from npt.errors import UsageError

#: Exit code of a worker that found the other end of a pipe gone: another process is to blame.
PIPE_CLOSED = 3
#: A chunk ends with the document that makes it this long or this many: large enough that pipes cost nothing.
CHUNK_CHARACTERS = 32768
CHUNK_DOCUMENTS = 64


@dataclass
class Task:
    """What a worker does: reads (otherwise its input brings the documents), and tokenises (otherwise it passes on)."""

    reading: Reading | None
    tokenizer: Encoder | None


def chunks(reading: Reading) -> Iterator[list[Document] | Pause]:
    """A reading's documents, several at a time, and its pauses; what was read before one does not wait for its end."""
    chunk: list[Document] = []
    size = 0
    for document in reading.documents():
        if isinstance(document, Pause):
            if chunk:
                yield chunk
                chunk, size = [], 0
            yield document
            continue
        chunk.append(document)
        size += len(document.text)
        if size >= CHUNK_CHARACTERS or len(chunk) >= CHUNK_DOCUMENTS:
            yield chunk
            chunk, size = [], 0


def _received(source: int) -> Iterator[list[Document] | Pause | str]:
    while True:
        yield frames.receive(source)


def work(task: Task, source: int, outputs: list[int]) -> None:
    """Does the task until an end of a pipe is gone. What the user should read is sent on as a string, in its turn."""
    incoming: Iterator[list[Document] | Pause | str] = chunks(task.reading) if task.reading else _received(source)
    turn = 0
    while True:
        try:
            value: list[Document] | list[Tokens] | Pause | str = next(incoming)
            if task.tokenizer is not None and isinstance(value, list):
                value = [tokenized(Document(*document), task.tokenizer) for document in value]
        except frames.Closed:
            raise
        except UsageError as error:
            value = str(error)
        except Exception as error:
            value = f"the text to train on cannot be read: {reason(error)}"
        frames.send(outputs[turn % len(outputs)], value)
        turn += 1
        if isinstance(value, str):
            return


def _end_with(lifeline: int) -> NoReturn:
    """Ends the process as soon as the trainer is gone, however it went: only it holds the other end of this pipe."""
    os.read(lifeline, 1)
    os._exit(0)


def main() -> int:
    lifeline, source = int(sys.argv[1]), int(sys.argv[2])
    outputs = [int(number) for number in sys.argv[3].split(",")]
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    try:
        work(frames.receive(source), source, outputs)
    except frames.Closed:
        return PIPE_CLOSED
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    # Not sys.exit: libraries that read from the network have threads that an orderly end would wait for.
    os._exit(code)
