"""The step loop: schedule, run, postprocess; for all requests at once.

A step computes one token for every answer that is being written, the guesses that go with
it, and a bounded chunk of the prompts that are being read. Requests wait in order of
arrival for a slot; one whose adapters are still being loaded lets the others pass.

Does not know: threads, sockets, how the model computes.
"""

from collections.abc import Callable
from collections.abc import Sequence as SequenceOf

from runtime.engine.backend import Backend, Drawn, Interrupted, InvalidRequest, NoRoom, NotThere, Work
from runtime.engine.embedding import Embeddings
from runtime.engine.guessing import Guessing
from runtime.engine.inbox import Inbox
from runtime.engine.lane import Lane, Lanes
from runtime.engine.pace import Pace, divide
from runtime.engine.prompt import PromptTooLong, Template, prepare
from runtime.engine.protocol import (
    Admitting,
    Cancel,
    Embed,
    Event,
    Failed,
    Finished,
    Generate,
    Inspect,
    Request,
    Rerank,
    SlotAction,
    Started,
    Timings,
)
from runtime.engine.sequence import Sequence
from runtime.engine.slots import Slots
from runtime.errors import EngineFailed, LmfileError

LOOK_AGAIN_S = 0.01
EMBEDDED_TOKENS_BESIDE_ANSWERS = 512

Emit = Callable[[SequenceOf[Event]], None]
Plan = list[tuple[Sequence, Work]]


