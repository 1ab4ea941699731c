"""Where JSON goes wrong: the field is named, and no text makes that slow."""

import time

import pytest

from runtime.server.places import deepest_field, field_at, is_deeper
from tests.runtime.server.live import Live


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (b'{"a": 1, "temperature": NaN}', "temperature"),
        (b'{"schema": {"x": [1, NaN]}, "b": 2}', "schema"),
        (b'{"p": "a\\"b: {", "t" : [1, NaN]}', "t"),
        (b"NaN", None),
        (b'{"a": 1}, NaN', "a"),
    ],
)
def test_the_field_of_a_byte(text: bytes, field: str | None) -> None:
    assert field_at(text, text.index(b"NaN")) == field


def test_depth() -> None:
    assert deepest_field(b'{"a": [[]], "b": {"c": {"d": {}}}, "e": 1}') == "b"
    assert deepest_field(b"[[[]]]") is None
    assert not is_deeper(b'{"a": "[[[[[", "b": []}', 2)
    assert is_deeper(b'{"a": "[[[[[", "b": []}', 1)


HOSTILE = [
    b'{"x":' + b'{"a":' * 800_000, b'{"x":"' + b'a\\"' * 1_300_000, b'"' * (4 << 20), b'"\\' * (2 << 20),
    b"\\" * (4 << 20), b"[]" * (2 << 20),
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:10]))
def test_hostile_texts_take_no_time(text: bytes) -> None:
    began = time.process_time()
    field_at(text, len(text))
    deepest_field(text)
    assert time.process_time() - began < 1.0


@pytest.mark.parametrize("field", ["temperature", "top_p", "seed", "lora", "logit_bias", "json_schema"])
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_refused_by_name(server: Live, field: str, number: str) -> None:
    reply = server.post("/completion", f'{{"prompt": "x", "{field}": [{number}]}}'.encode())
    assert reply.status == 400
    assert reply.json()["error"]["message"].startswith(f"`{field}`: ")
    assert server.engine.asked == []


@pytest.mark.parametrize("field", ["json_schema", "response_format", "unknown"])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_30_000_levels(server: Live, field: str, opening: bytes, closing: bytes) -> None:
    body = b'{"prompt": "x", "%s": ' % field.encode() + opening * 30_000 + b"1" + closing * 30_000 + b"}"
    server.get("/health")
    began = time.monotonic()
    reply = server.post("/completion", body)
    assert time.monotonic() - began < 0.5  # 0.1 on a quiet machine
    assert reply.status == 400
    assert reply.json()["error"]["message"].startswith(f"`{field}`: ")
    assert server.engine.asked == []
