"""One request for vectors or scores, text by text: what is cut into tokens, what is computed, what it comes to.

Everything that native code would choke on is refused here. Does not know: other requests.
"""

import struct

from runtime.engine.backend import Embedder, InvalidRequest
from runtime.engine.prompt import CHARACTERS_PER_TOKEN, PromptTooLong
from runtime.engine.protocol import Embed, Embedded, Failed, ModelFacts, Pooling, Ranked, Rerank
from runtime.vectors import FLOAT_BYTES, normalized

MAX_ANSWER_BYTES = 16 << 20
"""Vectors of one request: 10,922 of MiniLM, and five times as many bytes when written as JSON."""

SHORT_CHARACTERS = 1 << 16
"""A text up to here is cut into tokens before it can be too long."""

DEFAULT_POOLING: Pooling = "mean"
"""Of a model that names none: it was made to continue texts."""


class Job:
    """A request in work.

    failed: the event that ends it, when one of its texts cannot be computed.
    """

    def __init__(self, request: Embed | Rerank, facts: ModelFacts) -> None:
        """Raises: InvalidRequest when this model cannot do that."""
        self.request = request
        self.pooling = _pooling(request, facts)
        self.failed: Failed | None = None
        self._texts = request.documents if isinstance(request, Rerank) else request.inputs
        self._ahead: list[list[int]] = []
        self._rows: list[list[bytes]] = []
        self._n_tokens: list[int] = []
        self._n_rows = 0
        self._most_rows = MAX_ANSWER_BYTES // (FLOAT_BYTES * facts.n_embd)
        field = "documents" if isinstance(request, Rerank) else "input"
        if not self._texts:
            raise InvalidRequest(f"`{field}`: there is no text to compute")
        if len(self._texts) > self._most_rows:
            raise InvalidRequest(f"`{field}`: expected at most {self._most_rows} texts in one request to this model")

    @property
    def is_new(self) -> bool:
        """Whether native code has seen nothing of it."""
        return not (self._ahead or self._rows)

    @property
    def n_left(self) -> int:
        """Texts that are not computed yet."""
        return len(self._texts) - len(self._rows)

    def tokens(self, ahead: int, embedder: Embedder) -> list[int]:
        """Return the tokens of the text that is `ahead` of the next one. Raises: InvalidRequest, PromptTooLong."""
        while len(self._ahead) <= ahead:
            tokens = self._cut(len(self._rows) + len(self._ahead), embedder)
            self._n_rows += len(tokens) if self.pooling == "none" else 1
            if self._n_rows > self._most_rows:
                raise InvalidRequest(f"expected at most {self._most_rows} vectors in one answer of this model")
            self._ahead.append(tokens)
        return self._ahead[ahead]

    def add(self, rows: list[bytes]) -> None:
        """Take in what was computed for the next text."""
        request = self.request
        if isinstance(request, Embed) and self.pooling != "none":
            # llama-server leaves the vectors of single tokens as they are, too
            rows = [normalized(row, request.normalize) for row in rows]
        self._rows.append(rows)
        self._n_tokens.append(len(self._ahead.pop(0)))

    def finished(self) -> Embedded | Ranked:
        """Return the event that ends the request when all is computed."""
        if isinstance(self.request, Embed):
            return Embedded(id=self.request.id, vectors=self._rows, n_tokens=self._n_tokens)
        scores = [struct.unpack_from("<f", rows[0])[0] for rows in self._rows]
        return Ranked(id=self.request.id, scores=scores, n_tokens=sum(self._n_tokens))

    def _cut(self, place: int, embedder: Embedder) -> list[int]:
        text = self._texts[place]
        query = self.request.query if isinstance(self.request, Rerank) else ""
        n_characters = len(query) + len(text)
        if isinstance(text, str) and n_characters > max(SHORT_CHARACTERS, embedder.n_batch * CHARACTERS_PER_TOKEN):
            raise PromptTooLong(n_characters // CHARACTERS_PER_TOKEN, embedder.n_batch)
        if isinstance(self.request, Rerank) and isinstance(text, str):
            tokens = embedder.pair(query, text)
        else:
            tokens = embedder.tokenize(text)
        if not tokens:
            raise InvalidRequest(f"text {place} holds no token, so there is nothing to compute")
        if len(tokens) > embedder.n_batch:
            raise PromptTooLong(len(tokens), embedder.n_batch)
        return tokens


def _pooling(request: Embed | Rerank, facts: ModelFacts) -> Pooling:
    if isinstance(request, Rerank):
        if not facts.reranks:
            raise InvalidRequest("this model cannot score documents: it has no classification head")
        return "rank"
    if not facts.embeds:
        raise InvalidRequest("this model makes no vectors of texts")
    pooling = request.pooling or facts.pooling or DEFAULT_POOLING
    if pooling == "rank":
        raise InvalidRequest("this model scores documents, and makes no vectors unless another `pooling` is named")
    return pooling  # type: ignore[return-value]
