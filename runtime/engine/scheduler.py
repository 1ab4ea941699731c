"""The step loop: schedule, run, postprocess; for all requests at once.

A step computes one token for every answer that is being written, the guesses that go with
it, and a bounded chunk of the prompts that are being read.

Does not know: threads, sockets, how the model computes.
"""

from collections.abc import Callable
from collections.abc import Sequence as SequenceOf

from runtime.engine.backend import Backend, Drawn, Interrupted, InvalidRequest, NoRoom, Work
from runtime.engine.embedding import Embeddings
from runtime.engine.guessing import Guessing
from runtime.engine.inbox import Inbox
from runtime.engine.lane import Lane, Lanes
from runtime.engine.pace import Pace, divide
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
    Started,
)
from runtime.engine.sequence import Sequence
from runtime.engine.shifting import shift
from runtime.engine.slots import Slots
from runtime.engine.waiting import Waiting
from runtime.engine.watchdog import Watchdog
from runtime.errors import EngineFailed

LOOK_AGAIN_S = 0.01
EMBEDDED_TOKENS_BESIDE_ANSWERS = 512

Emit = Callable[[SequenceOf[Event]], None]
Plan = list[tuple[Sequence, Work]]


class Scheduler:
    """Serves the requests of an inbox; every event goes to `emit`, those of one step together."""

    def __init__(self, backend: Backend, template: Template, inbox: Inbox, emit: Emit, guessing: Guessing) -> None:
        self.watchdog = Watchdog(0)
        self._backend = backend
        self._inbox = inbox
        self._emit = emit
        self._lanes = Lanes(backend)
        self._slots = Slots(backend, self._lanes)
        self._waiting = Waiting(backend, template, inbox, self._about_to_see)
        self._embeddings = Embeddings(backend, self._about_to_see)
        self._guessing = guessing
        self._pace = Pace(backend.n_chunk)
        self._events: list[Event] = []
        self._n_steps = 0
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
        for lane, plan in self._schedule():
            self._run(lane, plan)
        if self._embeddings.has_work:
            self._events += self._embeddings.step(EMBEDDED_TOKENS_BESIDE_ANSWERS if self._slots.running() else None)
        self.watchdog.end()
        self._send()
        return True

    def fail(self, message: str) -> None:
        """End all running requests with an internal error, and forget what their memories hold."""
        self.watchdog.end()
        for sequence in self._slots.running():
            self._fail(sequence, message)
        self._events += self._embeddings.fail(message)
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
                self._events.append(self._slots.state(order.id, len(self._waiting), self._n_steps))

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

    # Schedule

    def _admit(self) -> None:
        begun, refused = self._waiting.admit(self._slots, self._lanes)
        self._events += refused
        for sequence in begun:
            if not sequence.tokens:
                self._announce(sequence)
                self._end(sequence, sequence.end("stop"))

    def _schedule(self) -> list[tuple[Lane, Plan]]:
        """Decide what each lane computes in this step."""
        writing: list[Sequence] = []
        reading: list[tuple[Sequence, int]] = []
        for sequence in sorted(self._slots.running(), key=lambda sequence: sequence.request.id):
            if sequence.stage == "decoding":
                writing.append(sequence)
            elif sequence.place and (n_most := sequence.place.lane.advance(sequence, sequence.place)) > 0:
                reading.append((sequence, min(n_most, sequence.n_left)))
        self._backend.resume()
        plans: dict[int, tuple[Lane, Plan]] = {}
        n_outputs = self._backend.n_outputs - len(writing) - len(reading)
        guesses = self._guessing.guess(writing, n_outputs, self._backend.facts.n_ctx)
        for sequence in writing:
            _plan(plans, sequence, 1, guesses.get(sequence.request.id, []))
        budget = self._pace.budget(is_shared=bool(writing)) - len(writing)
        for (sequence, _), n_tokens in zip(reading, divide(budget, [n for _, n in reading]), strict=True):
            if n_tokens:
                self._announce(sequence)
                _plan(plans, sequence, n_tokens, [])
        return list(plans.values())

    def _announce(self, sequence: Sequence) -> None:
        """Say that the request has begun, once it is known how much of its prompt others had computed."""
        if not sequence.was_announced:
            sequence.was_announced = True
            started = Started(
                id=sequence.request.id,
                prompt=sequence.text,
                n_prompt=sequence.n_prompt,
                n_cached=sequence.n_cached,
                slot=sequence.slot,
            )
            self._events.append(started)

    # Run

    def _run(self, lane: Lane, plan: Plan) -> None:
        plan = self._fitted(lane, plan)
        self._inbox.computing({sequence.request.id for sequence, _ in plan})
        self._backend.resume()
        if not plan or (self._inbox.has_arrived and len(plan) == 1):
            return  # what has arrived may be a cancel of just this
        self._n_steps += 1
        self._pace.begin()
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
            self._pace.end(sum(len(work.tokens) for one, work in plan if not one.n_predicted), len(plan))
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
            self._end(sequence, [Failed(id=sequence.request.id, kind="invalid", message=str(drawn))])
            return
        n_before = len(sequence.tokens)
        self._events += sequence.delta(self._add(sequence, drawn))
        if work.n_guessed:
            n_right = len(drawn) - 1
            self._guessing.judge(sequence, work.n_guessed, n_right)
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
            text += sequence.add(one, backend.piece(one.token), backend.is_end(one.token), backend.facts.n_ctx)
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
        self._guessing.forget(sequence)
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
        self._emit([Admitting(id=request_id)])

    def _send(self) -> None:
        events, self._events = self._events, []
        self._emit(events)


def _plan(plans: dict[int, tuple[Lane, Plan]], sequence: Sequence, n_tokens: int, guesses: list[int]) -> None:
    """Add the next `n_tokens` of a request, and guesses of what follows, to the plan of its lane."""
    place = sequence.place
    if place is None:
        return
    tokens = sequence.tokens[sequence.n_computed : sequence.n_computed + n_tokens]
    draws = n_tokens == sequence.n_left and sequence.n_room > 0
    sampler = sequence.sampler if draws else None
    work = Work(place.id, tokens + guesses, sequence.n_computed, sampler, len(guesses))
    plans.setdefault(id(place.lane), (place.lane, []))[1].append((sequence, work))
