"""Tools by OpenAI's own Python client, unmodified, against the executable."""

import asyncio
import json

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionFunctionToolParam, ChatCompletionMessageParam
from pydantic import BaseModel

TIMEOUT_S = 120
MODEL = "any name will do"
QUESTION: list[ChatCompletionMessageParam] = [{"role": "user", "content": "What is the weather in Paris?"}]
WEATHER: ChatCompletionFunctionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tells the weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]}},
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
    },
}
TIME: ChatCompletionFunctionToolParam = {"type": "function", "function": {"name": "get_time", "parameters": {}}}


@pytest.fixture(scope="module")
def client(server_url: str) -> OpenAI:
    return OpenAI(base_url=f"{server_url}/v1", api_key="none", timeout=TIMEOUT_S, max_retries=0)


def is_call(name: str, arguments: str) -> bool:
    """Whether a call is one that the schema of its arguments allows."""
    found = json.loads(arguments)
    return name == "get_weather" and set(found) == {"city", "unit"} and found["unit"] in ("celsius", "fahrenheit")


def test_a_named_tool(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model=MODEL, messages=QUESTION, tools=[TIME, WEATHER], temperature=0,
        tool_choice={"type": "function", "function": {"name": "get_weather"}},
    )  # fmt: skip
    choice = answer.choices[0]
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    (call,) = choice.message.tool_calls or []
    assert call.type == "function"
    assert is_call(call.function.name, call.function.arguments)
    result: ChatCompletionMessageParam = {"role": "tool", "tool_call_id": call.id, "content": "Rain, 9 degrees."}
    turn: ChatCompletionMessageParam = {
        "role": "assistant",
        "tool_calls": [{"id": call.id, "type": "function", "function": call.function.to_dict()}],  # type: ignore[typeddict-item]
    }
    after = client.chat.completions.create(
        model=MODEL, messages=[*QUESTION, turn, result], tools=[TIME, WEATHER], tool_choice="none", max_tokens=20
    )
    assert after.choices[0].message.content
    assert after.choices[0].message.tool_calls is None


def test_a_required_tool(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model=MODEL, messages=QUESTION, tools=[WEATHER, TIME], tool_choice="required", parallel_tool_calls=False,
        temperature=0, max_tokens=200,
    )  # fmt: skip
    (call,) = answer.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert call.function.name in ("get_weather", "get_time")
    assert isinstance(json.loads(call.function.arguments), dict)


def test_streamed_calls(client: OpenAI) -> None:
    stream = client.chat.completions.create(
        model=MODEL, messages=QUESTION, tools=[WEATHER], tool_choice="required", parallel_tool_calls=False,
        temperature=0, stream=True,
    )  # fmt: skip
    chunks = [chunk.choices[0] for chunk in stream]
    calls = [call for chunk in chunks for call in chunk.delta.tool_calls or []]
    first, *rest = calls
    assert first.id
    assert first.function is not None
    assert (first.type, first.function.name, first.function.arguments) == ("function", "get_weather", "")
    assert all((call.index, call.id, call.type) == (0, None, None) for call in rest)
    assert len(rest) > 2
    assert is_call("get_weather", "".join(call.function.arguments or "" for call in rest if call.function))
    assert [chunk.finish_reason for chunk in chunks if chunk.finish_reason] == ["tool_calls"]


def test_the_stream_helper(client: OpenAI) -> None:
    with client.chat.completions.stream(
        model=MODEL, messages=QUESTION, tools=[WEATHER], tool_choice="required", parallel_tool_calls=False,
        temperature=0,
    ) as stream:  # fmt: skip
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert {"tool_calls.function.arguments.delta", "tool_calls.function.arguments.done"} <= kinds
    (call,) = final.choices[0].message.tool_calls or []
    assert is_call(call.function.name, call.function.arguments)


class GetWeather(BaseModel):
    """Tells the weather in a city."""

    city: str


def test_parsed_arguments(client: OpenAI) -> None:
    answer = client.chat.completions.parse(
        model=MODEL, messages=QUESTION, tools=[openai.pydantic_function_tool(GetWeather)], temperature=0,
        tool_choice={"type": "function", "function": {"name": "GetWeather"}},
    )  # fmt: skip
    (call,) = answer.choices[0].message.tool_calls or []
    assert isinstance(call.function.parsed_arguments, GetWeather)


def test_the_older_form(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model=MODEL, messages=QUESTION, functions=[WEATHER["function"]], function_call={"name": "get_weather"},
        temperature=0,
    )  # fmt: skip
    call = answer.choices[0].message.function_call
    assert call is not None
    assert is_call(call.name, call.arguments)
    assert answer.choices[0].finish_reason == "function_call"


def test_without_blocking(server_url: str) -> None:
    async def scenario() -> list[str]:
        async with AsyncOpenAI(base_url=f"{server_url}/v1", api_key="none", timeout=TIMEOUT_S) as client:
            stream = await client.chat.completions.create(
                model=MODEL, messages=QUESTION, tools=[WEATHER], temperature=0, stream=True,
                tool_choice={"type": "function", "function": {"name": "get_weather"}},
            )  # fmt: skip
            deltas = [chunk.choices[0].delta async for chunk in stream]
            return [
                call.function.arguments or ""
                for delta in deltas
                for call in delta.tool_calls or []
                if call.function is not None
            ]

    assert is_call("get_weather", "".join(asyncio.run(scenario())))


def test_refusals(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="there is no tool `other`"):
        client.chat.completions.create(
            model=MODEL, messages=QUESTION, tools=[WEATHER],
            tool_choice={"type": "function", "function": {"name": "other"}},
        )  # fmt: skip
