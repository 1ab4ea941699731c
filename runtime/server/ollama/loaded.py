"""The model that a request means, loaded and kept as long as the request says.

Unlike other clients Ollama's never ask whether a model is ready: a request waits until it is.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from runtime.engine.fleet import Model
from runtime.engine.protocol import Adapters
from runtime.engine.routing import Need, UnknownModel, route
from runtime.server.adapters import ADAPTERS
from runtime.server.ollama.durations import KeepAlive, seconds
from runtime.server.problem import no_such_model
from runtime.server.service import SERVICE, Service

Name = Annotated[str, Meta(max_length=1024)]


class ModelFields(msgspec.Struct, kw_only=True):
    """What every request to a model has. The name may have a tag; an unknown name means the only model there is.

    keep_alive: how long the model stays loaded after this request: 0 until it is answered, negative for ever.
    """

    model: Name | None = None
    keep_alive: KeepAlive = None


class Loaded(msgspec.Struct, frozen=True):
    """A loaded model. name: as the client wrote it. began_s, loaded_s: when the request came, when it could begin."""

    service: Service
    name: str
    adapters: Adapters | None
    began_s: float
    loaded_s: float = msgspec.field(default_factory=time.monotonic)

    def durations(self) -> dict[str, int]:
        """Of the whole request and of the wait for the model, in nanoseconds."""
        total_s = time.monotonic() - self.began_s
        return {"total_duration": int(total_s * 1e9), "load_duration": int((self.loaded_s - self.began_s) * 1e9)}


@asynccontextmanager
async def loaded(request: web.Request, fields: ModelFields, need: Need = "generate") -> AsyncIterator[Loaded]:
    """Give the model, loaded; inside it stays so. Raises: Problem."""
    began_s = time.monotonic()
    service, keep_s = request.app[SERVICE], seconds(fields.keep_alive)
    name = known_name(service, fields.model, need)
    async with service.resolve(name, need, waits=True) as chosen:
        if keep_s is not None:
            service.fleet.keep(chosen.model, keep_s)
        adapters = await request.app[ADAPTERS].chosen(chosen, name, None)
        yield Loaded(chosen, fields.model or chosen.options.alias, adapters, began_s)


def is_unload(fields: ModelFields) -> bool:
    """Whether a request without content asks to unload the model, not to load it."""
    return seconds(fields.keep_alive) == 0


async def unload(request: web.Request, fields: ModelFields) -> str:
    """Give up the model's memory once nobody uses it; the next request brings it back. Returns its name."""
    service = request.app[SERVICE]
    model = find(service, fields.model)
    await service.fleet.unload(model)
    return fields.model or model.entry.name


def find(service: Service, name: str | None, need: Need = "generate") -> Model:
    """Return the model that a name means. Raises: Problem."""
    return service.fleet.models[route(service.fleet.entries, known_name(service, name, need), need).place]


def known_name(service: Service, name: str | None, need: Need = "generate") -> str:
    """Return a name as it is known here, without the tag that Ollama's have. Raises: Problem for an unknown one."""
    name, entries = name or "", service.fleet.entries
    known = {one for entry in entries for one in (*entry.names, *entry.adapters)}
    plain = name if name in known else name.rpartition(":")[0] or name
    try:
        route(entries, plain, need)
    except UnknownModel as unknown:
        listed = ", ".join(f"`{entry.name}`" for entry in entries)
        raise no_such_model(f"model '{name[:200]}' not found; there are {listed}") from unknown
    return plain
