"""Vectors and scores from a running server: by OpenAI's and LangChain's clients, beside answers, at their limits."""

import base64
import json
import math
import os
import struct
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from langchain_community.embeddings.llamafile import LlamafileEmbeddings
from openai import BadRequestError, OpenAI

from tests.embedding_models import minilm_gguf, reranker_gguf
from tests.models import smollm2_gguf
from tests.serving import Server, serving
from tests.streams import streams

REFERENCE = Path(__file__).resolve().parents[1] / "data" / "minilm_vectors.json"
TIMEOUT_S = 120
N_EMBD = 384
LEFT_LIMIT_S = 30.0
"""All of them would take minutes."""


def checkout(model: Path, *arguments: str) -> Any:
    """Serve a model with the code of this checkout."""
    prefix = (sys.executable, "-m")
    return serving(Path("runtime"), "-m", str(model), "-t", "1", *arguments, env=dict(os.environ), prefix=prefix)


@pytest.fixture(scope="module")
def minilm() -> Iterator[Server]:
    with checkout(minilm_gguf()) as server:
        yield server


@pytest.fixture(scope="module")
def chat() -> Iterator[Server]:
    with checkout(smollm2_gguf()) as server:
        yield server


@pytest.fixture(scope="module")
def reranker() -> Iterator[Server]:
    with checkout(reranker_gguf()) as server:
        yield server


@pytest.fixture
def client(minilm: Server) -> OpenAI:
    return OpenAI(base_url=f"{minilm.url}/v1", api_key="none", timeout=TIMEOUT_S, max_retries=0)


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True)) / math.hypot(*one) / math.hypot(*other)


def vectors(server: Server, texts: list[str]) -> list[list[float]]:
    return [one["embedding"] for one in server.post("/v1/embeddings", {"input": texts})["data"]]


def test_openais_client_gets_the_vectors_of_the_original(client: OpenAI) -> None:
    reference = json.loads(REFERENCE.read_text(encoding="utf-8"))
    texts = [one["text"] for one in reference]
    for encoding in ("float", "base64"):
        answer = client.embeddings.create(model="any", input=texts, encoding_format=encoding)  # type: ignore[arg-type]
        assert answer.usage.prompt_tokens == answer.usage.total_tokens > 2 * len(texts)
        for one, expected in zip(answer.data, reference, strict=True):
            found = one.embedding
            if isinstance(found, str):
                found = list(struct.unpack(f"<{N_EMBD}f", base64.b64decode(found)))
            assert cosine(found, expected["vector"]) >= 0.999, expected["text"]
            assert math.hypot(*found) == pytest.approx(1, abs=1e-4)


def test_tokens_and_dimensions(client: OpenAI) -> None:
    by_tokens = client.embeddings.create(model="any", input=[[101, 7592, 102]]).data[0].embedding
    assert cosine(by_tokens, client.embeddings.create(model="any", input="Hello").data[0].embedding) > 0.9999
    short = client.embeddings.create(model="any", input="Hello", dimensions=64).data[0].embedding
    assert cosine(short, by_tokens[:64]) > 0.9999


def test_langchains_llamafile_class_works_unchanged(minilm: Server, chat: Server) -> None:
    for server in (minilm, chat):
        embeddings = LlamafileEmbeddings(base_url=server.url)
        near, far = embeddings.embed_documents(["A dog barks.", "The stock market fell."])
        query = embeddings.embed_query("A dog is barking.")
        assert cosine(query, near) > cosine(query, far)


def test_a_text_of_the_whole_context_and_one_token_more(minilm: Server, client: OpenAI) -> None:
    assert client.embeddings.create(model="any", input="word " * 510).usage.prompt_tokens == 512
    with pytest.raises(BadRequestError) as refused:
        client.embeddings.create(model="any", input=["a", "word " * 511])
    assert isinstance(refused.value.body, dict)
    assert (refused.value.body["n_prompt_tokens"], refused.value.body["n_ctx"]) == (513, 512)


