"""Anthropic's own Python client, unmodified, against the executable."""

import asyncio
from typing import Literal

import anthropic
import pytest
from anthropic import Anthropic, AsyncAnthropic, beta_tool
from anthropic.types import MessageParam, ToolParam, ToolUseBlock
from pydantic import BaseModel

TIMEOUT_S = 120
MODEL = "any name will do"
GREEDY = {"temperature": 0}
"""The client has no argument of its own for it any more."""
CAPITAL: list[MessageParam] = [
    {"role": "user", "content": "What is the capital city of France? Answer in one sentence."}
]
WEATHER: ToolParam = {
    "name": "get_weather",
    "description": "Tells the weather of a city.",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string", "enum": ["Paris", "Rome"]}},
        "required": ["city"],
        "additionalProperties": False,
    },
}


@pytest.fixture(scope="module")
def client(server_url: str) -> Anthropic:
    return Anthropic(base_url=server_url, api_key="none", timeout=TIMEOUT_S, max_retries=0)


def test_a_message(client: Anthropic) -> None:
    message = client.messages.create(model=MODEL, max_tokens=40, extra_body=GREEDY, messages=CAPITAL)
    (block,) = message.content
    assert block.type == "text"
    assert "Paris" in block.text
    assert (message.type, message.role, message.stop_reason, message.stop_sequence) == (
        "message", "assistant", "end_turn", None,
    )  # fmt: skip
    assert message.id.startswith("msg_")
    assert message._request_id
    again = client.messages.create(model=MODEL, max_tokens=40, extra_body=GREEDY, messages=CAPITAL)
    assert again.usage.cache_read_input_tokens
    for usage in (message.usage, again.usage):
        assert usage.input_tokens + (usage.cache_read_input_tokens or 0) > 10
    assert again.usage.output_tokens == message.usage.output_tokens


def test_a_stream_is_the_same_text(client: Anthropic) -> None:
    whole = client.messages.create(model=MODEL, max_tokens=40, extra_body=GREEDY, messages=CAPITAL)
    events = list(client.messages.create(model=MODEL, max_tokens=40, extra_body=GREEDY, messages=CAPITAL, stream=True))
    assert [event.type for event in events if event.type != "content_block_delta"] == [
        "message_start", "content_block_start", "content_block_stop", "message_delta", "message_stop",
    ]  # fmt: skip
    with client.messages.stream(model=MODEL, max_tokens=40, extra_body=GREEDY, messages=CAPITAL) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert whole.content[0].type == final.content[0].type == "text"
    assert text == whole.content[0].text == final.content[0].text
    assert final.usage.output_tokens == whole.usage.output_tokens
    assert final.stop_reason == "end_turn"


def test_limits_stops_and_prefill(client: Anthropic) -> None:
    short = client.messages.create(model=MODEL, max_tokens=3, extra_body=GREEDY, messages=CAPITAL)
    assert (short.stop_reason, short.usage.output_tokens) == ("max_tokens", 3)
    stopped = client.messages.create(
        model=MODEL, max_tokens=40, extra_body=GREEDY, messages=CAPITAL, stop_sequences=["Paris"]
    )
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", "Paris")
    assert stopped.content[0].type == "text"
    assert "Paris" not in stopped.content[0].text
    begun: list[MessageParam] = [*CAPITAL, {"role": "assistant", "content": "The capital city of France is"}]
    message = client.messages.create(model=MODEL, max_tokens=10, extra_body=GREEDY, messages=begun)
    assert message.content[0].type == "text"
    assert message.content[0].text.lstrip().startswith("Paris")


def test_a_conversation_with_a_system_prompt(client: Anthropic) -> None:
    first = client.messages.create(model=MODEL, max_tokens=30, extra_body=GREEDY, system="Be brief.", messages=CAPITAL)
    message = client.messages.create(
        model=MODEL,
        max_tokens=30,
        extra_body=GREEDY,
        system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        messages=[*CAPITAL, first.to_param(), {"role": "user", "content": [{"type": "text", "text": "And of Italy?"}]}],
    )
    assert message.usage.cache_read_input_tokens
    assert message.content[0].type == "text"


def test_tokens_are_counted(client: Anthropic) -> None:
    count = client.messages.count_tokens(model=MODEL, messages=CAPITAL).input_tokens
    message = client.messages.create(model=MODEL, max_tokens=1, messages=CAPITAL)
    assert count == message.usage.input_tokens + (message.usage.cache_read_input_tokens or 0)
    assert client.messages.count_tokens(model=MODEL, messages=CAPITAL, tools=[WEATHER]).input_tokens > count


