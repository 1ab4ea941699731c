"""The step loop: schedule, run, postprocess; for one request at a time.

The tokens of the last request stay in the model's memory, and the next one continues
from their longest common beginning.

Does not know: threads, sockets, how the model computes.
"""

from collections.abc import Callable
from collections.abc import Sequence as SequenceOf

from runtime.engine.backend import Backend, Drawn, Interrupted, InvalidRequest, Work
from runtime.engine.inbox import Inbox
from runtime.engine.prompt import PromptTooLong, Template, common_beginning, prepare
from runtime.engine.protocol import Event, Failed, Finished, Generate, Started, Timings
from runtime.engine.sequence import Sequence

SLOT = 0

Emit = Callable[[SequenceOf[Event]], None]


class Scheduler:
    """Serves the requests of an inbox; every event goes to `emit`, several of one step together."""

    def __init__(self, backend: Backend, template: Template, inbox: Inbox, emit: Emit) -> None:
        self._backend = backend
        self._template = template
        self._inbox = inbox
        self._emit = emit
        self._sequence: Sequence | None = None
        self._held: list[int] = []
        inbox.attach(backend.interrupt, backend.resume)

    def step(self) -> bool:
        """Wait until there is work and do one step of it; False when the inbox was stopped."""
        if self._sequence and not self._inbox.wants_attention:
            self._advance(self._sequence)
            return True
        request = self._inbox.take()
        if request is None:
            self._end_all()
        elif self._inbox.is_cancelled:
            self._cancel(request)
        elif self._sequence is None:
            self._admit(request)
        else:
            self._advance(self._sequence)
        return request is not None

    def fail(self, message: str) -> None:
        """End the request of this step with an internal error, and forget what its memory holds."""
        request = self._inbox.current
        if request:
            self._end([Failed(id=request.id, kind="internal", message=message)])
        self._held = []

    def _admit(self, request: Generate) -> None:
        try:
            text, prompt = prepare(request, self._backend, self._template)
            sampler = self._backend.sampler(request.sampling, request.n_probs, prompt)
        except InvalidRequest as refusal:
            self._end([Failed(id=request.id, kind="invalid", message=str(refusal))])
            return
        except PromptTooLong as refusal:
            self._end([refusal.failed(request.id)])
            return
        n_cached = self._reuse(request, prompt)
        self._sequence = Sequence(request, prompt, n_cached, sampler)
        self._emit([Started(id=request.id, prompt=text, n_prompt=len(prompt), n_cached=n_cached)])
        if not prompt:
            self._end(self._sequence.end("stop"))

    def _advance(self, sequence: Sequence) -> None:
        works = self._schedule(sequence)
        try:
            results = self._backend.run(works)
        except Interrupted:
            sequence.n_computed = self._backend.keep(SLOT, sequence.n_computed)
            self._inbox.interrupted()
            return
        self._postprocess(sequence, works, results)

    def _schedule(self, sequence: Sequence) -> list[Work]:
        tokens = sequence.next_tokens(self._backend.n_chunk)
        draws = sequence.is_last_chunk(len(tokens)) and sequence.request.max_tokens != 0
        return [Work(SLOT, tokens, sequence.n_computed, sequence.sampler if draws else None)]

    def _postprocess(self, sequence: Sequence, works: list[Work], results: list[Drawn | None]) -> None:
        for work, drawn in zip(works, results, strict=True):
            sequence.n_computed += len(work.tokens)
            if drawn:
                self._add(sequence, drawn)
            elif sequence.n_computed == len(sequence.tokens):
                self._end(sequence.end("length"))

    def _add(self, sequence: Sequence, drawn: Drawn) -> None:
        backend, token = self._backend, drawn.token
        delta = sequence.add(drawn, backend.piece(token), backend.is_end(token), backend.facts.n_ctx)
        events: list[Event] = [delta] if delta else []
        if sequence.reason:
            self._end([*events, *sequence.end(sequence.reason)])
        elif events:
            self._emit(events)

    def _reuse(self, request: Generate, prompt: list[int]) -> int:
        """Keep the longest common beginning of memory and prompt, less one token: its logits are needed."""
        n_shared = common_beginning(self._held, prompt) if request.cache_prompt else 0
        n_kept = self._backend.keep(SLOT, max(0, min(n_shared, len(prompt) - 1)))
        self._held = prompt[:n_kept]
        return n_kept

    def _cancel(self, request: Generate) -> None:
        self._end(self._sequence.end("cancelled") if self._sequence else [never_begun(request)])

    def _end_all(self) -> None:
        if self._sequence:
            self._end(self._sequence.end("cancelled"))
        self._emit([never_begun(request) for request in self._inbox.drain()])

    def _end(self, events: list[Event]) -> None:
        """Send the last events of the current request and make room for the next."""
        sequence, self._sequence = self._sequence, None
        if sequence:
            sequence.sampler.close()
            self._held = sequence.tokens[: sequence.n_computed]
        self._emit(events)
        self._inbox.done()


def never_begun(request: Generate) -> Finished:
    """Return the end of a request that was cancelled before its first token."""
    timings = Timings(cache_n=0, prompt_n=0, prompt_ms=0.0, predicted_n=0, predicted_ms=0.0)
    return Finished(id=request.id, reason="cancelled", timings=timings, seed=request.sampling.seed)
