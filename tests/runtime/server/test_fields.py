"""Every field of a request: its range, its type, its default, and the sentence when it is wrong."""

import math
from typing import Any

import pytest

from runtime.engine.protocol import Sampling, Tokenized
from tests.runtime.server.live import Live

CHAT, TEXT, NATIVE = "/v1/chat/completions", "/v1/completions", "/completion"
BASE: dict[str, dict[str, Any]] = {
    CHAT: {"messages": [{"role": "user", "content": "x"}]},
    TEXT: {"prompt": "x"},
    NATIVE: {"prompt": "x"},
}

# field, smallest and largest value, a value below, a value above
NUMBERS: list[tuple[str, float, float, float, float]] = [
    ("temperature", 0, 100, -0.1, 100.1),
    ("top_k", -1, 100_000, -2, 1 << 40),
    ("top_p", 0, 1, -0.01, 1.01),
    ("min_p", 0, 1, -0.01, 1.01),
    ("typical_p", 0, 1, -0.01, 1.01),
    ("top_n_sigma", -1, 100, -2, 101),
    ("xtc_probability", 0, 1, -1, 2),
    ("xtc_threshold", 0, 1, -1, 2),
    ("dynatemp_range", 0, 100, -1, 101),
    ("dynatemp_exponent", 0, 100, -1, 101),
    ("repeat_last_n", -1, 1 << 24, -2, 1 << 25),
    ("repeat_penalty", 0, 100, -1, 101),
    ("presence_penalty", -100, 100, -101, 101),
    ("frequency_penalty", -100, 100, -101, 101),
    ("dry_multiplier", 0, 100, -1, 101),
    ("dry_base", 0, 100, -1, 101),
    ("dry_allowed_length", 0, 1 << 24, -1, 1 << 25),
    ("dry_penalty_last_n", -1, 1 << 24, -2, 1 << 25),
    ("mirostat", 0, 2, -1, 3),
    ("mirostat_tau", 0, 100, -1, 101),
    ("mirostat_eta", 0, 1, -1, 2),
    ("min_keep", 0, 1000, -1, 1001),
    ("seed", -1, 2**32 - 1, -2, 2**32),
]
LIMITS = [("max_tokens", -1, 1 << 24, -2, 1 << 25), ("n_predict", -1, 1 << 24, -2, 1 << 25),
          ("max_completion_tokens", -1, 1 << 24, -2, 1 << 25)]  # fmt: skip


def refusal(server: Live, path: str, **fields: object) -> dict[str, Any]:
    """The error object of a request that must not reach the engine."""
    reply = server.post(path, {**BASE[path], **fields})
    assert reply.status == 400, reply.body
    assert server.engine.asked == []
    error: dict[str, Any] = reply.json()["error"]
    assert set(error) == {"code", "message", "type"}
    assert error["code"] == 400
    return error


@pytest.mark.parametrize("path", [CHAT, TEXT, NATIVE])
@pytest.mark.parametrize("case", NUMBERS + LIMITS, ids=lambda case: case[0])
def test_numbers(server: Live, path: str, case: tuple[str, float, float, float, float]) -> None:
    field, low, high, below, above = case
    for wrong in (below, above, "1", True, [1], {}, 1e300):
        error = refusal(server, path, **{field: wrong})
        assert error["message"].startswith(f"`{field}`: expected "), error
        assert error["type"] == "invalid_request_error"
    for right in (low, high, None):
        assert server.post(path, {**BASE[path], field: right}).status == 200


@pytest.mark.parametrize("case", NUMBERS, ids=lambda case: case[0])
def test_numbers_reach_the_engine(server: Live, case: tuple[str, float, float, float, float]) -> None:
    field, low, high, *_ = case
    for value in (low, high):
        server.post(NATIVE, {"prompt": "x", field: value})
        assert getattr(server.engine.asked[-1].sampling, field) == value
    server.post(NATIVE, {"prompt": "x", field: None})
    assert server.engine.asked[-1].sampling == Sampling()


