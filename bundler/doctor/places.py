"""Where models come from: the hub and whether there is a token for it, Ollama's store, the converter's environment."""

import importlib.util
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from bundler import fetch
from bundler.doctor.finding import Finding, State

GROUP = "models"
ENVIRONMENT_ROOM = "1.1 GB"
ONLINE_TIMEOUT_S = 5.0
INDEX_VARIABLE = "PIP_INDEX_URL"


def findings(*, online: bool) -> Iterator[Finding]:
    """Look at each; the network is asked only if `online`. No secret is told, only whether there is one."""
    yield from _hub(online)
    store = _ollama()
    models = len(list(store.glob("manifests/*/*/*/*"))) if store.is_dir() else 0
    counted = f"{models} model{'' if models == 1 else 's'}" if models else "none"
    yield Finding(GROUP, "ollama", "good" if models else "note", f"`{store}`: {counted}")
    yield _conversion()
    if online:
        yield _answers("package index", os.environ.get(INDEX_VARIABLE, fetch.PUBLIC_INDEX))


def _hub(online: bool) -> Iterator[Finding]:
    if importlib.util.find_spec("huggingface_hub") is None:
        return  # the tools say so
    from huggingface_hub import constants, get_token

    address = without_secrets(constants.ENDPOINT)
    offline = ", told to stay offline (HF_HUB_OFFLINE)" if constants.HF_HUB_OFFLINE else ""
    token = "a token" if get_token() else "no token: gated models need one (`hf auth login`, or HF_TOKEN)"
    state: State = "note" if offline else "good"
    yield Finding(GROUP, "hub", state, f"{address}{offline}; {token}")
    if online:
        yield _answers("hub online", constants.ENDPOINT)


def _ollama() -> Path:
    named = os.environ.get("OLLAMA_MODELS")
    return Path(named or "~/.ollama/models").expanduser()


def _conversion() -> Finding:
    from bundler.convert import environment

    try:
        is_made = environment.is_made()
    except OSError:
        is_made = False  # there is no cache, which is told elsewhere
    if is_made:
        return Finding(GROUP, "conversion", "good", "its environment is here: safetensors are converted at once")
    cost = f"its environment is not here; the first conversion fetches it, {ENVIRONMENT_ROOM} of disk"
    return Finding(GROUP, "conversion", "note", cost)


def _answers(name: str, address: str) -> Finding:
    """Whether somebody answers there at all; which status it is says nothing."""
    began = time.monotonic()
    shown = without_secrets(address)
    request = urllib.request.Request(address, method="HEAD", headers={"User-Agent": "lmfile"})
    try:
        with urllib.request.urlopen(request, timeout=ONLINE_TIMEOUT_S):
            pass
    except urllib.error.HTTPError:
        pass
    except (OSError, ValueError) as error:
        happened = str(getattr(error, "reason", error)) or type(error).__name__
        return Finding(GROUP, name, "note", f"{shown} does not answer: {happened[:80]}")
    return Finding(GROUP, name, "good", f"{shown} answers, in {(time.monotonic() - began) * 1000:.0f} ms")


def without_secrets(address: str) -> str:
    """The address without the name and password that it may hold, and without its query."""
    parts = urllib.parse.urlsplit(address)
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
