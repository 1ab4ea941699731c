"""The requests for vectors and scores, one batch at a time.

The requests share the batches: each gives one text in turn, the oldest first, so a request
with one text does not wait for another's thousands. A text is computed whole, in one batch.

Does not know: how the model computes, when a step is due.
"""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Protocol

from runtime.engine.backend import Embedder, InvalidRequest
from runtime.engine.embedding_job import Job
from runtime.engine.prompt import PromptTooLong
from runtime.engine.protocol import Embed, Event, Failed, ModelFacts, Rerank
from runtime.errors import EngineFailed, LmfileError

BATCH_TOKENS = 512
"""Of one batch, unless a single text is longer."""


class Source(Protocol):
    """The part of a backend that makes vectors."""

    facts: ModelFacts

    def embedder(self) -> Embedder: ...


class Embeddings:
    """The `Embed` and `Rerank` requests of one model."""

    def __init__(self, source: Source, admitting: Callable[[int], None] = lambda request_id: None) -> None:
        """`admitting` is told a request's id right before native code sees the request for the first time."""
        self._source = source
        self._admitting = admitting
        self._jobs: dict[int, Job] = {}
        self._refused: list[Event] = []

    @property
    def has_work(self) -> bool:
        """Whether `step` has something to do."""
        return bool(self._jobs or self._refused)

    def submit(self, request: Embed | Rerank) -> None:
        """Queue a request; if this model cannot answer it, the next step says so."""
        try:
            self._jobs[request.id] = Job(request, self._source.facts)
        except InvalidRequest as refusal:
            self._refused.append(_failed(request.id, refusal))

    def cancel(self, request_id: int) -> bool:
        """Forget a request, without an event; tell whether it was here."""
        return self._jobs.pop(request_id, None) is not None

    def fail(self, message: str) -> list[Event]:
        """End all requests with an internal error."""
        return self._give_up(list(self._jobs.values()), EngineFailed(message))

    def step(self, n_tokens_at_most: int | None = None) -> list[Event]:
        """Compute one batch; return the ends of the requests that it completes.

        n_tokens_at_most: of the batch, while others wait for it. A longer text is still computed, alone.
        """
        events, self._refused = self._refused, []
        if not self._jobs:
            return events
        try:
            embedder = self._source.embedder()
        except (InvalidRequest, LmfileError) as failure:
            return events + self._give_up(list(self._jobs.values()), failure)
        batch = self._fill(embedder, min(BATCH_TOKENS, n_tokens_at_most or BATCH_TOKENS))
        refused = [job for job in self._jobs.values() if job.failed]
        events += [job.failed for job in refused if job.failed]
        self._forget(refused)
        return events + (self._compute(embedder, batch) if batch else [])

    def _fill(self, embedder: Embedder, n_most: int) -> list[tuple[Job, list[int]]]:
        """Return the next texts; a request with one that cannot be computed fails and gives none."""
        batch: list[tuple[Job, list[int]]] = []
        n_tokens = 0
        for job, ahead in self._in_turn():
            if job.is_new:
                self._admitting(job.request.id)
            try:
                tokens = job.tokens(ahead, embedder)
            except (InvalidRequest, PromptTooLong) as refusal:
                job.failed = _failed(job.request.id, refusal)
                continue
            n_tokens += len(tokens)
            if batch and n_tokens > n_most:
                break
            batch.append((job, tokens))
        return [(job, tokens) for job, tokens in batch if not job.failed]

    def _in_turn(self) -> Iterator[tuple[Job, int]]:
        """Yield the next text of each request, then the one after it; all pooled as the oldest's are."""
        pooling = next(iter(self._jobs.values())).pooling
        jobs = [job for job in self._jobs.values() if job.pooling == pooling]
        for ahead in count():
            jobs = [job for job in jobs if ahead < job.n_left and not job.failed]
            if not jobs:
                return
            for job in jobs:
                yield job, ahead

    def _compute(self, embedder: Embedder, batch: list[tuple[Job, list[int]]]) -> list[Event]:
        jobs = list(dict.fromkeys(job for job, _ in batch))
        try:
            results = embedder.run([tokens for _, tokens in batch], jobs[0].pooling)
        except (InvalidRequest, LmfileError) as failure:
            return self._give_up(jobs, failure)
        for (job, _), rows in zip(batch, results, strict=True):
            job.add(rows)
        done = [job for job in jobs if not job.n_left]
        self._forget(done)
        return [job.finished() for job in done]

    def _give_up(self, jobs: list[Job], failure: InvalidRequest | LmfileError) -> list[Event]:
        self._forget(jobs)
        return [_failed(job.request.id, failure) for job in jobs]

    def _forget(self, jobs: list[Job]) -> None:
        for job in jobs:
            del self._jobs[job.request.id]


def _failed(request_id: int, reason: InvalidRequest | PromptTooLong | LmfileError) -> Failed:
    if isinstance(reason, PromptTooLong):
        return reason.failed(request_id)
    return Failed(
        id=request_id, kind="invalid" if isinstance(reason, InvalidRequest) else "internal", message=str(reason)
    )
