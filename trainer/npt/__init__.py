"""Training of Llama models whose upper layers become Neuro-Plastic (NPT) layers."""

from __future__ import annotations

from os import PathLike

__version__ = "0.1.0"
TRAINER = f"npt {__version__}"
SCHEMA = 1


def validate_checkpoint(checkpoint_path: str | PathLike[str]) -> bool:
    """Whether a checkpoint can be resumed from; prints its step, its layers and everything that is wrong with it."""
    # Only now, so that importing the package does not import PyTorch before signal handlers are in place.
    from npt.checkpoint import validate

    return validate.validate_checkpoint(checkpoint_path)
