"""The dataset presets: documents streamed from the Hugging Face hub, in a fixed order, from any position."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from npt import hub
from npt.data.documents import LASTING
from npt.errors import SourceError, UsageError


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


def stream(dataset: Dataset, skip: int) -> Iterator[str]:
    """The documents of a dataset's training split, in its order, from number ``skip`` on.

    Raises ``UsageError`` in one line where the ``datasets`` library is missing, ``SourceError`` where the hub, or what
    is on it, cannot be read.
    """
    hint = "use --train_file for local text, or --demo_mode"
    try:
        import datasets
    except ImportError:
        raise UsageError(f"--dataset_preset needs the datasets library (pip install datasets); or {hint}") from None
    hub.unreachable()
    try:
        loaded: Any = datasets.load_dataset(dataset.path, dataset.name, split="train", streaming=True)
        for row in loaded.skip(skip):
            yield str(row[dataset.field])
    except LASTING:
        raise
    except Exception as error:
        # The libraries that read from a network have errors of their own, which need not be an OSError.
        reason = hub.because(error)
        line = f"--dataset_preset: {dataset.path} cannot be read ({reason}); {hint}"
        raise SourceError(line, reason) from None
