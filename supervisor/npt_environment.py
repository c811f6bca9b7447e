#!/usr/bin/env python3
"""What the interpreter that runs this has for training: itself, packages, torch and its devices, the W&B login.

Run by `NPT: Check Environment` in the interpreter that is to train. Nothing is changed, and no secret is told: of a
login only whether there is one. Standard library only, Python 3.8 or later, one file.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, Dict, Iterable, Optional


def facts(packages: Iterable[str]) -> Dict[str, Any]:
    """Everything, as JSON can say it; of packages the versions, None for those that are not there."""
    return {
        "version": platform.python_version(),
        "executable": sys.executable,
        "virtual": sys.prefix != sys.base_prefix or bool(os.environ.get("CONDA_PREFIX")),
        "pip": importlib.util.find_spec("pip") is not None,
        "venv": importlib.util.find_spec("venv") is not None and importlib.util.find_spec("ensurepip") is not None,
        "packages": {name: version_of(name) for name in packages},
        "torch": torch_facts(),
        "wandb": {"login": wandb_login(), "offline": os.environ.get("WANDB_MODE") in ("offline", "disabled")},
    }


def version_of(package: str) -> Optional[str]:
    """A package's version; "?" where it can be imported and does not say."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "?" if importlib.util.find_spec(package.replace("-", "_")) is not None else None


def torch_facts() -> Optional[Dict[str, Any]]:
    """What torch says once it is imported; None where there is none."""
    if importlib.util.find_spec("torch") is None:
        return None
    try:
        import torch  # type: ignore[import-not-found,unused-ignore]

        return {
            "version": str(torch.__version__),
            "cuda": torch.version.cuda,
            "hip": getattr(torch.version, "hip", None),
            "devices": int(torch.cuda.device_count()) if torch.cuda.is_available() else 0,
            "mps": bool(torch.backends.mps.is_available()),
            "gloo": bool(torch.distributed.is_available() and torch.distributed.is_gloo_available()),
            "error": None,
        }
    except Exception as error:
        # A torch that cannot be imported, for want of a library or with a numpy of another kind.
        return {"error": (str(error).strip().splitlines() or [type(error).__name__])[0]}


def wandb_login() -> bool:
    """Whether W&B has a key: in the environment, or for its host in the netrc file that `wandb login` writes."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    import netrc
    from urllib.parse import urlsplit

    host = urlsplit(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname or ""
    try:
        return netrc.netrc(str(Path(os.environ.get("NETRC", "~/.netrc")).expanduser())).authenticators(host) is not None
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError, RuntimeError):
        return False
