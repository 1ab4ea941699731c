"""POST /completion and /completions, llama.cpp's own form.

Its streams are read by clients that know little of server-sent events (LangChain's and
LlamaIndex's llamafile classes): only `data:` lines, each a JSON object with `content`, pure
ASCII, no comments, no `[DONE]`.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from aiohttp import web

from runtime.engine.protocol import Delta, FinishReason, Generate, Started, TokenProbability
from runtime.server.body import read_json
from runtime.server.fields import Copies, GenerationFields, Probabilities, for_copy
from runtime.server.generation import Answer, collect, run, timings
from runtime.server.native.settings import settings
from runtime.server.problem import not_supported
from runtime.server.prompts import PromptField, read_prompts
from runtime.server.replies import json_response
from runtime.server.service import SERVICE, Service
from runtime.server.sse import Chunk, Style, respond

STYLE = Style(with_error={"content": "", "stop": True})

STOP_TYPES: dict[FinishReason, str] = {"stop": "eos", "word": "word", "length": "limit", "cancelled": "none"}

LEAST_LOGPROB = -9999.0


class NativeBody(GenerationFields, kw_only=True):
    """The request; fields not named here are ignored."""

    prompt: PromptField
    n: Copies | None = None
    n_cmpl: Copies | None = None
    n_probs: Probabilities | None = None
    logprobs: Probabilities | None = None
    return_tokens: bool | None = None
    post_sampling_probs: bool | None = None
    t_max_predict_ms: int | None = None
    n_indent: int | None = None

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
        requests = _requests(service, body)
        if body.stream:
            return await respond(request, _chunks(service, body, requests), STYLE)
        answers = await collect(service, requests)
        whole = [
            _last(service, body, index, pair, content=pair[1].text)
            for index, pair in enumerate(zip(requests, answers, strict=True))
        ]
        return json_response(whole if len(whole) > 1 or _is_batch(body) else whole[0])


def _requests(service: Service, body: NativeBody) -> list[Generate]:
    _refuse(body)
    n_vocab = service.facts().n_vocab
    sampling = body.sampling(service.options.sampling, n_vocab)
    return [
        Generate(
            id=service.engine.new_id(),
            prompt=prompt,
            max_tokens=body.limit(service.options.max_tokens),
            stop=body.stops(),
            sampling=for_copy(sampling, copy),
            n_probs=body.n_alternatives(),
            cache_prompt=body.cache_prompt is not False,
        )
        for prompt in read_prompts(body.prompt, n_vocab, body.copies())
        for copy in range(body.copies())
    ]


def _refuse(body: NativeBody) -> None:
    body.refuse_unsupported()
    if body.post_sampling_probs:
        raise not_supported("`post_sampling_probs`")
    for name in ("t_max_predict_ms", "n_indent"):
        if (getattr(body, name) or 0) > 0:
            raise not_supported(f"`{name}`")


def _is_batch(body: NativeBody) -> bool:
    return isinstance(body.prompt, list) and not isinstance(body.prompt[0], int)


async def _chunks(service: Service, body: NativeBody, requests: list[Generate]) -> AsyncGenerator[Chunk, None]:
    answers = [Answer() for _ in requests]
    async with aclosing(run(service, requests)) as pieces:
        async for index, piece in pieces:
            answers[index].add(piece)
            if isinstance(piece, Started):
                continue
            if isinstance(piece, Delta):
                yield _chunk(index, piece, answers[index])
            else:
                yield _last(service, body, index, (requests[index], answers[index]), content="")


def _chunk(index: int, piece: Delta, answer: Answer) -> Chunk:
    chunk: dict[str, object] = {
        "index": index,
        "content": piece.text,
        "tokens": piece.tokens,
        "stop": False,
        "id_slot": -1,
        "tokens_predicted": answer.n_predicted,
        "tokens_evaluated": answer.n_prompt,
    }
    if piece.probabilities:
        chunk["completion_probabilities"] = [_probability(one) for one in piece.probabilities]
    return chunk


def _last(service: Service, body: NativeBody, index: int, pair: tuple[Generate, Answer], content: str) -> Chunk:
    asked, answer = pair
    finished = answer.finished
    last: dict[str, object] = {
        "index": index,
        "content": content,
        "tokens": answer.tokens if body.return_tokens and not body.stream else [],
        "id_slot": -1,
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
        last["completion_probabilities"] = [_probability(one) for one in answer.probabilities]
    return last


def _probability(one: TokenProbability) -> dict[str, object]:
    return {
        "id": one.id,
        "token": one.token,
        "bytes": one.bytes,
        "logprob": max(one.logprob, LEAST_LOGPROB),
        "top_logprobs": [_probability(other) for other in one.top_logprobs],
    }
