"""Continuous batching: many requests in one step, prompts read beside answers, oldest first, common beginnings once."""

from tests.runtime.engine.loop import Loop

LONG = "y" * 100


def test_several_answers_are_written_in_one_step() -> None:
    loop = Loop(n_slots=4)
    for number, prompt in enumerate(("one", "two", "3rd"), start=1):
        loop.submit(number, prompt)
    loop.run()
    assert loop.shapes == [[3, 3, 3], *[[1, 1, 1]] * 6]
    assert [loop.text(number) for number in (1, 2, 3)] == ["Hello."] * 3
    loop.check_nothing_is_held()


def test_a_newcomer_joins_while_others_write_and_each_leaves_when_it_is_done() -> None:
    loop = Loop(n_slots=4)
    loop.submit(1, "one")
    loop.step(3)
    loop.submit(2, "two")
    loop.run()
    assert loop.shapes == [[3], [1], [1], [1, 3], [1, 1], [1, 1], [1, 1], [1], [1], [1]]
    assert loop.text(1) == loop.text(2) == "Hello."


def test_a_long_prompt_is_read_beside_an_answer_that_never_pauses() -> None:
    loop = Loop(answer="x" * 12, n_chunk=16)
    loop.submit(1, "one")
    loop.step()
    loop.submit(2, LONG)
    loop.run()
    assert loop.shapes[1:8] == [[1, 15]] * 6 + [[1, 10]], "one token of the answer in each step"


def test_a_short_prompt_does_not_wait_for_a_long_one() -> None:
    loop = Loop(n_chunk=16, n_ctx=400)
    loop.submit(1, "y" * 300)
    loop.submit(2, "short")
    loop.step()
    assert loop.shapes == [[11, 5]]
    loop.run()
    order = [event.id for event in loop.events if hasattr(event, "timings")]
    assert order == [2, 1]


def test_the_oldest_prompt_gets_half_of_a_step_or_more() -> None:
    loop = Loop(n_chunk=16)
    loop.submit(1, LONG)
    for number in range(2, 5):
        loop.submit(number, str(number) * 90)
    loop.step(6)
    assert all(shape[0] >= 8 for shape in loop.shapes)
    loop.run()
    assert {loop.text(number) for number in range(1, 5)} == {"Hello."}


def test_a_long_prompt_ends_although_short_ones_never_stop_coming() -> None:
    loop = Loop(answer="x", n_chunk=16, n_slots=4, n_ctx=400)
    loop.submit(1, "y" * 300)
    for number in range(2, 80):
        loop.submit(number, f"short {number}")
        loop.step()
        if loop.has_ended(1):
            break
    assert loop.has_ended(1) and number < 60


def test_slots_are_given_in_order_of_arrival() -> None:
    loop = Loop(n_slots=2)
    for number in range(1, 8):
        loop.submit(number, f"{number}")
    loop.run()
    begun = [event.id for event in loop.events if hasattr(event, "n_cached")]
    assert begun == list(range(1, 8))
    assert max(map(len, loop.shapes)) == 2


def test_a_prompt_beside_the_same_prompt_is_computed_once() -> None:
    """What `n` answers to one prompt cost."""
    loop = Loop(n_slots=4, n_chunk=10)
    for number in (1, 2, 3):
        loop.submit(number, "a" * 30)
    loop.run()
    assert sum(len(work.tokens) for work in loop.works if work.position < 30) == 30 + 1 + 1
    assert [loop.started(number).n_cached for number in (1, 2, 3)] == [0, 29, 29]
    assert [loop.last(number).timings.prompt_n for number in (1, 2, 3)] == [30, 1, 1]
    assert [loop.text(number) for number in (1, 2, 3)] == ["Hello."] * 3
    loop.check_nothing_is_held()


def test_a_common_beginning_is_computed_once_and_the_rest_at_once() -> None:
    loop = Loop(n_slots=4, n_chunk=64)
    for number, ending in enumerate(("abc", "xyz", "123"), start=1):
        loop.submit(number, "s" * 20 + ending)
    loop.run()
    assert sum(shape for works in loop.shapes for shape in works) == 20 + 3 * 3 + 3 * 6
    assert [loop.last(number).timings.cache_n for number in (1, 2, 3)] == [0, 20, 20]


def test_the_next_prompt_continues_from_what_it_shares_with_earlier_ones() -> None:
    loop = Loop(answer="Hello.", n_slots=1)
    loop.submit(1, "abcdef", max_tokens=2)
    loop.run()
    for number, prompt in enumerate(("abcdefHxyz", "abX", "abX"), start=2):
        loop.submit(number, prompt)
    loop.submit(5, "abX", cache_prompt=False)
    loop.run()
    assert [loop.started(number).n_cached for number in range(1, 6)] == [0, 7, 2, 2, 0]
    assert [loop.text(number) for number in range(2, 6)] == ["Hello."] * 4
    assert (loop.last(2).timings.cache_n, loop.last(2).timings.prompt_n) == (7, 3)


def test_an_answer_is_remembered_for_the_next_turn() -> None:
    loop = Loop(answer="Hello.")
    loop.submit(1, "Hi!")
    loop.run()
    loop.submit(2, "Hi!Hello. And?")
    loop.run()
    assert loop.last(2).timings.cache_n == len("Hi!Hello.")


def test_the_queue_is_bounded_and_those_who_run_do_not_count() -> None:
    loop = Loop(n_slots=2, max_waiting=3)
    for number in (1, 2, 3):
        loop.submit(number)
    loop.step()
    assert loop.inspect().n_waiting == 1
    for number in (4, 5):
        loop.submit(number)
    assert not loop.inbox.submit(loop.requests[-1])
    loop.run()
    assert {loop.text(number) for number in range(1, 6)} == {"Hello."}
    loop.submit(6)
    loop.run()


def test_what_runs_and_waits_can_be_seen() -> None:
    loop = Loop(n_slots=2, n_chunk=4)
    loop.submit(1, "abcdefgh")
    loop.submit(2, "1234")
    loop.submit(3, "wait")
    loop.step()
    state = loop.inspect()
    assert [(slot.slot, slot.request, slot.n_prompt) for slot in state.slots] == [(0, 1, 8), (1, 2, 4)]
    assert (state.n_waiting, state.n_sequences, state.adapters) == (1, 2, [[]])
    assert state.n_cells == sum(slot.n_computed for slot in state.slots)
    loop.run()
    state = loop.inspect()
    assert [slot.request for slot in state.slots] == [None, None]
    assert (state.n_waiting, state.n_cells) == (0, loop.lane.tree.n_tokens)