class Scheduler:
    """Serves the requests of an inbox; every event goes to `emit`, those of one step together."""

    def __init__(self, backend: Backend, template: Template, inbox: Inbox, emit: Emit, guessing: Guessing) -> None:
        self._backend = backend
        self._template = template
        self._inbox = inbox
        self._emit = emit
        self._lanes = Lanes(backend)
        self._slots = Slots(backend, self._lanes)
        self._shifts = backend.shifts
        self._embeddings = Embeddings(backend, lambda request_id: self._emit([Admitting(id=request_id)]))
        self._guessing = guessing
        self._pace = Pace(backend.n_chunk)
        self._waiting: list[Generate] = []
        self._prepared: dict[int, Sequence] = {}
        self._events: list[Event] = []
        self._n_steps = 0
        inbox.attach(backend.interrupt)

    def step(self) -> bool:
        """Wait until there is work and do one step of it; False when the inbox was stopped."""
        if self._inbox.has_arrived or not self._running():
            arrived = self._inbox.take(wait=not self._has_work(), timeout_s=self._patience_s())
            if arrived is None:
                self._end_all()
                return False
            for one in arrived:
                self._obey(one)
        self._admit()
        self._run(self._schedule())
        if self._embeddings.has_work:
            self._events += self._embeddings.step(EMBEDDED_TOKENS_BESIDE_ANSWERS if self._running() else None)
        self._send()
        return True

    def fail(self, message: str) -> None:
        """End all running requests with an internal error, and forget what their memories hold."""
        for sequence in self._running():
            self._fail(sequence, message)
        self._events += self._embeddings.fail(message)
        self._send()

    # Commands

    def _obey(self, order: Request | Cancel) -> None:
        if isinstance(order, Generate):
            self._waiting.append(order)
        elif isinstance(order, Cancel):
            self._cancel(order.id)
        elif isinstance(order, Embed | Rerank):
            self._inbox.begun()
            self._embeddings.submit(order)
        elif isinstance(order, SlotAction):
            self._inbox.begun()
            self._events.append(self._slots.act(order))
        elif isinstance(order, Inspect):
            self._inbox.begun()
            self._events.append(self._slots.state(order.id, len(self._waiting), self._n_steps))

    def _cancel(self, request_id: int) -> None:
        self._embeddings.cancel(request_id)
        for sequence in self._running():
            if sequence.request.id == request_id:
                self._end(sequence, sequence.end("cancelled"))
        for request in self._waiting:
            if request.id == request_id:
                self._drop(request, self._never_begun(request))
                return

    def _end_all(self) -> None:
        for sequence in self._running():
            self._end(sequence, sequence.end("cancelled"))
        for request in list(self._waiting):
            self._drop(request, self._never_begun(request))
        self._send()

    # Admission

    def _admit(self) -> None:
        """Give slots to the oldest requests that can use one."""
        crowded = False  # an older request waits until the adapters of others are done with
        for request in list(self._waiting):
            if not self._slots.has_free(-1):
                return
            if not self._slots.has_free(request.slot):
                continue
            try:
                crowded = self._start(request, crowded)
            except NotThere as refusal:
                self._drop(request, [Failed(id=request.id, kind="missing", message=str(refusal))])
            except InvalidRequest as refusal:
                self._drop(request, [Failed(id=request.id, kind="invalid", message=str(refusal))])
            except PromptTooLong as refusal:
                self._drop(request, [refusal.failed(request.id)])
            except LmfileError as failure:
                self._drop(request, [Failed(id=request.id, kind="internal", message=str(failure))])

    def _start(self, request: Generate, crowded: bool) -> bool:
        """Begin with a request if its lane is open; return whether no lane for it can be opened now."""
        sequence = self._prepared.get(request.id) or self._prepare(request)
        if crowded and sequence.adapters:
            return True
        lane = self._lanes.get(sequence.adapters)
        if lane is None:
            return crowded or not self._lanes.is_opening(sequence.adapters)
        if not lane.enter(sequence):
            return crowded
        self._slots.take(sequence)
        self._waiting.remove(request)
        self._prepared.pop(request.id, None)
        self._inbox.begun()
        if not sequence.tokens:
            self._announce(sequence)
            self._end(sequence, sequence.end("stop"))
        return crowded

    def _prepare(self, request: Generate) -> Sequence:
        """Do what native code does with a request before its first step."""
        self._emit([Admitting(id=request.id)])
        adapters = self._backend.adapters(request)
        text, prompt = prepare(request, self._backend, self._template)
        sampler = self._backend.sampler(request, prompt)
        sequence = self._prepared[request.id] = Sequence(request, prompt, text, sampler, adapters)
        return sequence

    def _announce(self, sequence: Sequence) -> None:
        """Say that the request has begun, once it is known how much of its prompt others had computed."""
        if not sequence.was_announced:
            sequence.was_announced = True
            request = sequence.request
            started = Started(
                id=request.id,
                prompt=sequence.text,
                n_prompt=sequence.n_prompt,
                n_cached=sequence.n_cached,
                slot=sequence.slot,
            )
            self._events.append(started)

    # Schedule

    def _schedule(self) -> list[tuple[Lane, Plan]]:
        """Decide what each lane computes in this step."""
        running = self._running()
        reading, writing = [], []
        for sequence in sorted(running, key=lambda sequence: sequence.request.id):
            if sequence.n_left == 1 and sequence.n_predicted:
                writing.append(sequence)
            elif (n_most := self._reach(sequence)) > 0:
                reading.append((sequence, min(n_most, sequence.n_left)))
        plans: dict[int, tuple[Lane, Plan]] = {}
        n_outputs = self._backend.n_outputs - len(running)
        guesses = self._guessing.guess(writing, n_outputs, self._backend.facts.n_ctx)
        for sequence in writing:
            self._plan(plans, sequence, 1, guesses.get(sequence.request.id, []))
        budget = self._pace.budget(is_shared=bool(writing)) - len(writing)
        for (sequence, _), n_tokens in zip(reading, divide(budget, [n for _, n in reading]), strict=True):
            if n_tokens:
                self._announce(sequence)
                self._plan(plans, sequence, n_tokens, [])
        return list(plans.values())

    def _reach(self, sequence: Sequence) -> int:
        place = sequence.place
        return place.lane.advance(sequence, place) if place else 0

    def _plan(self, plans: dict[int, tuple[Lane, Plan]], sequence: Sequence, n_tokens: int, guesses: list[int]) -> None:
        place = sequence.place
        if place is None:
            return
        tokens = sequence.tokens[sequence.n_computed : sequence.n_computed + n_tokens]
        draws = n_tokens == sequence.n_left and sequence.n_room > 0
        sampler = sequence.sampler if draws else None
        work = Work(place.id, tokens + guesses, sequence.n_computed, sampler, len(guesses))
        plans.setdefault(id(place.lane), (place.lane, []))[1].append((sequence, work))

    # Run

    def _run(self, plans: list[tuple[Lane, Plan]]) -> None:
        for lane, plan in plans:
            plan = self._fitted(lane, plan)
            if plan:
                self._compute(lane, plan)

    def _fitted(self, lane: Lane, plan: Plan) -> Plan:
        """Make room for what is computed; the youngest request has to wait where there is none."""
        while not lane.make_room(sum(len(work.tokens) for _, work in plan)):
            youngest = max(lane.running, key=lambda sequence: sequence.request.id)
            if len(lane.running) == 1:
                break
            self._put_back(youngest)
            plan = [(sequence, work) for sequence, work in plan if sequence is not youngest]
        return plan

    def _compute(self, lane: Lane, plan: Plan) -> None:
        works = [work for _, work in plan]
        self._inbox.computing({sequence.request.id for sequence, _ in plan})
        self._backend.resume()
        if self._inbox.has_arrived and len(plan) == 1:
            return  # it may be a cancel of just this
        self._n_steps += 1
        self._pace.begin()
        try:
            results = self._backend.run(lane.memory, works)
        except Interrupted:
            self._roll_back(lane, plan)
            return
        except NoRoom:
            self._crowded(lane, plan)
            return
        except EngineFailed as failure:
            for sequence, _ in plan:
                self._fail(sequence, str(failure))
            return
        n_prompt = sum(len(work.tokens) for sequence, work in plan if not sequence.n_predicted)
        self._pace.end(n_prompt, len(plan))
        for (sequence, work), drawn in zip(plan, results, strict=True):
            self._postprocess(lane, sequence, work, drawn)

    def _roll_back(self, lane: Lane, plan: Plan) -> None:
        """Forget what an unfinished run left; a memory that cannot trim begins again from its last checkpoint."""
        for sequence, work in plan:
            if lane.memory.can_trim:
                lane.memory.forget(work.sequence, sequence.n_computed)
            elif place := sequence.place:
                sequence.n_computed = 0
                lane.leave(sequence, place)
                self._enter_again(lane, sequence)

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

    def _postprocess(self, lane: Lane, sequence: Sequence, work: Work, drawn: list[Drawn]) -> None:
        place, backend = sequence.place, self._backend
        if place is None:
            return
        n_before, text = len(sequence.tokens), ""
        for one in drawn:
            text += sequence.add(one, backend.piece(one.token), backend.is_end(one.token), backend.facts.n_ctx)
            if sequence.reason:
                break
        if work.n_guessed:
            n_right = len(drawn) - 1
            self._guessing.judge(sequence, work.n_guessed, n_right)
            lane.computed(sequence, place, min(1 + n_right, len(sequence.tokens) - n_before + 1))
            lane.memory.forget(work.sequence, sequence.n_computed)
        else:
            lane.computed(sequence, place, len(work.tokens))
        self._events += sequence.delta(text)
        if sequence.reason == "length" and sequence.truncated and self._shift(lane, sequence):
            return
        if sequence.reason:
            self._end(sequence, sequence.end(sequence.reason))
        elif not sequence.n_left:
            self._end(sequence, sequence.end("length"))  # nothing was to be drawn

    def _shift(self, lane: Lane, sequence: Sequence) -> bool:
        """Go on in a full context by dropping tokens after the first ones, if that was asked for."""
        n_ctx, request, place = self._backend.facts.n_ctx, sequence.request, sequence.place
        if place is None or not self._shifts or sequence.n_room <= 0:
            return False
        n_kept = sequence.n_prompt if request.n_keep < 0 else min(request.n_keep + self._backend.adds_bos, n_ctx - 4)
        n_left = len(sequence.tokens) - n_kept
        n_dropped = min(request.n_discard or n_left // 2, n_left - 1)
        if n_dropped <= 0:
            return False
        sequence.reason = None
        if lane.shift(sequence, place, n_kept, n_dropped):
            sequence.drop(n_kept, n_dropped)
            sequence.is_shifted = True
        else:  # others hold these tokens, too: compute the rest anew
            lane.leave(sequence, place)
            sequence.drop(n_kept, n_dropped)
            self._enter_again(lane, sequence)
        return True

    # Ends

    def _put_back(self, sequence: Sequence) -> None:
        """Let a running request wait again; what it has computed stays as long as there is room."""
        if place := sequence.place:
            place.lane.leave(sequence, place)
            place.lane.is_crowded = True
            self._wait_again(sequence)

    def _enter_again(self, lane: Lane, sequence: Sequence) -> None:
        if not lane.enter(sequence):
            self._wait_again(sequence)

    def _wait_again(self, sequence: Sequence) -> None:
        self._slots.free(sequence, None)
        self._waiting.insert(0, sequence.request)
        self._prepared[sequence.request.id] = sequence
        self._inbox.waits_again()

    def _end(self, sequence: Sequence, events: list[Event], *, keep: bool = True) -> None:
        """Send the last events of a request and give its slot and its place back."""
        sequence.sampler.close()
        self._guessing.forget(sequence)
        if place := sequence.place:
            node = place.lane.leave(sequence, place, keep=keep)
            place.lane.is_crowded = False
            self._slots.free(sequence, (place.lane, node))
        self._events += events

    def _fail(self, sequence: Sequence, message: str) -> None:
        sequence.n_computed = 0  # whatever the memory holds of it is not to be trusted
        self._end(sequence, [Failed(id=sequence.request.id, kind="internal", message=message)], keep=False)

    def _drop(self, request: Generate, events: list[Event]) -> None:
        """End a request that waits."""
        self._waiting.remove(request)
        if sequence := self._prepared.pop(request.id, None):
            sequence.sampler.close()
        self._inbox.begun()
        self._events += events

    def _never_begun(self, request: Generate) -> list[Event]:
        if sequence := self._prepared.get(request.id):
            return sequence.end("cancelled")
        timings = Timings(cache_n=0, prompt_n=0, prompt_ms=0.0, predicted_n=0, predicted_ms=0.0)
        return [Finished(id=request.id, reason="cancelled", timings=timings, seed=request.sampling.seed)]

    # What there is to do

    def _running(self) -> list[Sequence]:
        return self._slots.running()

    def _has_work(self) -> bool:
        return bool(self._running() or self._embeddings.has_work)

    def _patience_s(self) -> float | None:
        """How long to wait for something to arrive: forever, if only that can bring work."""
        return LOOK_AGAIN_S if self._waiting else None

    def _send(self) -> None:
        events, self._events = self._events, []
        self._emit(events)
