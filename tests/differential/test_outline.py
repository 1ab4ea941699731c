"""That a difference between two answers is seen, and that a list of deviations hides no other."""

import json
from typing import Any

from tests.differential.deviations import Answered, Deviations, Shaped, listed
from tests.differential.outline import Outline, differences, outline


def answered(body: Any, status: int = 200) -> Outline:
    return outline(status, "application/json; charset=utf-8", json.dumps(body).encode())


def streamed(*events: str) -> Outline:
    return outline(200, "text/event-stream", "".join(f"data: {event}\n\n" for event in events).encode())


def test_fields_and_kinds() -> None:
    found = answered({"a": [{"b": 1.5}, {"c": None}], "d": True, "e": "", "f": {}, "g": []})
    assert found.fields == {
        ": object", "a: list", "a[]: object", "a[].b: number", "a[].c: null", "d: true or false", "e: text",
        "f: object", "g: list",
    }  # fmt: skip


def test_heads() -> None:
    assert answered({"error": {"type": "invalid_request_error"}}, 400).head == "400 invalid_request_error"
    assert answered([], 200).head == "200"
    assert outline(404, "text/html", b"<html>").fields == {"no JSON: text/html"}


def test_values_do_not_count_but_kinds_do() -> None:
    assert differences(answered({"a": 1, "b": "x"}), answered({"a": 2.5, "b": ""})) == (set(), set())
    assert differences(answered({"a": 1}), answered({"a": "1"})) == ({"a: number"}, {"a: text"})
    assert differences(answered({"a": {"b": 1}}), answered({"a": {}, "c": 1})) == ({"a.b: number"}, {"c: number"})


def test_what_would_be_in_an_empty_list_is_not_known() -> None:
    assert differences(answered({"a": []}), answered({"a": [{"b": [1]}]})) == (set(), set())
    assert differences(answered({"a": [[]]}), answered({"a": [[1]]})) == (set(), set())
    assert differences(answered({"a": None}), answered({"a": [1]})) == ({"a: null"}, {"a: list", "a[]: number"})


def test_events_of_a_stream() -> None:
    found = streamed('{"a": 1}', '{"b": 1}', '{"c": 1}', "[DONE]")
    assert found.fields == {
        "first event: object", "first event.a: number", "next event: object", "next event.b: number",
        "last event: object", "last event.c: number", "[DONE]",
    }  # fmt: skip
    assert "line comment" in outline(200, "text/event-stream", b': ping\n\ndata: {"a": 1}\n\n').fields


def test_metrics() -> None:
    text = b"# TYPE llamacpp:a counter\nllamacpp:a 1\n# TYPE lmfile:b gauge\n"
    assert outline(200, "text/plain; version=0.0.4", text).fields == {"llamacpp:a: counter"}


DEVIATIONS = Deviations(
    [Answered("because", {"x": ("200", "400")})],
    [Shaped("because", ["y"], ours=["mine"], theirs=["in.it: text"])],
)


def test_what_is_listed_is_allowed_and_nothing_else() -> None:
    assert DEVIATIONS.unlisted("x", answered({}), answered({}, 400)) == []
    assert DEVIATIONS.unlisted("x", answered({}), answered({})) != []
    assert DEVIATIONS.unlisted("z", answered({}), answered({}, 400)) != []
    same = answered({"a": {"in": {}}})
    assert DEVIATIONS.unlisted("y 1", answered({"a": {"in": {}}, "mine": {"b": 1}}), same) == []
    assert DEVIATIONS.unlisted("y 1", same, answered({"a": {"in": {"it": ""}}})) == []
    assert DEVIATIONS.unlisted("y 1", same, answered({"a": {"in": {"it": 1}}})) == ["only theirs: a.in.it: number"]
    assert DEVIATIONS.unlisted("y 1", answered({"a": {"in": {}}, "mineral": 1}), same) == ["only ours: mineral: number"]
    assert DEVIATIONS.unlisted("z", answered({"mine": 1}), answered({})) == ["only ours: mine: number"]


def test_what_is_gone_is_noticed() -> None:
    seen = {
        "x": (answered({}), answered({}, 400)),
        "y": (answered({"mine": 1, "in": {}}), answered({"in": {"it": ""}})),
    }
    assert DEVIATIONS.gone(seen) == []
    alike = answered({})
    assert len(DEVIATIONS.gone({"x": (alike, alike), "y": (alike, alike)})) == 3


def test_every_reason_is_a_sentence() -> None:
    deviations = listed()
    for one in (*deviations.answered, *deviations.shaped):
        assert one.reason.endswith(".") and len(one.reason) > 20, one.reason
