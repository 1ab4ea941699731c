"""HTTP/1.1 on one connection: aiohttp's, with a bound on the whole of a head, and refusals like all others.

aiohttp 3.14.5 bounds the lines of a head and their number, a megabyte together. What is no request it answers
with a text that names its version and quotes what it has read; and an `Expect` that it does not know
it answers before any middleware is asked, with a 500 when that is not UTF-8.
"""

import asyncio
import logging

from aiohttp import StreamReader, web
from aiohttp.web_request import BaseRequest

from runtime.server import limits
from runtime.server.headers import request_id, standard
from runtime.server.problem import Problem, invalid
from runtime.server.replies import json_response

CONTINUE = "100-continue"
NO_HEAD = b"\0"
"""No head holds it anywhere: the parser refuses what has come so far, as it refuses other malformed heads."""

NO_REQUEST = invalid("This is no HTTP/1.1 request, or its head is malformed or too large; is it https to http?")
UNEXPECTED = Problem(417, "invalid_request_error", "Nothing but 100-continue can be expected here.")


class Http1(web.RequestHandler):
    """One connection to `server`; `build` names this program."""

    __slots__ = ("_body", "_build", "_handler", "_n_head")

    def __init__(self, server: web.Server, build: str, logger: logging.Logger) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            logger=logger,
            access_log=None,  # type: ignore[arg-type]
            auto_decompress=False,
            max_line_size=limits.MAX_LINE_BYTES,
            max_field_size=limits.MAX_LINE_BYTES,
            max_headers=limits.MAX_HEADER_LINES,
            keepalive_timeout=limits.HEAD_S,
            lingering_time=limits.LINGER_S,
        )
        self._build = build
        self._handler = server.request_handler
        self._request_handler = self._answer
        self._body: StreamReader | None = None
        self._n_head = 0

    def data_received(self, data: bytes) -> None:
        """Parse what has come; end a head that does not end."""
        n_before = self._request_count
        in_body = self._body is not None and not self._body.is_eof()
        super().data_received(data)
        if self._request_count == n_before and not in_body:
            self._n_head += len(data)
            if self._n_head > limits.MAX_HEAD_BYTES:
                super().data_received(NO_HEAD)
        if self._request_count != n_before:
            self._body = self._messages[-1][1]
            self._n_head = 0

    def handle_error(
        self, request: BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer what is no request, or a failure outside of all middlewares. Raises: ConnectionError."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun")
        if status == 400:
            self.logger.warning("What came from %s is no HTTP request.", request.remote)
            return self._refuse(request, NO_REQUEST)
        self.logger.error("request %s failed: %s", request_id(request), type(exc).__name__)
        return self._refuse(request, Problem(status, "server_error", "Something unforeseen happened in the server."))

    async def _answer(self, request: BaseRequest) -> web.StreamResponse:
        n_head = len(request.path_qs) + sum(len(name) + len(value) for name, value in request.raw_headers)
        if n_head > limits.MAX_HEAD_BYTES:
            return self._refuse(request, NO_REQUEST)
        if request.headers.get("Expect", CONTINUE).lower() != CONTINUE:
            return self._refuse(request, UNEXPECTED)
        return await self._handler(request)

    def _refuse(self, request: BaseRequest, problem: Problem) -> web.Response:
        headers = standard(request, self._build)
        response = json_response(problem.body(), status=problem.status, headers=headers)
        response.force_close()
        return response
