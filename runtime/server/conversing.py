"""Runs conversations on the engine: the chat layer's forms around `generation.run`, for every dialect that chats.

exchange = make_exchange(service, fields, conversation, adapters=…)   # Raises: Problem
async for index, event in converse(service, exchange): …               # or: await replies(service, exchange)

rendered = await render(service, fields, conversation)                 # only the prompt, and how long it is

Before what a request says stand the publisher's messages, unless it goes on from an earlier answer: `begins=False`.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import msgspec

from runtime import chat
from runtime.engine.protocol import Adapters, Generate, Render, Rendered
from runtime.server.asking import requests
from runtime.server.fields import GenerationFields
from runtime.server.forms import form_of
from runtime.server.generation import run
from runtime.server.options import ChatDefaults
from runtime.server.problem import invalid
from runtime.server.questions import ask
from runtime.server.service import Service
from runtime.server.spoken import Event, Reply, Speaker


class Exchange(msgspec.Struct, frozen=True):
    """What the engine is asked, once for each answer that is wanted, and how the answers are read."""

    asked: Sequence[Generate]
    conversation: chat.Conversation
    form: chat.Form


def make_exchange(
    service: Service,
    fields: GenerationFields,
    conversation: chat.Conversation,
    *,
    adapters: Adapters | None,
    copies: int = 1,
    n_probs: int = 0,
    begins: bool = True,
) -> Exchange:
    """Return what is asked for `copies` answers; `fields` say how they are generated. Raises: Problem."""
    form, conversation, prepared = _prepare(service, fields, conversation, begins)
    content = Generate(
        id=0,
        chat=prepared.chat,
        grammar=prepared.grammar,
        shown=prepared.shown,
        thought=fields.thought(form, conversation),
    )
    asked = requests(service, fields, [content], adapters=adapters, copies=copies, n_probs=n_probs)
    return Exchange(asked, conversation, form)


async def render(
    service: Service, fields: GenerationFields, conversation: chat.Conversation, *, begins: bool = True
) -> Rendered:
    """Return the prompt that would be read, and how many tokens it has. Raises: Problem."""
    _, _, prepared = _prepare(service, fields, conversation, begins)
    return await ask(service, Render(id=service.engine.new_id(), chat=prepared.chat), Rendered)


def _prepare(
    service: Service, fields: GenerationFields, conversation: chat.Conversation, begins: bool
) -> tuple[chat.Form, chat.Conversation, chat.Prepared]:
    facts, defaults = service.facts(), service.options.chats
    if begins and service.options.assistant.messages:
        conversation = msgspec.structs.replace(conversation, messages=_begun(service, conversation.messages))
    form = form_of(facts)
    fields.settle_thoughts(defaults.budget_tokens, defaults.budget_message)
    conversation = _settled(conversation, defaults)
    if fields.thought_budget == 0:
        conversation = msgspec.structs.replace(conversation, thinking=False)
    try:
        return form, conversation, form.prepare(conversation, fields.constraint(facts.n_vocab))
    except chat.Unsuitable as fault:
        raise invalid(str(fault)) from fault


def _begun(service: Service, messages: list[dict[str, object]]) -> list[dict[str, object]]:
    """The publisher's messages before the request's own, behind what both are told first."""
    told = 0
    while told < len(messages) and messages[told].get("role") in ("system", "developer"):
        told += 1
    return [*messages[:told], *(said._asdict() for said in service.options.assistant.messages), *messages[told:]]


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
    speakers = [Speaker(exchange.form, exchange.conversation) for _ in exchange.asked]
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
