"""Pages that are open, closed or silent, and when the program ends because of it. Time is counted in looks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from runtime.server.presence import LOOK_S, MAX_PAGES, QUIT, SILENT_S, Pages
from tests.runtime.server.live import Live, ScriptedEngine, eventually

QUIT_AFTER_S = 60.0


@dataclass
class Clock:
    """Pages whose time a test lets pass."""

    reasons: list[str] = field(default_factory=list)
    pages: Pages = field(init=False)

    def __post_init__(self) -> None:
        self.pages = Pages(QUIT_AFTER_S, self.reasons.append)

    def passes(self, seconds: float, *, is_busy: bool = False) -> None:
        for _ in range(round(seconds / LOOK_S)):
            self.pages.look(is_busy)


def test_without_a_page_it_never_ends() -> None:
    clock = Clock()
    clock.passes(10 * SILENT_S)
    assert clock.reasons == []


def test_it_ends_some_time_after_the_last_page_was_closed() -> None:
    clock = Clock()
    clock.pages.beat("a")
    clock.pages.beat("b")
    clock.pages.leave("a")
    clock.passes(SILENT_S - 1)
    clock.pages.beat("b")
    clock.pages.leave("b")
    clock.passes(QUIT_AFTER_S - LOOK_S)
    assert clock.reasons == []
    clock.passes(LOOK_S)
    assert clock.reasons == ["No page has been open for 1 minute: ended. Start it again to go on."]


def test_a_page_that_is_silent_is_closed() -> None:
    clock = Clock()
    clock.pages.beat("a")
    clock.passes(SILENT_S)
    assert len(clock.pages) == 1
    clock.passes(LOOK_S)
    assert len(clock.pages) == 0
    clock.passes(QUIT_AFTER_S)
    assert len(clock.reasons) == 1


def test_a_page_that_is_open_in_the_background_keeps_it() -> None:
    clock = Clock()
    for _ in range(20):
        clock.pages.beat("a")
        clock.passes(SILENT_S - 1)
    assert clock.reasons == []


def test_reloading_keeps_it() -> None:
    clock = Clock()
    for number in range(20):
        clock.pages.beat(f"page {number}")
        clock.pages.leave(f"page {number}")
        clock.passes(QUIT_AFTER_S - LOOK_S)
    assert clock.reasons == []


def test_requests_keep_it_from_anybody() -> None:
    clock = Clock()
    clock.pages.beat("a")
    clock.pages.leave("a")
    for _ in range(20):
        clock.passes(QUIT_AFTER_S - LOOK_S)
        clock.passes(LOOK_S, is_busy=True)
    assert clock.reasons == []
    clock.passes(QUIT_AFTER_S)
    assert len(clock.reasons) == 1


def test_zero_means_never() -> None:
    reasons: list[str] = []
    pages = Pages(0, reasons.append)
    pages.beat("a")
    pages.leave("a")
    for _ in range(10_000):
        pages.look(is_busy=False)
    assert reasons == []


def test_any_number_of_pages_takes_bounded_room() -> None:
    pages = Clock().pages
    for number in range(2 * MAX_PAGES):
        pages.beat(str(number))
    assert len(pages) == MAX_PAGES


@pytest.fixture
def reasons() -> list[str]:
    return []


@pytest.fixture
def opened(start: Callable[..., Live], reasons: list[str]) -> Iterator[Live]:
    yield start(ScriptedEngine(), keys=("sesame",), quit_after_s=LOOK_S, end=reasons.append)


KEY = {"Authorization": "Bearer sesame"}


def test_over_http(opened: Live, reasons: list[str]) -> None:
    assert opened.post("/presence", {"page": "a"}, **KEY).json() == {"pages": 1}
    assert opened.post("/presence", {"page": "a", "left": True}, **KEY).json() == {"pages": 0}
    assert eventually(lambda: len(reasons) > 0)


def test_quit(opened: Live, reasons: list[str]) -> None:
    assert opened.post("/quit", {}, **KEY).json() == {"ending": True}
    assert reasons == [QUIT]


@pytest.mark.parametrize("path", ["/presence", "/quit"])
def test_not_without_the_key_and_not_from_another_page(opened: Live, reasons: list[str], path: str) -> None:
    body = {"page": "a"}
    assert opened.post(path, body).status == 401
    assert opened.post(path, body, **KEY, **{"Sec-Fetch-Site": "cross-site"}).status == 403
    assert opened.post(path, body, **KEY, Origin="http://evil.example").status == 403
    plain = {**KEY, "Content-Type": "text/plain", "Sec-Fetch-Site": "same-origin"}
    assert opened.request("POST", path, body, plain).status == 415
    assert reasons == []


@pytest.mark.parametrize("body", [{}, {"page": ""}, {"page": "x" * 65}, {"page": 5}, {"page": "a", "left": "yes"}, []])
def test_what_is_no_page(opened: Live, body: object) -> None:
    assert opened.post("/presence", body, **KEY).status == 400


def test_a_server_that_was_not_double_clicked_has_none_of_it(server: Live) -> None:
    for path in ("/presence", "/quit"):
        assert server.post(path, {"page": "a"}).status == 404
        assert path not in server.get("/openapi.json").json()["paths"]
