"""POST /completion and /completions, llama.cpp's own form.

Its streams are read by clients that know little of server-sent events (LangChain's and
LlamaIndex's llamafile classes): only `data:` lines, each a JSON object with `content`, pure
ASCII, no comments, no `[DONE]`.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from aiohttp import web

from runtime.engine.protocol import (
    Adapters,
    Delta,
    FinishReason,
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
from runtime.server.generation import Answer, collect, run, timings
from runtime.server.native.settings import settings
from runtime.server.probabilities import drawn_token
from runtime.server.prompts import PromptField, read_prompts
from runtime.server.replies import json_response
from runtime.server.service import SERVICE, Service
from runtime.server.sse import Chunk, Style, respond

STYLE = Style(error=lambda body: {**body, "content": "", "stop": True})

STOP_TYPES: dict[FinishReason, str] = {"stop": "eos", "word": "word", "length": "limit", "cancelled": "none"}


class NativeBody(GenerationFields, kw_only=True):
    """The request; fields not named here are ignored."""

    prompt: PromptField
    n: Copies | None = None
    n_cmpl: Copies | None = None
    n_probs: Probabilities | None = None
    logprobs: Probabilities | None = None
    return_tokens: bool | None = None

    def copies(self) -> int:
        """How many answers each prompt gets."""
        return self.n_cmpl or self.n or 1

    def n_alternatives(self) -> int:
        """How many candidates are listed for each token."""
        return self.n_probs or self.logprobs or 0


async def answer(request: web.Request) -> web.StreamResponse:
    """Continue the prompts: one answer for one prompt, an array for a list of prompts or several copies."""
    body = await read_json(request, NativeBody)
    async with request.app[SERVICE].resolve(body.model) as service:
        asked = _requests(service, body, await request.app[ADAPTERS].chosen(service, body.model, body.lora))
        if body.stream:
            return await respond(request, _chunks(service, body, asked), STYLE)
        answers = await collect(service, asked)
        whole = [
            _last(service, body, index, pair, content=pair[1].text)
            for index, pair in enumerate(zip(asked, answers, strict=True))
        ]
        return json_response(whole if len(whole) > 1 or _is_batch(body) else whole[0])


def _requests(service: Service, body: NativeBody, adapters: Adapters | None) -> list[Generate]:
    prompts = read_prompts(body.prompt, service.facts().n_vocab, body.copies())
    contents = [Generate(id=0, prompt=prompt) for prompt in prompts]
    return requests(service, body, contents, adapters=adapters, copies=body.copies(), n_probs=body.n_alternatives())


def _is_batch(body: NativeBody) -> bool:
    return isinstance(body.prompt, list) and not isinstance(body.prompt[0], int)


async def _chunks(service: Service, body: NativeBody, asked: list[Generate]) -> AsyncGenerator[Chunk, None]:
    answers = [Answer() for _ in asked]
    async with aclosing(run(service, asked)) as pieces:
        async for index, piece in pieces:
            answers[index].add(piece)
            if isinstance(piece, Started | Progress | Prompted):
                continue
            if isinstance(piece, Delta):
                yield _chunk(index, piece, asked[index], answers[index])
            else:
                yield _last(service, body, index, (asked[index], answers[index]), content="")


def _chunk(index: int, piece: Delta, asked: Generate, answer: Answer) -> Chunk:
    chunk: dict[str, object] = {
        "index": index,
        "content": piece.text,
        "tokens": piece.tokens,
        "stop": False,
        "id_slot": answer.slot,
        "tokens_predicted": answer.n_predicted,
        "tokens_evaluated": answer.n_prompt,
    }
    if piece.probabilities:
        chunk["completion_probabilities"] = _probabilities(asked, piece.probabilities)
    return chunk


def _last(service: Service, body: NativeBody, index: int, pair: tuple[Generate, Answer], content: str) -> Chunk:
    asked, answer = pair
    finished = answer.finished
    last: dict[str, object] = {
        "index": index,
        "content": content,
        "tokens": answer.tokens if body.return_tokens and not body.stream else [],
        "id_slot": answer.slot,
        "stop": True,
        "model": service.options.alias,
        "tokens_predicted": answer.n_predicted,
        "tokens_evaluated": answer.n_prompt,
        "prompt": answer.started.prompt if answer.started else "",
        "tokens_cached": max(0, answer.n_prompt + answer.n_predicted - 1),
    }
    if finished:
        last |= {
            "generation_settings": settings(asked, seed=finished.seed, stream=bool(body.stream)),
            "has_new_line": finished.has_new_line,
            "truncated": finished.truncated,
            "stop_type": STOP_TYPES[finished.reason],
            "stopping_word": finished.stopping_word,
            "timings": timings(finished.timings),
        }
    if asked.n_probs and not body.stream:
        last["completion_probabilities"] = _probabilities(asked, answer.probabilities)
    return last


def _probabilities(asked: Generate, drawn: list[TokenProbability]) -> list[dict[str, object]]:
    return [drawn_token(one, asked.n_probs, asked.post_sampling) for one in drawn]
