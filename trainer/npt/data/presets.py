"""The dataset presets: documents streamed from the Hugging Face hub, file by file, from any position."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from npt import hub
from npt.data.documents import LASTING
from npt.errors import SourceError, UsageError

HINT = "use --train_file for local text, or --demo_mode"


@dataclass(frozen=True)
class Dataset:
    """One dataset on the hub."""

    path: str
    name: str | None
    field: str = "text"


PRESETS: dict[str, tuple[Dataset, ...]] = {
    "small": (Dataset("Salesforce/wikitext", "wikitext-103-raw-v1"),),
    "medium": (Dataset("HuggingFaceFW/fineweb-edu", "sample-10BT"),),
    "large": (Dataset("HuggingFaceFW/fineweb-edu", "sample-100BT"),),
    "xlarge": (Dataset("HuggingFaceFW/fineweb", "sample-350BT"), Dataset("HuggingFaceFW/fineweb-edu", "sample-350BT")),
}


@dataclass
class HubSource:
    """A dataset's training split, shard by shard: a file is one.

    Where the library can, a file is read by its row groups, so that going to a place in it reads that place's and no
    other. What was loaded is this process's own and not pickled.
    """

    dataset: Dataset
    _loaded: Any = field(default=None, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The dataset's address and part."""
        return f"{self.dataset.path}/{self.dataset.name}"

    def __getstate__(self) -> dict[str, Any]:
        return {"dataset": self.dataset, "_loaded": None}

    def shards(self) -> int:
        """How many files there are.

        Raises ``UsageError`` in one line where the ``datasets`` library is missing, ``SourceError`` where the hub, or
        what is on it, cannot be read.
        """
        with self._said():
            return int(self._load().num_shards)

    def open(self, shard: int, taken: int, state: str | None) -> Iterator[tuple[str, str | None]]:
        """The documents of a file after its first ``taken``, each with the state that the dataset is in, as JSON.

        That is which piece of the file (a row group, or all of it), how many documents are before it, and the piece's
        own state. Of one that another version of the library wrote, the piece is read from its beginning and what was
        taken left out. Raises as ``shards`` does.
        """
        with self._said():
            loaded = self._load()
            file: Any = loaded.shard(num_shards=loaded.num_shards, index=shard).reshard()
            pieces = file.num_shards
            stored: Any = json.loads(state) if state is not None else {}
            known = stored.get("pieces") == pieces
            number, before = (stored["piece"], stored["before"]) if known else (0, 0)
            while number < pieces:
                piece = file.shard(num_shards=pieces, index=number)
                read = before
                if known and _alike(stored["at"], piece.state_dict()):
                    piece.load_state_dict(stored["at"])
                    read = taken
                for row in piece:
                    read += 1
                    if read > taken:
                        at = {"pieces": pieces, "piece": number, "before": before, "at": piece.state_dict()}
                        yield str(row[self.dataset.field]), json.dumps(at)
                number, before, known = number + 1, read, False

    def _load(self) -> Any:
        if self._loaded is None:
            try:
                import datasets
            except ImportError:
                raise UsageError(
                    f"--dataset_preset needs the datasets library (pip install 'datasets>=5.0'); or {HINT}"
                ) from None
            if not hasattr(datasets.IterableDataset, "reshard"):
                raise UsageError(
                    f"--dataset_preset needs datasets 5.0 or newer, {datasets.__version__} is installed "
                    f"(pip install 'datasets>=5.0'); or {HINT}"
                )
            hub.unreachable()
            self._loaded = datasets.load_dataset(self.dataset.path, self.dataset.name, split="train", streaming=True)
        return self._loaded

    @contextlib.contextmanager
    def _said(self) -> Iterator[None]:
        """Around what the library does: its errors in one line."""
        try:
            yield
        except (*LASTING, UsageError):
            raise
        except Exception as error:
            # The libraries that read from a network have errors of their own, which need not be an OSError.
            reason = hub.because(error)
            line = f"--dataset_preset: {self.dataset.path} cannot be read ({reason}); {HINT}"
            raise SourceError(line, reason) from None


def _alike(one: Any, other: Any) -> bool:
    """Whether two states have the same fields, of the same kinds of iterables, wherever both have them."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, str) or isinstance(other, str):
        return bool(one == other)
    return True
