"""What is shown of answers: never half a character, never a stop string, also with many answers in one step."""

from runtime.engine.protocol import Delta
from tests.runtime.engine.loop import Loop


def test_a_stop_string_across_tokens_is_never_shown() -> None:
    loop = Loop(answer="one STOP two")
    loop.submit(stop=["STOP"])
    loop.run()
    end = loop.last()
    assert (loop.text(), end.reason, end.stopping_word) == ("one ", "word", "STOP")
    assert loop.tokens() == [*b"one STOP"], "the tokens of the stop string are told, its text is not"


def test_what_only_looked_like_a_stop_string_is_shown_at_the_end() -> None:
    loop = Loop(answer="one ST")
    loop.submit(stop=["STOP"])
    loop.run()
    assert (loop.text(), loop.last().reason) == ("one ST", "stop")


def test_each_of_several_requests_has_its_own_stop_strings() -> None:
    loop = Loop(answer="one two three four", n_slots=4)
    stops = {1: ["two"], 2: ["e t", "four"], 3: ["nothing"], 4: ["r", "three f"]}
    for number, stop in stops.items():
        loop.submit(number, "Hi", stop=stop)
    loop.run()
    assert max(map(len, loop.shapes)) == 4
    assert {number: loop.text(number) for number in stops} == {
        1: "one ",
        2: "on",
        3: "one two three four",
        4: "one two th",
    }
    assert [loop.last(number).stopping_word for number in stops] == ["two", "e t", "", "r"]


def test_a_stop_string_within_right_guesses_ends_the_answer_there() -> None:
    loop = Loop(answer="abcabcabcabc STOP abc", n_draft=8)
    loop.submit(prompt="abcabcabcabc STOP abc", stop=["STOP"])
    loop.run()
    assert loop.last().timings.draft_n_accepted > 0
    assert (loop.text(), loop.last().reason) == ("abcabcabcabc ", "word")
    assert loop.tokens() == [*b"abcabcabcabc STOP"]
    loop.check_nothing_is_held()


def test_characters_of_several_tokens_come_whole() -> None:
    loop = Loop(answer="Ω😀")
    loop.submit()
    loop.run()
    deltas = [event for event in loop.of() if isinstance(event, Delta)]
    assert [delta.text for delta in deltas] == ["Ω", "😀", ""]
    assert [len(delta.tokens) for delta in deltas] == [2, 4, 1]


def test_characters_of_several_answers_do_not_mix() -> None:
    loop = Loop(answer="aΩ😀é世", n_slots=4)
    for number in range(1, 5):
        loop.submit(number, "x" * number)
        loop.step()
    loop.run()
    for number in range(1, 5):
        deltas = [event.text for event in loop.of(number) if isinstance(event, Delta)]
        assert deltas == ["a", "Ω", "😀", "é", "世", ""]


def test_half_a_character_at_the_limit_becomes_its_mark() -> None:
    loop = Loop(answer="Ω😀")
    loop.submit(max_tokens=4)
    loop.run()
    assert (loop.text(), loop.last().reason) == ("Ω\N{REPLACEMENT CHARACTER}", "length")
