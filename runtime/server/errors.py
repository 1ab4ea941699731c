"""The request boundary: whatever a handler raises becomes an answer that a client understands.

A Problem is told as it is; anything unforeseen is a 500 that gives the request's id and
nothing else, and goes to the log. Once an answer is streaming, the same words go out
as its last event.
"""

import asyncio
import logging
import traceback

from aiohttp import web
from aiohttp.typedefs import Handler

from runtime.server import sse
from runtime.server.dialect import error_of
from runtime.server.headers import request_id
from runtime.server.inflight import INFLIGHT
from runtime.server.observing import method_of, route_of
from runtime.server.problem import Problem, not_found, unavailable
from runtime.server.replies import json_response

log = logging.getLogger("lmfile.server")

CLOSES_CONNECTION = {408, 413}


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer with the Problem, the refused route or the failure that `handler` raised."""
    try:
        return await handler(request)
    except Problem as problem:
        return await _tell(request, problem)
    except web.HTTPException as refused:
        return await _tell(request, _from_route(refused))
    except asyncio.CancelledError:
        # Either the client has left, and nobody listens; or the server ends, and says so.
        task = asyncio.current_task()
        if task is None or not request.app[INFLIGHT].ending:
            raise
        task.uncancel()
        return await _tell(request, unavailable("The server is shutting down."))
    except ConnectionError:
        raise
    except Exception as failure:
        # What it says may quote the request, which no log holds.
        happened = f"{type(failure).__name__} at {_where(failure)}"
        log.error("request %s: %s %s failed: %s", request_id(request), method_of(request), route_of(request), happened)
        message = f"Something unforeseen happened in the server; the log names this request {request_id(request)}."
        return await _tell(request, Problem(500, "server_error", message))


def _where(failure: Exception) -> str:
    """The last place in our own code that it came through."""
    places = [(frame.f_globals.get("__name__", ""), line) for frame, line in traceback.walk_tb(failure.__traceback__)]
    return next((f"{module}:{line}" for module, line in reversed(places) if module.startswith("runtime.")), "?")


async def _tell(request: web.Request, problem: Problem) -> web.StreamResponse:
    stream = sse.open_stream(request)
    if stream is not None:
        return await stream.fail(problem)
    status, body = error_of(request, problem)
    response = json_response(body, status=status, headers=problem.headers)
    if problem.status in CLOSES_CONNECTION:
        response.force_close()
    return response


def _from_route(refused: web.HTTPException) -> Problem:
    if refused.status == 404:
        return not_found("There is nothing at this address.")
    headers = {"Allow": refused.headers["Allow"]} if "Allow" in refused.headers else {}
    return Problem(refused.status, "invalid_request_error", f"{refused.reason}.", headers=headers)
