"""Vectors by OpenAI's own Python client, unmodified, against the executable with MiniLM."""

import math
from collections.abc import Sequence

import pytest
from openai import OpenAI

TIMEOUT_S = 120
MODEL = "minilm"
TEXTS = ["The cat sleeps on the sofa.", "A kitten is napping on the couch.", "The stock market fell sharply."]


@pytest.fixture(scope="module")
def client(minilm_url: str) -> OpenAI:
    return OpenAI(base_url=f"{minilm_url}/v1", api_key="none", timeout=TIMEOUT_S, max_retries=0)


def likeness(one: Sequence[float], other: Sequence[float]) -> float:
    return math.fsum(a * b for a, b in zip(one, other, strict=True))


def test_vectors(client: OpenAI) -> None:
    found = client.embeddings.create(model=MODEL, input=TEXTS)  # as base64, unless the client is told otherwise
    cat, kitten, market = (item.embedding for item in found.data)
    assert (len(cat), [item.index for item in found.data]) == (384, [0, 1, 2])
    assert likeness(cat, kitten) > 0.5 > likeness(cat, market)
    assert found.usage.prompt_tokens > len(TEXTS)


def test_forms(client: OpenAI) -> None:
    numbers = client.embeddings.create(model=MODEL, input=TEXTS[0], encoding_format="float").data[0].embedding
    decoded = client.embeddings.create(model=MODEL, input=TEXTS[0]).data[0].embedding
    assert numbers == pytest.approx(decoded, abs=1e-6)
    short = client.embeddings.create(model=MODEL, input=TEXTS[0], dimensions=64).data[0].embedding
    assert (len(short), likeness(short, short)) == (64, pytest.approx(1, abs=1e-5))
    tokens = client.embeddings.create(model=MODEL, input=[[101, 4937, 102], [101, 3899, 102]])
    assert len(tokens.data) == 2


def test_the_model(client: OpenAI) -> None:
    assert client.models.retrieve(MODEL).id == MODEL
