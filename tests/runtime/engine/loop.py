"""A step loop driven by hand over a model made of arithmetic, and what it said."""

from collections.abc import Sequence

from runtime.engine.backend import Guesser, Work
from runtime.engine.backends.fake import FakeBackend, FakeShape
from runtime.engine.guessing import Guessing
from runtime.engine.inbox import Inbox
from runtime.engine.lane import Lane
from runtime.engine.protocol import (
    Admitting,
    Delta,
    Event,
    Failed,
    Finished,
    Generate,
    Inspect,
    Request,
    SlotAction,
    SlotDone,
    Started,
    State,
    Terminal,
)
from runtime.engine.scheduler import Scheduler
from runtime.engine.sequence import Sequence as Running
from runtime.engine.template import ChatTemplate

PATIENCE_STEPS = 5_000
INSPECTION = 1_000_000
"""The first id of the requests that only look."""


class Loop:
    """A scheduler, its inbox, and everything it said; `shape` is what the model has room for."""

    def __init__(
        self,
        backend: FakeBackend | None = None,
        *,
        answer: str = "Hello.",
        n_ctx: int = 256,
        n_chunk: int = 16,
        step_s: float = 0.0,
        max_waiting: int = 64,
        n_draft: int = 0,
        guesser: Guesser | None = None,
        **shape: float,
    ) -> None:
        self.backend = backend or FakeBackend(answer, n_ctx, n_chunk, step_s, FakeShape(**shape))  # type: ignore[arg-type]
        self.inbox = Inbox(max_waiting)
        self.events: list[Event] = []
        self.requests: list[Request] = []
        self.scheduler = Scheduler(
            self.backend, ChatTemplate("", "", ""), self.inbox, self.hear, Guessing(n_draft, guesser)
        )

    def hear(self, events: Sequence[Event]) -> None:
        self.events += events

    # What is asked

    def submit(self, number: int = 1, prompt: str | list[int] | None = "Hi", **more: object) -> None:
        self.order(Generate(id=number, prompt=prompt, **more))  # type: ignore[arg-type]

    def order(self, request: Request) -> None:
        assert self.inbox.submit(request)
        self.requests.append(request)

    def act(self, number: int, slot: int, action: str, path: object = "") -> SlotDone | Failed:
        """Have a slot saved, restored or erased, and return what came of it."""
        self.order(SlotAction(id=number, slot=slot, action=action, path=str(path)))  # type: ignore[arg-type]
        self.step()
        (done,) = self.of(number)
        assert isinstance(done, SlotDone | Failed)
        return done

    def inspect(self) -> State:
        """What the loop says of itself, at the cost of one step."""
        number = INSPECTION + len(self.requests)
        self.order(Inspect(id=number))
        self.step()
        (state,) = self.of(number)
        assert isinstance(state, State)
        return state

    # What it does

    def step(self, times: int = 1) -> None:
        for _ in range(times):
            self.scheduler.step()

    def run(self) -> None:
        """Step until every request that was submitted has ended."""
        for _ in range(PATIENCE_STEPS):
            if not any(map(self.is_open, self.requests)):
                return
            assert self.can_go_on(), "a request was lost"
            self.scheduler.step()
        raise AssertionError("the requests do not end")

    def is_open(self, request: Request) -> bool:
        return not any(isinstance(event, Terminal) for event in self.of(request.id))

    def can_go_on(self) -> bool:
        return bool(self.inbox.has_arrived or self.running or self.waiting)

    @property
    def running(self) -> list[Running]:
        return self.scheduler._slots.running()

    @property
    def waiting(self) -> list[int]:
        """The ids of the requests without a slot, next first."""
        return [request.id for request in self.scheduler._waiting._requests]

    @property
    def lanes(self) -> list[Lane]:
        return self.scheduler._lanes.all()

    @property
    def lane(self) -> Lane:
        """The lane without adapters."""
        return self.lanes[0]

    @property
    def shapes(self) -> list[list[int]]:
        """How many tokens each run computed of each sequence, ordered as they were planned."""
        return [[len(work.tokens) for work in works] for works in self.backend.runs]

    @property
    def works(self) -> list[Work]:
        return [work for works in self.backend.runs for work in works]

    # What it said

    def of(self, number: int = 1) -> list[Event]:
        """The events of a request, without the warning before native code sees it."""
        mine = [event for event in self.events if getattr(event, "id", 0) == number]
        return [event for event in mine if not isinstance(event, Admitting)]

    def started(self, number: int = 1) -> Started:
        (started,) = [event for event in self.of(number) if isinstance(event, Started)]
        return started

    def last(self, number: int = 1) -> Finished:
        """The one end of a request."""
        ends = [event for event in self.of(number) if isinstance(event, Terminal)]
        assert len(ends) == 1 and ends[0] is self.of(number)[-1], ends
        assert isinstance(ends[0], Finished), ends[0]
        return ends[0]

    def failure(self, number: int = 1) -> Failed:
        (failed,) = [event for event in self.of(number) if isinstance(event, Terminal)]
        assert isinstance(failed, Failed), failed
        return failed

    def has_ended(self, number: int) -> bool:
        return any(isinstance(event, Terminal) for event in self.of(number))

    def text(self, number: int = 1) -> str:
        return "".join(event.text for event in self.of(number) if isinstance(event, Delta))

    def tokens(self, number: int = 1) -> list[int]:
        return [token for event in self.of(number) if isinstance(event, Delta) for token in event.tokens]

    def check_nothing_is_held(self) -> None:
        """Every slot is free, every sampler closed, and the memory holds what the tree knows of."""
        assert not self.running and not self.inbox._n_waiting
        assert all(sampler.is_closed for sampler in self.backend.samplers)
        for lane in self.lanes:
            assert not lane.running
            if lane.memory.can_trim:
                assert lane.memory.n_used() == lane.n_cells() == lane.tree.n_tokens  # type: ignore[attr-defined]
