"""The Hugging Face hub: whether it is there is asked once, within seconds, before its library tries for long."""

from __future__ import annotations

import os
import ssl
import sys
import threading
from functools import cache
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from npt import TRAINER

#: Longer than this no answer takes; the library itself tries again and again.
PATIENCE_SECONDS = 4.0
#: Tells the processes that read data why, which would otherwise find only that the library is to stay offline.
_AWAY = "NPT_HUB_AWAY"
_OFF = ("", "0", "false", "no", "off")
#: What proxies and gateways answer in the place of a hub that they cannot reach.
_GATEWAY = (502, 503, 504)


@cache
def unreachable() -> str | None:
    """Why the hub cannot be reached, one clause; None where it can. Then its library is told to use its cache alone."""
    if os.environ.get(_AWAY):
        return os.environ[_AWAY]
    if os.environ.get("HF_HUB_OFFLINE", "").lower() not in _OFF:
        return "HF_HUB_OFFLINE is set"
    endpoint = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    reason = _ask(endpoint)
    if reason is not None:
        os.environ[_AWAY] = reason
        _go_offline()
    return reason


def _ask(endpoint: str) -> str | None:
    """Why nothing answers, or None. In a thread: looking a name up has no limit of its own."""
    outcome: list[str | None] = [f"{endpoint} does not answer within {PATIENCE_SECONDS:.0f} s"]

    def attempt() -> None:
        try:
            request = Request(endpoint, method="HEAD", headers={"User-Agent": TRAINER})
            urlopen(request, timeout=PATIENCE_SECONDS).close()
            outcome[0] = None
        except HTTPError as error:
            # A refusal is an answer.
            outcome[0] = f"{endpoint} answers {error.code}" if error.code in _GATEWAY else None
        except (URLError, OSError, ValueError) as error:
            reason = error.reason if isinstance(error, URLError) else error
            # So is a certificate: the library may know it by settings of its own.
            if isinstance(reason, ssl.SSLError):
                outcome[0] = None
            elif not isinstance(reason, TimeoutError):
                outcome[0] = f"{endpoint}: {getattr(reason, 'strerror', None) or reason}"

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(PATIENCE_SECONDS)
    return outcome[0]


def _go_offline() -> None:
    os.environ["HF_HUB_OFFLINE"] = "1"
    # Read when the libraries are imported: they may have been already.
    for module, switch in (
        ("huggingface_hub.constants", "HF_HUB_OFFLINE"),
        ("datasets.config", "HF_HUB_OFFLINE"),
        ("transformers.utils.hub", "_is_offline_mode"),
    ):
        loaded = sys.modules.get(module)
        if hasattr(loaded, switch):
            setattr(loaded, switch, True)


def because(error: Exception, local: bool = False) -> str:
    """Why something could not be had from the hub, or from a ``local`` folder; one clause."""
    away = None if local else unreachable()
    if away is not None:
        return f"it is not in the cache, and the Hugging Face hub cannot be reached ({away})"
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
