"""The requests that have no slot yet, in order of arrival, and how they get one.

A request is prepared once: its prompt cut into tokens, its grammar compiled, its adapters
looked up. One whose prompt is still being made or whose adapters are being loaded lets the others
pass; but once it waits for room for them, nobody else may bring adapters in before it.
"""

from collections.abc import Callable

from runtime.engine.backend import Backend, InvalidRequest, NotThere
from runtime.engine.inbox import Inbox
from runtime.engine.lane import Lanes
from runtime.engine.marks import marks
from runtime.engine.preparing import Preparing
from runtime.engine.prompt import PromptTooLong, Template
from runtime.engine.protocol import Event, Failed, Finished, Generate, Timings
from runtime.engine.sequence import Sequence
from runtime.engine.slots import Slots
from runtime.engine.thoughts import budget
from runtime.errors import LmfileError


class Waiting:
    """on_native: called with the id of a request before native code sees it for the first time."""

    def __init__(self, backend: Backend, template: Template, inbox: Inbox, on_native: Callable[[int], None]) -> None:
        self._backend = backend
        self._preparing = Preparing(backend, template, on_native)
        self._inbox = inbox
        self._requests: list[Generate] = []
        self._prepared: dict[int, Sequence] = {}
        self._current: Generate | None = None

    def __len__(self) -> int:
        return len(self._requests)

    def add(self, request: Generate) -> None:
        """Queue a request that has arrived."""
        self._requests.append(request)

    def put_back(self, sequence: Sequence) -> None:
        """Queue a running request again, by its age: an older one may wait for a slot of its own choice."""
        younger = (n for n, other in enumerate(self._requests) if other.id > sequence.request.id)
        self._requests.insert(next(younger, len(self._requests)), sequence.request)
        self._prepared[sequence.request.id] = sequence
        self._inbox.waits_again()

    def cancel(self, request_id: int) -> list[Event]:
        """Take a request out; return its last events, none when it is not here."""
        for request in self._requests:
            if request.id == request_id:
                return self._drop(request, self._cancelled(request))
        return []

    def cancel_all(self) -> list[Event]:
        """Take all requests out; return their last events."""
        return [event for request in list(self._requests) for event in self.cancel(request.id)]

    def admit(self, slots: Slots, lanes: Lanes) -> tuple[list[Sequence], list[Event]]:
        """Give slots to the oldest requests that can use one; return these, and the ends of what was refused."""
        begun: list[Sequence] = []
        events: list[Event] = []
        if not self._requests:
            return begun, events
        crowded = False
        lanes.settle({sequence.adapters for sequence in self._prepared.values()})
        for request in list(self._requests):
            if not slots.has_free(-1):
                break
            if not slots.has_free(request.slot):
                continue
            self._current = request
            try:
                sequence = self._prepared.get(request.id) or self._prepare(request)
                if sequence is None:
                    continue
                crowded = self._enter(sequence, lanes, crowded)
            except (InvalidRequest, PromptTooLong, LmfileError) as refusal:
                events += self._drop(request, [_refused(request, refusal)])
                continue
            if sequence.place:
                self._remove(request)
                slots.take(sequence)
                begun.append(sequence)
        self._current = None
        return begun, events

    def fail(self, message: str) -> list[Event]:
        """End the request in whose admission an error came up, if it did there."""
        request, self._current = self._current, None
        if request is None:
            return []
        return self._drop(request, [Failed(id=request.id, kind="internal", message=message)])

    def _prepare(self, request: Generate) -> Sequence | None:
        """Make ready what can be computed; None while its prompt is being made."""
        made = self._preparing.made(request)
        if made is None:
            return None
        text, prompt = made
        adapters = self._backend.adapters(request)
        shown = marks(request.shown, self._backend)
        sampler = self._backend.sampler(request, prompt, budget(request, text, self._backend))
        sequence = self._prepared[request.id] = Sequence(request, prompt, text, sampler, adapters)
        sequence.shown = shown
        return sequence

    def _enter(self, sequence: Sequence, lanes: Lanes, crowded: bool) -> bool:
        """Give a request its place if its lane is open; return whether somebody waits for room for adapters."""
        if crowded and sequence.adapters:
            return True
        lane = lanes.get(sequence.adapters)
        if lane is None:
            return crowded or not lanes.is_opening(sequence.adapters)
        lane.enter(sequence)
        return crowded

    def _cancelled(self, request: Generate) -> list[Event]:
        if sequence := self._prepared.get(request.id):
            return sequence.end("cancelled")
        timings = Timings(cache_n=0, prompt_n=0, prompt_ms=0.0, predicted_n=0, predicted_ms=0.0)
        return [Finished(id=request.id, reason="cancelled", timings=timings, seed=request.sampling.seed)]

    def _drop(self, request: Generate, events: list[Event]) -> list[Event]:
        if sequence := self._prepared.get(request.id):
            sequence.sampler.close()
        self._remove(request)
        return events

    def _remove(self, request: Generate) -> None:
        self._requests.remove(request)
        self._prepared.pop(request.id, None)
        self._preparing.forget(request.id)
        self._inbox.begun()


def _refused(request: Generate, refusal: Exception) -> Failed:
    if isinstance(refusal, PromptTooLong):
        return refusal.failed(request.id)
    if isinstance(refusal, NotThere):
        return Failed(id=request.id, kind="missing", message=str(refusal))
    return Failed(
        id=request.id, kind="invalid" if isinstance(refusal, InvalidRequest) else "internal", message=str(refusal)
    )
