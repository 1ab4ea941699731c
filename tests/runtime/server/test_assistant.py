"""Who answers: the publisher's name, looks and words where there are any, and sound defaults where there are none."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from runtime.errors import PayloadDamaged
from runtime.payload import Assistant
from runtime.server.assistant import AssistantCard, WebManifest
from tests.runtime.server.live import Live, ScriptedEngine

PROJECT = Path(__file__).resolve().parents[3]
STARTERS = ("How do I bake a simple bread?", "What makes dough rise?")
BREAD_BOOK = Assistant("Bread Book", "#aa3300", "What shall we bake?", "You are Bread Book.", STARTERS, "icon.png")
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\xc0\x00\x00\x00\xc1"


def test_without_a_publisher(server: Live) -> None:
    card = msgspec.json.decode(server.get("/assistant").body, type=AssistantCard)
    assert (card.name, card.greeting, card.color, card.starters) == ("tiny", "", "", [])
    assert (card.can_quit, card.quit_after_s) == (False, 0)
    assert server.get("/icon").body == (PROJECT / "webui" / "icon.svg").read_bytes()


def test_the_publishers_words(start: Callable[..., Live]) -> None:
    server = start(assistant=BREAD_BOOK, quit_after_s=300.0)
    card = msgspec.json.decode(server.get("/assistant").body, type=AssistantCard)
    assert (card.name, card.greeting, card.color, card.starters) == (
        BREAD_BOOK.name, BREAD_BOOK.greeting, BREAD_BOOK.color, list(BREAD_BOOK.starters)
    )  # fmt: skip
    assert (card.can_quit, card.quit_after_s) == (True, 300)
    assert len(card.instance) == 32
    assert b"You are" not in server.get("/assistant").body, "the system prompt is for those with a key"


def test_each_start_is_another_instance(start: Callable[..., Live]) -> None:
    instances = [start().get("/assistant").json()["instance"] for _ in range(2)]
    assert instances[0] != instances[1]


def test_it_installs_below_any_prefix(start: Callable[..., Live]) -> None:
    server = start(assistant=BREAD_BOOK, read_icon=lambda: PNG, prefix="/deep/down")
    reply = server.get("/deep/down/manifest.webmanifest")
    assert reply.headers["Content-Type"] == "application/manifest+json"
    manifest = msgspec.json.decode(reply.body, type=WebManifest)
    assert (manifest.name, manifest.start_url, manifest.scope) == (BREAD_BOOK.name, "./", "./")
    assert (manifest.display, manifest.theme_color) == ("standalone", BREAD_BOOK.color)
    assert [(icon.src, icon.type, icon.sizes) for icon in manifest.icons] == [("icon", "image/png", "192x193")]
    assert server.get("/deep/down/icon").body == PNG


def test_an_icon_does_nothing_and_is_sent_once(start: Callable[..., Live]) -> None:
    server = start(assistant=BREAD_BOOK._replace(icon="icon.svg"), read_icon=lambda: b"<svg/>")
    reply = server.get("/icon")
    assert reply.headers["Content-Type"] == "image/svg+xml"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in reply.headers["Content-Security-Policy"]
    assert reply.headers["Cache-Control"] == "no-cache"
    assert server.get("/icon", {"If-None-Match": reply.headers["ETag"]}).status == 304


def test_an_icon_that_was_changed(start: Callable[..., Live]) -> None:
    def damaged() -> bytes:
        raise PayloadDamaged("x", "the bytes of `icon.png` were changed")

    reply = start(assistant=BREAD_BOOK, read_icon=damaged).get("/icon")
    assert (reply.status, "were changed" in reply.json()["error"]["message"]) == (500, True)


@pytest.mark.parametrize("path", ["/assistant", "/manifest.webmanifest", "/icon"])
def test_it_needs_no_key_and_shows_nothing_to_other_pages(start: Callable[..., Live], path: str) -> None:
    server = start(keys=("secret",))
    assert server.get(path).status == 200
    assert server.get(path, {"Sec-Fetch-Site": "cross-site"}).status == 403


def test_the_system_prompt_is_told_to_those_with_a_key(start: Callable[..., Live]) -> None:
    server = start(ScriptedEngine(), keys=("secret",), system_prompt="You are Bread Book.")
    assert server.get("/props").status == 401
    assert server.get("/props", {"Authorization": "Bearer secret"}).json()["system_prompt"] == "You are Bread Book."
