"""What every handler needs: the engine, and how this server was told to behave."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
from aiohttp import web

from runtime.engine.client import EngineClient
from runtime.engine.fleet import Fleet, Model, NotLoaded
from runtime.engine.protocol import Adapters, ModelFacts
from runtime.engine.routing import Need, UnknownModel, route
from runtime.errors import LmfileError
from runtime.server.options import ServerOptions
from runtime.server.problem import RETRY_SOON_S, invalid, loading, no_such_model, unavailable


class Service(msgspec.Struct, frozen=True):
    """One model behind the port: the main one, until `resolve` gives the one that a request means.

    adapters: those that the request's model name means; None: what the request itself says.
    started: seconds since the epoch.
    """

    fleet: Fleet
    options: ServerOptions
    model: Model
    adapters: Adapters | None = None
    started: int = msgspec.field(default_factory=lambda: int(time.time()))

    @property
    def engine(self) -> EngineClient:
        """The engine of this model."""
        return self.model.engine

    def facts(self) -> ModelFacts:
        """Of this model when it was loaded last. Raises: Problem when it never was."""
        if self.engine.facts is None:
            check_ready(self)
            raise loading()
        return self.engine.facts

    @asynccontextmanager
    async def resolve(
        self, name: str | None, need: Need = "generate", *, waits: bool = False
    ) -> AsyncIterator["Service"]:
        """Give the service of the model that `name` means, loaded, and keep it loaded inside.

        Raises: Problem: 404 for a name that none of several models has, 503 when it cannot be
        loaded or not in time. The main model's very first load is a 503 at once, unless the client `waits`: who
        starts a server asks until it answers.
        """
        async with AsyncExitStack() as stack:
            try:
                place, adapter = route(self.fleet.entries, name or "", need)
                if adapter and need in ("embed", "rerank"):
                    raise invalid(f"`model`: the adapter `{adapter}` changes answers, not vectors; name its model.")
                chosen = msgspec.structs.replace(self, model=self.fleet.models[place], options=self._options_of(place))
                check_ready(chosen, waits=waits)
                await stack.enter_async_context(self.fleet.use(chosen.model))
            except UnknownModel as unknown:
                raise no_such_model(str(unknown)) from unknown
            except NotLoaded as late:
                raise unavailable(str(late), RETRY_SOON_S) from late
            except LmfileError as failure:
                raise unavailable(str(failure)) from failure
            yield msgspec.structs.replace(chosen, adapters=[(adapter, 1.0)]) if adapter else chosen

    def _options_of(self, place: int) -> ServerOptions:
        if place == 0:
            return self.options
        entry = self.fleet.entries[place]
        return msgspec.structs.replace(
            self.options,
            alias=entry.name,
            model_path=entry.config.model_path,
            assistant=self.options.assistant._replace(messages=()),  # the main model's, as it would have answered
        )


def check_ready(service: Service, *, waits: bool = False) -> None:
    """Raise the Problem that says why nothing can be asked of this model now, if nothing can."""
    engine = service.engine
    if not waits and engine.state == "loading" and engine.facts is None and service.model is service.fleet.main:
        raise loading()
    if engine.state == "failed" and not engine.can_load:
        raise unavailable(str(engine.failure))
    if engine.state == "stopped":
        raise unavailable("The server is shutting down.")


SERVICE = web.AppKey("service", Service)
