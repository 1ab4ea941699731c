"""POST /api/generate: the answer to one prompt, as lines of JSON unless the request says `"stream": false`.

The prompt is a person's turn for the model's template; with `raw` it is continued as it is, with `suffix` the model
writes what stands between the two.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from runtime.chat import Conversation, Said, Thought
from runtime.engine.protocol import Generate, Prompt
from runtime.server.asking import requests
from runtime.server.body import read_json
from runtime.server.conversing import Exchange, converse, make_exchange, render, replies
from runtime.server.fields import GenerationFields, check_tokens
from runtime.server.infilling import fills_gaps, infill_prompt
from runtime.server.ollama.answers import GeneratedAnswer, frame, likelihoods, measured
from runtime.server.ollama.body import AnswerFields
from runtime.server.ollama.dialect import STYLE
from runtime.server.ollama.loaded import Loaded, is_unload, loaded, unload
from runtime.server.ollama.thinking import thinking
from runtime.server.ollama.turns import Images, refuse_images
from runtime.server.ollama.verbatim import NOTHING_SAID, Verbatim
from runtime.server.problem import invalid
from runtime.server.questions import tokenize
from runtime.server.replies import json_response
from runtime.server.spoken import Ended, Reply, Spoken
from runtime.server.sse import Chunk, respond

MAX_CONTEXT = 1 << 20


class GenerateBody(AnswerFields, kw_only=True):
    """The request; without a prompt it loads the model, or unloads it with a `keep_alive` of 0.

    context: what an earlier answer ended with; this prompt goes on from there.
    template: refused: templates are programs, and none is taken from a request.
    """

    prompt: str | None = None
    suffix: str | None = None
    system: str | None = None
    template: str | None = None
    context: Annotated[list[int], Meta(max_length=MAX_CONTEXT)] | None = None
    raw: bool | None = None
    images: Images | None = None


class GenerateAnswer(GeneratedAnswer, kw_only=True, omit_defaults=True):
    """The answer; of a stream, each line. context: all tokens so far, for a next request."""

    response: str
    thinking: str | None = None
    context: list[int] | None = None


async def answer(request: web.Request) -> web.StreamResponse:
    """Answer or continue one prompt, in Ollama's form."""
    body = await read_json(request, GenerateBody)
    refuse_images(body.images, "images")
    if body.template:
        raise invalid("`template`: templates are not taken from requests; make the prompt yourself and send `raw`.")
    if not body.prompt and is_unload(body):
        return _nothing(await unload(request, body), "unload")
    async with loaded(request, body) as model:
        if not body.prompt and not body.suffix:
            return _nothing(model.name, "load")
        exchange = await _exchange(model, body)
        if body.streams:
            return await respond(request, _lines(model, body, exchange), STYLE)
        return json_response(await _whole(model, body, (await replies(model.service, exchange))[0]))


def _nothing(name: str, reason: str) -> web.Response:
    return json_response({**frame(name, done=True), "response": "", "done_reason": reason})


async def _exchange(model: Loaded, body: GenerateBody) -> Exchange:
    fields = body.generation()
    if body.raw:
        text = body.prompt or ""
        return _continued(model, body, fields, [*_context(model, body), text] if body.context else text)
    if body.suffix:
        return _continued(model, body, fields, _around_a_gap(model, body.prompt or "", body.suffix))
    messages: list[dict[str, object]] = [{"role": "system", "content": body.system}] if body.system else []
    think = thinking(body.think, model.service.facts(), model.name)
    conversation = Conversation(
        messages=[*messages, {"role": "user", "content": body.prompt}],
        thinking=think.wanted,
        effort=think.effort,
    )
    exchange = make_exchange(
        model.service,
        fields,
        conversation,
        adapters=model.adapters,
        n_probs=body.n_alternatives,
        begins=not body.context,
    )
    return await _after(model, body, exchange, fields) if body.context else exchange


def _continued(model: Loaded, body: GenerateBody, fields: GenerationFields, prompt: Prompt) -> Exchange:
    """What is asked where no template has a part."""
    content = Generate(id=0, prompt=prompt)
    asked = requests(model.service, fields, [content], adapters=model.adapters, n_probs=body.n_alternatives)
    return Exchange(asked, NOTHING_SAID, Verbatim())


async def _after(model: Loaded, body: GenerateBody, exchange: Exchange, fields: GenerationFields) -> Exchange:
    """The same request, asked behind the tokens of an earlier answer."""
    asked = exchange.asked[0]
    rendered = await render(model.service, fields, exchange.conversation, begins=False)
    facts = model.service.facts()
    # The first token of all prompts has no place within one; where none is added, its text is part of a turn.
    turn = rendered.prompt.removeprefix(facts.bos_token) if facts.adds_bos else rendered.prompt
    behind = msgspec.structs.replace(asked, chat=None, prompt=[*_context(model, body), turn])
    return msgspec.structs.replace(exchange, asked=[behind])


def _context(model: Loaded, body: GenerateBody) -> list[int]:
    return check_tokens(body.context or [], model.service.facts().n_vocab, "context")


def _around_a_gap(model: Loaded, before: str, behind: str) -> Prompt:
    facts = model.service.facts()
    if not fills_gaps(facts):
        raise invalid(f'"{model.name}" does not support insert')
    return infill_prompt(facts, before, behind, "suffix")


async def _whole(model: Loaded, body: GenerateBody, reply: Reply) -> Chunk:
    whole = {**frame(model.name), "response": reply.text, **_thought(reply.reasoning)}
    whole |= likelihoods(reply.probabilities, body.n_top)
    return whole | await _end(model, body, reply)


async def _lines(model: Loaded, body: GenerateBody, exchange: Exchange) -> AsyncGenerator[Chunk, None]:
    reply = Reply()
    async with aclosing(converse(model.service, exchange)) as events:
        async for _, event in events:
            reply.take(event)
            if isinstance(event, Spoken):
                said = "".join(piece.text for piece in event.pieces if isinstance(piece, Said))
                thought = "".join(piece.text for piece in event.pieces if isinstance(piece, Thought))
                likely = likelihoods(event.probabilities, body.n_top)
                if said or thought or likely:
                    yield {**frame(model.name), "response": said, **_thought(thought), **likely}
            elif isinstance(event, Ended):
                yield {**frame(model.name), "response": "", **await _end(model, body, reply)}


async def _end(model: Loaded, body: GenerateBody, reply: Reply) -> dict[str, object]:
    if reply.finished is None or reply.started is None:
        return {}
    told = measured(model, reply.finished, reply.n_prompt)
    if not body.raw:
        facts, prompt = model.service.facts(), reply.started.prompt
        lacks_bos = facts.adds_bos and not prompt.startswith(facts.bos_token)
        told["context"] = (await tokenize(model.service, prompt, add_special=lacks_bos)).tokens + reply.tokens
    return told


def _thought(text: str) -> dict[str, object]:
    return {"thinking": text} if text else {}
