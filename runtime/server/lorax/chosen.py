"""The model and the adapters that a request means: by `adapter_id`, or several by `merged_adapters`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiohttp import web

from runtime.engine.protocol import Adapters
from runtime.server.adapters import ADAPTERS
from runtime.server.lorax.dialect import no_such_adapter
from runtime.server.lorax.parameters import MergedAdapters, Parameters
from runtime.server.problem import invalid, not_supported
from runtime.server.service import SERVICE, Service


class Chosen(NamedTuple):
    """A loaded model. adapters: None for those that the server was started with."""

    service: Service
    adapters: Adapters | None

    @property
    def headers(self) -> dict[str, str]:
        """How an answer names them."""
        named = {"x-model-id": self.service.options.alias}
        if self.adapters:
            named["x-adapter-id"] = ",".join(name for name, _ in self.adapters)
            named["x-adapter-source"] = "local"
        return named


@asynccontextmanager
async def chosen(request: web.Request, parameters: Parameters) -> AsyncIterator[Chosen]:
    """Give the model, loaded, and the adapters. Raises: Problem, 424 for adapters that are not here."""
    service = request.app[SERVICE]
    merged, wanted = parameters.merged_adapters, parameters.adapter_id
    if wanted == "" or any(wanted in entry.names for entry in service.fleet.entries):
        async with service.resolve(wanted) as base:
            yield Chosen(base, [])
        return
    adapters = _weighted(merged) if merged else [(wanted, 1.0)] if wanted else None
    name = await _model_with(request, parameters, adapters) if adapters else None
    async with service.resolve(name) as base:
        yield Chosen(base, adapters)


async def _model_with(request: web.Request, parameters: Parameters, adapters: Adapters) -> str:
    """The name of the model that has all of these adapters."""
    names = {name for name, _ in adapters}
    known: set[str] = set()
    for model in request.app[SERVICE].fleet.models:
        here = {one.wanted.name for one in await request.app[ADAPTERS].listed(model)}
        if names <= here:
            return model.entry.name
        known |= here
    missing = ", ".join(f"`{name[:200]}`" for name in sorted(names - known) or sorted(names))
    source = parameters.adapter_source
    wherefrom = f" Nothing is loaded from `{source}`." if source not in (None, "local") else ""
    listed = ", ".join(f"`{name}`" for name in sorted(known)[:32]) or "none at all"
    raise no_such_adapter(f"The adapter {missing} is not here; there are: {listed}.{wherefrom}")


def _weighted(merged: MergedAdapters) -> Adapters:
    if len(merged.ids) != len(merged.weights):
        raise invalid("`merged_adapters.weights`: expected as many as `ids`.")
    if len(set(merged.ids)) != len(merged.ids):
        raise invalid("`merged_adapters.ids`: one adapter is named twice.")
    if merged.merge_strategy not in (None, "linear"):
        what = f"`merged_adapters.merge_strategy` `{merged.merge_strategy}`, which leaves out parts of the adapters,"
        raise not_supported(what)
    return [(name, weight) for name, weight in zip(merged.ids, merged.weights, strict=True) if weight]
