"""What Ollama's clients ask first: whether it runs, and which version."""

import msgspec
from aiohttp import web

from runtime.server.ollama.dialect import VERSION
from runtime.server.replies import json_response

RUNNING = "Ollama is running"


class VersionAnswer(msgspec.Struct, kw_only=True):
    """The release of Ollama whose API this is."""

    version: str


async def is_running(request: web.Request) -> web.Response:
    """The words that Ollama's clients look for at `/`, where browsers get the chat page."""
    return web.Response(text=RUNNING)


async def version(request: web.Request) -> web.Response:
    """The release of Ollama whose API this is; the `Server` header names lmfile's own."""
    return json_response({"version": VERSION})
