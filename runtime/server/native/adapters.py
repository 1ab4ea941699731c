"""GET /lora-adapters, which there are; POST /lora-adapters, their weights where a request names none."""

from aiohttp import web

from runtime.server.adapters import ADAPTERS, LoraField
from runtime.server.body import read_json
from runtime.server.replies import json_response
from runtime.server.service import SERVICE


async def listing(request: web.Request) -> web.Response:
    """Each adapter with its number, its file and its weight."""
    service, book = request.app[SERVICE], request.app[ADAPTERS]
    return json_response(
        [
            {
                "id": one.id,
                "name": one.wanted.name,
                "path": one.wanted.path,
                "scale": book.scale(service, one),
                "task_name": "",
                "prompt_prefix": "",
            }
            for one in await book.listed(service.model)
        ]
    )


async def change(request: web.Request) -> web.Response:
    """Take the weights over; what is not listed gets 0. Raises: Problem."""
    await request.app[ADAPTERS].set(request.app[SERVICE], await read_json(request, list[LoraField]))
    return json_response({"success": True})
