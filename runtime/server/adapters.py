"""The adapters of a request, and those that requests get which name none.

A request names them by llama-server's numbers or by their names. What their files hold is for
the worker to check; here only names, numbers and weights are.
"""

import asyncio
import math
from collections.abc import Sequence
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from runtime.adapters.catalogue import Catalogue, Listed
from runtime.engine.fleet import Model
from runtime.engine.protocol import Adapters
from runtime.errors import AdapterNotFound
from runtime.server.problem import invalid
from runtime.server.service import Service

MAX_SCALE = 100.0


class LoraField(msgspec.Struct, kw_only=True):
    """One adapter of a request, by `id` or by `name`."""

    id: Annotated[int, Meta(ge=0, le=1 << 20)] | None = None
    name: Annotated[str, Meta(max_length=256)] | None = None
    scale: float


LoraFields = Annotated[list[LoraField], Meta(max_length=64)]


class AdapterBook:
    """The adapters of each model of a server, and the weights that POST /lora-adapters has set."""

    def __init__(self) -> None:
        self._catalogues: dict[str, Catalogue] = {}
        self._set: dict[str, Adapters] = {}

    async def listed(self, model: Model) -> list[Listed]:
        """All that the model has now, in the order of their numbers; of a folder that cannot be read, nothing."""
        config = model.entry.config
        if not config.adapters and not config.lora_dir:
            return []
        if model.entry.name not in self._catalogues:
            self._catalogues[model.entry.name] = Catalogue.of(config)
        catalogue = self._catalogues[model.entry.name]
        try:
            return await asyncio.to_thread(catalogue.all)
        except AdapterNotFound:
            return catalogue.fixed()

    async def chosen(self, service: Service, name: str | None, lora: Sequence[LoraField] | None) -> Adapters | None:
        """Return the adapters of a request, in the order of their numbers; None: what the server was started with.

        name: of the model in the request, which may be an adapter's, as in vLLM. Raises: Problem that names the field.
        """
        named = service.adapters if service.adapters is not None else await self._named(service.model, name)
        if named and lora:
            raise invalid(f"`lora`: the model's name already stands for the adapter `{named[0][0]}`.")
        if named:
            return named
        if lora is None:
            return self._set.get(service.model.entry.name)
        return _weighted(lora, await self.listed(service.model), "lora") if lora else []

    async def _named(self, model: Model, name: str | None) -> Adapters | None:
        """The adapter that a model's name means; it may have come after the start."""
        if not name or name in model.entry.names:
            return None
        known = {one.wanted.name for one in await self.listed(model)}
        return [(name, 1.0)] if name in known else None

    async def set(self, service: Service, fields: Sequence[LoraField]) -> None:
        """Give these to all requests from now on that name none. Raises: Problem."""
        self._set[service.model.entry.name] = _weighted(fields, await self.listed(service.model), "")

    def scale(self, service: Service, one: Listed) -> float:
        """The weight of an adapter in answers to requests that name none."""
        changed = self._set.get(service.model.entry.name)
        return one.wanted.scale if changed is None else dict(changed).get(one.wanted.name, 0.0)


def _weighted(fields: Sequence[LoraField], known: Sequence[Listed], field: str) -> Adapters:
    scales: dict[int, tuple[str, float]] = {}
    for index, one in enumerate(fields):
        place = f"{field}[{index}]"
        found = _find(one, known, place)
        if not math.isfinite(one.scale) or abs(one.scale) > MAX_SCALE:
            raise invalid(f"`{place}.scale`: expected a number from -{MAX_SCALE:g} to {MAX_SCALE:g}.")
        if found.id in scales:
            raise invalid(f"`{place}`: the adapter `{found.wanted.name}` is named twice.")
        scales[found.id] = (found.wanted.name, one.scale)
    return [scales[number] for number in sorted(scales) if scales[number][1]]


def _find(one: LoraField, known: Sequence[Listed], place: str) -> Listed:
    if (one.id is None) == (one.name is None):
        raise invalid(f"`{place}`: expected either `id` or `name`.")
    for listed in known:
        if one.id == listed.id or one.name == listed.wanted.name:
            return listed
    wanted = f"the number {one.id}" if one.name is None else f"the name `{one.name[:64]}`"
    names = ", ".join(f"{listed.id} `{listed.wanted.name}`" for listed in known[:32]) or "none at all"
    raise invalid(f"`{place}`: no adapter has {wanted}; there are: {names}.")


ADAPTERS = web.AppKey("adapters", AdapterBook)
