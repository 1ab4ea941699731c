"""POST /v1/chat/completions."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from runtime.engine.protocol import (
    Adapters,
    Chat,
    Delta,
    Finished,
    Generate,
    Progress,
    Prompted,
    Started,
    TokenProbability,
)
from runtime.server.adapters import ADAPTERS
from runtime.server.asking import requests
from runtime.server.body import read_json
from runtime.server.fields import Copies, GenerationFields, Probabilities
from runtime.server.generation import Answer, collect, run, timings, usage
from runtime.server.openai.chunks import FINISH_REASONS, STYLE, frame
from runtime.server.probabilities import drawn_token
from runtime.server.problem import invalid, not_supported
from runtime.server.replies import json_response
from runtime.server.service import SERVICE, Service
from runtime.server.sse import Chunk, respond

Role = Annotated[str, Meta(min_length=1, max_length=64)]


class Part(msgspec.Struct, kw_only=True):
    """One part of a message; only text can be read."""

    type: str
    text: str | None = None


class Message(msgspec.Struct, kw_only=True):
    """One turn of the conversation."""

    role: Role
    content: str | Annotated[list[Part], Meta(max_length=1024)] | None = None
    name: str | None = None
    tool_call_id: str | None = None
    tool_calls: object = None


class ChatBody(GenerationFields, kw_only=True):
    """The request; fields not named here are ignored."""

    messages: Annotated[list[Message], Meta(min_length=1, max_length=1024)]
    n: Copies | None = None
    logprobs: bool | None = None
    top_logprobs: Probabilities | None = None
    modalities: list[str] | None = None
    add_generation_prompt: bool | None = None
    continue_final_message: bool | None = None


async def answer(request: web.Request) -> web.StreamResponse:
    """Answer the conversation, whole or as a stream."""
    body = await read_json(request, ChatBody)
    async with request.app[SERVICE].resolve(body.model) as service:
        asked = _requests(service, body, await request.app[ADAPTERS].chosen(service, body.model, body.lora))
        if body.stream:
            return await respond(request, _chunks(service, body, asked), STYLE)
        return json_response(_whole(service, body, await collect(service, asked)))


def _requests(service: Service, body: ChatBody, adapters: Adapters | None) -> list[Generate]:
    _refuse(body)
    content = Generate(
        id=0,
        chat=Chat(
            messages=[_turn(message) for message in body.messages],
            add_generation_prompt=body.add_generation_prompt is not False,
        ),
    )
    n_probs = max(1, body.top_logprobs or 0) if body.logprobs else 0
    return requests(service, body, [content], adapters=adapters, copies=body.n or 1, n_probs=n_probs)


def _refuse(body: ChatBody) -> None:
    if body.continue_final_message:
        raise not_supported("`continue_final_message`")
    if set(body.modalities or []) - {"text"}:
        raise not_supported("`modalities` other than text")
    if body.top_logprobs and not body.logprobs:
        raise invalid("`top_logprobs`: needs `logprobs` to be true.")


def _turn(message: Message) -> dict[str, object]:
    if message.tool_calls:
        raise not_supported("`tool_calls` in a message")
    # OpenAI renamed the role; the templates of models know the old name.
    turn: dict[str, object] = {
        "role": "system" if message.role == "developer" else message.role,
        "content": _text(message.content),
    }
    if message.name is not None:
        turn["name"] = message.name
    if message.tool_call_id is not None:
        turn["tool_call_id"] = message.tool_call_id
    return turn


def _text(content: str | list[Part] | None) -> str:
    if not isinstance(content, list):
        return content or ""
    for part in content:
        if part.type != "text":
            raise not_supported(f"a message part of type `{part.type}`")
    return "\n".join(part.text or "" for part in content)


def _whole(service: Service, body: ChatBody, answers: list[Answer]) -> dict[str, object]:
    choices = []
    last = Answer()
    for index, last in enumerate(answers):
        choice: dict[str, object] = {
            "index": index,
            "message": {"role": "assistant", "content": last.text},
            "logprobs": _logprobs(last.probabilities, body) if body.logprobs else None,
            "finish_reason": FINISH_REASONS[last.finished.reason] if last.finished else None,
        }
        choices.append(choice)
    whole = {**frame(service, "chat.completion", "chatcmpl"), "choices": choices}
    whole["usage"] = usage(answers, copies=len(answers))
    if last.finished:
        whole["timings"] = timings(last.finished.timings)
    return whole


async def _chunks(service: Service, body: ChatBody, asked: list[Generate]) -> AsyncGenerator[Chunk, None]:
    base = frame(service, "chat.completion.chunk", "chatcmpl")
    answers = [Answer() for _ in asked]
    opened: set[int] = set()
    async with aclosing(run(service, asked)) as pieces:
        async for index, piece in pieces:
            answers[index].add(piece)
            if isinstance(piece, Started | Progress | Prompted):
                continue
            if index not in opened:
                opened.add(index)
                yield {**base, "choices": [_choice(index, {"role": "assistant", "content": None})]}
            if isinstance(piece, Delta):
                yield {**base, "choices": [_delta(index, piece, body)]}
            else:
                is_last = all(one.finished for one in answers) and not body.wants_usage()
                yield {**base, "choices": [_choice(index, {}, piece)], **(_measured(piece) if is_last else {})}
    if body.wants_usage():
        finished = answers[-1].finished
        counts = usage(answers, copies=len(answers))
        yield {**base, "choices": [], "usage": counts, **(_measured(finished) if finished else {})}


def _choice(index: int, delta: Chunk, finished: Finished | None = None) -> dict[str, object]:
    reason = FINISH_REASONS[finished.reason] if finished else None
    return {"index": index, "delta": delta, "finish_reason": reason}


def _delta(index: int, piece: Delta, body: ChatBody) -> dict[str, object]:
    choice = _choice(index, {"content": piece.text})
    if body.logprobs:
        choice["logprobs"] = _logprobs(piece.probabilities, body)
    return choice


def _measured(finished: Finished) -> dict[str, object]:
    return {"timings": timings(finished.timings)}


def _logprobs(probabilities: list[TokenProbability], body: ChatBody) -> dict[str, object]:
    n_top, after_sampling = body.top_logprobs or 0, bool(body.post_sampling_probs)
    return {"content": [drawn_token(drawn, n_top, after_sampling) for drawn in probabilities], "refusal": None}
