"""Computes the beginnings that conversations share, for `runtime.engine.baked` to take over at later starts.

What conversations share is found by rendering some whose first questions have nothing in common, on two days:
whatever their prompts begin with alike, every prompt begins with, whichever template the model has.
Chunks are always of the same size, and so are the bits of what is computed, however fast the computer is.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

from runtime.engine import baked
from runtime.engine.backend import Backend, Interrupted, InvalidRequest, Work
from runtime.engine.pace import ROUNDED_ALIKE, whole
from runtime.engine.prompt import PromptTooLong, common_beginning
from runtime.engine.protocol import Chat
from runtime.engine.template import ChatTemplate, template_of
from runtime.errors import UsageError

PROBES = ("Hello", "a", "7", " x", "\nx", "é", "¿", "(")
DAYS = (datetime(2001, 1, 1), datetime(2038, 12, 31, 23, 59, 59))

KEPT_BACK = ROUNDED_ALIKE - 1
"""A memory that can be cut back is, at the start, so far that enough tokens are computed together with the question
(runtime.engine.baked). Of one that cannot, the last tokens are not baked, to the same end: the same bits."""

KEPT, PASSING = 0, 1
"""Sequences: the beginning that all share, and what is being computed."""

WHAT = "Computing the system prompt beforehand"

Messages = list[dict[str, object]]
Progress = Callable[[int, int], None]
"""Called with tokens computed, and tokens in all."""


class Order(NamedTuple):
    """messages: what every conversation begins with. starters: first questions. values: variables of the template."""

    messages: Messages
    starters: Sequence[str]
    values: dict[str, object]


class Done(NamedTuple):
    """form: of the memory that computed it. tokens: how many, those of starters included."""

    form: str
    tokens: int


def bake(backend: Backend, order: Order, output: Path, progress: Progress) -> Done | None:
    """Write the state to `output`; None where what is shared is too short to be worth it.

    Raises: UsageError when there are no conversations that share anything, or it does not fit; OSError.
    """
    if not backend.facts.generates:
        raise UsageError(f"{WHAT}: this model makes vectors of texts and has no conversations; leave out --bake.")
    try:
        prompts = _prompts(backend, order)
    except (InvalidRequest, PromptTooLong) as refusal:
        raise UsageError(f"{WHAT}: {refusal}; shorten it, or leave out --bake.") from refusal
    if len(prompts[0]) <= ROUNDED_ALIKE:
        return None
    computing = _Computing(backend, prompts, progress)
    states = computing.states(prompts)
    with output.open("wb") as file:
        file.writelines(baked.encode(computing.memory.form, states, computing.memory.can_trim))
    return Done(computing.memory.form, sum(len(tokens) - begin for tokens, begin, _ in states))


def _prompts(backend: Backend, order: Order) -> list[list[int]]:
    """Return what conversations begin with, and the prompts of the starters that go beyond it.

    Raises: InvalidRequest, PromptTooLong, UsageError.
    """
    if not order.messages:
        raise UsageError(f"{WHAT}: there is none; give one, or leave out --bake.")
    templates = [template_of(backend, partial(_same, day)) for day in DAYS]

    def cut(chosen: ChatTemplate, question: str) -> list[int]:
        messages: Messages = [*order.messages, {"role": "user", "content": question}]
        tokens = backend.tokenize(chosen.render(Chat(messages=messages, values=order.values)))
        if len(tokens) >= backend.facts.n_ctx:
            raise PromptTooLong(len(tokens), backend.facts.n_ctx)
        return tokens

    first, *others = [cut(chosen, probe) for chosen in templates for probe in PROBES]
    shared = first[: min(common_beginning(first, other) for other in others)]
    found = [shared]
    for starter in order.starters[: baked.MAX_BEGINNINGS - 1]:
        tokens, other = (cut(chosen, starter) for chosen in templates)
        if tokens == other and common_beginning(shared, tokens) == len(shared) < len(tokens) - ROUNDED_ALIKE:
            found.append(tokens[:-1])
    return found


def _same(day: datetime) -> datetime:
    return day


class _Computing:
    """Computes prompts in a memory that nobody uses, as a start does that nobody disturbs, and tells how far it is."""

    def __init__(self, backend: Backend, prompts: list[list[int]], progress: Progress) -> None:
        shared, *others = prompts
        self.memory = backend.open(())
        self._backend = backend
        self._progress = progress
        self._n_done, self._n_all = 0, len(shared) + sum(len(tokens) - len(shared) for tokens in others)

    def states(self, prompts: list[list[int]]) -> list[tuple[list[int], int, bytes]]:
        """Return for each prompt its tokens, how many of them are the first one's, and the data of the rest.

        The data of a memory that cannot be cut is that of all tokens. Raises: InvalidRequest.
        """
        found: list[tuple[list[int], int, bytes]] = []
        for tokens in prompts:
            begin = len(found[0][0]) if found else 0
            end = len(tokens) if self.memory.can_trim else len(tokens) - KEPT_BACK
            if begin:
                self.memory.share(KEPT, PASSING, 0, begin)
            self._compute(PASSING, tokens[:end], begin)
            if not begin:
                self.memory.share(PASSING, KEPT, 0, end)
            elif self.memory.can_trim:
                self.memory.forget(PASSING, 0, begin)
            found.append((tokens[:end], begin, self.memory.data(PASSING)))
            self.memory.forget(PASSING)
        return found

    def _compute(self, sequence: int, tokens: list[int], begin: int) -> None:
        at = begin
        while at < len(tokens):
            self._progress(self._n_done, self._n_all)
            chunk = tokens[at : at + whole(self._backend.n_chunk, len(tokens) - at)]
            self._backend.resume()
            try:
                self._backend.run(self.memory, [Work(sequence, chunk, at)])
            except Interrupted:  # to go on with another number of threads, which changes no bit
                at = self._rolled_back(sequence, begin, at)
                continue
            at += len(chunk)
            self._n_done += len(chunk)
        self._progress(self._n_done, self._n_all)

    def _rolled_back(self, sequence: int, begin: int, at: int) -> int:
        """Forget what an unfinished run left; return the token to go on with."""
        if self.memory.can_trim:
            self.memory.forget(sequence, at)
            return at
        self.memory.forget(sequence)
        if begin:
            self.memory.share(KEPT, sequence, 0, begin)
        self._n_done -= at - begin
        return begin
