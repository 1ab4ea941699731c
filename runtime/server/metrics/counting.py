"""What is counted of each request at its end: under llama.cpp's names, LoRAX's, and our own for what neither has.

Not kept of theirs, because nothing here corresponds: LoRAX's joined batches and skipped tokens, llama.cpp's accepted
guesses per place.
"""

from collections.abc import Iterator

from runtime.engine.protocol import Embed, Embedded, Finished, Generate, Ranked, Rerank, Timings
from runtime.server.metrics.text import Counter, Family, Histogram
from runtime.server.observing import Watched, Work

DURATIONS_S = [0.15e-3 * 1.5**step for step in range(35)]
"""LoRAX's: from 0.15 ms to 145 s."""
COUNTS = [2.0**power for power in range(21)]
"""Of tokens: 1 to 2^20."""
HTTP_S = [0.001, 0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 30, 120, 600]

MAX_ADAPTERS = 64
OTHER = "other"
"""The label of all adapters after the first `MAX_ADAPTERS`: each label is kept for ever, and costs who scrapes."""

FAILURES = {
    "busy": "overloaded",
    "cancelled": "dropped",
    "context": "validation",
    "invalid": "validation",
    "missing": "load_adapter",
    "poison": "validation",
}
"""LoRAX's words for the kinds of failures; all others are `generation`."""


class Metrics:
    """Everything that is counted."""

    def __init__(self) -> None:
        self.llama = _LlamaCpp()
        self._lorax = _Lorax()
        self._own = _Own()

    def finished(self, watched: Watched) -> None:
        """Count a request that has ended."""
        self._own.request(watched)
        if not watched.works and watched.method == "POST" and watched.status in (400, 422):
            self._lorax.count.add(1)
            self._lorax.failure.add(1, "validation")
        for work in watched.works:
            if isinstance(work.request, Generate):
                self._generated(watched, work, work.request)
            elif isinstance(work.request, Embed | Rerank):
                self._lorax.vectors(watched, work, work.request)
                self._own.vectors(work)

    def families(self) -> Iterator[Family]:
        """Yield all of them."""
        for group in (self.llama, self._lorax, self._own):
            yield from (family for family in vars(group).values() if isinstance(family, Family))

    def _generated(self, watched: Watched, work: Work, asked: Generate) -> None:
        self._lorax.begun(watched, work, asked)
        if isinstance(work.event, Finished) and not work.failure:
            self.llama.finished(work.event.timings)
            self._lorax.finished(work, work.event.timings)
            self._own.finished(work, work.event.timings)
        else:
            self._lorax.failure.add(1, FAILURES.get(work.failure, "generation"))


class _LlamaCpp:
    """llama-server's counters; all models together, as it has one."""

    def __init__(self) -> None:
        self.prompt_tokens = Counter(
            "llamacpp:prompt_tokens_total", "Number of prompt tokens processed, excluding cached tokens"
        )
        self.cached = Counter("llamacpp:prompt_tokens_cached_total", "Number of prompt tokens reused from the cache")
        self.prompt_s = Counter("llamacpp:prompt_seconds_total", "Total time spent processing prompts")
        self.predicted = Counter("llamacpp:tokens_predicted_total", "Number of generation tokens processed")
        self.predicted_s = Counter("llamacpp:tokens_predicted_seconds_total", "Total time spent generating tokens")
        self.longest = Counter("llamacpp:n_tokens_max", "Largest observed sequence length (prompt + generation)")
        self.drafted = Counter(
            "llamacpp:spec_decode_num_draft_tokens_total", "Speculative: Total draft tokens generated"
        )
        self.accepted = Counter(
            "llamacpp:spec_decode_num_accepted_tokens_total",
            "Speculative: Total draft tokens accepted by the target model",
        )
        self.drafts = Counter(
            "llamacpp:spec_decode_num_drafts_total", "Speculative: Total speculative decoding verification steps"
        )

    def finished(self, timings: Timings) -> None:
        self.prompt_tokens.add(timings.prompt_n)
        self.cached.add(timings.cache_n)
        self.prompt_s.add(timings.prompt_ms / 1000)
        self.predicted.add(timings.predicted_n)
        self.predicted_s.add(timings.predicted_ms / 1000)
        self.longest.reach(max(self.longest.value(), timings.cache_n + timings.prompt_n + timings.predicted_n))
        if timings.draft_n:
            self.drafted.add(timings.draft_n)
            self.accepted.add(timings.draft_n_accepted)
            self.drafts.add(timings.draft_steps)


