"""Runs conversations on the engine: the chat layer's forms around `generation.run`, for every dialect that chats.

exchange = make_exchange(service, fields, conversation, adapters=…)   # Raises: Problem
async for index, event in converse(service, exchange): …               # or: await replies(service, exchange)

rendered = await render(service, fields, conversation)                 # only the prompt, and how long it is
"""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Literal

import msgspec

from runtime import chat
from runtime.engine.protocol import (
    Adapters,
    Delta,
    Finished,
    Generate,
    Progress,
    Render,
    Rendered,
    Started,
    TokenProbability,
)
from runtime.server.asking import requests
from runtime.server.fields import GenerationFields
from runtime.server.forms import form_of
from runtime.server.generation import Answer, AnswerEvent, run
from runtime.server.options import ChatDefaults
from runtime.server.problem import invalid
from runtime.server.questions import ask
from runtime.server.service import Service

Ending = Literal["stop", "word", "length", "calls"]
"""Why an answer ended. calls: the model waits for the results of its tools."""


class Exchange(msgspec.Struct, frozen=True):
    """What the engine is asked, once for each answer that is wanted, and how the answers are read."""

    asked: Sequence[Generate]
    conversation: chat.Conversation
    form: chat.Form


class Spoken(msgspec.Struct, frozen=True):
    """The next pieces of an answer, the tokens since the last ones, and how likely these were if that was asked for."""

    pieces: Sequence[chat.Piece]
    tokens: Sequence[int] = ()
    probabilities: Sequence[TokenProbability] = ()

    @property
    def n_thought(self) -> int:
        """How many of the tokens are thoughts."""
        only_thoughts = self.pieces and all(isinstance(piece, chat.Thought) for piece in self.pieces)
        return len(self.tokens) if only_thoughts else 0


class Ended(msgspec.Struct, frozen=True):
    """The answer is complete."""

    finished: Finished
    reason: Ending


Event = Started | Progress | Spoken | Ended


class Call(msgspec.Struct):
    """A call of a tool; `arguments` is JSON."""

    id: str
    name: str
    arguments: str = ""

    @property
    def is_cut(self) -> bool:
        """Whether the answer ended within the arguments, so that nobody could run it."""
        return self._read() is None

    @property
    def parsed(self) -> dict[str, object]:
        """The arguments; what is no object because it was cut off is empty."""
        return self._read() or {}

    def _read(self) -> dict[str, object] | None:
        try:
            found = json.loads(self.arguments)
        except ValueError:
            return None
        return found if isinstance(found, dict) else None


class Reply(Answer):
    """A whole answer, taken apart."""

    said: list[str] = msgspec.field(default_factory=list)
    thoughts: list[str] = msgspec.field(default_factory=list)
    calls: list[Call] = msgspec.field(default_factory=list)
    reason: Ending = "stop"

    def take(self, event: Event) -> None:
        """Take in the next event."""
        if isinstance(event, Started):
            self.started = event
        elif isinstance(event, Ended):
            self.finished, self.reason = event.finished, event.reason
        elif isinstance(event, Spoken):
            self.tokens += event.tokens
            self.probabilities += event.probabilities
            self.n_thought += event.n_thought
            for piece in event.pieces:
                self._take_piece(piece)

    @property
    def text(self) -> str:
        """What was said."""
        return "".join(self.said)

    @property
    def reasoning(self) -> str:
        """What was thought before."""
        return "".join(self.thoughts)

    def _take_piece(self, piece: chat.Piece) -> None:
        if isinstance(piece, chat.Said):
            self.said.append(piece.text)
        elif isinstance(piece, chat.Thought):
            self.thoughts.append(piece.text)
        elif isinstance(piece, chat.CallBegan):
            self.calls.append(Call(piece.id, piece.name))
        else:
            self.calls[piece.place].arguments += piece.arguments


