"""Puts the server together: what every request passes, and who answers which address."""

from aiohttp import web

from runtime.engine.fleet import Fleet
from runtime.server import native, openai, openapi, page
from runtime.server.adapters import ADAPTERS, AdapterBook
from runtime.server.dialect import DIALECTS, Dialects
from runtime.server.errors import errors
from runtime.server.guard import GUARD, Guard, guarded
from runtime.server.headers import SERVER, add_headers
from runtime.server.inflight import INFLIGHT, Inflight, counted, while_open
from runtime.server.keys import KEYS, OPEN_PATHS, Keys, keyed
from runtime.server.limits import sent_in_time
from runtime.server.native.template_caps import CAPS, CapsBook
from runtime.server.options import ServerOptions
from runtime.server.service import SERVICE, Service

ROUTES = [*openai.ROUTES, *native.ROUTES, *openapi.ROUTES]

# Outermost first: what an inner one raises, an outer one answers.
MIDDLEWARES = [counted, sent_in_time, errors, guarded, keyed, while_open]


def create_app(options: ServerOptions, fleet: Fleet, guard: Guard) -> web.Application:
    """Return the application that serves the models of `fleet`; `guard` knows the port it will be reached on."""
    app = web.Application(middlewares=MIDDLEWARES)
    app[SERVICE] = Service(fleet, options, fleet.main)
    app[ADAPTERS] = AdapterBook()
    app[CAPS] = CapsBook()
    app[GUARD] = guard
    app[KEYS] = Keys(options.keys)
    app[OPEN_PATHS] = frozenset([*page.FILES, *native.HEALTH_PATHS])
    app[INFLIGHT] = Inflight()
    app[SERVER] = options.build
    app[openapi.DESCRIBED] = ROUTES, ""
    app[DIALECTS] = Dialects({(route.method, path): route.dialect for route in ROUTES for path in route.paths})
    app.router.add_routes([*page.routes(), *(made for route in ROUTES for made in route.definitions(prefix=""))])
    app.on_response_prepare.append(add_headers)
    return app
