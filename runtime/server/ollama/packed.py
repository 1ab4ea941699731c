"""What changes which models there are: here they are part of the executable, so none comes, goes or gets a new name.

A pull of a model that is here has nothing left to do and succeeds: many clients begin with one.
"""

from collections.abc import AsyncGenerator
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from runtime.engine.routing import ModelEntry
from runtime.server.adapters import ADAPTERS
from runtime.server.body import read_json
from runtime.server.ollama.dialect import STYLE
from runtime.server.problem import Problem, forbidden, no_such_model, not_found
from runtime.server.replies import json_response
from runtime.server.service import SERVICE
from runtime.server.sse import Chunk, respond

Name = Annotated[str, Meta(max_length=1024)]


class NamedBody(msgspec.Struct, kw_only=True):
    """A request about one model; `name` is the old word for `model`."""

    model: Name | None = None
    name: Name | None = None
    stream: bool | None = None

    @property
    def wanted(self) -> str:
        """The name that was given."""
        return self.model or self.name or ""


class CopyBody(msgspec.Struct, kw_only=True):
    """A request for a second name of a model."""

    source: Name = ""
    destination: Name = ""


class Status(msgspec.Struct, kw_only=True):
    """How far it is."""

    status: str


async def pull(request: web.Request) -> web.StreamResponse:
    """Nothing is left to do for a model that is here; any other cannot be had."""
    body = await read_json(request, NamedBody)
    if not await _is_here(request, body.wanted):
        raise no_such_model(f"pull: model '{body.wanted[:200]}' not found here; {_packed(request)}")
    if body.stream is None or body.stream:
        return await respond(request, _pulled(), STYLE)
    return json_response({"status": "success"})


async def delete(request: web.Request) -> web.Response:
    """No model can be deleted."""
    raise await _refused(request, (await read_json(request, NamedBody)).wanted, "deleted")


async def push(request: web.Request) -> web.Response:
    """No model can be uploaded."""
    raise await _refused(request, (await read_json(request, NamedBody)).wanted, "pushed")


async def copy(request: web.Request) -> web.Response:
    """No model can get a second name."""
    raise await _refused(request, (await read_json(request, CopyBody)).source, "copied")


async def create(request: web.Request) -> web.Response:
    """No model can be made."""
    await read_json(request, NamedBody)
    raise forbidden(f"No model can be created: {_packed(request)}")


async def find_blob(request: web.Request) -> web.Response:
    """No file is kept for a model to be made of."""
    raise not_found("There is no such blob.")


async def keep_blob(request: web.Request) -> web.Response:
    """No file is taken for a model to be made of."""
    raise forbidden(f"No blob is taken: {_packed(request)}")


async def _pulled() -> AsyncGenerator[Chunk, None]:
    for status in ("pulling manifest", "verifying sha256 digest", "success"):
        yield {"status": status}


async def _refused(request: web.Request, name: str, what: str) -> Problem:
    if not await _is_here(request, name):
        return no_such_model(f"model '{name[:200]}' not found; {_packed(request)}")
    return forbidden(f"model '{name[:200]}' cannot be {what}: this model is part of the executable")


async def _is_here(request: web.Request, name: str) -> bool:
    """Whether a model or an adapter is called that; unlike elsewhere a foreign name means nothing."""
    plain = {name, name.rpartition(":")[0] or name}
    for model in request.app[SERVICE].fleet.models:
        adapters = {one.wanted.name for one in await request.app[ADAPTERS].listed(model)}
        if plain & {*model.entry.names, *adapters}:
            return True
    return False


def _packed(request: web.Request) -> str:
    entries: list[ModelEntry] = request.app[SERVICE].fleet.entries
    names = ", ".join(f"`{entry.name}`" for entry in entries)
    return f"the models of this server are part of the executable: {names}"
