"""The life of a double click: pages say that they are open, and with the last one the program ends after a while.

A page is closed when it says so or has been silent for `SILENT_S`: browsers let a page in the background
speak once a minute. Time is counted in looks and not by the clock, so a computer that was
asleep finds everything as it was.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated

import msgspec
from aiohttp import web

from runtime.server.body import read_json
from runtime.server.inflight import INFLIGHT
from runtime.server.openapi import OWN
from runtime.server.replies import json_response
from runtime.server.route import Route

LOOK_S = 0.5
SILENT_S = 180.0
MAX_PAGES = 1000
QUIT = "Quit was pressed: ended."


class Pages:
    """The open pages; `end` is called with the reason when it is time."""

    def __init__(self, quit_after_s: float, end: Callable[[str], None]) -> None:
        """quit_after_s: how long after the last page was closed and the last request was answered; 0: never."""
        self.end = end
        self._quit_after_s = quit_after_s
        self._silent_s: dict[str, float] = {}
        """For how long each open page has been silent, the last one heard of at the end."""
        self._had_any = False
        self._idle_s = 0.0

    def __len__(self) -> int:
        """How many are open."""
        return len(self._silent_s)

    def beat(self, page: str) -> None:
        """The page is open."""
        self._had_any, self._idle_s = True, 0.0
        self._silent_s.pop(page, None)
        self._silent_s[page] = 0.0
        if len(self._silent_s) > MAX_PAGES:
            del self._silent_s[next(iter(self._silent_s))]

    def leave(self, page: str) -> None:
        """The page was closed."""
        self._had_any, self._idle_s = True, 0.0
        self._silent_s.pop(page, None)

    def look(self, is_busy: bool) -> None:
        """`LOOK_S` have passed; `is_busy`: somebody was or is being answered in them."""
        self._silent_s = {page: silent + LOOK_S for page, silent in self._silent_s.items() if silent < SILENT_S}
        is_idle = self._had_any and not self._silent_s and not is_busy
        self._idle_s = self._idle_s + LOOK_S if is_idle else 0.0
        if 0 < self._quit_after_s <= self._idle_s:
            self._had_any = False  # said once
            self.end(f"No page has been open for {_minutes(self._quit_after_s)}: ended. Start it again to go on.")

    async def watching(self, app: web.Application) -> AsyncIterator[None]:
        """Look from the start of the application to its end."""
        task = asyncio.create_task(self._watch(app))
        yield
        task.cancel()
        await asyncio.wait([task])

    async def _watch(self, app: web.Application) -> None:
        inflight = app[INFLIGHT]
        n_before = inflight.n_begun
        while True:
            await asyncio.sleep(LOOK_S)
            self.look(inflight.is_busy or inflight.n_begun != n_before)
            n_before = inflight.n_begun


def _minutes(seconds: float) -> str:
    number = f"{seconds / 60:.3g}"
    return f"{number} minute" if number == "1" else f"{number} minutes"


PAGES = web.AppKey("pages", Pages)


class PresenceBody(msgspec.Struct, kw_only=True):
    """page: what the page calls itself, another name for each time it is opened. left: it is being closed."""

    page: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    left: bool = False


class Presence(msgspec.Struct, kw_only=True):
    """How many pages are open now."""

    pages: int


class Ending(msgspec.Struct, kw_only=True):
    """The program ends after this answer, and after those that are being written."""

    ending: bool


async def present(request: web.Request) -> web.Response:
    """A page is open, or is being closed: there after a double click only, where the program ends without a page."""
    body = await read_json(request, PresenceBody)
    pages = request.app[PAGES]
    (pages.leave if body.left else pages.beat)(body.page)
    return json_response(Presence(pages=len(pages)))


async def leave(request: web.Request) -> web.Response:
    """End the program, as the page's Quit button does: there after a double click only."""
    await read_json(request, dict)
    request.app[PAGES].end(QUIT)
    return json_response(Ending(ending=True))


ROUTES = [
    Route(method="POST", paths=("/presence",), handler=present, dialect=OWN, body=PresenceBody, answer=Presence),
    Route(method="POST", paths=("/quit",), handler=leave, dialect=OWN, body=dict, answer=Ending),
]
