"""Who answers here, for the page and for browsers that install it: the publisher's name, looks and words, or ours.

Needs no key: the page asks before anybody has given one.
"""

import struct
from functools import lru_cache
from hashlib import sha256

import msgspec
from aiohttp import web

from runtime.errors import LmfileError
from runtime.server import page
from runtime.server.openapi import OWN
from runtime.server.options import ServerOptions
from runtime.server.problem import Problem
from runtime.server.replies import json_response
from runtime.server.route import Route
from runtime.server.service import SERVICE

PNG, SVG = "image/png", "image/svg+xml"
OWN_ICON = "icon.svg"
MANIFEST = "application/manifest+json"
BACKGROUND = "#ffffff"
ICON_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""An SVG opened by itself is a document: it may look as it likes, and do nothing."""


class AssistantCard(msgspec.Struct, kw_only=True):
    """What is empty was not said.

    instance: this run of the program, a new one at each start. color: `#rrggbb`. starters: first questions.
    n_messages: how many of the publisher's stand before every conversation; /props tells them, to those with a key.
    can_quit: whether the page may end the program (`POST /quit`); quit_after_s: how long after the last page was
    closed it ends by itself, 0: never.
    """

    instance: str
    name: str
    greeting: str
    color: str
    starters: list[str]
    n_messages: int
    can_quit: bool
    quit_after_s: float


class WebIcon(msgspec.Struct, kw_only=True):
    """An icon of the web app; `sizes` in pixels, or `any`."""

    src: str
    type: str
    sizes: str


class WebManifest(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a browser needs to install the page; its addresses are relative, so that it works below any prefix."""

    name: str
    short_name: str
    icons: list[WebIcon]
    start_url: str = msgspec.field(default_factory=lambda: "./")
    scope: str = msgspec.field(default_factory=lambda: "./")
    display: str = msgspec.field(default_factory=lambda: "standalone")
    background_color: str = msgspec.field(default_factory=lambda: BACKGROUND)
    theme_color: str = ""


async def answer(request: web.Request) -> web.Response:
    """Who answers here: name, looks and words of the assistant."""
    options = request.app[SERVICE].options
    assistant = options.assistant
    card = AssistantCard(
        instance=options.instance,
        name=_name(options),
        greeting=assistant.greeting,
        color=assistant.color,
        starters=list(assistant.starters),
        n_messages=len(assistant.messages),
        can_quit=options.quit_after_s is not None,
        quit_after_s=options.quit_after_s or 0,
    )
    return json_response(card)


async def manifest(request: web.Request) -> web.Response:
    """The web app manifest: name, colour and icon of an installed page."""
    options = request.app[SERVICE].options
    content, kind = _icon(options)
    told = WebManifest(
        name=_name(options),
        short_name=_name(options),
        icons=[WebIcon(src="icon", type=kind, sizes=_sizes(content, kind))],
        theme_color=options.assistant.color,
    )
    return page.send(request, _asset(msgspec.json.encode(told)), MANIFEST)


async def icon(request: web.Request) -> web.Response:
    """The icon: the publisher's, or ours."""
    content, kind = _icon(request.app[SERVICE].options)
    return page.send(request, _asset(content), kind, ICON_POLICY)


def _name(options: ServerOptions) -> str:
    return options.assistant.name or options.alias


def _icon(options: ServerOptions) -> tuple[bytes, str]:
    """The bytes and their type. Raises: Problem when the executable was changed since it started."""
    if options.read_icon is None:
        return page.load(OWN_ICON).content, SVG
    try:
        content = options.read_icon()
    except (LmfileError, OSError) as error:
        raise Problem(500, "server_error", f"The icon cannot be read: {error}") from error
    return content, PNG if options.assistant.icon.endswith(".png") else SVG


def _sizes(content: bytes, kind: str) -> str:
    """What the head of a PNG says; an SVG has any size."""
    if kind != PNG:
        return "any"
    width, height = struct.unpack(">2I", content[16:24])
    return f"{width}x{height}"


@lru_cache(maxsize=2)
def _asset(content: bytes) -> page.Asset:
    return page.Asset(content, sha256(content).hexdigest()[:32])


ROUTES = [
    Route(method="GET", paths=("/assistant",), handler=answer, dialect=OWN, answer=AssistantCard),
    Route(
        method="GET",
        paths=("/manifest.webmanifest",),
        handler=manifest,
        dialect=OWN,
        answer=WebManifest,
        media=MANIFEST,
    ),
    Route(method="GET", paths=("/icon",), handler=icon, dialect=OWN, media=SVG),
]
OPEN = frozenset(path for route in ROUTES for path in route.paths)
