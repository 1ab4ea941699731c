"""The step loop: schedule, run, postprocess; for all requests at once.

A step computes one token for every answer that is being written, the guesses that go with
it, and a bounded chunk of the prompts that are being read.

Does not know: threads, sockets, how the model computes.
"""

from collections.abc import Callable
from collections.abc import Sequence as SequenceOf
from typing import TYPE_CHECKING

from runtime.engine.backend import Backend, Drawn, Interrupted, InvalidRequest, NoRoom, Work
from runtime.engine.embedding import Embeddings
from runtime.engine.guessing import Guessing
from runtime.engine.inbox import Inbox
from runtime.engine.lane import Lane, Lanes
from runtime.engine.planning import Plan, Planning
from runtime.engine.prompt import Template
from runtime.engine.protocol import (
    Admitting,
    Cancel,
    Embed,
    Event,
    Failed,
    Generate,
    Inspect,
    Request,
    Rerank,
    SlotAction,
)
from runtime.engine.reading import begun, read
from runtime.engine.sequence import Sequence
from runtime.engine.shifting import shift
from runtime.engine.slots import Slots
from runtime.engine.waiting import Waiting
from runtime.engine.watchdog import Watchdog
from runtime.errors import EngineFailed

LOOK_AGAIN_S = 0.01
EMBEDDED_TOKENS_BESIDE_ANSWERS = 512

if TYPE_CHECKING:
    from runtime.engine.baked import Shelf  # a start without one does not pay for it

Emit = Callable[[SequenceOf[Event]], None]