def make_exchange(
    service: Service,
    fields: GenerationFields,
    conversation: chat.Conversation,
    *,
    adapters: Adapters | None,
    copies: int = 1,
    n_probs: int = 0,
) -> Exchange:
    """Return what is asked for `copies` answers; `fields` say how they are generated. Raises: Problem."""
    form, conversation, prepared = _prepare(service, fields, conversation)
    content = Generate(
        id=0,
        chat=prepared.chat,
        grammar=prepared.grammar,
        shown=prepared.shown,
        thought=fields.thought(form, conversation),
    )
    asked = requests(service, fields, [content], adapters=adapters, copies=copies, n_probs=n_probs)
    return Exchange(asked, conversation, form)


async def render(service: Service, fields: GenerationFields, conversation: chat.Conversation) -> Rendered:
    """Return the prompt that would be read, and how many tokens it has. Raises: Problem."""
    _, _, prepared = _prepare(service, fields, conversation)
    return await ask(service, Render(id=service.engine.new_id(), chat=prepared.chat), Rendered)


def _prepare(
    service: Service, fields: GenerationFields, conversation: chat.Conversation
) -> tuple[chat.Form, chat.Conversation, chat.Prepared]:
    facts, defaults = service.facts(), service.options.chats
    form = form_of(facts)
    fields.settle_thoughts(defaults.budget_tokens, defaults.budget_message)
    conversation = _settled(conversation, defaults)
    if fields.thought_budget == 0:
        conversation = msgspec.structs.replace(conversation, thinking=False)
    try:
        return form, conversation, form.prepare(conversation, fields.constraint(facts.n_vocab))
    except chat.Unsuitable as fault:
        raise invalid(str(fault)) from fault


def _settled(conversation: chat.Conversation, defaults: ChatDefaults) -> chat.Conversation:
    """The conversation with what the server was started with, where it says nothing itself."""
    thinking, effort = conversation.thinking, conversation.effort
    if thinking is None and not effort:
        thinking = defaults.thinks
    if thinking is not False:
        effort = effort or defaults.effort
    values = {**defaults.values, **conversation.values}
    return msgspec.structs.replace(conversation, thinking=thinking, effort=effort, values=values)


async def converse(service: Service, exchange: Exchange) -> AsyncGenerator[tuple[int, Event], None]:
    """Yield the events of the answers, each with its answer's index. Raises: Problem."""
    speakers = [_Speaker(exchange) for _ in exchange.asked]
    async with aclosing(run(service, exchange.asked)) as events:
        async for index, event in events:
            for heard in speakers[index].take(event):
                yield index, heard


async def replies(service: Service, exchange: Exchange) -> list[Reply]:
    """Return the complete answers. Raises: Problem."""
    found = [Reply() for _ in exchange.asked]
    async with aclosing(converse(service, exchange)) as events:
        async for index, event in events:
            found[index].take(event)
    return found


class _Speaker:
    """Reads one answer as it comes."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._reader: chat.Reader | None = None
        self._call: Call | None = None
        self._tokens: list[int] = []
        self._probabilities: list[TokenProbability] = []

    def take(self, event: AnswerEvent) -> list[Event]:
        """Return what the next event of the engine means."""
        if isinstance(event, Started):
            self._reader = self._exchange.form.reader(self._exchange.conversation, event.prompt)
            return [event]
        if isinstance(event, Progress):
            return [event]
        if isinstance(event, Finished):
            spoken = self._spoken(self._reader.finish() if self._reader else [], is_last=True)
            return [*spoken, Ended(event, self._ending(event))]
        if not isinstance(event, Delta):
            return []
        self._tokens += event.tokens
        self._probabilities += event.probabilities
        return self._spoken(self._reader.push(event.text) if self._reader else [])

    def _spoken(self, pieces: list[chat.Piece], is_last: bool = False) -> list[Event]:
        for piece in pieces:
            if isinstance(piece, chat.CallBegan):
                self._call = Call(piece.id, piece.name)
            elif isinstance(piece, chat.CallGrew) and self._call:
                self._call.arguments += piece.arguments
        if not pieces and not (is_last and self._tokens):
            return []
        spoken = Spoken(pieces, self._tokens, self._probabilities)
        self._tokens, self._probabilities = [], []
        return [spoken]

    def _ending(self, finished: Finished) -> Ending:
        if finished.reason == "length":
            return "length"
        is_word = finished.reason == "word"
        if self._call and not (is_word and self._call.is_cut):
            return "calls"
        return "word" if is_word else "stop"
