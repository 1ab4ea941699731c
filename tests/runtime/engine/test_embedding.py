"""The queue of texts: batches that requests share, ends, refusals; over a model made of arithmetic."""

import struct

import msgspec
import pytest

from runtime.engine.backend import Embedder, InvalidRequest
from runtime.engine.backends.fake import facts
from runtime.engine.embedding import BATCH_TOKENS, Embeddings
from runtime.engine.embedding_job import MAX_ANSWER_BYTES
from runtime.engine.protocol import Embed, Embedded, Event, Failed, ModelFacts, Pooling, Ranked, Rerank
from runtime.errors import EngineFailed, LmfileError

N_BATCH = 1000


class Lengths:
    """A token is a byte; the vector of a text is its length, that of a token its byte, a score the shared bytes."""

    n_batch = N_BATCH

    def __init__(self) -> None:
        self.runs: list[tuple[list[list[int]], Pooling]] = []
        self.failure: LmfileError | None = None

    def tokenize(self, text: str | list[int]) -> list[int]:
        if isinstance(text, list) and any(token > 255 for token in text):
            raise InvalidRequest("a token is none")
        return list(text.encode()) if isinstance(text, str) else text

    def pair(self, query: str, document: str) -> list[int]:
        return [*query.encode(), 0, *document.encode()]

    def run(self, texts: list[list[int]], pooling: Pooling) -> list[list[bytes]]:
        self.runs.append((texts, pooling))
        if self.failure:
            raise self.failure
        return [self._rows(text, pooling) for text in texts]

    def _rows(self, text: list[int], pooling: Pooling) -> list[bytes]:
        if pooling == "none":
            return [struct.pack("<f", token) for token in text]
        if pooling == "rank":
            middle = text.index(0)
            return [struct.pack("<f", len({*text[:middle]} & {*text[middle + 1 :]}))]
        return [struct.pack("<f", len(text))]


class Model:
    """A source of one embedder."""

    def __init__(self, **changes: object) -> None:
        known: dict[str, object] = {"embeds": True, "reranks": True, "n_embd": 1, **changes}
        self.facts: ModelFacts = msgspec.structs.replace(facts(256, 1), **known)
        self.lengths = Lengths()
        self.refusal: Exception | None = None

    def embedder(self) -> Embedder:
        if self.refusal:
            raise self.refusal
        return self.lengths


def embed(request_id: int, *inputs: str | list[int], pooling: Pooling = "", normalize: int = -1) -> Embed:
    return Embed(id=request_id, inputs=list(inputs), pooling=pooling, normalize=normalize)


def work(embeddings: Embeddings, limit: int | None = None) -> list[Event]:
    """Every event, in its order."""
    events: list[Event] = []
    while embeddings.has_work:
        events += embeddings.step(limit)
    return events


def only(model: Model, request: Embed | Rerank) -> Event:
    embeddings = Embeddings(model)
    embeddings.submit(request)
    (event,) = work(embeddings)
    return event


def values(event: Event) -> list[list[float]]:
    assert isinstance(event, Embedded), event
    return [[struct.unpack("<f", row)[0] for row in rows] for rows in event.vectors]


def test_each_input_gets_its_vector_and_its_count() -> None:
    event = only(Model(), embed(1, "abc", [65, 66], "é"))
    assert values(event) == [[3.0], [2.0], [2.0]]
    assert isinstance(event, Embedded)
    assert event.n_tokens == [3, 2, 2]


def test_vectors_are_scaled_as_asked_but_not_those_of_tokens() -> None:
    assert values(only(Model(), embed(1, "abc", normalize=2))) == [[1.0]]
    assert values(only(Model(), embed(1, "AB", normalize=2, pooling="none"))) == [[65.0, 66.0]]


def test_without_a_word_the_models_own_pooling_counts_or_the_mean() -> None:
    for own, expected in (("cls", "cls"), ("", "mean")):
        model = Model(pooling=own)
        only(model, embed(1, "a"))
        assert model.lengths.runs[0][1] == expected


def test_requests_share_batches_and_the_short_one_ends_first() -> None:
    model = Model()
    embeddings = Embeddings(model)
    embeddings.submit(embed(1, *["x" * 100] * 20))
    embeddings.submit(embed(2, "yy"))
    first = embeddings.step()
    assert [event.id for event in first if isinstance(event, Embedded)] == [2]
    assert [len(text) for text in model.lengths.runs[0][0]] == [100, 2, 100, 100, 100, 100]
    assert [event.id for event in work(embeddings) if isinstance(event, Embedded)] == [1]
    assert sum(len(texts) for texts, _ in model.lengths.runs) == 21


@pytest.mark.parametrize("limit", [None, 64, 10_000])
def test_a_batch_is_bounded_and_a_long_text_comes_alone(limit: int | None) -> None:
    model = Model()
    embeddings = Embeddings(model)
    embeddings.submit(embed(1, *["x" * 30] * 40, "y" * 900, "z"))
    work(embeddings, limit)
    sizes = [[len(text) for text in texts] for texts, _ in model.lengths.runs]
    assert all(sum(size) <= min(limit or BATCH_TOKENS, BATCH_TOKENS) or size == [900] for size in sizes)
    assert sorted(length for size in sizes for length in size) == [1, *[30] * 40, 900]


