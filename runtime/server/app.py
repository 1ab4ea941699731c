"""Puts the server together: what every request passes, and who answers which address."""

from aiohttp import web

from runtime.engine.fleet import Fleet
from runtime.server import (
    anthropic,
    assistant,
    lorax,
    metrics,
    native,
    ollama,
    openai,
    openapi,
    page,
    presence,
    shared_routes,
)
from runtime.server.access_log import write_access
from runtime.server.adapters import ADAPTERS, AdapterBook
from runtime.server.connections import CONNECTIONS, Connections, placed
from runtime.server.cors import ORIGINS, add_origin, shared
from runtime.server.deadline import TIMEOUT, answered_in_time
from runtime.server.dialect import DIALECTS, Dialect, Dialects
from runtime.server.errors import errors
from runtime.server.guard import GUARD, Guard, guarded
from runtime.server.headers import SERVER, add_headers
from runtime.server.inflight import INFLIGHT, Inflight, counted, while_open
from runtime.server.keys import BUDGET, KEYS, OPEN_PATHS, Budget, Keys, keyed
from runtime.server.model_files import MODEL_FILES, ModelFiles
from runtime.server.native.template_caps import CAPS, CapsBook
from runtime.server.observing import OBSERVATION, Observation, Observer, observed
from runtime.server.openai.response_store import RESPONSES, ResponseStore
from runtime.server.options import ServerOptions
from runtime.server.route import Route
from runtime.server.service import SERVICE, Service
from runtime.server.transfer import sent_in_time
from runtime.server.upgrades import close_after, plain

ROUTES = [
    *openai.ROUTES,
    *native.ROUTES,
    *anthropic.ROUTES,
    *ollama.ROUTES,
    *lorax.ROUTES,
    *shared_routes.ROUTES,
    *assistant.ROUTES,
    *presence.ROUTES,
    *metrics.ROUTES,
    *openapi.ROUTES,
]

# Outermost first: what an inner one raises, an outer one answers.
MIDDLEWARES = [
    observed,
    placed,
    counted,
    sent_in_time,
    errors,
    guarded,
    plain,
    shared,
    keyed,
    while_open,
    answered_in_time,
]


def create_app(options: ServerOptions, fleet: Fleet, guard: Guard) -> web.Application:
    """Return the application that serves the models of `fleet`; `guard` knows the port it will be reached on."""
    prefix = options.prefix
    app = web.Application(middlewares=MIDDLEWARES)
    app[SERVICE] = Service(fleet, options, fleet.main)
    app[ADAPTERS] = AdapterBook()
    app[CAPS] = CapsBook()
    app[MODEL_FILES] = ModelFiles()
    app[GUARD] = guard
    app[ORIGINS] = guard.origins
    app[KEYS] = Keys(options.keys)
    app[BUDGET] = Budget()
    app[OPEN_PATHS] = frozenset(prefix + path for path in [*page.FILES, *assistant.OPEN, *native.HEALTH_PATHS])
    app[CONNECTIONS] = Connections(options.max_per_address)
    scraped = app[metrics.SCRAPED] = metrics.Scraped()
    app[OBSERVATION] = Observation([scraped.metrics.finished, write_access, *_traced(app, options)])
    app[TIMEOUT] = options.timeout_s
    app[INFLIGHT] = Inflight()
    app[RESPONSES] = ResponseStore()
    app[SERVER] = options.build
    routes = ROUTES
    if options.quit_after_s is None:
        routes = [route for route in ROUTES if route not in presence.ROUTES]
    else:
        pages = app[presence.PAGES] = presence.Pages(options.quit_after_s, options.end)
        app.cleanup_ctx.append(pages.watching)
    app[openapi.DESCRIBED] = routes, prefix
    app.router.add_routes(page.routes(ollama.is_running, prefix))
    app[DIALECTS] = Dialects(_add_routes(app, routes, prefix), prefix)
    app.on_response_prepare.extend([add_headers, add_origin, close_after])
    return app


def _traced(app: web.Application, options: ServerOptions) -> list[Observer]:
    """Send traces while the application runs, if it is to."""
    if options.traces is None:
        return []
    from runtime.server.traces.exporter import Exporter  # most servers send none

    exporter = Exporter(options.traces)
    app.cleanup_ctx.append(exporter.running)
    return [exporter.observe]


def _add_routes(app: web.Application, routes: list[Route], prefix: str) -> dict[tuple[str, str], Dialect]:
    """Let the application answer all addresses; return whose they are."""
    return {
        (made.method, made.resource.canonical): route.dialect
        for route in routes
        for made in app.router.add_routes(route.definitions(prefix))
        if made.resource is not None
    }
