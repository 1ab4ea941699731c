"""Where JSON goes wrong: the field is named, and no text makes that slow."""

import time

import pytest

from runtime.server.places import deepest_field, field_at, is_deeper, lone_surrogate
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


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        (rb'{"a": "\ud800"}', 7), (rb'{"a": "\\\udc00x"}', 9), (rb'"\ud83d\udc4b \ud83d\u0041"', 14),
        (rb'"\\ud800"', None),
        (rb'"\uD83D\uDC4B\n"', None), (b'"plain"', None), (rb'"\ud8', 1),
    ],
)  # fmt: skip
def test_half_of_a_surrogate_pair(text: bytes, offset: int | None) -> None:
    assert lone_surrogate(text) == offset


def test_half_of_a_surrogate_pair_is_refused_by_name(server: Live) -> None:
    message = server.post("/completion", rb'{"stop": "a", "prompt": "a\ud800"}').json()["error"]["message"]
    assert message == "`prompt`: the request is not valid JSON: half of a surrogate pair (byte 26)."


def test_depth() -> None:
    assert deepest_field(b'{"a": [[]], "b": {"c": {"d": {}}}, "e": 1}') == "b"
    assert deepest_field(b"[[[]]]") is None
    assert not is_deeper(b'{"a": "[[[[[", "b": []}', 2)
    assert is_deeper(b'{"a": "[[[[[", "b": []}', 1)


HOSTILE = [
    b'{"x":' + b'{"a":' * 800_000, b'{"x":"' + b'a\\"' * 1_300_000, b'"' * (4 << 20), b'"\\' * (2 << 20),
    b"\\" * (4 << 20), b"[]" * (2 << 20), b'"' + b"\\u" * (2 << 20), b'"' + b"\\ud83d\\udc4b" * 300_000,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:10]))
def test_hostile_texts_take_no_time(text: bytes) -> None:
    began = time.process_time()
    field_at(text, len(text))
    deepest_field(text)
    lone_surrogate(text)
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


HI = '"messages": [{"role": "user", "content": "x"}]'
FUNCTION = f'{{{HI}, "tools": [{{"function": {{"name": "f", "parameters": %s}}}}]}}'


@pytest.mark.parametrize(
    ("path", "field", "body"),
    [
        ("/v1/chat/completions", "tools[0].function.parameters", FUNCTION),
        ("/api/chat", "tools[0].function.parameters", FUNCTION),
        (
            "/v1/messages",
            "tools[0].input_schema",
            f'{{{HI}, "max_tokens": 1, "tools": [{{"name": "f", "input_schema": %s}}]}}',
        ),
    ],
)
def test_schemas_of_tools_have_128_levels(server: Live, path: str, field: str, body: str) -> None:
    within, beyond = ('{"items":' * n_levels + "1" + "}" * n_levels for n_levels in (128, 129))
    assert server.post(path, (body % within).encode()).status == 200
    refused = server.post(path, (body % beyond).encode())
    assert refused.status == 400
    assert f"`{field}`: expected at most 128 levels." in refused.body.decode()
