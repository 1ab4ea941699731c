"""What all families are read with: marks in growing text, JSON that is still written, white space at seams."""

import json
import time

import pytest

from runtime.chat import CallBegan, CallGrew, Conversation, Piece, Said, Thought, Tool, find
from runtime.chat.calls import Keys, json_calls
from runtime.chat.json_text import short_string, text_of, value
from runtime.chat.reading import Reading
from runtime.chat.tape import Marks, Script, Unexpected, marks
from tests.runtime.chat.asking import calls_of, read, said, thought

HERMES = find("tools <tool_call> <think>")
TOOLS = [Tool("add", "Adds.", {"type": "object", "properties": {"a": {"type": "integer"}}})]
FREE = Conversation(messages=[], tools=TOOLS)
CALL = '<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>'


def parsed(text: str, script: object, size: int = 1) -> list[str]:
    """What a parser of JSON hands on, the text pushed in parts; what it did not read is the last item."""
    taken: list[str] = []

    def parser(reading: Reading) -> Script[None]:
        try:
            yield from script(reading.tape, taken.append)  # type: ignore[operator]
        except Unexpected:
            taken.append("unexpected")
        yield from reading.tape.until(marks(), reading.say)

    reading = Reading(parser)
    pieces: list[Piece] = []
    for at in range(0, len(text), size):
        pieces += reading.push(text[at : at + size])
    pieces += reading.finish()
    return ["".join(taken), said(pieces)]


