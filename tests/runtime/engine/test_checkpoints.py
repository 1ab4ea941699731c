"""Models that keep a state instead of every token: prompts continue from where an earlier one ended."""

from tests.runtime.engine.loop import Loop


def test_the_next_turn_continues_from_the_last_one() -> None:
    loop = Loop(answer="Hello.", can_trim=False)
    loop.submit(1, "Hi!")
    loop.run()
    loop.submit(2, "Hi!Hello. And?")
    loop.run()
    assert loop.last(2).timings.cache_n == len("Hi!Hello.")
    assert loop.text(1) == loop.text(2) == "Hello."
    loop.check_nothing_is_held()


def test_the_same_prompt_again_continues_before_its_last_token() -> None:
    loop = Loop(can_trim=False)
    for number in (1, 2):
        loop.submit(number, "abcdef")
        loop.run()
    assert loop.last(2).timings.cache_n == 5
    assert loop.text(2) == "Hello."


def test_a_fork_is_computed_again_and_known_the_next_time() -> None:
    loop = Loop(can_trim=False)
    for number, prompt in enumerate(("same beginning, one", "same beginning, two", "same beginning, three"), start=1):
        loop.submit(number, prompt)
        loop.run()
        assert loop.text(number) == "Hello."
    n_common = len("same beginning, ")
    assert [loop.last(number).timings.cache_n for number in (1, 2)] == [0, 0]
    assert loop.last(3).timings.cache_n >= n_common
    loop.check_nothing_is_held()


def test_the_same_prompt_at_once_is_computed_once() -> None:
    loop = Loop(can_trim=False, n_sequences=12, n_cells=1000)
    for number in (1, 2, 3):
        loop.submit(number, "a" * 30)
    loop.run()
    assert [loop.text(number) for number in (1, 2, 3)] == ["Hello."] * 3
    assert [loop.last(number).timings.cache_n for number in (1, 2, 3)] == [0, 29, 29]


def test_common_beginnings_at_once_give_the_right_answers() -> None:
    loop = Loop(can_trim=False, n_sequences=12, n_cells=1000, n_chunk=8)
    for number, ending in enumerate(("abc", "xyz", "123", ""), start=1):
        loop.submit(number, "s" * 20 + ending)
    loop.run()
    assert [loop.text(number) for number in (1, 2, 3, 4)] == ["Hello."] * 4
    loop.check_nothing_is_held()


def test_the_longest_unused_checkpoint_makes_room() -> None:
    loop = Loop(can_trim=False, n_slots=2, n_sequences=4)
    for number in range(1, 20):
        loop.submit(number, f"prompt {number % 5} and its ending")
        loop.run()
        assert loop.text(number) == "Hello."
        assert loop.inspect().n_sequences <= 4
    loop.check_nothing_is_held()


def test_a_run_that_was_stopped_begins_again_from_the_last_checkpoint() -> None:
    loop = Loop(can_trim=False, n_chunk=10)
    loop.submit(1, "x" * 40)
    loop.submit(2, "y" * 40)
    loop.step(2)
    loop.backend.interrupt()
    loop.scheduler._backend.resume = lambda: None  # type: ignore[method-assign]
    loop.step()
    del loop.scheduler._backend.resume  # type: ignore[misc]
    loop.run()
    assert loop.text(1) == loop.text(2) == "Hello."
    loop.check_nothing_is_held()


def test_who_does_not_want_earlier_work_gets_none() -> None:
    loop = Loop(can_trim=False)
    for number in (1, 2):
        loop.submit(number, "abcdef", cache_prompt=False)
        loop.run()
    assert loop.last(2).timings.cache_n == 0
