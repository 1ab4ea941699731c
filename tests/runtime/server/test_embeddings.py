"""Vectors and scores over HTTP: every form of request and answer, over an engine that says what it is told."""

import base64
import struct
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from runtime.engine.protocol import Embed, Embedded, Failed, Question, Ranked, Rerank, Terminal
from tests.runtime.server.live import FACTS, Live, ScriptedEngine

N_EMBD = 64
VECTOR = [float(number) for number in range(N_EMBD)]


def row(first: float = 0.0) -> bytes:
    return struct.pack(f"<{N_EMBD}f", first, *VECTOR[1:])


def answers(request: Question) -> Terminal:
    """The first number of a vector is the place of its text; a score is minus the length of the document."""
    if isinstance(request, Rerank):
        return Ranked(id=request.id, scores=[-float(len(text)) for text in request.documents], n_tokens=7)
    assert isinstance(request, Embed)
    per_text = 2 if request.pooling == "none" else 1
    vectors = [[row(place)] * per_text for place in range(len(request.inputs))]
    return Embedded(id=request.id, vectors=vectors, n_tokens=[3] * len(request.inputs))


@pytest.fixture
def live() -> Iterator[Live]:
    facts = msgspec.structs.replace(FACTS, pooling="mean", embeds=True, reranks=True)
    running = Live(ScriptedEngine(answers=answers, facts=facts))
    yield running
    running.close()


def asked(live: Live) -> Any:
    return live.engine.singles[-1]


@pytest.mark.parametrize(
    ("given", "inputs"),
    [
        ("a text", ["a text"]),
        ("", [""]),
        (["one", "two"], ["one", "two"]),
        ([1, 2, 3], [[1, 2, 3]]),
        ([[1, 2], [3]], [[1, 2], [3]]),
        (["one", [3]], ["one", [3]]),
    ],
)
def test_openai_takes_every_form_of_input(live: Live, given: object, inputs: list[object]) -> None:
    reply = live.post("/v1/embeddings", {"model": "text-embedding-3-small", "input": given, "user": "me"})
    assert reply.status == 200, reply.body
    told = reply.json()
    assert asked(live).inputs == inputs
    assert (told["object"], told["model"]) == ("list", "tiny")
    assert told["usage"] == {"prompt_tokens": 3 * len(inputs), "total_tokens": 3 * len(inputs)}
    for index, one in enumerate(told["data"]):
        assert one == {"object": "embedding", "index": index, "embedding": [float(index), *VECTOR[1:]]}


def test_base64_is_the_bytes_of_float32(live: Live) -> None:
    reply = live.post("/v1/embeddings", {"input": ["a", "b"], "encoding_format": "base64"})
    assert [base64.b64decode(one["embedding"]) for one in reply.json()["data"]] == [row(0), row(1)]


def test_dimensions_shorten_to_length_one(live: Live) -> None:
    reply = live.post("/v1/embeddings", {"input": ["a", "b"], "dimensions": 2})
    assert reply.json()["data"][1]["embedding"] == pytest.approx([0.5**0.5] * 2)


def test_what_the_engine_is_asked(live: Live) -> None:
    live.post("/v1/embeddings", {"input": "a"})
    assert (asked(live).pooling, asked(live).normalize) == ("", 2)
    live.post("/v1/embeddings", {"input": "a", "pooling": "cls", "embd_normalize": 0})
    assert (asked(live).pooling, asked(live).normalize) == ("cls", 0)


def test_llama_servers_list(live: Live) -> None:
    expected = [{"index": 0, "embedding": [VECTOR]}, {"index": 1, "embedding": [[1.0, *VECTOR[1:]]]}]
    for path, field in (
        ("/embeddings", "content"),
        ("/embeddings", "input"),
        ("/embedding", "input"),
        ("/v1/embeddings", "content"),
    ):
        assert live.post(path, {field: ["a", "b"]}).json() == expected
    per_token = live.post("/embedding", {"content": "a", "pooling": "none"}).json()
    assert per_token == [{"index": 0, "embedding": [VECTOR, VECTOR]}]


