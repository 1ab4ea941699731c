"""GET /slots and what may be done with one: llama-server's shapes, and file names that stay in their folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runtime.engine.config import WorkerConfig
from runtime.engine.protocol import Failed, Inspect, SlotAction, SlotDone, SlotState, State, Terminal
from tests.runtime.server.live import Live

BUSY = SlotState(slot=1, request=7, n_prompt=100, n_computed=40, n_predicted=3, has_new_line=True)


def inside(*slots: SlotState) -> Callable[[Any], Terminal]:
    """An engine with these slots, where every action on one succeeds."""

    def answer(request: Any) -> Terminal:
        if isinstance(request, Inspect):
            return State(
                id=request.id, slots=list(slots), n_waiting=0, n_cells=0, n_sequences=0, adapters=[], n_steps=0,
                n_threads=1,
            )  # fmt: skip
        assert isinstance(request, SlotAction)
        return SlotDone(id=request.id, n_tokens=84, n_bytes=14_309, took_ms=49.5)

    return answer


def test_what_is_computed_now(start: Callable[..., Live]) -> None:
    server = start(config=WorkerConfig(model_path="", n_draft=4))
    server.engine.answers = inside(SlotState(slot=0), BUSY)
    assert server.get("/slots").json() == [
        {"id": 0, "n_ctx": 4096, "speculative": True, "is_processing": False},
        {
            "id": 1, "n_ctx": 4096, "speculative": True, "is_processing": True, "id_task": 7, "n_prompt_tokens": 100,
            "n_prompt_tokens_processed": 40, "n_prompt_tokens_cache": 0,
            "next_token": [{"has_next_token": True, "has_new_line": True, "n_remain": -1, "n_decoded": 3}],
        },
    ]  # fmt: skip
    assert server.get("/slots?fail_on_no_slot=1").status == 200


def test_no_free_slot(server: Live) -> None:
    server.engine.answers = inside(BUSY)
    assert server.get("/slots").status == 200
    reply = server.get("/slots?fail_on_no_slot=1")
    assert (reply.status, reply.json()["error"]["type"]) == (503, "unavailable_error")


def test_an_engine_that_does_not_answer(server: Live) -> None:
    server.engine.answers = lambda request: Failed(id=request.id, kind="died", message="It died.")
    reply = server.get("/slots")
    assert (reply.status, reply.json()["error"]["message"]) == (503, "It died.")


@pytest.fixture
def saving(start: Callable[..., Live], tmp_path: Path) -> Live:
    """A server that may save slots in a folder of the test."""
    server = start(slot_dir=tmp_path)
    server.engine.answers = inside(SlotState(slot=0))
    return server


def act(server: Live, number: object, action: str, filename: object = None) -> Any:
    reply = server.post(f"/slots/{number}?action={action}", {} if filename is None else {"filename": filename})
    return reply.json() if reply.status == 200 else reply.json()["error"]


def test_save_restore_erase(saving: Live, tmp_path: Path) -> None:
    assert act(saving, 1, "save", "a.bin") == {
        "id_slot": 1, "filename": "a.bin", "n_saved": 84, "n_written": 14_309, "timings": {"save_ms": 49.5},
    }  # fmt: skip
    assert act(saving, 0, "restore", "a.bin") == {
        "id_slot": 0, "filename": "a.bin", "n_restored": 84, "n_read": 14_309, "timings": {"restore_ms": 49.5},
    }  # fmt: skip
    assert act(saving, 3, "erase") == {"id_slot": 3, "n_erased": 84}
    path = str(tmp_path / "a.bin")
    asked = [(one.slot, one.action, one.path) for one in saving.engine.singles if isinstance(one, SlotAction)]
    assert asked == [(1, "save", path), (0, "restore", path), (3, "erase", "")]


@pytest.mark.parametrize("action", ["save", "restore", "erase"])
def test_without_a_folder(server: Live, action: str) -> None:
    reply = server.post(f"/slots/0?action={action}", {"filename": "a.bin"})
    assert (reply.status, reply.json()["error"]["type"]) == (501, "not_supported_error")
    assert "--slot-save-path" in reply.json()["error"]["message"]
    assert server.engine.singles == []


NAMES = ["a", "a.bin", "chat 1.slot", "Grüße 👋.bin", "-a", "x" * 255, "com", "consul.bin", "COM10", "a..b"]


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_plain_names(saving: Live, name: str) -> None:
    assert act(saving, 0, "save", name)["filename"] == name


OUTSIDE = [
    "", ".", "..", ".hidden", "../a", "a/b", "/etc/passwd", "a\\b", "..\\a", "C:a", "a:stream", "a\x00.bin", "a\nb",
    "a\x7f", "a\x85b", "a\u2028b", "a\u202egpj.exe", "\u200b", " a", "a ", "a.", "a?", "a*", 'a"', "<a>", "a|b",
    "x" * 256, "é" * 128, "CON", "con.txt", "nul", "Aux.tar.gz", "COM1", "lpt9.bin", "com¹", "PRN .txt",
]  # fmt: skip


@pytest.mark.parametrize("action", ["save", "restore"])
@pytest.mark.parametrize("name", OUTSIDE, ids=repr)
def test_names_that_are_not_plain(saving: Live, action: str, name: str) -> None:
    error = act(saving, 0, action, name)
    assert error["code"] == 400
    assert error["message"].startswith("`filename`: expected a plain file name, but it ")
    assert saving.engine.singles == []


@pytest.mark.parametrize("name", [None, 5, ["a"], "x" * 1025])
def test_what_is_no_name(saving: Live, name: object) -> None:
    assert "`filename`" in act(saving, 0, "save", name)["message"]


@pytest.mark.parametrize("action", ["save", "restore"])
def test_links_and_folders(saving: Live, tmp_path: Path, action: str) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "loose").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder").mkdir()
    for name in ("link", "loose", "folder"):
        assert act(saving, 0, action, name)["message"].startswith("`filename`: expected a file")
    assert saving.engine.singles == []


@pytest.mark.parametrize("number", ["4", "-1", "x", "0x1", "1.0", "9" * 30, "%C2%B2", "%00"])
def test_slots_that_are_not_there(saving: Live, number: str) -> None:
    reply = saving.request("POST", f"/slots/{number}?action=erase", {})
    assert reply.status == 400
    assert saving.engine.singles == []


@pytest.mark.parametrize("action", ["", "delete", "SAVE"])
def test_actions_that_are_none(saving: Live, action: str) -> None:
    assert act(saving, 0, action)["message"] == "`action`: expected `save`, `restore` or `erase`."


def test_a_file_that_is_not_there(saving: Live) -> None:
    saving.engine.answers = lambda request: Failed(id=request.id, kind="missing", message="There is no such file.")
    error = act(saving, 0, "restore", "a.bin")
    assert (error["code"], error["message"]) == (400, "There is no such file.")
