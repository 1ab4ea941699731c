"""POST /tokenize and /detokenize, and the texts in `logit_bias`, over an engine in which each byte is a token."""

import math

import pytest

from runtime.engine.protocol import Tokenize
from runtime.server.biases import MAX_TEXTS
from tests.runtime.server.live import Live


@pytest.mark.parametrize(
    ("body", "tokens"),
    [({"content": "hi"}, [104, 105]), ({"content": ["h", 7, "i"]}, [104, 7, 105]), ({"content": ""}, []), ({}, []),
     ({"content": None, "add_special": None, "parse_special": None}, [])],
)  # fmt: skip
def test_tokenize(server: Live, body: dict[str, object], tokens: list[int]) -> None:
    reply = server.post("/tokenize", body)
    assert (reply.status, reply.json()) == (200, {"tokens": tokens})


@pytest.mark.parametrize(
    ("options", "asked"),
    [({}, (False, True)), ({"add_special": True, "parse_special": False}, (True, False)),
     ({"add_special": None, "parse_special": None}, (False, True))],
)  # fmt: skip
def test_options(server: Live, options: dict[str, object], asked: tuple[bool, bool]) -> None:
    server.post("/tokenize", {"content": "x", **options})
    (question,) = server.engine.singles
    assert isinstance(question, Tokenize)
    assert (question.add_special, question.parse_special) == asked


def test_pieces_are_texts_or_bytes(server: Live) -> None:
    assert server.post("/tokenize", {"content": "aé", "with_pieces": True}).json() == {
        "tokens": [{"id": 97, "piece": "a"}, {"id": 0xC3, "piece": [0xC3]}, {"id": 0xA9, "piece": [0xA9]}]
    }


@pytest.mark.parametrize(
    "body",
    [{"content": 7}, {"content": [["a"]]}, {"content": [1000]}, {"content": [-1]}, {"content": "a", "with_pieces": 1}],
)  # fmt: skip
def test_what_cannot_be_cut(server: Live, body: dict[str, object]) -> None:
    reply = server.post("/tokenize", body)
    assert (reply.status, server.engine.singles) == (400, [])
    assert reply.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("body", "text"), [({"tokens": [104, 105]}, "hi"), ({"tokens": []}, ""), ({}, ""), ({"tokens": None}, "")]
)
def test_detokenize(server: Live, body: dict[str, object], text: str) -> None:
    assert server.post("/detokenize", body).json() == {"content": text}


@pytest.mark.parametrize("tokens", [7, ["a"], [1000], [-1], [1.5]])
def test_what_is_no_token(server: Live, tokens: object) -> None:
    reply = server.post("/detokenize", {"tokens": tokens})
    assert (reply.status, server.engine.singles) == (400, [])
    assert reply.json()["error"]["message"].startswith("`tokens")


@pytest.mark.parametrize(
    ("given", "biases"),
    [
        ([["hi", -5], [7, 1]], [(104, -5.0), (105, -5.0), (7, 1.0)]),
        ([["7", 1]], [(55, 1.0)]),
        ({"hi": False, "7": 1}, [(104, -math.inf), (105, -math.inf), (7, 1.0)]),
        ([["", 1]], []),
        ({}, []),
    ],
)
@pytest.mark.parametrize("path", ["/completion", "/v1/chat/completions"])
def test_texts_in_logit_bias(server: Live, path: str, given: object, biases: list[tuple[int, float]]) -> None:
    what = {"messages": [{"role": "user", "content": "x"}]} if "chat" in path else {"prompt": "x"}
    assert server.post(path, {**what, "logit_bias": given}).status == 200
    assert server.engine.asked[0].sampling.logit_bias == biases


@pytest.mark.parametrize(
    "given", [[["x" * 2000, 1]], [[str(number), 1] for number in range(MAX_TEXTS + 1)], [["x", True]], [["x", 2000]]]
)
def test_too_much_in_logit_bias(server: Live, given: object) -> None:
    reply = server.post("/completion", {"prompt": "x", "logit_bias": given})
    assert (reply.status, server.engine.asked) == (400, [])
    assert reply.json()["error"]["message"].startswith("`logit_bias")