OTHERS: list[tuple[str, str, object, str]] = [
    *[(path, "stream", "true", "`stream`: expected `bool`") for path in BASE],
    *[(path, "stream_options", True, "`stream_options`: expected `object`") for path in BASE],
    *[(path, "stop", 5, "`stop`: expected ") for path in BASE],
    *[(path, "stop", [5], "`stop[...]`: expected `str`") for path in BASE],
    *[(path, "stop", ["x"] * 17, "`stop`: expected `array` of length <= 16") for path in BASE],
    *[(path, "stop", ["x" * 257], "`stop[...]`: expected `str` of length <= 256") for path in BASE],
    *[(path, "ignore_eos", 1, "`ignore_eos`: expected `bool`") for path in BASE],
    *[(path, "cache_prompt", "no", "`cache_prompt`: expected `bool`") for path in BASE],
    *[(path, "logit_bias", {"1000": 1}, "`logit_bias`: 1000 is not a token; this model's are 0 to") for path in BASE],
    (NATIVE, "logit_bias", [[-1, 1]], "`logit_bias`: -1 is not a token"),
    (NATIVE, "logit_bias", [[5, True]], "`logit_bias`: expected a number, or false"),
    (NATIVE, "logit_bias", [[5]], "`logit_bias[...]`: expected `array` of length 2"),
    (NATIVE, "logit_bias", [[5, 1, 1]], "`logit_bias[...]`: expected `array` of length 2"),
    (NATIVE, "logit_bias", {"5": 1001}, "`logit_bias[...]`: expected "),
    (NATIVE, "logit_bias", {str(i): 1 for i in range(1025)}, "`logit_bias`: expected at most 1024"),
    (NATIVE, "dry_sequence_breakers", [], "`dry_sequence_breakers`: expected `array` of length >= 1"),
    (NATIVE, "dry_sequence_breakers", ["x"] * 17, "`dry_sequence_breakers`: expected `array` of length <= 16"),
    (NATIVE, "dry_sequence_breakers", "\n", "`dry_sequence_breakers`: expected `array`"),
    *[(path, "n", value, "`n`: expected ") for path in BASE for value in (0, -1, 9, 1.5, "2")],
    *[(NATIVE, field, value, f"`{field}`: expected ") for field in ("n_probs", "logprobs") for value in (-1, 21, "3")],
    (TEXT, "logprobs", 21, "`logprobs`: expected `int` <= 20"),
    (TEXT, "logprobs", True, "`logprobs`: expected `int`"),
    (TEXT, "prompt", None, "`prompt`: expected "),
    (TEXT, "prompt", 5, "`prompt`: expected "),
    (TEXT, "prompt", [], "`prompt`: expected at least one prompt."),
    (TEXT, "prompt", [1.5], "`prompt[...]`: expected "),
    (TEXT, "prompt", [None], "`prompt[...]`: expected "),
    (TEXT, "prompt", ["x"] * 65, "`prompt`: expected at most 64 answers"),
    (TEXT, "prompt", [1000], "`prompt`: 1000 is not a token"),
    (TEXT, "prompt", [[0], [-1]], "`prompt`: -1 is not a token"),
    (CHAT, "messages", None, "`messages`: expected `array`"),
    (CHAT, "messages", [], "`messages`: expected `array` of length >= 1"),
    (CHAT, "messages", "hello", "`messages`: expected `array`"),
    (CHAT, "messages", ["hello"], "`messages[0]`: expected `object`"),
    (CHAT, "messages", [{"content": "x"}], "`messages[0]`: object missing required field `role`."),
    (CHAT, "messages", [{"role": "user"}, {"role": 5}], "`messages[1].role`: expected `str`"),
    (CHAT, "messages", [{"role": ""}], "`messages[0].role`: expected `str` of length >= 1"),
    (CHAT, "messages", [{"role": "user", "content": 5}], "`messages[0].content`: expected "),
    (CHAT, "messages", [{"role": "user", "content": [{"text": "x"}]}], "`messages[0].content[...]`: object missing"),
    (CHAT, "messages", [{"role": "user", "content": "x"}] * 1025, "`messages`: expected `array` of length <= 1024"),
    (CHAT, "logprobs", 5, "`logprobs`: expected `bool`"),
    (CHAT, "top_logprobs", 21, "`top_logprobs`: expected `int` <= 20"),
    (CHAT, "top_logprobs", 5, "`top_logprobs`: needs `logprobs` to be true."),
    (CHAT, "response_format", "json", "`response_format`: expected `object`"),
    (CHAT, "add_generation_prompt", "no", "`add_generation_prompt`: expected `bool`"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "field", "value", "expected"), OTHERS)
def test_other_fields(server: Live, path: str, field: str, value: object, expected: str) -> None:
    message = refusal(server, path, **{field: value})["message"]
    for index in range(20):
        message = message.replace(f"[{index}]`", "[...]`") if "[...]`" in expected else message
    assert message.startswith(expected)


@pytest.mark.parametrize("path", [CHAT, TEXT, NATIVE])
def test_missing_prompt(server: Live, path: str) -> None:
    reply = server.post(path, {})
    name = "messages" if path == CHAT else "prompt"
    assert reply.status == 400
    assert reply.json()["error"]["message"] == f"Object missing required field `{name}`."


