"""POST /v1/completions."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from aiohttp import web

from runtime.engine.protocol import Delta, Generate, Started, TokenProbability
from runtime.server.body import read_json
from runtime.server.fields import Copies, GenerationFields, Probabilities, for_copy
from runtime.server.generation import Answer, collect, run, timings, usage
from runtime.server.openai.chunks import FINISH_REASONS, LEAST_LOGPROB, STYLE, frame
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
    response_format: object = None


async def answer(request: web.Request) -> web.StreamResponse:
    """Continue the prompts, whole or as a stream; choice `i * n + j` is the j-th for prompt i."""
    body = await read_json(request, CompletionBody)
    async with request.app[SERVICE].resolve(body.model) as service:
        requests = _requests(service, body)
        if body.stream:
            return await respond(request, _chunks(service, body, requests), STYLE)
        return json_response(_whole(service, body, await collect(service, requests)))


def _requests(service: Service, body: CompletionBody) -> list[Generate]:
    _refuse(body)
    n_vocab = service.facts().n_vocab
    copies = body.n or 1
    sampling = body.sampling(service.options.sampling, n_vocab)
    return [
        Generate(
            id=service.engine.new_id(),
            prompt=prompt,
            max_tokens=body.limit(service.options.max_tokens),
            stop=body.stops(),
            sampling=for_copy(sampling, copy),
            n_probs=max(1, body.logprobs) if body.logprobs is not None else 0,
            cache_prompt=body.cache_prompt is not False,
        )
        for prompt in read_prompts(body.prompt, n_vocab, copies)
        for copy in range(copies)
    ]


def _refuse(body: CompletionBody) -> None:
    body.refuse_unsupported()
    for name in ("echo", "suffix", "response_format"):
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
            "finish_reason": FINISH_REASONS[one.finished.reason] if one.finished else None,
        }
        for index, one in enumerate(answers)
    ]
    whole = {**frame(service, "text_completion", "cmpl"), "choices": choices}
    whole["usage"] = usage(answers, copies=body.n or 1)
    finished = answers[-1].finished
    if finished:
        whole["timings"] = timings(finished.timings)
    return whole


async def _chunks(service: Service, body: CompletionBody, requests: list[Generate]) -> AsyncGenerator[Chunk, None]:
    base = frame(service, "text_completion", "cmpl")
    answers = [Answer() for _ in requests]
    logprobs = [_Logprobs(body.logprobs) for _ in requests]
    async with aclosing(run(service, requests)) as pieces:
        async for index, piece in pieces:
            answers[index].add(piece)
            if isinstance(piece, Started):
                continue
            choice: dict[str, object] = {"index": index, "text": "", "logprobs": None, "finish_reason": None}
            chunk: dict[str, object] = {**base, "choices": [choice]}
            if isinstance(piece, Delta):
                choice |= {"text": piece.text, "logprobs": logprobs[index].of(piece.probabilities)}
            else:
                choice["finish_reason"] = FINISH_REASONS[piece.reason]
                if index == len(requests) - 1 and not body.wants_usage():
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
            "token_logprobs": [_finite(drawn) for drawn in probabilities],
            "top_logprobs": [
                {other.token: _finite(other) for other in drawn.top_logprobs[: self._n_top]} for drawn in probabilities
            ],
            "text_offset": offsets,
        }


def _finite(one: TokenProbability) -> float:
    return max(one.logprob, LEAST_LOGPROB)
