"""Asks the engine what has one answer: vectors, scores, tokens, prompts, the state of its slots."""

from typing import TypeVar

from runtime.engine.protocol import (
    Detokenize,
    Detokenized,
    Failed,
    Prompt,
    Question,
    Terminal,
    Tokenize,
    Tokenized,
)
from runtime.server.observing import watching
from runtime.server.problem import from_engine
from runtime.server.service import Service

Found = TypeVar("Found", bound=Terminal)


async def ask(service: Service, question: Question, expected: type[Found]) -> Found:
    """Return the engine's answer. Raises: Problem when it refuses."""
    with watching(service, question) as work:
        answer = await service.engine.ask(question)
        work.end(answer)
    if isinstance(answer, Failed):
        raise from_engine(answer)
    if not isinstance(answer, expected):
        raise TypeError(f"asked a {type(question).__name__}, the engine answered {type(answer).__name__}")
    return answer


async def tokenize(
    service: Service, content: Prompt, *, add_special: bool = False, parse_special: bool = True
) -> Tokenized:
    """Return the tokens of `content`. Raises: Problem."""
    question = Tokenize(
        id=service.engine.new_id(), content=content, add_special=add_special, parse_special=parse_special
    )
    return await ask(service, question, Tokenized)


async def detokenize(service: Service, tokens: list[int]) -> str:
    """Return the text of `tokens`. Raises: Problem."""
    return (await ask(service, Detokenize(id=service.engine.new_id(), tokens=tokens), Detokenized)).text
