"""POST /v1/messages, the next turn of a conversation, and /v1/messages/count_tokens, how long its prompt is."""

from typing import Any

from aiohttp import web
from msgspec import Raw

from runtime.engine.protocol import Adapters
from runtime.server.adapters import ADAPTERS
from runtime.server.anthropic.answer import TokenCount, whole
from runtime.server.anthropic.body import CountBody, MessagesBody
from runtime.server.anthropic.conversation import conversation_of
from runtime.server.anthropic.stream import STYLE, events
from runtime.server.body import read_json
from runtime.server.constraints import ABSENT, read_schema
from runtime.server.conversing import Exchange, make_exchange, render, replies
from runtime.server.fields import GenerationFields
from runtime.server.problem import invalid
from runtime.server.replies import json_response
from runtime.server.service import SERVICE, Service
from runtime.server.sse import respond

SHARED = sorted(set(MessagesBody.__struct_fields__) & set(GenerationFields.__struct_fields__))
"""Fields with one name and one meaning in both."""


async def answer(request: web.Request) -> web.StreamResponse:
    """The next turn of a conversation, whole or as a stream."""
    body = await read_json(request, MessagesBody)
    async with request.app[SERVICE].resolve(body.model) as service:
        exchange = _exchange(service, body, await request.app[ADAPTERS].chosen(service, body.model, body.lora))
        if body.stream:
            return await respond(request, events(service, body, exchange), STYLE)
        (reply,) = await replies(service, exchange)
        return json_response(whole(body, reply, service.options.alias))


async def count(request: web.Request) -> web.Response:
    """How many tokens the prompt of a request has, those of the template included."""
    body = await read_json(request, CountBody)
    async with request.app[SERVICE].resolve(body.model) as service:
        prompt = await render(service, _fields(body), conversation_of(body))
        return json_response(TokenCount(input_tokens=prompt.n_tokens))


def _exchange(service: Service, body: MessagesBody, adapters: Adapters | None) -> Exchange:
    shared = {name: getattr(body, name) for name in SHARED}
    fields = _fields(body, stop=body.stop_sequences, **shared)
    return make_exchange(service, fields, conversation_of(body), adapters=adapters)


def _fields(body: CountBody, **more: Any) -> GenerationFields:
    return GenerationFields(json_schema=_schema(body), reasoning_budget_tokens=body.thought_budget, **more)


def _schema(body: CountBody) -> Raw:
    """What the answer has to be. Raises: Problem that names the field."""
    if body.format is None:
        return ABSENT
    if read_schema(body.format.schema, "output_config.format.schema") is None:
        raise invalid("`output_config.format.schema`: expected an object.")
    return body.format.schema
