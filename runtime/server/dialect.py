"""A dialect: the family of clients that a route is for, and how these read a refusal."""

from collections.abc import Callable, Mapping

import msgspec
from aiohttp import web

from runtime.server.headers import request_id
from runtime.server.problem import Problem

ErrorBody = Mapping[str, object]


def common_error(problem: Problem, request_id: str) -> ErrorBody:
    """The shape that OpenAI's and llama.cpp's clients read."""
    return problem.body()


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """What its routes share.

    error: the body of a refusal, for the Problem and the id of the request. status: its HTTP status.
    prefixes: addresses that begin so are of this dialect even where nobody answers them.
    """

    name: str
    error: Callable[[Problem, str], ErrorBody] = common_error
    status: Callable[[Problem], int] = lambda problem: problem.status
    prefixes: tuple[str, ...] = ()


FALLBACK = Dialect(name="none")
"""Of addresses that nobody answers."""


class Dialects:
    """Which dialect an address belongs to."""

    def __init__(self, known: Mapping[tuple[str, str], Dialect], prefix: str = "") -> None:
        """known: by method and pattern of a route, as the router writes it. prefix: what all addresses begin with."""
        self._known = known
        self._prefix = prefix
        self._by_prefix = {start: dialect for dialect in known.values() for start in dialect.prefixes}

    def of(self, request: web.Request) -> Dialect:
        """The dialect of a request, also of one that no route takes."""
        resource = request.match_info.route.resource
        found = self._known.get((request.method, resource.canonical)) if resource else None
        if found is not None:
            return found
        path = request.path.removeprefix(self._prefix)
        fitting = [start for start in self._by_prefix if path.startswith(start)]
        return self._by_prefix[max(fitting, key=len)] if fitting else FALLBACK


DIALECTS = web.AppKey("dialects", Dialects)


def error_of(request: web.Request, problem: Problem) -> tuple[int, ErrorBody]:
    """Status and body that tell this client of a problem."""
    dialect = request.app[DIALECTS].of(request)
    return dialect.status(problem), dialect.error(problem, request_id(request))
