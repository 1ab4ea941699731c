"""What the command line decides about the server. Imports nothing slow."""

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from runtime.engine.protocol import Sampling
from runtime.payload import Assistant
from runtime.server.limits import MAX_PER_ADDRESS
from runtime.server.traces.settings import TraceSettings

if TYPE_CHECKING:
    import ssl


ReasoningFormat = Literal["none", "deepseek", "deepseek-legacy", "auto"]
"""Where thoughts stand in OpenAI's answers."""


class ChatDefaults(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for chats whose request says nothing of it.

    thinks: whether the model thinks, and effort, how much, in its template's words; None and empty: as the template
    has it. values: what else the template is told. budget_tokens: of thoughts, -1: no limit; budget_message: what the
    model says before they are broken off.
    """

    thinks: bool | None = None
    effort: str = ""
    values: Mapping[str, object] = msgspec.field(default_factory=dict)
    budget_tokens: int = -1
    budget_message: str = ""
    reasoning_format: ReasoningFormat = "auto"


class ServerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to serve one model.

    alias: its name in the API. build: program and engine versions in one string.
    keys: accepted API keys; none: no key is asked for. allow_hosts: further `Host`
    values this server answers to, as `name:port`. cors_origins: whose pages may use it, too. prefix: what every
    address begins with, such as `/x`. tls: how to speak https; None: http. timeout_s: how long an answer may take;
    None: as long as it does. max_per_address: connections that one other computer may have.
    slot_dir: where requests may save and restore slots; None: nowhere.
    hardware: what was found and why it is or is not used, for `/props`.
    chats, sampling, max_tokens, stop, cache_prompt, n_keep, embd_normalize: used where a request says nothing.
    grace_s: how long running answers may go on after the first request to stop. traces: where they go; None: nowhere.
    assistant: what the publisher says of it; read_icon: gives its icon; None: ours is shown. system_prompt: what the
    page begins conversations with. quit_after_s: how long after the last page was closed the program ends, 0: never;
    None: it is no double click, and no page may end it. end: does so, given the reason. instance: this run.
    """

    alias: str
    model_path: str = ""
    build: str = ""
    keys: tuple[str, ...] = ()
    allow_hosts: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    prefix: str = ""
    tls: "ssl.SSLContext | None" = None
    timeout_s: float | None = None
    max_per_address: int = MAX_PER_ADDRESS
    slot_dir: Path | None = None
    hardware: Mapping[str, object] = msgspec.field(default_factory=dict)
    chats: ChatDefaults = ChatDefaults()
    sampling: Sampling = msgspec.field(default_factory=Sampling)
    max_tokens: int = -1
    stop: tuple[str, ...] = ()
    cache_prompt: bool = True
    n_keep: int = 0
    embd_normalize: int = 2
    grace_s: float = 10.0
    traces: TraceSettings | None = None
    assistant: Assistant = Assistant()
    read_icon: Callable[[], bytes] | None = None
    system_prompt: str = ""
    quit_after_s: float | None = None
    end: Callable[[str], None] = lambda _reason: None
    instance: str = msgspec.field(default_factory=lambda: secrets.token_hex(16))
