"""POST /v1/completions."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from aiohttp import web

from runtime.engine.protocol import Adapters, Delta, Generate, Progress, Prompted, Started, TokenProbability
from runtime.server.adapters import ADAPTERS
from runtime.server.asking import requests
from runtime.server.body import read_json
from runtime.server.fields import Copies, GenerationFields, Probabilities
from runtime.server.generation import Answer, collect, run, timings, usage
from runtime.server.openai.chunks import STYLE, finish_reason, frame
from runtime.server.probabilities import finite_logprob
from runtime.server.problem import not_supported
from runtime.server.prompts import PromptField, read_prompts
from runtime.server.replies import json_response
from runtime.server.service import SERVICE, Service
from runtime.server.sse import Chunk, respond


class CompletionBody(GenerationFields, kw_only=True):
    """The request; fields not named here are ignored."""

    prompt: PromptField
    n: Copies | None = None
    best_of: Copies | None = None
    logprobs: Probabilities | None = None
    echo: bool | None = None
    suffix: str | None = None


async def answer(request: web.Request) -> web.StreamResponse:
    """Continue the prompts, whole or as a stream; choice `i * n + j` is the j-th for prompt i."""
    body = await read_json(request, CompletionBody)
    async with request.app[SERVICE].resolve(body.model) as service:
        asked = _requests(service, body, await request.app[ADAPTERS].chosen(service, body.model, body.lora))
        if body.stream:
            return await respond(request, _chunks(service, body, asked), STYLE)
        return json_response(_whole(service, body, await collect(service, asked)))


def _requests(service: Service, body: CompletionBody, adapters: Adapters | None) -> list[Generate]:
    _refuse(body)
    copies = body.n or 1
    prompts = read_prompts(body.prompt, service.facts().n_vocab, copies)
    contents = [Generate(id=0, prompt=prompt) for prompt in prompts]
    n_probs = max(1, body.logprobs) if body.logprobs is not None else 0
    return requests(service, body, contents, adapters=adapters, copies=copies, n_probs=n_probs)


def _refuse(body: CompletionBody) -> None:
    for name in ("echo", "suffix"):
        if getattr(body, name):
            raise not_supported(f"`{name}`")
    if (body.best_of or 1) > (body.n or 1):
        raise not_supported("`best_of` larger than `n`")


def _whole(service: Service, body: CompletionBody, answers: list[Answer]) -> dict[str, object]:
    choices = [
        {
            "index": index,
            "text": one.text,
            "logprobs": _Logprobs(body.logprobs).of(one.probabilities),
            "finish_reason": finish_reason(one.finished.reason) if one.finished else None,
        }
        for index, one in enumerate(answers)
    ]
    whole = {**frame(service, "text_completion", "cmpl"), "choices": choices}
    whole["usage"] = usage(answers, copies=body.n or 1)
    finished = answers[-1].finished
    if finished:
        whole["timings"] = timings(finished.timings)
    return whole


async def _chunks(service: Service, body: CompletionBody, asked: list[Generate]) -> AsyncGenerator[Chunk, None]:
    base = frame(service, "text_completion", "cmpl")
    answers = [Answer() for _ in asked]
    logprobs = [_Logprobs(body.logprobs) for _ in asked]
    async with aclosing(run(service, asked)) as pieces:
        async for index, piece in pieces:
            answers[index].add(piece)
            if isinstance(piece, Started | Progress | Prompted):
                continue
            choice: dict[str, object] = {"index": index, "text": "", "logprobs": None, "finish_reason": None}
            chunk: dict[str, object] = {**base, "choices": [choice]}
            if isinstance(piece, Delta):
                choice |= {"text": piece.text, "logprobs": logprobs[index].of(piece.probabilities)}
            else:
                choice["finish_reason"] = finish_reason(piece.reason)
                if all(one.finished for one in answers) and not body.wants_usage():
                    chunk["timings"] = timings(piece.timings)
            yield chunk
    if body.wants_usage():
        finished = answers[-1].finished
        measured = {"timings": timings(finished.timings)} if finished else {}
        yield {**base, "choices": [], "usage": usage(answers, copies=body.n or 1), **measured}


class _Logprobs:
    """OpenAI's older form, in parallel lists; `text_offset` counts characters of the answer."""

    def __init__(self, n_top: int | None) -> None:
        self._n_top = n_top
        self._offset = 0

    def of(self, probabilities: list[TokenProbability]) -> dict[str, object] | None:
        """The lists of the next tokens; `None` when none were asked for."""
        if self._n_top is None:
            return None
        offsets = []
        for drawn in probabilities:
            offsets.append(self._offset)
            self._offset += len(drawn.token)
        return {
            "tokens": [drawn.token for drawn in probabilities],
            "token_logprobs": [finite_logprob(drawn) for drawn in probabilities],
            "top_logprobs": [
                {other.token: finite_logprob(other) for other in drawn.top_logprobs[: self._n_top]}
                for drawn in probabilities
            ],
            "text_offset": offsets,
        }