REFUSED: list[tuple[str, str, object]] = [
    (CHAT, "continue_final_message", "reasoning_content"),
    (CHAT, "modalities", ["text", "audio"]),
    (CHAT, "web_search_options", {}),
    (CHAT, "tools", [{"type": "custom", "custom": {"name": "f"}}]),
]


@pytest.mark.parametrize(("path", "field", "value"), REFUSED)
def test_what_this_build_cannot_do_is_never_ignored(server: Live, path: str, field: str, value: object) -> None:
    error = refusal(server, path, **{field: value})
    assert error["type"] in ("not_supported_error", "invalid_request_error")
    assert f"`{field}" in error["message"]


EMPTY: list[tuple[str, str, object]] = [
    *[(path, "response_format", {"type": "text"}) for path in BASE],
    *[(path, "timings_per_token", True) for path in BASE],
    *[(path, "return_progress", True) for path in BASE],
    *[(path, "n_indent", 2) for path in BASE],
    *[(CHAT, field, -1) for field in ("reasoning_budget_tokens", "thinking_budget_tokens")],
    *[
        (CHAT, field, value)
        for field, value in [
            ("prediction", {"type": "content", "content": "x"}),
            ("metadata", {}),
            ("service_tier", "auto"),
            ("parallel_tool_calls", False),
            ("reasoning_effort", "high"),
            ("verbosity", "low"),
        ]
    ],
    (CHAT, "tool_choice", "auto"),
    (CHAT, "modalities", ["text"]),
    (TEXT, "echo", False),
    (TEXT, "suffix", ""),
    (TEXT, "best_of", 1),
    (NATIVE, "tfs_z", 1.0),
    (NATIVE, "penalize_nl", True),
    (NATIVE, "t_max_predict_ms", -1),
    (CHAT, "user", "somebody"),
    (CHAT, "store", True),
    (CHAT, "model", "gpt-4o"),
]


@pytest.mark.parametrize(("path", "field", "value"), EMPTY)
def test_what_changes_nothing_is_accepted(server: Live, path: str, field: str, value: object) -> None:
    assert server.post(path, {**BASE[path], field: value}).status == 200


def test_aliases_of_the_limit(server: Live) -> None:
    for fields, expected in [
        ({}, -1),
        ({"n_predict": 1}, 1),
        ({"max_tokens": 2}, 2),
        ({"max_completion_tokens": 3}, 3),
        ({"max_tokens": 2, "max_completion_tokens": 3}, 3),
        ({"n_predict": 1, "max_tokens": 2, "max_completion_tokens": 3}, 1),
        ({"n_predict": 1, "max_tokens": None}, 1),
        ({"max_tokens": 0}, 0),
    ]:
        server.post(NATIVE, {"prompt": "x", **fields})
        assert server.engine.asked[-1].max_tokens == expected


def test_stop_words(server: Live) -> None:
    for given, expected in [("x", ["x"]), (["x", "", "y"], ["x", "y"]), (None, []), ("", []), ([], [])]:
        server.post(NATIVE, {"prompt": "x", "stop": given})
        assert server.engine.asked[-1].stop == expected


def test_logit_bias(server: Live) -> None:
    server.post(NATIVE, {"prompt": "x", "logit_bias": [[5, 1.5], [6, -2], [7, False]]})
    assert server.engine.asked[-1].sampling.logit_bias == [(5, 1.5), (6, -2.0), (7, -math.inf)]
    server.post(CHAT, {**BASE[CHAT], "logit_bias": {"8": -100, "9": False}})
    assert server.engine.asked[-1].sampling.logit_bias == [(8, -100.0), (9, -math.inf)]


@pytest.mark.parametrize("path", [CHAT, TEXT, NATIVE])
def test_logit_bias_for_texts(server: Live, path: str) -> None:
    server.engine.answers = lambda question: Tokenized(id=question.id, tokens=[3, 4], pieces=[b"a", b"b"])
    for given in ({"ab": 2, "5": 1}, [["ab", 2], [5, 1]]):
        server.post(path, {**BASE[path], "logit_bias": given})
        assert server.engine.asked[-1].sampling.logit_bias == [(3, 2.0), (4, 2.0), (5, 1.0)]


def test_the_servers_own_defaults(start: Any) -> None:
    server = start(sampling=Sampling(temperature=0.1, top_k=7), max_tokens=9)
    server.post(NATIVE, {"prompt": "x", "temperature": 0.5})
    asked = server.engine.asked[-1]
    assert (asked.sampling.temperature, asked.sampling.top_k, asked.max_tokens) == (0.5, 7, 9)
    params = server.get("/props").json()["default_generation_settings"]["params"]
    assert (params["temperature"], params["top_k"], params["n_predict"]) == (0.1, 7, 9)