def test_llamafiles_object(live: Live) -> None:
    assert live.post("/embedding", {"content": "a"}).json() == {"embedding": VECTOR}
    assert live.post("/embedding", {"content": [1, 2]}).json() == {"embedding": VECTOR}
    assert live.post("/embedding", {"content": ["a"]}).json() == {"results": [{"embedding": VECTOR}]}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "input"),
        ({"input": None}, "input"),
        ({"input": 7}, "input"),
        ({"input": {"text": "a"}}, "input"),
        ({"input": []}, "input"),
        ({"input": [[]]}, "input"),
        ({"input": ["a", []]}, "input"),
        ({"input": [1, "a"]}, "input"),
        ({"input": [True]}, "input"),
        ({"input": [1.5]}, "input"),
        ({"input": [None]}, "input"),
        ({"input": [-1]}, "input"),
        ({"input": [1000]}, "input"),
        ({"input": [[1000]]}, "input"),
        ({"content": [10**30]}, "content"),
        ({"input": "a", "encoding_format": "int8"}, "encoding_format"),
        ({"input": "a", "dimensions": 0}, "dimensions"),
        ({"input": "a", "dimensions": 65}, "dimensions"),
        ({"input": "a", "dimensions": "2"}, "dimensions"),
        ({"input": "a", "pooling": "rank"}, "pooling"),
        ({"input": "a", "pooling": "none"}, "pooling"),
        ({"input": "a", "embd_normalize": -2}, "embd_normalize"),
        ({"input": "a", "embd_normalize": 0.5}, "embd_normalize"),
        ({"input": "a", "model": 7}, "model"),
    ],
)
def test_a_wrong_field_is_named(live: Live, body: dict[str, object], field: str) -> None:
    reply = live.post("/v1/embeddings", body)
    assert reply.status == 400, reply.body
    assert f"`{field}" in reply.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/rerank", "/rerank", "/v1/reranking", "/reranking"])
def test_jinas_form(live: Live, path: str) -> None:
    reply = live.post(path, {"query": "q", "documents": ["ccc", "a", "bb"]})
    assert reply.json() == {
        "model": "tiny",
        "object": "list",
        "usage": {"prompt_tokens": 7, "total_tokens": 7},
        "results": [
            {"index": 1, "relevance_score": -1.0},
            {"index": 2, "relevance_score": -2.0},
            {"index": 0, "relevance_score": -3.0},
        ],
    }


def test_jinas_options(live: Live) -> None:
    body = {"query": "q", "documents": [{"text": "ccc"}, "a"], "top_n": 1, "return_documents": True}
    assert live.post("/rerank", body).json()["results"] == [
        {"index": 1, "relevance_score": -1.0, "document": {"text": "a"}}
    ]
    assert live.post("/rerank", {**body, "top_n": 0}).json()["results"] == []


def test_the_form_of_text_embeddings_inference(live: Live) -> None:
    body: dict[str, object] = {"query": "q", "texts": ["ccc", "a"]}
    assert live.post("/rerank", body).json() == [{"index": 1, "score": -1.0}, {"index": 0, "score": -3.0}]
    told = live.post("/rerank", {**body, "return_text": True}).json()
    assert [one["text"] for one in told] == ["a", "ccc"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"documents": ["a"]}, "query"),
        ({"query": 7, "documents": ["a"]}, "query"),
        ({"query": "q"}, "documents"),
        ({"query": "q", "documents": []}, "documents"),
        ({"query": "q", "texts": []}, "texts"),
        ({"query": "q", "documents": "a"}, "documents"),
        ({"query": "q", "documents": [7]}, "documents"),
        ({"query": "q", "documents": [{"title": "a"}]}, "text"),
        ({"query": "q", "documents": ["a"], "top_n": -1}, "top_n"),
    ],
)
def test_a_wrong_field_of_a_rerank_is_named(live: Live, body: dict[str, object], field: str) -> None:
    reply = live.post("/rerank", body)
    assert reply.status == 400, reply.body
    assert f"`{field}" in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/embeddings", {"input": "a"}),
        ("/embedding", {"content": "a"}),
        ("/rerank", {"query": "q", "documents": ["a"]}),
    ],
)
def test_what_the_engine_refuses_is_a_400(live: Live, path: str, body: dict[str, object]) -> None:
    live.engine.answers = lambda request: Failed(id=request.id, kind="context", message="long", n_prompt=9, n_ctx=8)
    reply = live.post(path, body)
    assert reply.status == 400
    assert reply.json()["error"]["n_prompt_tokens"] == 9
    live.engine.answers = lambda request: Failed(id=request.id, kind="invalid", message="it cannot")
    reply = live.post(path, body)
    assert (reply.status, reply.json()["error"]["message"]) == (400, "it cannot")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hello"}]}),
        ("/v1/completions", {"prompt": "Hello"}),
        ("/completion", {"prompt": "Hello", "stream": True}),
    ],
)
def test_a_model_for_vectors_does_not_chat(live: Live, path: str, body: dict[str, object]) -> None:
    live.engine.facts = msgspec.structs.replace(FACTS, generates=False)
    reply = live.post(path, body)
    assert reply.status == 400
    assert "cannot continue" in reply.json()["error"]["message"]
