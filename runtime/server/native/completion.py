"""POST /completion and /completions, llama.cpp's own form.

Its streams are read by clients that know little of server-sent events (LangChain's and
LlamaIndex's llamafile classes): only `data:` lines, each a JSON object with `content`, pure
ASCII, no comments, no `[DONE]`.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, UnsetType

from runtime.engine.protocol import Delta, Generate, Progress, Prompt, Prompted, Started
from runtime.server.adapters import ADAPTERS
from runtime.server.asking import requests
from runtime.server.biases import spell_out
from runtime.server.body import read_json
from runtime.server.completed import Completion, completed
from runtime.server.fields import Copies, GenerationFields, Probabilities
from runtime.server.generation import Answer, collect, run
from runtime.server.native.chunks import chunk, selected
from runtime.server.problem import invalid
from runtime.server.prompts import PromptField, read_prompts
from runtime.server.replies import json_response
from runtime.server.service import SERVICE, Service
from runtime.server.sse import Chunk, Style, respond
from runtime.server.stopwatch import Stopwatch

STYLE = Style(error=lambda body: {**body, "content": "", "stop": True})

Chosen = msgspec.defstruct(
    "CompletionAnswer",
    [(field.name, field.type | UnsetType, UNSET) for field in msgspec.structs.fields(Completion)],
    namespace={"__doc__": "A whole answer; with `response_fields` only what these name, each under its path."},
    kw_only=True,
)

ResponseFields = Annotated[list[Annotated[str, Meta(max_length=256)]], Meta(max_length=64)]


class NativeFields(GenerationFields, kw_only=True):
    """What /completion and /infill share; fields not named here are ignored.

    sse_ping_interval: whatever it says, a silent stream stays silent; these clients cannot read comments.
    image_data: llamafile's pictures, which models here cannot read.
    """

    n: Copies | None = None
    n_cmpl: Copies | None = None
    n_probs: Probabilities | None = None
    logprobs: Probabilities | None = None
    response_fields: ResponseFields | None = None
    sse_ping_interval: Annotated[int, Meta(ge=-1)] | None = None
    image_data: list[object] | None = None

    def copies(self) -> int:
        """How many answers each prompt gets."""
        return self.n_cmpl or self.n or 1

    def n_alternatives(self) -> int:
        """How many candidates are listed for each token."""
        given = self.logprobs if self.n_probs is None else self.n_probs
        return given or 0


class CompletionBody(NativeFields, kw_only=True):
    """The request: what to continue, and how."""

    prompt: PromptField


async def answer(request: web.Request) -> web.StreamResponse:
    """Continue the prompts: one answer for one prompt, an array for several prompts or copies."""
    body = await read_json(request, CompletionBody)
    async with request.app[SERVICE].resolve(body.model) as service:
        prompts = read_prompts(body.prompt, service.facts().n_vocab, body.copies())
        return await complete(request, service, body, prompts)


async def complete(
    request: web.Request, service: Service, fields: NativeFields, prompts: Sequence[Prompt]
) -> web.StreamResponse:
    """Answer with the continuations of `prompts`. Raises: Problem."""
    if fields.image_data:
        raise invalid("`image_data`: this model reads text only.")
    book = request.app[ADAPTERS]
    adapters = await book.chosen(service, fields.model, fields.lora)
    await spell_out(service, fields)
    contents = [Generate(id=0, prompt=prompt) for prompt in prompts]
    n_probs = fields.n_alternatives()
    asked = requests(service, fields, contents, adapters=adapters, copies=fields.copies(), n_probs=n_probs)
    numbers = {one.wanted.name: one.id for one in await book.listed(service.model)} if adapters else {}
    run_of = _Run(service, fields, asked, numbers)
    if fields.stream:
        return await respond(request, run_of.chunks(), STYLE)
    whole = await run_of.whole()
    return json_response(whole[0] if len(whole) == 1 else whole)


class _Run(msgspec.Struct, frozen=True):
    """The answers to one request. numbers: of the adapters."""

    service: Service
    fields: NativeFields
    asked: Sequence[Generate]
    numbers: Mapping[str, int]

    async def whole(self) -> list[Chunk]:
        """The complete answers."""
        answers = await collect(self.service, self.asked)
        return [self._last(index, one, content=one.text) for index, one in enumerate(answers)]

    async def chunks(self) -> AsyncGenerator[Chunk, None]:
        """The events of a stream."""
        answers = [Answer() for _ in self.asked]
        watches = [Stopwatch() for _ in self.asked]
        async with aclosing(run(self.service, self.asked)) as events:
            async for index, event in events:
                answers[index].add(event)
                watches[index].take(event)
                if isinstance(event, Delta | Progress):
                    watch = watches[index] if self.fields.timings_per_token else None
                    yield chunk(index, event, self.asked[index], answers[index], watch)
                elif not isinstance(event, Started | Prompted):
                    yield self._last(index, answers[index], content="")

    def _last(self, index: int, answer: Answer, content: str) -> Chunk:
        asked, paths = self.asked[index], self.fields.response_fields
        found = completed(self.service, self.fields, asked, answer, index=index, content=content, numbers=self.numbers)
        return selected(found, paths) if paths else found
