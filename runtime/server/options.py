"""What the command line decides about the server. Imports nothing slow."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from runtime.engine.protocol import Sampling


@dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """How to serve one model.

    alias: its name in the API. build: program and engine versions in one string.
    keys: accepted API keys; none: no key is asked for. allow_hosts: further `Host`
    values this server answers to, as `name:port`. total_slots: sequences computed at once.
    hardware: what was found and why it is or is not used, for `/props`.
    sampling, max_tokens: used where a request says nothing.
    grace_s: how long running answers may go on after the first request to stop.
    """

    alias: str
    model_path: str = ""
    build: str = ""
    keys: tuple[str, ...] = ()
    allow_hosts: tuple[str, ...] = ()
    total_slots: int = 1
    hardware: Mapping[str, object] = field(default_factory=dict)
    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int = -1
    grace_s: float = 10.0
