"""Slots: a request on the one it asks for, and what a slot computed last saved, restored and erased."""

from pathlib import Path

import pytest

from runtime.engine.protocol import Failed, SlotDone
from tests.runtime.engine.loop import Loop

PROMPT = "abcdefghij"


def slots_in_use(loop: Loop) -> dict[int, int]:
    return {running.slot: running.request.id for running in loop.running}


def used(loop: Loop, slot: int = 0) -> Loop:
    """A loop whose slot has answered PROMPT."""
    loop.submit(1, PROMPT, slot=slot)
    loop.run()
    return loop


def test_a_request_runs_on_the_slot_it_asks_for() -> None:
    loop = Loop(n_slots=4)
    for number, slot in enumerate((2, -1, 3, -1), start=1):
        loop.submit(number, f"prompt {number}", slot=slot)
    loop.step()
    assert slots_in_use(loop) == {2: 1, 0: 2, 3: 3, 1: 4}
    loop.run()
    assert [loop.started(number).slot for number in (1, 2, 3, 4)] == [2, 0, 3, 1]


def test_it_waits_for_its_slot_and_lets_others_pass() -> None:
    loop = Loop(n_slots=3)
    loop.submit(1, slot=1)
    loop.submit(2, slot=1)
    loop.submit(3)
    loop.step(2)
    assert slots_in_use(loop) == {1: 1, 0: 3}
    loop.run()
    assert (loop.started(2).slot, loop.text(2)) == (1, "Hello.")


def test_a_saved_slot_comes_back_in_another_worker(tmp_path: Path) -> None:
    path = tmp_path / "slot"
    done = used(Loop()).act(2, 0, "save", path)
    assert isinstance(done, SlotDone)
    assert done.n_tokens == len(PROMPT + "Hello.") and done.n_bytes == path.stat().st_size

    other = Loop()
    done = other.act(1, 3, "restore", path)
    assert isinstance(done, SlotDone) and done.n_tokens == len(PROMPT + "Hello.")
    other.submit(2, PROMPT + "Hello. And?")
    other.run()
    assert other.last(2).timings.cache_n == len(PROMPT + "Hello.")
    other.check_nothing_is_held()


def test_what_is_restored_twice_is_held_once(tmp_path: Path) -> None:
    loop = used(Loop())
    loop.act(2, 0, "save", tmp_path / "slot")
    n_cells = loop.inspect().n_cells
    for number, slot in ((3, 1), (4, 2)):
        assert isinstance(loop.act(number, slot, "restore", tmp_path / "slot"), SlotDone)
    assert loop.inspect().n_cells == n_cells
    loop.check_nothing_is_held()


def test_a_slot_whose_end_others_have_extended_is_saved_as_it_was(tmp_path: Path) -> None:
    loop = used(Loop(answer="Hello."))
    loop.submit(2, PROMPT + "Hello. And now?", slot=1)
    loop.run()
    done = loop.act(3, 0, "save", tmp_path / "slot")
    assert isinstance(done, SlotDone) and done.n_tokens == len(PROMPT + "Hello.")
    assert bytes(map(int, (tmp_path / "slot").read_text().split())) == (PROMPT + "Hello.").encode()
    loop.check_nothing_is_held()


def test_an_erased_slot_is_forgotten(tmp_path: Path) -> None:
    loop = used(Loop())
    done = loop.act(2, 0, "erase")
    assert isinstance(done, SlotDone) and done.n_tokens == len(PROMPT + "Hello.")
    assert loop.inspect().n_cells == 0
    assert isinstance(loop.act(3, 0, "save", tmp_path / "slot"), Failed)
    assert not (tmp_path / "slot").exists()
    loop.submit(4, PROMPT)
    loop.run()
    assert loop.last(4).timings.cache_n == 0


@pytest.mark.parametrize("action", ["save", "restore", "erase"])
def test_a_busy_slot_is_refused(action: str, tmp_path: Path) -> None:
    loop = Loop()
    loop.submit(1)
    loop.step()
    failed = loop.act(2, 0, action, tmp_path / "slot")
    assert isinstance(failed, Failed) and (failed.kind, "busy" in failed.message) == ("invalid", True)
    loop.run()
    assert loop.text(1) == "Hello."


@pytest.mark.parametrize("action", ["save", "restore", "erase"])
@pytest.mark.parametrize("slot", [-1, 4, 1_000_000])
def test_an_unknown_slot_is_refused(action: str, slot: int, tmp_path: Path) -> None:
    failed = Loop(n_slots=4).act(1, slot, action, tmp_path / "slot")
    assert isinstance(failed, Failed) and (failed.kind, str(slot) in failed.message) == ("invalid", True)


def test_an_empty_slot_cannot_be_saved_and_has_nothing_to_erase(tmp_path: Path) -> None:
    loop = Loop()
    failed = loop.act(1, 2, "save", tmp_path / "slot")
    assert isinstance(failed, Failed) and failed.kind == "invalid"
    erased = loop.act(2, 2, "erase", tmp_path / "slot")
    assert isinstance(erased, SlotDone) and erased.n_tokens == 0


def test_a_file_that_is_not_there_is_missing(tmp_path: Path) -> None:
    loop = Loop()
    failed = loop.act(1, 0, "restore", tmp_path / "nothing")
    assert isinstance(failed, Failed) and failed.kind == "missing"
    assert loop.inspect().n_sequences == 0, "its sequence is free again"


def test_what_was_forgotten_for_others_cannot_be_saved(tmp_path: Path) -> None:
    loop = used(Loop(n_ctx=40, n_cells=40))
    loop.submit(2, "z" * 35, slot=1)
    loop.run()
    failed = loop.act(3, 0, "save", tmp_path / "slot")
    assert isinstance(failed, Failed) or failed.n_tokens < len(PROMPT + "Hello.")
    loop.check_nothing_is_held()


def test_a_restore_makes_room_and_is_refused_where_there_is_none(tmp_path: Path) -> None:
    loop = used(Loop(n_ctx=40, n_cells=40))
    loop.act(2, 0, "save", tmp_path / "slot")
    loop.submit(3, "z" * 30, slot=1, max_tokens=5)
    loop.run()
    assert isinstance(loop.act(4, 0, "restore", tmp_path / "slot"), SlotDone)
    loop.submit(5, "y" * 30, slot=1, max_tokens=9)
    loop.step(3)
    failed = loop.act(6, 0, "restore", tmp_path / "slot")
    assert isinstance(failed, Failed) and "full" in failed.message
    loop.run()
    assert loop.text(5) == "Hello."
    loop.check_nothing_is_held()


def test_a_model_that_keeps_a_state_saves_and_restores_it(tmp_path: Path) -> None:
    loop = used(Loop(can_trim=False))
    done = loop.act(2, 0, "save", tmp_path / "slot")
    assert isinstance(done, SlotDone) and done.n_tokens == len(PROMPT + "Hello.")
    other = Loop(can_trim=False)
    other.act(1, 0, "restore", tmp_path / "slot")
    other.submit(2, PROMPT + "Hello. And?")
    other.run()
    assert (other.last(2).timings.cache_n, other.text(2)) == (len(PROMPT + "Hello."), "Hello.")
