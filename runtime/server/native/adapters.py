"""GET /lora-adapters, which there are; POST /lora-adapters, their weights where a request names none."""

import msgspec
from aiohttp import web

from runtime.server.adapters import ADAPTERS, LoraField
from runtime.server.body import read_json
from runtime.server.replies import json_response
from runtime.server.service import SERVICE


class Adapter(msgspec.Struct, kw_only=True):
    """One adapter; `name` is lmfile's own addition."""

    id: int
    name: str
    path: str
    scale: float
    task_name: str = ""
    prompt_prefix: str = ""


class Changed(msgspec.Struct, kw_only=True):
    """The weights are taken over."""

    success: bool = True


async def listing(request: web.Request) -> web.Response:
    """Each adapter with its number, its file and its weight."""
    service, book = request.app[SERVICE], request.app[ADAPTERS]
    return json_response(
        [
            Adapter(id=one.id, name=one.wanted.name, path=one.wanted.path, scale=book.scale(service, one))
            for one in await book.listed(service.model)
        ]
    )


async def change(request: web.Request) -> web.Response:
    """Take the weights over; what is not listed gets 0. Raises: Problem."""
    await request.app[ADAPTERS].set(request.app[SERVICE], await read_json(request, list[LoraField]))
    return json_response(Changed())