@pytest.mark.parametrize(
    ("text", "read_text", "rest"),
    [
        ('{"a": "}\\"{", "b": [1, {}]} tail', '{"a": "}\\"{", "b": [1, {}]}', " tail"),
        ('"x\\\\" tail', '"x\\\\"', " tail"),
        ("12.5, 3", "12.5", ", 3"),
        ("true}", "true", "}"),
        ("[]x", "[]", "x"),
        (' {"a": 1', '{"a": 1', ""),
        ('"\\', '"\\', ""),
        ("nonsense", "nonsense", ""),
        ("xyz", "unexpected", "xyz"),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_where_a_value_ends(text: str, read_text: str, rest: str, size: int) -> None:
    assert parsed(text, value, size) == [read_text, rest]


def test_strings_that_are_keys_have_a_bound() -> None:
    def key(tape: object, take: object) -> Script[None]:
        take((yield from short_string(tape)))  # type: ignore[operator, arg-type]

    assert parsed('"a\\u00e9\\n": 1', key) == ["aé\n", ": 1"]
    assert parsed('"' + "x" * 5_000 + '"', key)[0] == "unexpected"
    assert parsed('"\\q"', key)[0] == "unexpected"


def test_what_is_kept_until_its_name_comes_has_a_bound() -> None:
    def whole(tape: object, take: object) -> Script[None]:
        take((yield from text_of(tape)))  # type: ignore[operator, arg-type]

    assert parsed("[" + "1," * 100_000 + "1]", whole, 50)[0] == "unexpected"


def test_of_several_marks_the_first_wins_and_of_two_at_one_place_the_longer() -> None:
    found = Marks(("<a", "<ab>", "c"))
    match = found.find("x<ab>c", 0)
    assert match
    assert match.group() == "<ab>"
    assert found.overlap("xx<", 0) == 1
    assert found.overlap("x<ab", 0) == 3
    assert found.overlap("x<abc", 0) == 0
    assert Marks(()).overlap("x<abc", 0) == 0


@pytest.mark.parametrize(
    ("answer", "pieces"),
    [
        ("plain \n text \n", [Said("plain \n text \n")]),
        ("<think>\n a\n\n b \n</think>\n\n said ", [Thought("a\n\n b"), Said("said ")]),
        ("\n<think>\n\n</think>\n\nsaid", [Said("said")]),
        ("<think>never closed", [Thought("never closed")]),
        ("said <think> is a word", [Said("said <think> is a word")]),
        ("<think>a</think><think>b</think>c", [Thought("ab"), Said("c")]),
        ("<tool_call>no</tool_call>", [Said("<tool_call>no</tool_call>")]),
        ('<tool_call>{"name": 5}', [Said('<tool_call>{"name": 5}')]),
        ("a <tool", [Said("a <tool")]),
        (f"a\n{CALL}\nb", [Said("a"), CallBegan(0, "", "add"), CallGrew(0, '{"a": 1}'), Said("b")]),
        ('<tool_call>{"name": "add"}</tool_call>', [CallBegan(0, "", "add"), CallGrew(0, "{}")]),
        (
            '<tool_call>{"arguments": {"a": 2}, "x": [1], "name": "add"}</tool_call>',
            [CallBegan(0, "", "add"), CallGrew(0, '{"a": 2}')],
        ),
        (
            '<tool_call>{"name": "add", "arguments": "{\\"a\\": 3}"}</tool_call>',
            [CallBegan(0, "", "add"), CallGrew(0, '{"a": 3}')],
        ),
        ('<tool_call>{"name": "add", "arguments": null}', [CallBegan(0, "", "add"), CallGrew(0, "{}")]),
        (
            '<tool_call>{"name": "add", "arguments": {"a": "</tool_',
            [CallBegan(0, "", "add"), CallGrew(0, '{"a": "</tool_')],
        ),
        (
            f"<think>I use <tool_call> now\n{CALL}",
            [Thought("I use <tool_call> now"), CallBegan(0, "", "add"), CallGrew(0, '{"a": 1}')],
        ),
    ],
)  # fmt: skip
def test_answers_however_they_are_cut(answer: str, pieces: list[Piece]) -> None:
    assert read(HERMES, FREE, "", list(answer)) == pieces
    assert read(HERMES, FREE, "", [answer]) == pieces


def test_where_a_call_must_come_a_thought_may_speak_of_its_mark() -> None:
    must = Conversation(messages=[], tools=TOOLS, choice="required")
    pieces = read(HERMES, must, "", [f"<think>{CALL}</think>{CALL}"])
    assert thought(pieces) == CALL
    assert calls_of(pieces) == [("add", {"a": 1})]


def test_the_prompt_may_end_inside_a_thought_and_a_prefill_may_close_it() -> None:
    assert read(HERMES, FREE, "<|im_start|>assistant\n<think>\n", ["hm</think>yes"]) == [Thought("hm"), Said("yes")]
    closing = Conversation(messages=[], prefill="hm</think>")
    assert read(HERMES, closing, "assistant\n<think>\nhm</think>", ["yes"]) == [Said("yes")]
    opening = Conversation(messages=[], prefill="<think>hm")
    assert read(HERMES, opening, "assistant\n<think>hm", [" so</think>yes"]) == [Thought("so"), Said("yes")]
    quoted = "user\n<think>\nassistant\n"
    assert read(HERMES, FREE, quoted, ["yes"]) == [Said("yes")]


def test_arguments_come_while_they_are_written() -> None:
    reader = HERMES.reader(FREE, "")
    pieces = reader.push('<tool_call>\n{"name": "add", "arguments": {"a')
    assert [type(piece) for piece in pieces] == [CallBegan, CallGrew]
    assert reader.push('": 1') == [CallGrew(0, '": 1')]


def test_ids_are_the_models_own_or_unlike_any_other() -> None:
    def ids(answer: str) -> list[str]:
        reader = HERMES.reader(FREE, "")
        return [piece.id for piece in [*reader.push(answer), *reader.finish()] if isinstance(piece, CallBegan)]

    assert ids('<tool_call>{"name": "add", "id": "call_7", "arguments": {}}') == ["call_7"]
    first, second = ids(f"{CALL}\n{CALL}")
    assert first != second
    assert first.startswith("call_")


def test_a_list_of_calls() -> None:
    def parser(reading: Reading) -> Script[None]:
        yield from json_calls(reading, Keys())

    reading = Reading(parser)
    pieces = [*reading.push(json.dumps([{"name": "a", "arguments": {}}, {"name": "b", "arguments": {"x": [1]}}]))]
    assert calls_of(pieces) == [("a", {}), ("b", {"x": [1]})]


def test_text_costs_microseconds_for_each_token() -> None:
    reader = HERMES.reader(FREE, "")
    begun = time.process_time()
    for _ in range(20_000):
        reader.push(" word")
    assert time.process_time() - begun < 20_000 * 10e-6
