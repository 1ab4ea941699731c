"""Answers 503 while there is no model to ask: it is being loaded, or it failed."""

from aiohttp import web
from aiohttp.typedefs import Handler

from runtime.server.inflight import INFLIGHT
from runtime.server.keys import OPEN_PATHS
from runtime.server.problem import RETRY_SOON_S, unavailable
from runtime.server.service import SERVICE, Service


@web.middleware
async def when_ready(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let the request through if the model is loaded, or it needs none."""
    if request.path not in request.app[OPEN_PATHS]:
        check_ready(request.app[SERVICE])
        if request.app[INFLIGHT].ending:
            raise unavailable("The server is shutting down.")
    return await handler(request)


def check_ready(service: Service) -> None:
    """Raise the Problem that says why nothing can be asked now."""
    engine = service.engine
    if engine.state == "loading":
        raise unavailable("Loading model", RETRY_SOON_S)
    if engine.state == "failed":
        raise unavailable(str(engine.failure))
    if engine.state == "stopped":
        raise unavailable("The server is shutting down.")
