"""Adapters: each set has a memory of its own, opened beside the work of others, and closed for whoever waits."""

from runtime.engine.backend import AdapterSet, InvalidRequest
from runtime.engine.backends.fake import FakeBackend, FakeMemory, FakeShape
from runtime.errors import OutOfMemory
from tests.runtime.engine.loop import Loop

ONE, TWO, THREE = [("one", 1.0)], [("two", 1.0)], [("three", 1.0)]


def test_each_set_of_adapters_has_a_memory_of_its_own() -> None:
    loop = Loop()
    loop.submit(1, "same prompt")
    loop.submit(2, "same prompt", adapters=ONE)
    loop.run()
    loop.submit(3, "same prompt", adapters=ONE)
    loop.submit(4, "same prompt", adapters=[])
    loop.run()
    assert [loop.last(number).timings.cache_n for number in (1, 2, 3, 4)] == [0, 0, 10, 10]
    assert sorted(map(len, loop.backend.memories)) == [0, 1]
    loop.check_nothing_is_held()


def test_other_weights_are_another_set_and_weight_nothing_is_none() -> None:
    loop = Loop()
    loop.backend.n_sets = 9
    sets = ([("one", 0.5)], [("one", 0.25)], [("one", 0.0)], [*ONE, *TWO], [*TWO, *ONE])
    for number, adapters in enumerate(sets, start=1):
        loop.submit(number, adapters=adapters)
        loop.run()
    assert set(loop.backend.memories) == {
        (),
        (("one", 0.5),),
        (("one", 0.25),),
        (("one", 1.0), ("two", 1.0)),
    }


def test_one_step_computes_each_memory_once() -> None:
    loop = Loop(n_chunk=64)
    loop.submit(1, "a", adapters=ONE)
    loop.run()
    for number in (2, 3):
        loop.submit(number, f"{number} with", adapters=ONE)
        loop.submit(number + 10, f"{number} without")
    loop.backend.runs.clear()
    loop.step(3)
    assert loop.shapes == [[6, 6], [9, 9], [1, 1], [1, 1], [1, 1], [1, 1]]
    loop.run()
    assert loop.text(2) == loop.text(13) == "Hello."


def test_opening_one_blocks_nobody() -> None:
    loop = Loop(load_s=0.3, answer="x" * 50)
    loop.submit(1, adapters=ONE)
    loop.submit(2)
    loop.run()
    ends = [event.id for event in loop.events if hasattr(event, "timings")]
    assert ends == [2, 1]
    assert loop.text(1) == loop.text(2) == "x" * 50


def test_the_longest_unused_is_closed_for_another() -> None:
    loop = Loop()
    loop.backend.n_sets = 3
    for number, adapters in enumerate((ONE, TWO, ONE, THREE), start=1):
        loop.submit(number, adapters=adapters)
        loop.run()
    assert set(loop.backend.memories) == {(), (("one", 1.0),), (("three", 1.0),)}
    assert {loop.text(number) for number in range(1, 5)} == {"Hello."}


def test_one_that_is_used_is_never_closed_and_the_oldest_who_waits_comes_next() -> None:
    loop = Loop(answer="x" * 20, n_slots=4)
    loop.submit(1, adapters=ONE)
    while not loop.running:
        loop.step()
    for number, adapters in enumerate((TWO, THREE, ONE, []), start=2):
        loop.submit(number, f"prompt {number}", adapters=adapters)
    loop.run()
    begun = [event.id for event in loop.events if hasattr(event, "n_cached")]
    assert begun == [1, 5, 2, 3, 4], "4 would have kept its lane for ever"
    assert {loop.text(number) for number in range(1, 6)} == {"x" * 20}


def test_many_sets_and_few_memories_all_get_their_turn() -> None:
    loop = Loop(n_slots=4, max_waiting=100)
    sets = (ONE, TWO, THREE, [*ONE, *TWO], [("one", 0.5)], [])
    for number in range(1, 31):
        loop.submit(number, f"prompt {number}", adapters=sets[number % len(sets)])
    loop.run()
    assert {loop.text(number) for number in range(1, 31)} == {"Hello."}
    assert len(loop.backend.memories) <= loop.backend.n_sets
    loop.check_nothing_is_held()


def test_an_unknown_adapter_is_missing() -> None:
    loop = Loop()
    loop.submit(1, adapters=[("nobody", 1.0)])
    loop.submit(2)
    loop.run()
    assert (loop.failure(1).kind, "nobody" in loop.failure(1).message) == ("missing", True)
    assert loop.text(2) == "Hello."


class Failing(FakeBackend):
    """Its first adapter cannot be loaded."""

    failure: Exception = OutOfMemory("Loading the adapter: no memory is left; use fewer.")

    def open(self, adapters: AdapterSet) -> FakeMemory:
        if adapters == (("one", 1.0),):
            raise self.failure
        return super().open(adapters)


def test_an_adapter_that_cannot_be_loaded_fails_its_request_only() -> None:
    for failure, kind in ((Failing.failure, "internal"), (InvalidRequest("of another model"), "invalid")):
        backend = Failing(shape=FakeShape())
        backend.failure = failure
        loop = Loop(backend)
        loop.submit(1, adapters=ONE)
        loop.submit(2, adapters=TWO)
        loop.submit(3)
        loop.run()
        assert (loop.failure(1).kind, loop.failure(1).message) == (kind, str(failure))
        assert loop.text(2) == loop.text(3) == "Hello."
        loop.check_nothing_is_held()


def test_the_adapters_in_use_can_be_seen() -> None:
    loop = Loop()
    loop.submit(1, adapters=[*TWO, *ONE])
    loop.run()
    assert loop.inspect().adapters == [[], ["one", "two"]]


def test_one_that_failed_keeps_nobody_waiting() -> None:
    """The oldest waits for its slot while another's adapter fails; then it is the oldest's turn to load one."""
    for n_steps in range(1, 8):
        loop = Loop(Failing(shape=FakeShape(n_slots=2)))
        loop.submit(1, "Hi", slot=0)
        loop.step(n_steps)
        loop.submit(2, "Hi", slot=0, adapters=TWO)
        loop.submit(3, "Hi", adapters=ONE)
        loop.run()
        assert loop.failure(3).kind == "internal"
        assert loop.text(1) == loop.text(2) == "Hello."