class Scheduler:
    """Serves the requests of an inbox; every event goes to `emit`, those of one step together."""

    def __init__(
        self,
        backend: Backend,
        template: Template,
        inbox: Inbox,
        emit: Emit,
        guessing: Guessing,
        baked: "Shelf | None" = None,
    ) -> None:
        self.watchdog = Watchdog(0)
        self._backend = backend
        self._inbox = inbox
        self._emit = emit
        self._lanes = Lanes(backend, baked)
        self._slots = Slots(backend, self._lanes)
        self._waiting = Waiting(backend, template, inbox, self._about_to_see)
        self._embeddings = Embeddings(backend, self._about_to_see)
        self._planning = Planning(backend, guessing)
        self._events: list[Event] = []
        self._n_steps = 0
        self._n_busy = 0
        inbox.attach(backend.interrupt)

    def step(self) -> bool:
        """Wait until there is work and do one step of it; False when the inbox was stopped."""
        if self._inbox.has_arrived or not self._slots.running():
            arrived = self._inbox.take(wait=not self._has_work(), timeout_s=self._patience_s())
            if arrived is None:
                self._end_all()
                return False
            for one in arrived:
                self._obey(one)
        self.watchdog.begin()
        self._admit()
        self._backend.resume()
        plans, events = self._planning.plan(self._slots.running())
        self._events += events
        for lane, plan in plans:
            self._run(lane, plan)
        if self._embeddings.has_work:
            self._events += self._embeddings.step(EMBEDDED_TOKENS_BESIDE_ANSWERS if self._slots.running() else None)
        self.watchdog.end()
        self._send()
        return True

    def fail(self, message: str) -> None:
        """End what runs, and what was being admitted, with an internal error; forget what the memories hold."""
        self.watchdog.end()
        for sequence in self._slots.running():
            self._fail(sequence, message)
        self._events += self._waiting.fail(message) + self._embeddings.fail(message)
        self._send()

    # Commands

    def _obey(self, order: Request | Cancel) -> None:
        if isinstance(order, Generate):
            self._waiting.add(order)
        elif isinstance(order, Cancel):
            self._cancel(order.id)
        else:
            self._inbox.begun()
            if isinstance(order, Embed | Rerank):
                self._embeddings.submit(order)
            elif isinstance(order, SlotAction):
                self._events.append(self._slots.act(order))
            elif isinstance(order, Inspect):
                self._events.append(self._slots.state(order.id, len(self._waiting), self._n_steps, self._n_busy))

    def _cancel(self, request_id: int) -> None:
        self._embeddings.cancel(request_id)
        self._events += self._waiting.cancel(request_id)
        for sequence in self._slots.running():
            if sequence.request.id == request_id:
                self._end(sequence, sequence.end("cancelled"))

    def _end_all(self) -> None:
        for sequence in self._slots.running():
            self._end(sequence, sequence.end("cancelled"))
        self._events += self._waiting.cancel_all()
        self._send()

    def _admit(self) -> None:
        """Let requests begin that have a slot now."""
        admitted, refused = self._waiting.admit(self._slots, self._lanes)
        self._events += refused
        for sequence in admitted:
            if not sequence.tokens:
                self._events += begun(sequence, self._backend)
                self._end(sequence, sequence.end("stop"))

    # Run

    def _run(self, lane: Lane, plan: Plan) -> None:
        plan = self._fitted(lane, plan)
        self._backend.resume()
        if not self._inbox.computing({sequence.request.id for sequence, _ in plan}):
            return
        self._n_steps += 1
        self._n_busy += len(plan)
        self._planning.pace.begin()
        try:
            results = self._backend.run(lane.memory, [work for _, work in plan])
        except Interrupted:
            self._roll_back(lane, plan)
        except NoRoom:
            self._crowded(lane, plan)
        except EngineFailed as failure:
            for sequence, _ in plan:
                self._fail(sequence, str(failure))
        else:
            n_read = sum(len(work.tokens) for one, work in plan if not (one.n_predicted or work.asked))
            self._planning.pace.end(n_read, len(plan))
            for (sequence, work), drawn in zip(plan, results, strict=True):
                self._postprocess(lane, sequence, work, drawn)

    def _fitted(self, lane: Lane, plan: Plan) -> Plan:
        """Make room for what is computed; the youngest request has to wait where there is none."""
        while not lane.make_room(sum(len(work.tokens) for _, work in plan)) and len(lane.running) > 1:
            youngest = max(lane.running, key=lambda sequence: sequence.request.id)
            self._put_back(youngest)
            plan = [(sequence, work) for sequence, work in plan if sequence is not youngest]
        return plan

    def _roll_back(self, lane: Lane, plan: Plan) -> None:
        """Forget what an unfinished run left; a memory that cannot trim begins again from its last checkpoint."""
        for sequence, work in plan:
            if lane.memory.can_trim:
                lane.memory.forget(work.sequence, sequence.n_computed)
            elif place := sequence.place:
                sequence.n_computed = 0
                lane.leave(sequence, place)
                if not lane.enter(sequence):
                    self._wait_again(sequence)

    def _crowded(self, lane: Lane, plan: Plan) -> None:
        """The memory was fuller than we knew: forget everything that nobody uses, then put requests back."""
        self._roll_back(lane, plan)
        if lane.tree.evict(lane.memory.n_cells):
            return
        if len(lane.running) > 1:
            self._put_back(max(lane.running, key=lambda sequence: sequence.request.id))
        else:
            self._fail(lane.running[0], "the model's memory has no room for the next token")

    # Postprocess

    def _postprocess(self, lane: Lane, sequence: Sequence, work: Work, drawn: list[Drawn] | InvalidRequest) -> None:
        place = sequence.place
        if place is None:
            return
        if isinstance(drawn, InvalidRequest):
            self._roll_back(lane, [(sequence, work)])
            self._end(sequence, [Failed(id=sequence.request.id, kind="invalid", message=str(drawn))])
            return
        if not sequence.n_predicted:
            self._events += read(sequence, work, drawn)
        if work.asked:
            lane.computed(sequence, place, len(work.tokens))
            return
        n_before = len(sequence.tokens)
        self._events += sequence.delta(self._add(sequence, drawn))
        if work.n_guessed:
            n_right = len(drawn) - 1
            self._planning.guessing.judge(sequence, work.n_guessed, n_right)
            lane.computed(sequence, place, min(1 + n_right, len(sequence.tokens) - n_before + 1))
            lane.memory.forget(work.sequence, sequence.n_computed)
        else:
            lane.computed(sequence, place, len(work.tokens))
        if sequence.is_full and self._backend.shifts and sequence.n_room > 0:
            self._shift(lane, sequence)
        elif sequence.reason:
            self._end(sequence, sequence.end(sequence.reason))
        elif not sequence.n_left:
            self._end(sequence, sequence.end("length"))  # nothing was to be drawn

    def _add(self, sequence: Sequence, drawn: list[Drawn]) -> str:
        backend, text = self._backend, ""
        for one in drawn:
            piece = sequence.shown.get(one.token) or backend.piece(one.token)
            text += sequence.add(one, piece, backend.is_end(one.token), backend.facts.n_ctx)
            if sequence.reason:
                break
        return text

    def _shift(self, lane: Lane, sequence: Sequence) -> None:
        if not shift(lane, sequence, self._backend.facts.n_ctx, int(self._backend.adds_bos)):
            self._end(sequence, sequence.end("length"))
            return
        sequence.reason = None
        if sequence.place is None:
            self._wait_again(sequence)

    # Ends

    def _put_back(self, sequence: Sequence) -> None:
        """Let a running request wait again; what it has computed stays as long as there is room."""
        if place := sequence.place:
            place.lane.leave(sequence, place)
            place.lane.is_crowded = True
            self._wait_again(sequence)

    def _wait_again(self, sequence: Sequence) -> None:
        self._slots.free(sequence, None)
        self._waiting.put_back(sequence)

    def _end(self, sequence: Sequence, events: list[Event]) -> None:
        """Send the last events of a request and give its slot and its place back."""
        sequence.sampler.close()
        self._planning.guessing.forget(sequence)
        if place := sequence.place:
            node = place.lane.leave(sequence, place)
            place.lane.is_crowded = False
            self._slots.free(sequence, (place.lane, node))
        self._events += events

    def _fail(self, sequence: Sequence, message: str) -> None:
        sequence.n_computed = 0  # whatever the memory holds of it is not to be trusted
        self._end(sequence, [Failed(id=sequence.request.id, kind="internal", message=message)])

    # What there is to do

    def _has_work(self) -> bool:
        return bool(self._slots.running() or self._embeddings.has_work)

    def _patience_s(self) -> float | None:
        """How long to wait for something to arrive: forever, if only that can bring work."""
        return LOOK_AGAIN_S if len(self._waiting) else None

    def _about_to_see(self, request_id: int) -> None:
        self.watchdog.end()  # the front may be suspended, and then reads nothing
        self._emit([Admitting(id=request_id)])
        self.watchdog.begin()

    def _send(self) -> None:
        events, self._events = self._events, []
        self._emit(events)
