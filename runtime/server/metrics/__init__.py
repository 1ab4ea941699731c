"""GET /metrics: what Prometheus scrapes, under the names of llama.cpp and LoRAX and our own, and as LoRAX's JSON."""

from aiohttp import web

from runtime.server.connections import CONNECTIONS
from runtime.server.metrics import state
from runtime.server.metrics.counting import Metrics
from runtime.server.metrics.state import Speeds
from runtime.server.metrics.text import Family, as_json, as_text
from runtime.server.observing import OBSERVATION
from runtime.server.openapi import OWN
from runtime.server.replies import json_response
from runtime.server.route import Route
from runtime.server.service import SERVICE

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Scraped:
    """What is counted from the start on."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.speeds = Speeds(self.metrics)


SCRAPED = web.AppKey("scraped", Scraped)


async def answer(request: web.Request) -> web.Response:
    """The numbers that Prometheus collects; with `Accept: application/json` the same as JSON."""
    started = request.app[SERVICE].started
    headers = {"Process-Start-Time-Unix": str(started)}
    families = await _families(request.app)
    if "application/json" in request.headers.get("Accept", ""):
        return json_response(as_json(families), headers=headers)
    return web.Response(body=as_text(families).encode(), headers={**headers, "Content-Type": CONTENT_TYPE})


async def _families(app: web.Application) -> list[Family]:
    service, scraped = app[SERVICE], app[SCRAPED]
    states = await state.inspect(service.fleet)
    n_running, n_connections = app[OBSERVATION].n_running, len(app[CONNECTIONS])
    return [
        *scraped.metrics.families(),
        *scraped.speeds.families(),
        *state.engines(states),
        *state.workers(service.fleet.models),
        *state.front(n_running, n_connections, service.started, service.options.build),
    ]


ROUTES = [Route(method="GET", paths=("/metrics",), handler=answer, dialect=OWN, media="text/plain")]
