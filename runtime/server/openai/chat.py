"""POST /v1/chat/completions, and the count of the tokens that it would read."""

from aiohttp import web

from runtime.server.adapters import ADAPTERS
from runtime.server.biases import spell_out
from runtime.server.body import read_json
from runtime.server.completed import completed
from runtime.server.conversing import Exchange, make_exchange, render, replies
from runtime.server.counts import timings, usage
from runtime.server.openai.chat_chunks import chunks
from runtime.server.openai.chat_request import ChatBody, ChatFields
from runtime.server.openai.chunks import JSON_ONLY, STYLE, finish_reason, frame, token_logprobs
from runtime.server.openai.thoughts import Thoughts
from runtime.server.replies import json_response
from runtime.server.service import SERVICE, Service
from runtime.server.spoken import Call, Reply
from runtime.server.sse import respond


async def answer(request: web.Request) -> web.StreamResponse:
    """Answer the conversation, whole or as a stream."""
    body = await read_json(request, ChatBody)
    body.check()
    async with request.app[SERVICE].resolve(body.model) as service:
        body.reasoning_format = body.reasoning_format or service.options.chats.reasoning_format
        adapters = await request.app[ADAPTERS].chosen(service, body.model, body.lora)
        await spell_out(service, body)
        exchange = make_exchange(
            service, body, body.conversation(), adapters=adapters, copies=body.n or 1, n_probs=body.n_alternatives
        )
        if body.stream:
            style = JSON_ONLY if body.reads_json_only else STYLE
            return await respond(request, chunks(service, body, exchange), style)
        return json_response(_whole(service, body, exchange, await replies(service, exchange)))


async def count(request: web.Request) -> web.Response:
    """Count the tokens of the prompt that the conversation makes."""
    body = await read_json(request, ChatFields)
    async with request.app[SERVICE].resolve(body.model) as service:
        rendered = await render(service, body, body.conversation())
        return json_response({"object": "chat.completion.input_tokens", "input_tokens": rendered.n_tokens})


def _whole(service: Service, body: ChatBody, exchange: Exchange, found: list[Reply]) -> dict[str, object]:
    choices = [
        {
            "index": index,
            "message": _message(body, one),
            "logprobs": token_logprobs(one.probabilities, body) if body.logprobs else None,
            "finish_reason": finish_reason(one.reason, has_functions=bool(body.functions)),
        }
        for index, one in enumerate(found)
    ]
    whole = {**frame(service, "chat.completion", "chatcmpl"), "choices": choices}
    whole["usage"] = usage(found, copies=len(found))
    if found[-1].finished:
        whole["timings"] = timings(found[-1].finished.timings)
    if body.verbose:
        whole["__verbose"] = completed(service, body, exchange.asked[0], found[0], content=found[0].text)
    return whole


def _message(body: ChatBody, reply: Reply) -> dict[str, object]:
    message: dict[str, object] = {"role": "assistant", "content": ""}
    thoughts = Thoughts(body.reasoning_format)
    if reply.reasoning:
        message |= thoughts.placed(reply.reasoning)
    text = f"{message['content']}{thoughts.end() if reply.text or reply.calls else ''}{reply.text}"
    message["content"] = text if text or not reply.calls else None
    if reply.calls and body.functions:
        message["function_call"] = _function(reply.calls[0])
    elif reply.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": _function(call)} for call in reply.calls
        ]
    return message


def _function(call: Call) -> dict[str, object]:
    return {"name": call.name, "arguments": call.arguments}
