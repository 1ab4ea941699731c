"""Vectors and scores of real models: held against the original, alone and in batches, in every pooling."""

import json
import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from runtime.engine.backend import InvalidRequest
from runtime.engine.backends import llama_model
from runtime.engine.backends.llama_context import Computing
from runtime.engine.backends.llama_embedding import N_CONTEXTS, N_TEXTS, LlamaEmbedder
from runtime.engine.config import WorkerConfig
from runtime.engine.protocol import Pooling
from runtime.errors import ModelUnsupported
from runtime.vectors import numbers
from tests.bert_converter import convert
from tests.embedding_models import minilm_gguf, overlap_config, overlap_weights, reranker_gguf
from tests.gguf_writer import U32
from tests.models import smollm2_gguf

REFERENCE = Path(__file__).resolve().parents[2] / "data" / "minilm_vectors.json"
POOLINGS: tuple[Pooling, ...] = ("none", "mean", "cls", "last")
N_EMBD = 384


@cache
def loaded(path: Path) -> llama_model.LoadedModel:
    return llama_model.load(WorkerConfig(str(path), n_threads=1), lambda fraction: None)


@pytest.fixture(scope="module")
def minilm() -> LlamaEmbedder:
    return embedder(loaded(minilm_gguf()))


@pytest.fixture(scope="module")
def chat() -> LlamaEmbedder:
    return embedder(loaded(smollm2_gguf()))


def embedder(model: llama_model.LoadedModel) -> LlamaEmbedder:
    return LlamaEmbedder(model, Computing(model))


@cache
def reference() -> list[Any]:
    found: list[Any] = json.loads(REFERENCE.read_text(encoding="utf-8"))
    return found


def cosine(one: Iterator[float] | Any, other: Iterator[float] | Any) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True)) / math.hypot(*one) / math.hypot(*other)


def vectors(maker: LlamaEmbedder, texts: list[str], pooling: Pooling = "mean") -> list[list[float]]:
    found = maker.run([maker.tokenize(text) for text in texts], pooling)
    return [list(numbers(rows[0])) for rows in found]


def test_vectors_are_the_originals(minilm: LlamaEmbedder) -> None:
    found = vectors(minilm, [one["text"] for one in reference()])
    for vector, one in zip(found, reference(), strict=True):
        assert cosine(vector, one["vector"]) >= 0.999, one["text"]


@pytest.mark.parametrize("size", [1, 2, 7, 32, 200])
def test_a_batch_of_any_size_gives_the_same(minilm: LlamaEmbedder, size: int) -> None:
    texts = [one["text"] for one in reference()]
    alone = [vectors(minilm, [text])[0] for text in texts]
    together = vectors(minilm, [texts[place % len(texts)] for place in range(size)])
    for place, vector in enumerate(together):
        assert cosine(vector, alone[place % len(texts)]) >= 0.99999


def test_more_short_texts_than_a_native_call_takes(minilm: LlamaEmbedder) -> None:
    found = vectors(minilm, [str(number % 10) for number in range(3 * N_TEXTS)])
    assert all(cosine(vector, found[place % 10]) >= 0.99999 for place, vector in enumerate(found))


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("name", ["minilm", "chat"])
def test_every_pooling_is_what_it_says(request: pytest.FixtureRequest, name: str, pooling: Pooling) -> None:
    """Of the tokens' own vectors: the first, the last, their mean."""
    maker: LlamaEmbedder = request.getfixturevalue(name)
    tokens = maker.tokenize("The capital of France is Paris.")
    rows = [list(numbers(row)) for row in maker.run([tokens], "none")[0]]
    assert len(rows) == len(tokens)
    mean = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    expected = {"none": rows[0], "mean": mean, "cls": rows[0], "last": rows[-1]}[pooling]
    (found,) = maker.run([tokens], pooling)
    assert cosine(list(numbers(found[0])), expected) >= 0.99999


def test_only_two_contexts_are_kept(minilm: LlamaEmbedder) -> None:
    for pooling in (*POOLINGS, "mean"):
        vectors(minilm, ["Hello"], pooling)
    assert len(minilm._contexts) == N_CONTEXTS


def test_the_longest_text_and_one_token_more(minilm: LlamaEmbedder) -> None:
    words = "word " * 510
    assert len(minilm.tokenize(words)) == minilm.n_batch == 512
    assert len(vectors(minilm, [words])[0]) == N_EMBD
    assert len(minilm.tokenize(words + "word")) == 513


def test_a_context_grows_with_its_texts(chat: LlamaEmbedder) -> None:
    short = vectors(chat, ["Hello"])[0]
    assert len(vectors(chat, ["Hello " * 700])[0]) == len(short)
    assert cosine(vectors(chat, ["Hello"])[0], short) >= 0.99999


@pytest.mark.parametrize("text", ["", " ", "\0", "\ud800", "\ufffd" * 5, "a" * 5000, "한국어 문장", "\U0001f600"])
def test_any_text_has_a_vector(minilm: LlamaEmbedder, text: str) -> None:
    tokens = minilm.tokenize(text)
    assert tokens[0] == 101
    assert tokens[-1] == 102
    assert len(minilm.run([tokens[:512]], "mean")[0][0]) == 4 * N_EMBD


@pytest.mark.parametrize("tokens", [[-1], [30522], [1, 2**31 - 1]])
def test_a_token_that_is_none_is_refused(minilm: LlamaEmbedder, tokens: list[int]) -> None:
    with pytest.raises(InvalidRequest, match="is not one of this model's 30522"):
        minilm.tokenize(tokens)


def test_the_document_with_the_words_of_the_query_is_first() -> None:
    maker = embedder(loaded(reranker_gguf()))
    documents = ["I like cats and dogs", "Paris is the capital of France", "the dog of a man", "Nothing of it"]
    pairs = [maker.pair("the capital of France", document) for document in documents]
    scores = [numbers(rows[0])[0] for rows in maker.run(pairs, "rank")]
    assert max(range(4), key=scores.__getitem__) == 1
    assert min(range(4), key=scores.__getitem__) == 0


def test_a_pair_is_laid_out_as_llama_server_does() -> None:
    maker = embedder(loaded(reranker_gguf()))
    cut = [maker.tokenize(text)[1:-1] for text in ("a question", "an answer")]
    assert maker.pair("a question", "an answer") == [101, *cut[0], 102, *cut[1]]


def test_what_the_models_are_for() -> None:
    models = [loaded(path) for path in (minilm_gguf(), reranker_gguf(), smollm2_gguf())]
    assert [model.generates for model in models] == [False, False, True]
    assert [model.pooling for model in models] == ["mean", "rank", ""]
    assert [model.reranks for model in models] == [False, True, False]


def test_a_tokenizer_without_marks_is_refused(tmp_path: Path) -> None:
    """Native code ends the process when it has no token to begin a text with."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh"]
    data = convert("marks", overlap_config(), words, overlap_weights(words), "rank")
    sound, broken = tmp_path / "sound.gguf", tmp_path / "broken.gguf"
    sound.write_bytes(data)
    assert embedder(loaded(sound)).tokenize("a b") == [2, 5, 6, 3]
    key = b"tokenizer.ggml.bos_token_id" + U32.to_bytes(4, "little")
    at = data.index(key) + len(key)
    broken.write_bytes(data[:at] + b"\xff\xff\xff\xff" + data[at + 4 :])
    with pytest.raises(ModelUnsupported, match="the beginning and the end of a text"):
        loaded(broken)
