"""GET /props: what a client asks before its first request."""

import msgspec
from aiohttp import web
from msgspec import UNSET, UnsetType

from runtime.engine.protocol import Generate
from runtime.server.native.template_caps import CAPS, Caps, CapsBook
from runtime.server.problem import Problem
from runtime.server.replies import json_response
from runtime.server.service import SERVICE, Service
from runtime.server.settings import Settings, default_settings, speculation

MEDIA_MARKER = "<__media__>"
"""Where pictures would stand in a prompt, in llama.cpp's multimodal library."""


class Defaults(msgspec.Struct, kw_only=True):
    """What a request gets that says nothing, and the tokens of a context."""

    params: Settings
    n_ctx: int


class Modalities(msgspec.Struct, kw_only=True):
    """What the model reads besides text."""

    vision: bool = False
    video: bool = False
    audio: bool = False


class Props(msgspec.Struct, kw_only=True):
    """What is served and how; `hardware`, `system_prompt`, `messages` and `stop` are lmfile's own additions.

    system_prompt: what the page begins conversations with, and API clients may. messages: what the publisher has put
    before every conversation. stop: what ends the answers to requests that say nothing of it.
    chat_template_caps: not of a model that has been asleep since nobody asked for it.
    """

    default_generation_settings: Defaults
    total_slots: int
    model_alias: str
    model_ftype: str
    model_path: str
    chat_template: str
    bos_token: str
    eos_token: str
    build_info: str
    is_sleeping: bool
    hardware: dict[str, object]
    system_prompt: str
    messages: list[dict[str, str]] | UnsetType = UNSET
    stop: list[str] | UnsetType = UNSET
    chat_template_tool_use: str | UnsetType = UNSET
    chat_template_caps: Caps | UnsetType = UNSET
    modalities: Modalities = msgspec.field(default_factory=Modalities)
    media_marker: str = MEDIA_MARKER
    endpoint_slots: bool = True
    endpoint_props: bool = False
    endpoint_metrics: bool = True
    ui: bool = True
    ui_settings: dict[str, object] = {}
    cors_proxy_enabled: bool = False


class PropsQuery(msgspec.Struct, kw_only=True):
    """model: which one of several, and it is loaded for this; else the main one, as it is."""

    model: str | None = None


async def props(request: web.Request) -> web.Response:
    """What is served and how."""
    service, name = request.app[SERVICE], request.query.get("model")
    if not name:
        return json_response(await _props(service, request.app[CAPS]))
    async with service.resolve(name) as chosen:
        return json_response(await _props(chosen, request.app[CAPS]))


async def change(_: web.Request) -> web.Response:
    """What is served cannot be changed. Raises: Problem, 501."""
    raise Problem(501, "not_supported_error", "The properties of this server are set by its command line only.")


async def _props(service: Service, caps: CapsBook) -> Props:
    options, facts = service.options, service.facts()
    return Props(
        default_generation_settings=Defaults(params=_defaults(service), n_ctx=facts.n_ctx),
        total_slots=facts.n_slots,
        model_alias=options.alias,
        model_path=options.model_path,
        model_ftype=facts.file_type,
        chat_template=facts.chat_template,
        chat_template_tool_use=facts.tool_template or UNSET,
        chat_template_caps=await caps.find(service) or UNSET,
        bos_token=facts.bos_token,
        eos_token=facts.eos_token,
        build_info=options.build,
        is_sleeping=service.model.status == "unloaded",
        hardware=dict(options.hardware),
        system_prompt=options.system_prompt,
        messages=[message._asdict() for message in options.assistant.messages] or UNSET,
        stop=list(options.stop) or UNSET,
    )


def _defaults(service: Service) -> Settings:
    options, config = service.options, service.model.entry.config
    asked = Generate(id=0, max_tokens=options.max_tokens, sampling=options.sampling, n_keep=options.n_keep)
    return default_settings(asked, speculation(config.n_draft, bool(config.draft_path)))