def test_a_tool_is_called(client: Anthropic) -> None:
    question: MessageParam = {"role": "user", "content": "What is the weather in Rome?"}
    message = client.messages.create(
        model=MODEL,
        max_tokens=100,
        extra_body=GREEDY,
        messages=[question],
        tools=[WEATHER],
        tool_choice={"type": "any"},
    )
    assert message.stop_reason == "tool_use"
    call = message.content[-1]
    assert isinstance(call, ToolUseBlock)
    assert call.id.startswith("toolu_")
    assert call.name == "get_weather"
    assert call.input["city"] in ("Paris", "Rome")
    after = client.messages.create(
        model=MODEL,
        max_tokens=40,
        extra_body=GREEDY,
        tools=[WEATHER],
        tool_choice={"type": "none"},
        messages=[
            question,
            message.to_param(),
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}]},
        ],
    )
    assert after.stop_reason in ("end_turn", "max_tokens")


def test_a_streamed_call(client: Anthropic) -> None:
    with client.messages.stream(
        model=MODEL,
        max_tokens=100,
        extra_body=GREEDY,
        messages=[{"role": "user", "content": "What is the weather in Rome?"}],
        tools=[WEATHER],
        tool_choice={"type": "tool", "name": "get_weather", "disable_parallel_tool_use": True},
    ) as stream:
        grown = "".join(event.partial_json for event in stream if event.type == "input_json")
        message = stream.get_final_message()
    (call,) = [block for block in message.content if block.type == "tool_use"]
    assert call.input["city"] in grown
    assert message.stop_reason == "tool_use"


def test_the_tool_runner(client: Anthropic) -> None:
    asked = []

    @beta_tool
    def get_time(city: Literal["Paris", "Rome"]) -> str:
        """Tells what time it is in a city."""
        asked.append(city)
        return "noon"

    runner = client.beta.messages.tool_runner(
        model=MODEL,
        max_tokens=60,
        extra_body=GREEDY,
        tools=[get_time],
        messages=[{"role": "user", "content": "Which time is it in Rome?"}],
        tool_choice={"type": "any"},
        max_iterations=2,
    )
    messages = list(runner)
    assert 1 <= len(messages) <= 2
    assert asked
    assert messages[0].stop_reason == "tool_use"


class Animal(BaseModel):
    """What the parse helper is asked for."""

    name: str
    legs: Literal[2, 4]


def test_structured_output(client: Anthropic) -> None:
    asked: list[MessageParam] = [{"role": "user", "content": "Describe a dog as JSON."}]
    parsed = client.messages.parse(
        model=MODEL, max_tokens=60, extra_body=GREEDY, messages=asked, output_format=Animal
    ).parsed_output
    assert isinstance(parsed, Animal)
    with client.messages.stream(
        model=MODEL, max_tokens=60, extra_body=GREEDY, messages=asked, output_format=Animal
    ) as stream:
        assert stream.get_final_message().parsed_output == parsed


def test_the_async_client(server_url: str) -> None:
    async def talk() -> tuple[str, list[str]]:
        async with AsyncAnthropic(base_url=server_url, api_key="none", timeout=TIMEOUT_S, max_retries=0) as client:
            one = client.messages.create(model=MODEL, max_tokens=40, extra_body=GREEDY, messages=CAPITAL)
            two = client.messages.create(model=MODEL, max_tokens=40, extra_body=GREEDY, messages=CAPITAL)
            await asyncio.gather(one, two)
            async with client.messages.stream(
                model=MODEL, max_tokens=40, extra_body=GREEDY, messages=CAPITAL
            ) as stream:
                texts = [text async for text in stream.text_stream]
                return await stream.get_final_text(), texts

    text, texts = asyncio.run(talk())
    assert text == "".join(texts)
    assert "Paris" in text


def test_models_are_listed(client: Anthropic) -> None:
    (model,) = client.models.list()
    assert (model.type, model.display_name) == ("model", model.id)
    assert model.created_at.year > 2000
    assert client.models.retrieve(model.id) == model


def test_errors_are_the_clients_own(client: Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError) as refused:
        client.messages.create(model=MODEL, max_tokens=-1, messages=CAPITAL)
    assert refused.value.type == "invalid_request_error"
    assert "`max_tokens`" in refused.value.message
    assert refused.value.request_id
    with pytest.raises(anthropic.BadRequestError, match="text only"):
        client.messages.create(
            model=MODEL,
            max_tokens=1,
            messages=[
                {
                    "role": "user",
                    "content": [{"type": "image", "source": {"type": "url", "url": "https://example.org"}}],
                }
            ],
        )
    with pytest.raises(anthropic.BadRequestError) as kept:
        client.beta.messages.thread(model=MODEL, max_tokens=1, messages=CAPITAL).send()
    assert kept.value.error_code == "thread_unsupported_request"
    with pytest.raises(anthropic.NotFoundError):
        client.messages.batches.list()
    book: list[MessageParam] = [{"role": "user", "content": "word " * 60_000}]
    with pytest.raises(anthropic.BadRequestError, match="context"):
        client.messages.create(model=MODEL, max_tokens=1, messages=book)