def test_many_inputs_at_once_and_many_clients(minilm: Server) -> None:
    texts = [f"text number {number}" for number in range(300)]
    together = vectors(minilm, texts)
    with ThreadPoolExecutor(8) as pool:
        alone = list(pool.map(lambda text: vectors(minilm, [text])[0], texts[:40]))
    for one, other in zip(together, alone, strict=False):
        assert cosine(one, other) > 0.9999


def test_empty_text_and_empty_list(minilm: Server) -> None:
    assert len(vectors(minilm, [""])[0]) == N_EMBD
    assert minilm.ask("/v1/embeddings", {"input": []})[0] == 400


def test_vectors_of_each_token_are_not_scaled(minilm: Server) -> None:
    (told,) = minilm.post("/embedding", {"content": "Hello", "pooling": "none"})
    assert len(told["embedding"]) == 3
    assert all(abs(math.hypot(*row) - 1) > 0.1 for row in told["embedding"])


def test_a_model_for_vectors_does_not_chat_and_ranks_nothing(minilm: Server) -> None:
    messages = {"messages": [{"role": "user", "content": "Hello"}]}
    status, answer = minilm.ask("/v1/chat/completions", messages)
    assert (status, b"cannot continue" in answer) == (400, True)
    status, answer = minilm.ask("/rerank", {"query": "a", "documents": ["b"]})
    assert (status, b"classification head" in answer) == (501, True)


def test_the_best_document_is_first(reranker: Server) -> None:
    documents = ["I like cats and dogs", "Paris is the capital of France", "the dog of a man"]
    told = reranker.post("/v1/rerank", {"query": "the capital of France", "documents": documents, "top_n": 2})
    assert [one["index"] for one in told["results"]] == [1, 2]
    told = reranker.post("/rerank", {"query": "the capital of France", "texts": documents})
    assert [one["index"] for one in told] == [1, 2, 0]
    status, answer = reranker.ask("/v1/embeddings", {"input": "a"})
    assert (status, b"pooling" in answer) == (400, True)


def test_vectors_beside_an_answer_that_is_being_written(chat: Server) -> None:
    body = {"prompt": "Once upon a time", "n_predict": 150, "temperature": 0, "ignore_eos": True}
    whole = chat.post("/completion", body)["content"]
    pieces = []
    with ThreadPoolExecutor(1) as pool:
        asked = None
        for event in chat.stream("/completion", body):
            pieces.append(event["content"])
            asked = asked or pool.submit(vectors, chat, ["a dog", "a cat", "a stock market"])
        assert asked is not None
        dog, cat, market = asked.result(TIMEOUT_S)
    assert cosine(dog, cat) > cosine(dog, market)
    assert "".join(pieces) == whole


def test_who_leaves_takes_thousands_of_texts_along(minilm: Server) -> None:
    with streams(minilm.port) as opened:
        asked = opened.open({"input": ["word " * 200] * 2000}, "/v1/embeddings")
        opened.read_until(lambda: False, limit_s=0.5)
        assert not asked.raw, "it was done too soon to be left"
    began = time.monotonic()
    assert len(vectors(minilm, ["Hello"])[0]) == N_EMBD
    assert time.monotonic() - began < LEFT_LIMIT_S


def test_one_text_does_not_wait_for_thousands(minilm: Server) -> None:
    with streams(minilm.port) as opened:
        asked = opened.open({"input": ["word " * 200] * 1000}, "/v1/embeddings")
        opened.read_until(lambda: False, limit_s=0.5)
        assert len(vectors(minilm, ["Hello"])[0]) == N_EMBD
        assert not asked.raw


def test_answers_that_are_left_do_not_spoil_vectors(chat: Server) -> None:
    texts = [f"Question {number}: {'why ' * number}?" for number in range(20)]
    expected = vectors(chat, texts)
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(vectors, chat, texts)
        while not found.done():
            with streams(chat.port) as opened:
                opened.open({"prompt": "Once upon a time", "stream": True, "n_predict": 200})
                opened.read_until(found.done, limit_s=0.3)
        for one, other in zip(found.result(), expected, strict=True):
            assert cosine(one, other) > 0.9999
