"""Chromium shows pages of other origins; a middleware of the test counts what of theirs gets through to a handler."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from runtime.server import app
from tests.runtime.server.live import Live
from tests.webui.node import HERE, node
from tests.webui.serve import start

TIMEOUT_S = 200
SCRIPT: Path = HERE / "browser" / "boundary.test.mjs"
NAVIGATION = "document"
MANY = 800


@pytest.fixture
def passed() -> list[tuple[str, str, str]]:
    """Method, path and destination of each request that got through."""
    return []


@pytest.fixture
def arrived() -> list[str]:
    """The path of each request that came as far as the server."""
    return []


@pytest.fixture
def server(arrived: list[str], passed: list[tuple[str, str, str]]) -> Iterator[Live]:
    @web.middleware
    async def arrive(request: web.Request, handler: Handler) -> web.StreamResponse:
        arrived.append(request.path)
        return await handler(request)

    @web.middleware
    async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
        site = request.headers.get("Sec-Fetch-Site", "")
        if site not in ("same-origin", "none"):
            passed.append((request.method, request.path, request.headers.get("Sec-Fetch-Dest", "")))
        return await handler(request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "MIDDLEWARES", [arrive, *app.MIDDLEWARES, note])
        running = start(quit_after_s=300.0)
    yield running
    running.close()


def test_no_page_of_another_origin_reaches_a_handler(
    server: Live, arrived: list[str], passed: list[tuple[str, str, str]]
) -> None:
    shared = start(keys=("sesame",), cors_origins=("*",))
    addresses = {"LMFILE_TARGET": server.port, "LMFILE_SHARED": shared.port}
    try:
        node(
            str(SCRIPT), timeout_s=TIMEOUT_S, env={name: f"http://127.0.0.1:{port}" for name, port in addresses.items()}
        )
    finally:
        shared.close()
    assert set(passed) <= {("GET", "/", NAVIGATION)}, passed
    assert passed, "the link was followed"
    assert len(arrived) > MANY, "it was this server that refused, and not the browser"
    assert server.engine.asked == []
