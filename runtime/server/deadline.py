"""Ends an answer that takes longer than `--timeout`, with a sentence: nobody computes for ever by mistake."""

import asyncio

from aiohttp import web
from aiohttp.typedefs import Handler

from runtime.server.problem import unavailable

TIMEOUT: web.AppKey[float | None] = web.AppKey("timeout", float)
"""Seconds; None: no limit."""


@web.middleware
async def answered_in_time(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer, within the time there is."""
    timeout_s = request.app[TIMEOUT]
    limit = asyncio.timeout(timeout_s)
    try:
        async with limit:
            return await handler(request)
    except TimeoutError:
        if not limit.expired():
            raise
        raise unavailable(f"The answer took longer than the {timeout_s:g} seconds of --timeout.") from None
