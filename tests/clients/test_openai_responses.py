"""OpenAI's responses by its own Python client, unmodified, against the executable."""

import asyncio
import json

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.responses import FunctionToolParam
from pydantic import BaseModel

TIMEOUT_S = 120
MODEL = "any name will do"
CAPITAL = "What is the capital city of France? Answer in one sentence."
WEATHER: FunctionToolParam = {
    "type": "function",
    "name": "get_weather",
    "description": "Tells the weather in a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}


@pytest.fixture(scope="module")
def client(server_url: str) -> OpenAI:
    return OpenAI(base_url=f"{server_url}/v1", api_key="none", timeout=TIMEOUT_S, max_retries=0)


def test_a_conversation(client: OpenAI) -> None:
    first = client.responses.create(model=MODEL, input=CAPITAL, temperature=0, max_output_tokens=40)
    assert "Paris" in first.output_text
    assert first.status == "completed"
    assert first.usage is not None
    assert first.usage.total_tokens == first.usage.input_tokens + first.usage.output_tokens
    second = client.responses.create(
        model=MODEL, input="And of Spain?", previous_response_id=first.id, temperature=0, max_output_tokens=40
    )
    assert "Madrid" in second.output_text
    assert second.usage is not None
    assert second.usage.input_tokens > first.usage.input_tokens
    assert client.responses.retrieve(second.id) == second
    client.responses.delete(second.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(second.id)
    with pytest.raises(openai.BadRequestError, match="there is no response"):
        client.responses.create(model=MODEL, input="And?", previous_response_id=second.id)


def test_a_stream(client: OpenAI) -> None:
    stream = client.responses.create(model=MODEL, input=CAPITAL, temperature=0, max_output_tokens=40, stream=True)
    events = list(stream)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[0].type == "response.created"
    last = events[-1]
    assert last.type == "response.completed"
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == last.response.output_text
    assert "Paris" in text


def test_the_stream_helper(client: OpenAI) -> None:
    with client.responses.stream(model=MODEL, input=CAPITAL, temperature=0, max_output_tokens=3) as stream:
        *_, last = stream
    assert last.type == "response.incomplete"
    assert last.response.incomplete_details is not None
    assert last.response.incomplete_details.reason == "max_output_tokens"


def test_tools(client: OpenAI) -> None:
    question = "What is the weather in Paris?"
    first = client.responses.create(
        model=MODEL, input=question, tools=[WEATHER], temperature=0,
        tool_choice={"type": "function", "name": "get_weather"},
    )  # fmt: skip
    (call,) = first.output
    assert call.type == "function_call"
    assert set(json.loads(call.arguments)) == {"city"}
    after = client.responses.create(
        model=MODEL, previous_response_id=first.id, tools=[WEATHER], tool_choice="none", max_output_tokens=30,
        input=[{"type": "function_call_output", "call_id": call.call_id, "output": "Rain."}],
    )  # fmt: skip
    assert after.output_text


def test_streamed_tools(client: OpenAI) -> None:
    with client.responses.stream(
        model=MODEL, input="What is the weather in Paris?", tools=[WEATHER], tool_choice="required",
        parallel_tool_calls=False, temperature=0,
    ) as stream:  # fmt: skip
        kinds = {event.type for event in stream}
        final = stream.get_final_response()
    assert {"response.function_call_arguments.delta", "response.function_call_arguments.done"} <= kinds
    (call,) = final.output
    assert call.type == "function_call"
    assert set(json.loads(call.arguments)) == {"city"}


class Capital(BaseModel):
    """What the parse helper asks for."""

    country: str
    capital: str


def test_structured_output(client: OpenAI) -> None:
    parsed = client.responses.parse(
        model=MODEL, input=CAPITAL, text_format=Capital, temperature=0, max_output_tokens=100
    )
    assert isinstance(parsed.output_parsed, Capital)


def test_counting(client: OpenAI) -> None:
    counted = client.responses.input_tokens.count(model=MODEL, input=CAPITAL)
    answer = client.responses.create(model=MODEL, input=CAPITAL, max_output_tokens=1)
    assert answer.usage is not None
    assert counted.input_tokens == answer.usage.input_tokens


def test_without_blocking(server_url: str) -> None:
    async def scenario() -> str:
        async with (
            AsyncOpenAI(base_url=f"{server_url}/v1", api_key="none", timeout=TIMEOUT_S) as client,
            client.responses.stream(model=MODEL, input=CAPITAL, temperature=0, max_output_tokens=40) as stream,
        ):
            return (await stream.get_final_response()).output_text

    assert "Paris" in asyncio.run(scenario())


def test_refusals(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="the tool `web_search` is not supported"):
        client.responses.create(model=MODEL, input="x", tools=[{"type": "web_search"}])
