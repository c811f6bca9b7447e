"""Builds the demo's text from the help topics that come with Python (``pydoc_data.topics``).

Many topics quote each other: the chapter on expressions appears again, paragraph by paragraph, under
"COMPARISON", "CALLS" and so on. A held-out set made of whole topics would therefore be known to the teacher by heart.
So every paragraph is kept once, and a training paragraph is dropped when it shares any run of ``CHUNK`` characters
with a held-out one.

Run as ``python -m npt.demo.build_text`` from the trainer's folder. The result depends on the Python that runs it; the
text that ships came from Python 3.11 and stays fixed, because the shipped teacher was trained on it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

CHUNK = 40
HELD_OUT_SHARE = 0.1
TEXT = Path(__file__).resolve().parent / "text"


def paragraphs(topic: str) -> list[str]:
    """The paragraphs of one topic, each on lines as in the source, without its underlines and trailing spaces."""
    found: list[str] = []
    for block in topic.split("\n\n"):
        lines = [line.rstrip() for line in block.strip("\n").splitlines()]
        lines = [line for line in lines if line and set(line.strip()) - set("*=-~^")]
        if lines:
            found.append("\n".join(lines))
    return found


def chunks(text: str) -> set[str]:
    """Every run of ``CHUNK`` characters in the text, with white space made uniform."""
    flat = " ".join(text.split())
    return {flat[i : i + CHUNK] for i in range(len(flat) - CHUNK + 1)} or {flat}


def split(topics: dict[str, str]) -> tuple[list[str], list[str]]:
    """Training and held-out paragraphs with no shared chunk; which topics are held out depends on their names only."""
    ordered = sorted(topics, key=lambda name: hashlib.sha256(name.encode()).digest())
    total = sum(len(text) for text in topics.values())
    held_names: list[str] = []
    size = 0
    for name in ordered:
        # Longest topics contain most others; holding one out would leave little to train on.
        if size < HELD_OUT_SHARE * total and len(topics[name]) < 0.04 * total:
            held_names.append(name)
            size += len(topics[name])
    seen: set[str] = set()
    held: list[str] = []
    held_chunks: set[str] = set()
    for name in sorted(held_names):
        for paragraph in paragraphs(topics[name]):
            flat = " ".join(paragraph.split())
            if flat not in seen:
                seen.add(flat)
                held.append(paragraph)
                held_chunks |= chunks(paragraph)
    train: list[str] = []
    for name in sorted(set(topics) - set(held_names)):
        for paragraph in paragraphs(topics[name]):
            flat = " ".join(paragraph.split())
            if flat not in seen and not (chunks(paragraph) & held_chunks):
                seen.add(flat)
                train.append(paragraph)
    return train, held


def main() -> None:
    """Writes ``text/train.txt`` and ``text/heldout.txt``."""
    from pydoc_data.topics import topics

    train, held = split(topics)
    TEXT.mkdir(exist_ok=True)
    for name, part in (("train.txt", train), ("heldout.txt", held)):
        text = "\n\n".join(part) + "\n"
        (TEXT / name).write_text(text, encoding="utf-8")
        print(f"{name}: {len(part)} paragraphs, {len(text.encode())} bytes")


if __name__ == "__main__":
    main()
