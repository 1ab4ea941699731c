"""POST /v1/responses: answers that this server remembers, so that a later request can continue them."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from aiohttp import web

from runtime.server.adapters import ADAPTERS
from runtime.server.biases import spell_out
from runtime.server.body import read_json
from runtime.server.conversing import Exchange, converse, make_exchange, render
from runtime.server.openai.response_events import ResponseEvents
from runtime.server.openai.response_input import Turn, turns_of
from runtime.server.openai.response_output import Told, new_id
from runtime.server.openai.response_request import ResponseBody, ResponseFields
from runtime.server.openai.response_store import RESPONSES, Stored
from runtime.server.replies import json_response
from runtime.server.service import SERVICE, Service
from runtime.server.spoken import Reply
from runtime.server.sse import PING, Chunk, Style, named_event, respond

ENDS = ("response.completed", "response.incomplete")


async def answer(request: web.Request) -> web.StreamResponse:
    """Answer the input, whole or as a stream of named events."""
    body = await read_json(request, ResponseBody)
    body.check()
    body.keep_to_format()
    async with request.app[SERVICE].resolve(body.model) as service:
        adapters = await request.app[ADAPTERS].chosen(service, body.model, body.lora)
        await spell_out(service, body)
        conversation = body.conversation(request.app[RESPONSES].history(body.previous_response_id))
        exchange = make_exchange(service, body, conversation, adapters=adapters, n_probs=body.n_alternatives)
        n_top = (body.top_logprobs or 0) if body.n_alternatives else None
        events = ResponseEvents(_head(service, body, exchange), n_top)
        chunks = _chunks(request, service, body, exchange, events)
        if body.stream:
            return await respond(request, chunks, Style(write=named_event, error=events.failed, ping=PING))
        async with aclosing(chunks):
            async for _ in chunks:
                pass
        return json_response(events.response)


async def count(request: web.Request) -> web.Response:
    """Count the tokens of the prompt that the input makes."""
    body = await read_json(request, ResponseFields)
    body.keep_to_format()
    async with request.app[SERVICE].resolve(body.model) as service:
        conversation = body.conversation(request.app[RESPONSES].history(body.previous_response_id))
        rendered = await render(service, body, conversation)
        return json_response({"object": "response.input_tokens", "input_tokens": rendered.n_tokens})


async def one(request: web.Request) -> web.Response:
    """Return a response that this server remembers."""
    return json_response(request.app[RESPONSES].get(request.match_info["id"]))


async def delete(request: web.Request) -> web.Response:
    """Forget a response; those that continue it can be continued no more."""
    name = request.match_info["id"]
    request.app[RESPONSES].delete(name)
    return json_response({"id": name, "object": "response", "deleted": True})


async def _chunks(
    request: web.Request, service: Service, body: ResponseBody, exchange: Exchange, events: ResponseEvents
) -> AsyncGenerator[Chunk, None]:
    async with aclosing(converse(service, exchange)) as found:
        async for _, event in found:
            for chunk in events.take(event):
                if chunk["type"] in ENDS and body.store is not False:
                    _store(request, body, events)
                yield chunk


def _store(request: web.Request, body: ResponseBody, events: ResponseEvents) -> None:
    turns = [*turns_of(body.input), _turn(events.reply)]
    stored = Stored(events.response, turns, body.previous_response_id)
    request.app[RESPONSES].put(str(events.response["id"]), stored)


def _turn(reply: Reply) -> Turn:
    turn: Turn = {"role": "assistant", "content": reply.text}
    if reply.reasoning:
        turn["reasoning_content"] = reply.reasoning
    if reply.calls:
        turn["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.parsed}}
            for call in reply.calls
        ]
    return turn


def _head(service: Service, body: ResponseBody, exchange: Exchange) -> Told:
    """The response without its output."""
    sampling = exchange.asked[0].sampling
    wanted = body.text.format if body.text and body.text.format else None
    text_format: Told = {"type": wanted.type if wanted else "text"}
    if wanted and wanted.type == "json_schema":
        text_format |= {"name": wanted.name or "answer", "schema": wanted.schema, "strict": wanted.strict is not False}
    return {
        "id": new_id("resp"),
        "object": "response",
        "created_at": int(time.time()),
        "completed_at": None,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": body.instructions,
        "max_output_tokens": body.max_output_tokens,
        "metadata": body.metadata or {},
        "model": service.options.alias,
        "parallel_tool_calls": body.parallel_tool_calls is not False,
        "previous_response_id": body.previous_response_id,
        "reasoning": {"effort": body.reasoning.effort if body.reasoning else None, "summary": None},
        "store": body.store is not False,
        "temperature": sampling.temperature,
        "text": {"format": text_format},
        "tool_choice": body.tool_choice or "auto",
        "tools": [tool.told() for tool in body.tools or []],
        "top_p": sampling.top_p,
        "truncation": "disabled",
        "usage": None,
    }