class _Lorax:
    """LoRAX's; durations in seconds."""

    def __init__(self) -> None:
        self.count = Counter("lorax_request_count", "Requests to the engine")
        self.success = Counter("lorax_request_success", "Requests that were answered")
        self.failure = Counter("lorax_request_failure", "Requests that were not", ["err"])
        self.duration = Histogram("lorax_request_duration", "From the request to its last token", DURATIONS_S)
        self.validation = Histogram(
            "lorax_request_validation_duration", "From the request's head to the engine", DURATIONS_S
        )
        self.queue = Histogram("lorax_request_queue_duration", "Waiting for a slot", DURATIONS_S)
        self.inference = Histogram("lorax_request_inference_duration", "Computing prompt and answer", DURATIONS_S)
        self.per_token = Histogram(
            "lorax_request_mean_time_per_token_duration", "Computing one token of the answer", DURATIONS_S
        )
        self.generated = Histogram("lorax_request_generated_tokens", "Tokens of the answer", COUNTS)
        self.input = Histogram("lorax_request_input_length", "Tokens of the prompt", COUNTS)
        self.limit = Histogram("lorax_request_max_new_tokens", "Tokens that were asked for at most", COUNTS)
        self.inputs = Histogram("lorax_request_input_count", "Texts of a request for vectors or scores", COUNTS)

    def begun(self, watched: Watched, work: Work, asked: Generate) -> None:
        self.count.add(1)
        self.validation.observe(work.began_s - watched.began_s)
        if asked.max_tokens >= 0:
            self.limit.observe(asked.max_tokens)

    def vectors(self, watched: Watched, work: Work, asked: Embed | Rerank) -> None:
        self.count.add(1)
        self.validation.observe(work.began_s - watched.began_s)
        self.inputs.observe(len(asked.inputs if isinstance(asked, Embed) else asked.documents))
        if work.failure:
            self.failure.add(1, FAILURES.get(work.failure, "embedding_failure"))
        else:
            self.success.add(1)
            self.duration.observe(work.ended_s - work.began_s)

    def finished(self, work: Work, timings: Timings) -> None:
        queued_s = work.queued_s
        took_s = work.ended_s - work.began_s
        self.success.add(1)
        self.duration.observe(took_s)
        self.queue.observe(queued_s)
        self.inference.observe(took_s - queued_s)
        self.per_token.observe(timings.predicted_ms / 1000 / max(1, timings.predicted_n - 1))
        self.generated.observe(timings.predicted_n)
        self.input.observe(timings.cache_n + timings.prompt_n)


class _Own:
    """What neither has."""

    def __init__(self) -> None:
        self.http = Counter("lmfile_http_requests_total", "Requests by route", ["method", "route", "status"])
        self.http_s = Histogram("lmfile_http_request_duration_seconds", "To the last byte", HTTP_S, ["route"])
        self.answers = Counter("lmfile_answers_total", "Complete answers", ["model", "adapter"])
        self.prompt = Counter("lmfile_prompt_tokens_total", "Tokens of their prompts", ["model", "adapter"])
        self.generated = Counter("lmfile_generated_tokens_total", "Tokens of the answers", ["model", "adapter"])
        self.first_s = Histogram(
            "lmfile_time_to_first_token_seconds", "From the engine's being asked to the first token", DURATIONS_S
        )
        self.texts = Counter("lmfile_embedded_texts_total", "Texts turned into vectors or scored", ["model"])
        self.text_tokens = Counter("lmfile_embedded_tokens_total", "Their tokens", ["model"])
        self._adapters: set[str] = set()

    def request(self, watched: Watched) -> None:
        route = watched.route
        self.http.add(1, watched.method, route, str(watched.status))
        self.http_s.observe(watched.took_s, route)

    def finished(self, work: Work, timings: Timings) -> None:
        labels = work.model, self._bounded(work.adapters)
        self.answers.add(1, *labels)
        self.prompt.add(timings.cache_n + timings.prompt_n, *labels)
        self.generated.add(timings.predicted_n, *labels)
        self.first_s.observe(work.queued_s + timings.prompt_ms / 1000)

    def vectors(self, work: Work) -> None:
        if isinstance(work.event, Embedded):
            self.texts.add(len(work.event.n_tokens), work.model)
            self.text_tokens.add(sum(work.event.n_tokens), work.model)
        elif isinstance(work.event, Ranked):
            self.texts.add(len(work.event.scores), work.model)
            self.text_tokens.add(work.event.n_tokens, work.model)

    def _bounded(self, adapters: str) -> str:
        if adapters and adapters not in self._adapters:
            if len(self._adapters) >= MAX_ADAPTERS:
                return OTHER
            self._adapters.add(adapters)
        return adapters