def test_a_batch_holds_texts_of_one_pooling() -> None:
    model = Model()
    embeddings = Embeddings(model)
    for number, pooling in enumerate(("mean", "cls", "mean")):
        embeddings.submit(embed(number, "a", pooling=pooling))  # type: ignore[arg-type]
    work(embeddings)
    assert [(len(texts), pooling) for texts, pooling in model.lengths.runs] == [(2, "mean"), (1, "cls")]


def test_documents_are_scored_in_their_order() -> None:
    event = only(Model(), Rerank(id=1, query="abc", documents=["xyz", "cab", "a"]))
    assert isinstance(event, Ranked)
    assert event.scores == [0.0, 3.0, 1.0]
    assert event.n_tokens == 19


@pytest.mark.parametrize(
    ("request_", "kind", "said"),
    [
        (embed(1), "invalid", "`input`: there is no text"),
        (Rerank(id=1, query="a", documents=[]), "invalid", "`documents`: there is no text"),
        (embed(1, "a", ""), "invalid", "text 1 holds no token"),
        (embed(1, [256]), "invalid", "a token is none"),
        (embed(1, "a" * (N_BATCH + 1)), "context", f"({N_BATCH + 1} tokens)"),
        (embed(1, "a" * (1 << 20)), "context", f"({(1 << 20) // 64} tokens)"),
        (embed(1, *["a"] * (MAX_ANSWER_BYTES // 4 + 1)), "invalid", "at most 4194304 texts"),
        (embed(1, "a", pooling="rank"), "invalid", "scores documents"),
    ],
)
def test_what_cannot_be_computed_ends_its_request_and_no_other(request_: Embed | Rerank, kind: str, said: str) -> None:
    embeddings = Embeddings(Model())
    embeddings.submit(request_)
    embeddings.submit(embed(2, "b"))
    failed, done = sorted(work(embeddings), key=lambda event: event.id)  # type: ignore[union-attr]
    assert isinstance(failed, Failed)
    assert failed.kind == kind
    assert said in failed.message
    assert isinstance(done, Embedded)


def test_both_numbers_of_a_text_that_is_too_long() -> None:
    event = only(Model(), embed(1, "a" * 1001))
    assert isinstance(event, Failed)
    assert (event.n_prompt, event.n_ctx) == (1001, N_BATCH)


def test_vectors_of_tokens_have_a_bound_too() -> None:
    event = only(Model(n_embd=MAX_ANSWER_BYTES // 40), embed(1, "abcdefgh", "abc", pooling="none"))
    assert isinstance(event, Failed)
    assert "at most 10 vectors" in event.message


def test_a_model_says_what_it_cannot_do() -> None:
    ranked = only(Model(reranks=False), Rerank(id=1, query="a", documents=["b"]))
    assert isinstance(ranked, Failed)
    assert "no classification head" in ranked.message
    embedded = only(Model(embeds=False), embed(1, "a"))
    assert isinstance(embedded, Failed)
    assert "no vectors" in embedded.message


def test_a_cancelled_request_is_gone() -> None:
    embeddings = Embeddings(Model())
    embeddings.submit(embed(1, *["x" * 400] * 3))
    assert embeddings.step() == []
    assert embeddings.cancel(1)
    assert not embeddings.cancel(1)
    assert not embeddings.has_work


def test_a_failing_engine_ends_the_requests_of_the_batch() -> None:
    model = Model()
    model.lengths.failure = EngineFailed("it broke")
    embeddings = Embeddings(model)
    embeddings.submit(embed(1, "a"))
    embeddings.submit(embed(2, "b"))
    assert [(event.id, event.kind) for event in embeddings.step() if isinstance(event, Failed)] == [
        (1, "internal"),
        (2, "internal"),
    ]
    assert not embeddings.has_work


def test_without_an_embedder_all_requests_end() -> None:
    model = Model()
    model.refusal = InvalidRequest("there is none")
    event = only(model, embed(1, "a"))
    assert isinstance(event, Failed)
    assert event.kind == "invalid"


def test_a_request_is_told_before_the_engine_sees_it_and_only_then() -> None:
    model, told = Model(), []
    embeddings = Embeddings(model, told.append)
    embeddings.submit(embed(1, *["x" * 300] * 3))
    embeddings.submit(embed(2, "y", pooling="cls"))
    embeddings.step()
    assert told == [1]
    work(embeddings)
    assert told == [1, 2]


def test_a_bug_ends_all_requests() -> None:
    embeddings = Embeddings(Model())
    embeddings.submit(embed(1, "a"))
    (event,) = embeddings.fail("a bug")
    assert isinstance(event, Failed)
    assert (event.kind, event.message) == ("internal", "a bug")
    assert not embeddings.has_work
