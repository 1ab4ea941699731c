"""A route with everything that its documentation says: /openapi.json and docs/API.md are made of these."""

from collections.abc import Sequence
from typing import Literal

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from runtime.server.dialect import Dialect

Method = Literal["GET", "HEAD", "POST", "DELETE"]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that can be asked, under one or several addresses.

    body: the type of the request's JSON; None: it has none. query: the record of its query parameters, all optional.
    answer: the type of the JSON with status 200; None: no JSON (`media` says what else).
    stream: in which form it answers with `"stream": true`; None: it never does.
    statuses: further statuses than those that every route may answer with.
    """

    method: Method
    paths: Sequence[str]
    handler: Handler
    dialect: Dialect
    body: object = None
    query: type | None = None
    answer: object = None
    stream: Literal["sse", "ndjson"] | None = None
    media: str = "application/json"
    statuses: frozenset[int] = frozenset()

    @property
    def summary(self) -> str:
        """The first sentence of the handler's own description."""
        return (self.handler.__doc__ or "").strip().split("\n")[0]

    def definitions(self, prefix: str) -> list[web.RouteDef]:
        """For aiohttp's router."""
        return [web.route(self.method, prefix + path, self.handler) for path in self.paths]
