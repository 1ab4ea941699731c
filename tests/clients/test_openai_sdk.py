"""OpenAI's own Python client, unmodified, against the executable."""

import asyncio
import json
from typing import Literal

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionMessageParam
from pydantic import BaseModel

TIMEOUT_S = 120
CAPITAL: list[ChatCompletionMessageParam] = [
    {"role": "user", "content": "What is the capital city of France? Answer in one sentence."}
]
MODEL = "any name will do"


@pytest.fixture(scope="module")
def client(server_url: str) -> OpenAI:
    return OpenAI(base_url=f"{server_url}/v1", api_key="none", timeout=TIMEOUT_S, max_retries=0)


def test_chat(client: OpenAI) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=CAPITAL, temperature=0, max_completion_tokens=40)
    choice = answer.choices[0]
    assert "Paris" in (choice.message.content or "")
    assert (choice.message.role, choice.finish_reason, choice.index) == ("assistant", "stop", 0)
    assert answer.usage is not None
    assert answer.usage.prompt_tokens > 10
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.model == client.models.list().data[0].id


def test_streamed_chat_is_the_same_text(client: OpenAI) -> None:
    whole = client.chat.completions.create(model=MODEL, messages=CAPITAL, temperature=0, max_tokens=40)
    stream = client.chat.completions.create(
        model=MODEL, messages=CAPITAL, temperature=0, max_tokens=40, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert whole.usage is not None
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert len({chunk.id for chunk in chunks}) == 1


def test_the_stream_helper(client: OpenAI) -> None:
    with client.chat.completions.stream(model=MODEL, messages=CAPITAL, temperature=0, max_tokens=40) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()
    assert "content.delta" in kinds
    assert "Paris" in (final.choices[0].message.content or "")


def test_several_choices(client: OpenAI) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=CAPITAL, n=3, seed=1, max_tokens=8)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    stream = client.chat.completions.create(model=MODEL, messages=CAPITAL, n=2, seed=1, max_tokens=8, stream=True)
    assert {choice.index for chunk in stream for choice in chunk.choices} == {0, 1}


def test_a_seed_repeats_the_answer(client: OpenAI) -> None:
    answers = [
        client.chat.completions.create(model=MODEL, messages=CAPITAL, seed=7, temperature=1, max_tokens=12)
        for _ in range(2)
    ]
    assert answers[0].choices[0].message.content == answers[1].choices[0].message.content


def test_limits_and_stops(client: OpenAI) -> None:
    short = client.chat.completions.create(model=MODEL, messages=CAPITAL, temperature=0, max_tokens=3)
    assert short.choices[0].finish_reason == "length"
    assert short.usage is not None
    assert short.usage.completion_tokens == 3
    stopped = client.chat.completions.create(model=MODEL, messages=CAPITAL, temperature=0, stop=["Paris"])
    assert stopped.choices[0].finish_reason == "stop"
    assert "Paris" not in (stopped.choices[0].message.content or "")


def test_logprobs(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model=MODEL, messages=CAPITAL, temperature=0, max_tokens=5, logprobs=True, top_logprobs=3
    )
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    assert len(logprobs.content) == 5
    for token in logprobs.content:
        assert token.logprob <= 0
        assert len(token.top_logprobs) == 3
        assert token.top_logprobs[0].token == token.token
        assert bytes(token.bytes or []).decode("utf-8", "replace") == token.token


class City(BaseModel):
    """What the parse helper asks for, and reads the answer into."""

    country: Literal["France", "Spain"]
    capital: Literal["Paris", "Madrid"]


def test_structured_output(client: OpenAI) -> None:
    parsed = client.chat.completions.parse(model=MODEL, messages=CAPITAL, temperature=0, response_format=City)
    assert parsed.choices[0].message.parsed == City(country="France", capital="Paris")
    anything = client.chat.completions.create(
        model=MODEL, messages=CAPITAL, max_tokens=200, temperature=0, response_format={"type": "json_object"}
    )
    if anything.choices[0].finish_reason == "stop":
        assert isinstance(json.loads(anything.choices[0].message.content or ""), dict)


def test_completions(client: OpenAI) -> None:
    answer = client.completions.create(model=MODEL, prompt="The capital of France is", temperature=0, max_tokens=8)
    assert "Paris" in answer.choices[0].text
    stream = client.completions.create(
        model=MODEL, prompt="The capital of France is", temperature=0, max_tokens=8, stream=True
    )
    assert "".join(chunk.choices[0].text for chunk in stream) == answer.choices[0].text
    echoed = client.completions.create(
        model=MODEL, prompt="The capital of France is", echo=True, logprobs=1, temperature=0, max_tokens=1
    ).choices[0]
    assert echoed.text.startswith("The capital of France is Paris")
    assert echoed.logprobs is not None
    assert "".join(echoed.logprobs.tokens or []) == echoed.text
    assert echoed.logprobs.text_offset == [echoed.text.index(token) for token in echoed.logprobs.tokens or []]
    best = client.completions.create(model=MODEL, prompt="One, two,", best_of=4, n=2, max_tokens=4, temperature=1)
    assert [choice.index for choice in best.choices] == [0, 1]
    with pytest.raises(openai.BadRequestError, match="no tokens for filling in text"):
        client.completions.create(model=MODEL, prompt="a", suffix="b")
    several = client.completions.create(model=MODEL, prompt=["One, two,", "A, B,"], max_tokens=2, logprobs=2)
    assert [choice.index for choice in several.choices] == [0, 1]
    assert several.choices[0].logprobs is not None
    assert len(several.choices[0].logprobs.tokens or []) == 2


def test_models(client: OpenAI) -> None:
    model = client.models.list().data[0]
    assert client.models.retrieve(model.id) == model
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no-such-model")


def test_refusals_have_their_types(client: OpenAI) -> None:
    picture: ChatCompletionMessageParam = {
        "role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}]
    }  # fmt: skip
    with pytest.raises(openai.BadRequestError, match="this model reads text only"):
        client.chat.completions.create(model=MODEL, messages=[picture])
    with pytest.raises(openai.BadRequestError, match="`temperature`: expected"):
        client.chat.completions.create(model=MODEL, messages=CAPITAL, temperature=-1)
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "word " * 20_000}])
    error = refused.value.body
    assert isinstance(error, dict)
    assert error["type"] == "exceed_context_size_error"
    assert error["n_prompt_tokens"] > error["n_ctx"] > 0


def test_a_stream_can_be_left(client: OpenAI) -> None:
    for _ in range(5):
        stream = client.chat.completions.create(model=MODEL, messages=CAPITAL, stream=True)
        next(stream)
        stream.close()
    assert client.chat.completions.create(model=MODEL, messages=CAPITAL, max_tokens=1).choices


def test_many_at_once(server_url: str) -> None:
    async def ask_all() -> list[str]:
        async with AsyncOpenAI(base_url=f"{server_url}/v1", api_key="none", timeout=TIMEOUT_S) as client:

            async def ask() -> str:
                answer = await client.chat.completions.create(
                    model=MODEL, messages=CAPITAL, temperature=0, max_tokens=40
                )
                return answer.choices[0].message.content or ""

            return await asyncio.gather(*[ask() for _ in range(8)])

    assert all("Paris" in answer for answer in asyncio.run(ask_all()))
