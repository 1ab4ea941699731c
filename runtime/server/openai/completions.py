"""POST /v1/completions."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from aiohttp import web

from runtime.engine.protocol import Delta, Finished, Generate, Progress
from runtime.server.adapters import ADAPTERS
from runtime.server.biases import spell_out
from runtime.server.body import read_json
from runtime.server.completed import completed
from runtime.server.counts import prompt_progress, timings, usage
from runtime.server.generation import Answer, AnswerEvent, collect, run
from runtime.server.openai.chunks import STYLE, finish_reason, frame
from runtime.server.openai.completion_request import CompletionBody, asked_for, prompt_text
from runtime.server.openai.text_logprobs import TextLogprobs, echoed
from runtime.server.probabilities import mean_logprob
from runtime.server.replies import json_response
from runtime.server.service import SERVICE, Service
from runtime.server.sse import Chunk, respond
from runtime.server.stopwatch import Stopwatch


async def answer(request: web.Request) -> web.StreamResponse:
    """Continue the prompts, whole or as a stream; choice `i * n + j` is the j-th for prompt i."""
    body = await read_json(request, CompletionBody)
    async with request.app[SERVICE].resolve(body.model) as service:
        adapters = await request.app[ADAPTERS].chosen(service, body.model, body.lora)
        await spell_out(service, body)
        asked = asked_for(service, body, adapters)
        if body.stream:
            return await respond(request, _chunks(service, body, asked), STYLE)
        return json_response(_whole(service, body, asked, await collect(service, asked)))


def _whole(service: Service, body: CompletionBody, asked: list[Generate], answers: list[Answer]) -> dict[str, object]:
    told = [pair for pairs in _by_prompt(body, asked, answers) for pair in _best(pairs, body.n_told)]
    choices = [_Choice(service, body, index, *pair).whole() for index, pair in enumerate(told)]
    whole = {**frame(service, "text_completion", "cmpl"), "choices": choices}
    whole["usage"] = usage(answers, copies=body.n_made)
    if answers[-1].finished:
        whole["timings"] = timings(answers[-1].finished.timings)
    if body.verbose:
        whole["__verbose"] = completed(service, body, *told[0], content=told[0][1].text)
    return whole


def _by_prompt(
    body: CompletionBody, asked: list[Generate], answers: list[Answer]
) -> list[list[tuple[Generate, Answer]]]:
    pairs = list(zip(asked, answers, strict=True))
    return [pairs[start : start + body.n_made] for start in range(0, len(pairs), body.n_made)]


def _best(pairs: list[tuple[Generate, Answer]], n_told: int) -> list[tuple[Generate, Answer]]:
    """The answers whose tokens were likeliest on average, the best first; all of them in their order."""
    if len(pairs) == n_told:
        return pairs
    return sorted(pairs, key=lambda pair: mean_logprob(pair[1].probabilities), reverse=True)[:n_told]


async def _chunks(service: Service, body: CompletionBody, asked: Sequence[Generate]) -> AsyncGenerator[Chunk, None]:
    base = frame(service, "text_completion", "cmpl")
    choices = [_Choice(service, body, index, one, Answer()) for index, one in enumerate(asked)]
    measured: dict[str, object] = {}
    async with aclosing(run(service, asked)) as events:
        async for index, event in events:
            chunk = choices[index].take(event)
            if isinstance(event, Finished):
                measured = {"timings": timings(event.timings)}
                if body.verbose:
                    measured["__verbose"] = completed(service, body, asked[index], choices[index].answer)
                is_last = all(one.answer.finished for one in choices) and not body.wants_usage()
                chunk |= measured if is_last else {}
            if chunk:
                yield {**base, **chunk}
    if body.wants_usage():
        counts = usage([one.answer for one in choices], copies=body.n_told)
        yield {**base, "choices": [], "usage": counts, **measured}


class _Choice:
    """One of the answers, whole or chunk by chunk."""

    def __init__(self, service: Service, body: CompletionBody, index: int, asked: Generate, answer: Answer) -> None:
        self.answer = answer
        self._facts = service.facts()
        self._index = index
        self._asked = asked
        self._echoes = bool(body.echo)
        self._logprobs = TextLogprobs(body.logprobs)
        self._watch = Stopwatch() if body.timings_per_token else None

    def whole(self) -> dict[str, object]:
        """The finished choice."""
        finished = self.answer.finished
        text, logprobs = self._echo() + self.answer.text, self._told(self.answer)
        return self._choice(text, logprobs, finish_reason(finished.reason) if finished else None)

    def take(self, event: AnswerEvent) -> dict[str, object]:
        """Take in the next event; return what its chunk holds: nothing where it has none."""
        self.answer.add(event)
        if self._watch is not None:
            self._watch.take(event)
        if isinstance(event, Progress):
            return {"choices": [self._choice("", None)], "prompt_progress": prompt_progress(event)}
        if isinstance(event, Delta):
            choice = self._choice(self._echo() + event.text, self._told(event))
            return {"choices": [choice], **({"timings": timings(self._watch.read())} if self._watch else {})}
        if isinstance(event, Finished):
            text, reason = self._echo(), finish_reason(event.reason)
            return {"choices": [self._choice(text, self._told(Answer()) if text else None, reason)]}
        return {}

    def _echo(self) -> str:
        """The prompt, where the text begins."""
        started = self.answer.started
        return prompt_text(self._asked, started.prompt) if self._echoes and started else ""

    def _told(self, part: Delta | Answer) -> dict[str, object] | None:
        prompt = echoed(self._facts, self._asked.prompt, self.answer.prompt_probabilities) if self._echoes else []
        self._echoes = False
        return self._logprobs.of(part.probabilities, prompt=prompt)

    def _choice(self, text: str, logprobs: dict[str, object] | None, reason: str | None = None) -> dict[str, object]:
        return {"index": self._index, "text": text, "logprobs": logprobs, "finish_reason": reason}
