"""GET /openapi.json: what the server can be asked, written from the routes and the records that check the requests."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus

import msgspec
from aiohttp import web

from runtime.server.dialect import Dialect, common_error
from runtime.server.problem import Problem
from runtime.server.replies import json_response
from runtime.server.route import Route
from runtime.version import VERSION

Json = dict[str, object]

REFUSALS = (
    Problem(400, "invalid_request_error", "…"),
    Problem(400, "exceed_context_size_error", "…"),
    Problem(401, "authentication_error", "…"),
    Problem(403, "permission_error", "…"),
    Problem(404, "not_found_error", "…"),
    Problem(405, "invalid_request_error", "…"),
    Problem(408, "invalid_request_error", "…"),
    Problem(413, "invalid_request_error", "…"),
    Problem(415, "invalid_request_error", "…"),
    Problem(429, "rate_limit_error", "…"),
    Problem(500, "server_error", "…"),
    Problem(503, "unavailable_error", "…"),
)
"""What any route may answer."""

MEDIA = {"sse": "text/event-stream", "ndjson": "application/x-ndjson"}
SECURITY: list[Json] = [{}, {"bearer": []}, {"key": []}]
_PARAMETER = re.compile(r"\{(\w+)(?::[^}]*)?\}")


def document(routes: Sequence[Route], prefix: str = "") -> Json:
    """Return the OpenAPI 3.1 document of `routes`, whose addresses begin with `prefix`."""
    types = [kind for route in routes for kind in (route.body, route.query, route.answer) if kind is not None]
    schemas, components = msgspec.json.schema_components(
        types, schema_hook=_anything, ref_template="#/components/schemas/{name}"
    )
    known = dict(zip(map(id, types), schemas, strict=True))
    paths: dict[str, Json] = {}
    for route in routes:
        for path in route.paths:
            described = _operation(route, path, known, components)
            paths.setdefault(_PARAMETER.sub(r"{\1}", prefix + path), {})[route.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "lmfile",
            "version": VERSION,
            "summary": "One model server for the clients of OpenAI, llama.cpp, Anthropic, Ollama, LoRAX and llamafile.",
        },
        "paths": paths,
        "security": SECURITY,
        "components": {
            "schemas": components,
            "responses": _refusals(routes),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
            },
        },
    }


def statuses(route: Route) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Yield the statuses of a route's refusals, each with an example of the body."""
    further = (Problem(status, "not_supported_error", "…") for status in sorted(route.statuses))
    seen = set()
    for problem in (*REFUSALS, *further):
        status = route.dialect.status(problem)
        if status not in seen:
            seen.add(status)
            yield status, route.dialect.error(problem, "0123456789abcdef")


def _operation(route: Route, path: str, known: Mapping[int, Json], components: Mapping[str, Json]) -> Json:
    parameters = [_path_parameter(name) for name in _PARAMETER.findall(path)]
    if route.query is not None:
        parameters += _query_parameters(known[id(route.query)], components)
    described: Json = {
        "summary": route.summary,
        "tags": [route.dialect.name],
        "operationId": _name(route, path),
        "responses": _responses(route, known),
    }
    if parameters:
        described["parameters"] = parameters
    if route.body is not None:
        content = {"application/json": {"schema": known[id(route.body)]}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _responses(route: Route, known: Mapping[int, Json]) -> Json:
    answer: Json = {} if route.answer is None else known[id(route.answer)]
    content: Json = {route.media: {"schema": answer}}
    if route.stream is not None:
        content[MEDIA[route.stream]] = {"schema": {"description": "The same in pieces."}}
    found: Json = {"200": {"description": "The answer.", "content": content}}
    for status, _ in statuses(route):
        found[str(status)] = {"$ref": f"#/components/responses/{_refusal(route.dialect, status)}"}
    return found


def _refusals(routes: Sequence[Route]) -> Json:
    """The refusals of all dialects, by the names that routes refer to."""
    return {
        _refusal(route.dialect, status): {
            "description": HTTPStatus(status).phrase,
            "content": {"application/json": {"schema": _schema_of(body)}},
        }
        for route in routes
        for status, body in statuses(route)
    }


def _refusal(dialect: Dialect, status: int) -> str:
    return f"{dialect.name}.{status}"


def _path_parameter(name: str) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _query_parameters(schema: Json, components: Mapping[str, Json]) -> list[Json]:
    reference = str(schema.get("$ref", ""))
    record = components[reference.rpartition("/")[2]] if reference else schema
    properties = record.get("properties")
    if not isinstance(properties, dict):
        return []
    return [{"name": name, "in": "query", "required": False, "schema": kind} for name, kind in properties.items()]


def _schema_of(example: object) -> Json:
    """The schema of an example: its keys are required, further ones allowed."""
    if isinstance(example, Mapping):
        properties = {str(key): _schema_of(value) for key, value in example.items()}
        return {"type": "object", "properties": properties, "required": list(properties)}
    if isinstance(example, bool):
        return {"type": "boolean"}
    if isinstance(example, int):
        return {"type": "integer"}
    return {"type": "string"} if isinstance(example, str) else {}


def _anything(kind: type) -> Json:
    """The schema of a field that takes whatever it is given."""
    return {"description": "Anything."}


def _name(route: Route, path: str) -> str:
    words = re.findall(r"\w+", _PARAMETER.sub(r"\1", path)) or ["root"]
    return "_".join([route.method.lower(), *words])


OWN = Dialect(name="lmfile", error=common_error)
DESCRIBED: web.AppKey[tuple[Sequence[Route], str]] = web.AppKey("described", tuple)
"""The routes of this server, and what their addresses begin with."""


async def answer(request: web.Request) -> web.Response:
    """This server's OpenAPI document."""
    return json_response(_document(request.app))


@lru_cache(maxsize=1)
def _document(app: web.Application) -> Json:
    routes, prefix = app[DESCRIBED]
    return document(routes, prefix)


ROUTES = [Route(method="GET", paths=("/openapi.json",), handler=answer, dialect=OWN)]
