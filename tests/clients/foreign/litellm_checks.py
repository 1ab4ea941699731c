"""litellm, unmodified, by its providers for OpenAI's dialect and for llamafile."""

import asyncio
import json
import os

import litellm
import pytest

URL = os.environ["LMFILE_URL"]
QUESTION = [{"role": "user", "content": "What is the capital city of France? Answer in one sentence."}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tells the weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
PROVIDERS = ["openai/any", "llamafile/any"]


def arguments(model: str) -> dict[str, object]:
    return {"model": model, "api_base": f"{URL}/v1", "api_key": "none", "temperature": 0, "timeout": 120}


@pytest.mark.parametrize("model", PROVIDERS)
def test_chat(model: str) -> None:
    answer = litellm.completion(**arguments(model), messages=QUESTION, max_tokens=40)
    assert "Paris" in answer.choices[0].message.content
    assert answer.usage.completion_tokens > 0


@pytest.mark.parametrize("model", PROVIDERS)
def test_stream(model: str) -> None:
    stream = litellm.completion(
        **arguments(model), messages=QUESTION, max_tokens=40, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert "Paris" in text
    whole = litellm.stream_chunk_builder(chunks)
    assert whole.choices[0].message.content == text


@pytest.mark.parametrize("model", PROVIDERS)
def test_tools(model: str) -> None:
    wanted = {"type": "function", "function": {"name": "get_weather"}}
    asked = {
        **arguments(model),
        "messages": [{"role": "user", "content": "What is the weather in Paris?"}],
        "tools": [WEATHER],
        "tool_choice": wanted,
    }
    (call,) = litellm.completion(**asked).choices[0].message.tool_calls
    assert call.function.name == "get_weather"
    assert set(json.loads(call.function.arguments)) == {"city"}
    streamed = litellm.stream_chunk_builder(list(litellm.completion(**asked, stream=True)))
    assert json.loads(streamed.choices[0].message.tool_calls[0].function.arguments) == json.loads(
        call.function.arguments
    )


def test_without_blocking() -> None:
    answer = asyncio.run(litellm.acompletion(**arguments("openai/any"), messages=QUESTION, max_tokens=40))
    assert "Paris" in answer.choices[0].message.content


def test_text_completion() -> None:
    answer = litellm.text_completion(
        **arguments("text-completion-openai/any"), prompt="The capital of France is", max_tokens=8
    )
    assert "Paris" in answer.choices[0].text


def test_responses() -> None:
    answer = litellm.responses(**arguments("openai/any"), input=QUESTION[0]["content"], max_output_tokens=40)
    assert "Paris" in answer.output[0].content[0].text


def test_embeddings() -> None:
    url = os.environ["LMFILE_EMBEDDING_URL"]
    found = litellm.embedding(
        model="openai/minilm", api_base=f"{url}/v1", api_key="none", input=["a cat", "a dog"], encoding_format="float"
    )
    assert [len(one["embedding"]) for one in found.data] == [384, 384]


def test_refusals() -> None:
    with pytest.raises(litellm.BadRequestError):
        litellm.completion(**{**arguments("openai/any"), "temperature": -1}, messages=QUESTION)
    with pytest.raises(litellm.ContextWindowExceededError):
        litellm.completion(**arguments("openai/any"), messages=[{"role": "user", "content": "word " * 20_000}])
