"""The Hugging Face hub: whether it can be reached is asked once, within seconds, before its library tries for long."""

from __future__ import annotations

import os
import socket
import sys
import threading
from functools import cache
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

#: Longer than this no answer to a connection takes; the library itself would try for half a minute.
PATIENCE_SECONDS = 4.0
_OFF = ("", "0", "false", "no", "off")


def _address() -> tuple[str, int]:
    """The host and port that a request to the hub would go to: the hub's, or a proxy's."""
    endpoint = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    host = endpoint.hostname or "huggingface.co"
    proxies = getproxies()
    proxy = proxies.get(endpoint.scheme) or proxies.get("all")
    if proxy and not proxy_bypass(host):
        through = urlsplit(proxy if "//" in proxy else f"//{proxy}")
        return through.hostname or host, through.port or 80
    return host, endpoint.port or (80 if endpoint.scheme == "http" else 443)


@cache
def unreachable() -> str | None:
    """Why the hub cannot be reached, one clause; None where it can. Then its library is told to use its cache alone."""
    if os.environ.get("HF_HUB_OFFLINE", "").lower() not in _OFF:
        return "HF_HUB_OFFLINE is set"
    try:
        host, port = _address()
    except ValueError as error:
        reason = f"its address makes no sense: {error}"
    else:
        reason = _connect(host, port)
    if reason:
        _go_offline()
    return reason or None


def _connect(host: str, port: int) -> str:
    """Empty where a connection stands. In a thread: looking a name up has no limit of its own."""
    outcome = [f"{host} did not answer within {PATIENCE_SECONDS:.0f} s"]

    def attempt() -> None:
        try:
            socket.create_connection((host, port), timeout=PATIENCE_SECONDS).close()
            outcome[0] = ""
        except OSError as error:
            outcome[0] = f"{host}: {error.strerror or error}"

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
