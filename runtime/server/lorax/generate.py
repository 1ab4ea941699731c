"""POST /, /generate and /generate_stream: the continuation of a text, whole or token by token."""

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from aiohttp import web

from runtime.engine.protocol import Generate, Prompt
from runtime.server.asking import requests
from runtime.server.body import read_json
from runtime.server.generation import Answer, AnswerEvent, run
from runtime.server.lorax.answers import GenerateAnswer, computed, measured, whole_answer
from runtime.server.lorax.chosen import Chosen, chosen
from runtime.server.lorax.dialect import STYLE, no_such_adapter
from runtime.server.lorax.parameters import GenerateBody, Parameters, PostBody
from runtime.server.lorax.streaming import events
from runtime.server.problem import Problem, invalid
from runtime.server.questions import tokenize
from runtime.server.replies import json_response
from runtime.server.sse import respond

ADAPTER_FIELD = "`lora`: "
"""How the engine begins what it says of an adapter that it cannot use."""


async def answer(request: web.Request) -> web.Response:
    """Continue a text."""
    whole, headers = await _whole(request, await read_json(request, GenerateBody))
    return json_response(whole, headers=headers)


async def answer_stream(request: web.Request) -> web.StreamResponse:
    """Continue a text, token by token."""
    return await _stream(request, await read_json(request, GenerateBody))


async def answer_either(request: web.Request) -> web.StreamResponse:
    """Continue a text, as a list of one answer, or token by token if the request says so."""
    body = await read_json(request, PostBody)
    if body.stream:
        return await _stream(request, body)
    whole, headers = await _whole(request, body)
    return json_response([whole], headers=headers)


async def _whole(request: web.Request, body: GenerateBody) -> tuple[GenerateAnswer, dict[str, str]]:
    began_s = time.monotonic()
    wanted = body.parameters or Parameters()
    wanted.check(stream=False)
    async with chosen(request, wanted) as found:
        asked = await _asked(found, body, wanted, is_told=wanted.tells_details)
        asked_s = time.monotonic()
        answers = [Answer() for _ in asked]
        async with aclosing(_run(found, asked)) as answering:
            async for index, event in answering:
                answers[index].add(event)
        facts = found.service.facts()
        headers = measured(facts, body, answers, began_s, asked_s) | found.headers
        return whole_answer(facts, body, answers), headers


async def _stream(request: web.Request, body: GenerateBody) -> web.StreamResponse:
    wanted = body.parameters or Parameters()
    wanted.check(stream=True)
    async with chosen(request, wanted) as found:
        asked = await _asked(found, body, wanted, is_told=True)
        facts = found.service.facts()
        headers = computed(facts, body) | found.headers
        return await respond(request, events(facts, body, asked[0], _run(found, asked)), STYLE, headers=headers)


async def _asked(found: Chosen, body: GenerateBody, wanted: Parameters, *, is_told: bool) -> list[Generate]:
    """What the engine is asked. is_told: whether the answer tells its tokens."""
    copies = wanted.best_of or 1
    content = Generate(
        id=0,
        prompt=await _prompt(found, body, wanted),
        prompt_probs=0 if wanted.decoder_input_details else -1,
    )
    n_probs = max(1, wanted.return_k_alternatives or 0) if is_told or copies > 1 else 0
    return requests(found.service, wanted.fields(), [content], adapters=found.adapters, copies=copies, n_probs=n_probs)


async def _prompt(found: Chosen, body: GenerateBody, wanted: Parameters) -> Prompt:
    """The input, or its last tokens; a token that begins all prompts stays."""
    if wanted.truncate is None:
        return body.inputs
    facts = found.service.facts()
    if wanted.truncate >= facts.n_ctx:
        raise invalid(f"`parameters.truncate`: expected at most {facts.n_ctx - 1}, got {wanted.truncate}.")
    tokens = (await tokenize(found.service, body.inputs, add_special=True)).tokens
    n_first = 1 if facts.adds_bos and tokens[:1] == [facts.bos] and wanted.truncate > 1 else 0
    kept = tokens[n_first:][-(wanted.truncate - n_first) :]
    return [*tokens[:n_first], *kept]


async def _run(found: Chosen, asked: Sequence[Generate]) -> AsyncGenerator[tuple[int, AnswerEvent], None]:
    try:
        async with aclosing(run(found.service, asked)) as answering:
            async for index, event in answering:
                yield index, event
    except Problem as refusal:
        if not found.adapters or not refusal.message.startswith(ADAPTER_FIELD):
            raise
        raise no_such_adapter(refusal.message.removeprefix(ADAPTER_FIELD)) from refusal
