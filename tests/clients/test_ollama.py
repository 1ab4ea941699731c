"""Ollama's own Python client, unmodified, against the executable: everything that it can do with a server."""

import asyncio
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import ollama
import pytest
from pydantic import BaseModel

MODEL = "smollm2"
TIMEOUT_S = 120
CAPITAL = [{"role": "user", "content": "What is the capital city of France? Answer in one sentence."}]
GREEDY = {"temperature": 0, "num_predict": 40}


@pytest.fixture(scope="module")
def client(server_url: str) -> ollama.Client:
    return ollama.Client(host=server_url, timeout=TIMEOUT_S)


def add_two_numbers(a: int, b: int) -> int:
    """Add two numbers.

    Args:
        a: The first number.
        b: The second number.

    Returns:
        The sum.
    """
    return a + b


class City(BaseModel):
    """What an answer is read into."""

    country: str
    capital: str


def test_chat(client: ollama.Client) -> None:
    answer = client.chat(model=MODEL, messages=CAPITAL, options=GREEDY)
    assert "Paris" in (answer.message.content or "")
    assert (answer.done, answer.done_reason, answer.message.role, answer.model) == (True, "stop", "assistant", MODEL)
    assert answer.prompt_eval_count
    assert answer.prompt_eval_count > 10
    assert answer.eval_count
    assert (answer.total_duration or 0) >= (answer.eval_duration or 0) > 0


def test_streamed_chat_is_the_same_text(client: ollama.Client) -> None:
    whole = client.chat(model=MODEL, messages=CAPITAL, options=GREEDY)
    parts = list(client.chat(model=MODEL, messages=CAPITAL, options=GREEDY, stream=True))
    assert len(parts) > 3
    assert "".join(part.message.content or "" for part in parts) == whole.message.content
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    assert parts[-1].eval_count == whole.eval_count


def test_generate(client: ollama.Client) -> None:
    answer = client.generate(model=MODEL, prompt=CAPITAL[0]["content"], options=GREEDY)
    assert "Paris" in answer.response
    parts = list(client.generate(model=MODEL, prompt=CAPITAL[0]["content"], options=GREEDY, stream=True))
    assert "".join(part.response for part in parts) == answer.response
    short = client.generate(model=MODEL, prompt="Count.", options={"num_predict": 3, "temperature": 0})
    assert (short.done_reason, short.eval_count) == ("length", 3)
    raw = client.generate(model=MODEL, prompt="1, 2, 3, 4,", raw=True, options={"num_predict": 4, "temperature": 0})
    assert "5" in raw.response
    stopped = client.generate(model=MODEL, prompt=CAPITAL[0]["content"], options={**GREEDY, "stop": ["Paris"]})
    assert "Paris" not in stopped.response


def test_generate_goes_on_from_an_earlier_answer(client: ollama.Client) -> None:
    first = client.generate(model=MODEL, prompt="My name is Zebedee. Say hello to me.", options=GREEDY)
    assert first.context
    then = client.generate(model=MODEL, prompt="What is my name?", context=first.context, options=GREEDY)
    assert "Zebedee" in then.response
    assert (then.prompt_eval_count or 0) > len(first.context)
    alone = client.generate(model=MODEL, prompt="What is my name?", options=GREEDY)
    assert "Zebedee" not in alone.response


def test_likelihoods(client: ollama.Client) -> None:
    answer = client.chat(model=MODEL, messages=CAPITAL, options=GREEDY, logprobs=True, top_logprobs=2)
    assert answer.logprobs
    assert len(answer.logprobs) >= 3
    for token in answer.logprobs:
        assert token.logprob <= 0
        assert len(token.top_logprobs or []) == 2


def test_structured_output(client: ollama.Client) -> None:
    answer = client.chat(model=MODEL, messages=CAPITAL, format=City.model_json_schema(), options={"temperature": 0})
    assert City.model_validate_json(answer.message.content or "").capital == "Paris"
    anything = client.generate(model=MODEL, prompt="A JSON object, please.", format="json", options={"temperature": 0})
    assert isinstance(json.loads(anything.response), dict)


def test_tools(client: ollama.Client) -> None:
    messages: list[ollama.Message] = [ollama.Message(role="user", content="What is 7 plus 35? Use the tool.")]
    answer = client.chat(model=MODEL, messages=messages, tools=[add_two_numbers], options={"temperature": 0})
    for call in answer.message.tool_calls or []:
        assert call.function.name == "add_two_numbers"
        assert isinstance(call.function.arguments, dict)
    call_of_tool = ollama.Message.ToolCall(
        function=ollama.Message.ToolCall.Function(name="add_two_numbers", arguments={"a": 7, "b": 35})
    )
    messages += [
        ollama.Message(role="assistant", tool_calls=[call_of_tool]),
        ollama.Message(role="tool", tool_name="add_two_numbers", content="42"),
    ]
    told = client.chat(model=MODEL, messages=messages, tools=[add_two_numbers], options=GREEDY)
    assert told.message.content or told.message.tool_calls
    streamed = list(
        client.chat(
            model=MODEL, messages=messages[:1], tools=[add_two_numbers], options={"temperature": 0}, stream=True
        )
    )
    calls = [call for part in streamed for call in part.message.tool_calls or []]
    assert calls == list(answer.message.tool_calls or [])


def test_a_model_that_does_not_think_says_so(client: ollama.Client) -> None:
    assert client.chat(model=MODEL, messages=CAPITAL, think=False, options=GREEDY).message.thinking is None
    with pytest.raises(ollama.ResponseError, match="does not support thinking") as refused:
        client.chat(model=MODEL, messages=CAPITAL, think="high")
    assert refused.value.status_code == 400


def test_images_are_refused(client: ollama.Client) -> None:
    message = ollama.Message(role="user", content="What is this?", images=[ollama.Image(value=b"GIF89a")])
    with pytest.raises(ollama.ResponseError, match="images"):
        client.chat(model=MODEL, messages=[message])


def test_what_there_is(client: ollama.Client) -> None:
    listed = client.list().models
    assert [one.model for one in listed] == [f"{MODEL}:latest"]
    assert listed[0].size
    assert listed[0].size > 50e6
    assert len(listed[0].digest or "") == 64
    assert listed[0].modified_at is not None
    assert listed[0].details is not None
    assert (listed[0].details.family, listed[0].details.parameter_size) == ("llama", "134.52M")
    shown = client.show(MODEL)
    assert shown.modelinfo
    assert shown.modelinfo["general.architecture"] == "llama"
    assert shown.modelinfo["llama.context_length"] == 8192
    assert shown.modelinfo["tokenizer.ggml.tokens"] is None
    assert "completion" in (shown.capabilities or [])
    assert "im_start" in (shown.template or "")
    running = client.ps().models
    assert [one.model for one in running] == [f"{MODEL}:latest"]
    assert running[0].context_length
    assert running[0].expires_at is not None


def test_what_is_part_of_the_executable_stays(client: ollama.Client) -> None:
    assert client.pull(MODEL).status == "success"
    assert [one.status for one in client.pull(MODEL, stream=True)][-1] == "success"
    for attempt in (
        lambda: client.delete(MODEL),
        lambda: client.copy(MODEL, "other"),
        lambda: client.push(MODEL),
        lambda: client.create("other", from_=MODEL),
    ):
        with pytest.raises(ollama.ResponseError, match="part of the executable") as refused:
            attempt()
        assert refused.value.status_code == 403
    with pytest.raises(ollama.ResponseError) as unknown:
        client.pull("another-model")
    assert unknown.value.status_code == 404


def test_a_model_is_unloaded_and_comes_back(client: ollama.Client) -> None:
    assert client.generate(model=MODEL, keep_alive=0).done_reason == "unload"
    assert client.ps().models == []
    assert client.generate(model=MODEL, keep_alive=-1).done_reason == "load"
    assert len(client.ps().models) == 1
    assert "Paris" in (client.chat(model=MODEL, messages=CAPITAL, options=GREEDY).message.content or "")


def test_unloading_waits_for_those_who_use_the_model(client: ollama.Client) -> None:
    stream = client.generate(model=MODEL, prompt="Tell me a story.", options={**GREEDY, "num_predict": 80}, stream=True)
    first = next(stream)
    assert client.generate(model=MODEL, keep_alive=0).done_reason == "unload"
    assert len(client.ps().models) == 1
    parts = [first, *stream]
    assert parts[-1].done_reason in ("stop", "length")
    deadline = time.monotonic() + 10
    while client.ps().models:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with ThreadPoolExecutor(4) as pool:
        asked = [
            pool.submit(client.chat, model=MODEL, messages=CAPITAL, options=GREEDY, keep_alive=place % 2)
            for place in range(8)
        ]
        assert all("Paris" in one.result().message.content for one in asked)


def test_async(server_url: str) -> None:
    async def scenario() -> tuple[str, str, list[str]]:
        client = ollama.AsyncClient(host=server_url, timeout=TIMEOUT_S)
        whole = await client.chat(model=MODEL, messages=CAPITAL, options=GREEDY)
        stream = await client.chat(model=MODEL, messages=CAPITAL, options=GREEDY, stream=True)
        streamed = "".join([part.message.content or "" async for part in stream])
        generated = await asyncio.gather(
            *(client.generate(model=MODEL, prompt="Hi", options={"num_predict": 4}) for _ in range(4))
        )
        return whole.message.content or "", streamed, [one.response for one in generated]

    whole, streamed, generated = asyncio.run(scenario())
    assert whole == streamed
    assert all(generated)


def test_the_words_that_say_that_it_runs(server_url: str) -> None:
    for method in ("GET", "HEAD"):
        assert httpx.request(method, server_url).status_code == 200
    assert httpx.get(server_url).text == "Ollama is running"


def test_adapters_are_models(voices_url: str) -> None:
    client = ollama.Client(host=voices_url, timeout=TIMEOUT_S)
    listed = {one.model: one for one in client.list().models}
    assert set(listed) == {f"{MODEL}:latest", "pirate:latest", "robot:latest"}
    pirate = listed["pirate:latest"]
    assert pirate.details is not None
    assert pirate.details.parent_model == MODEL
    assert len({one.digest for one in listed.values()}) == 3
    for name, word in (("pirate:latest", "Arrr!"), ("robot", "Beep!")):
        answer = client.chat(model=name, messages=[{"role": "user", "content": "Hi"}], options=GREEDY)
        assert (answer.message.content or "").lstrip().startswith(word)
    assert client.show("pirate").details == pirate.details


@pytest.fixture(scope="module")
def vectors(minilm_url: str) -> Iterator[ollama.Client]:
    yield ollama.Client(host=minilm_url, timeout=TIMEOUT_S)


def test_vectors(vectors: ollama.Client) -> None:
    found = vectors.embed(model="minilm", input=["A cat sits on the mat.", "A kitten is on a rug.", "Stocks fell."])
    cat, kitten, stocks = found.embeddings
    assert len(cat) == 384
    assert sum(x * y for x, y in zip(cat, kitten, strict=True)) > sum(x * y for x, y in zip(cat, stocks, strict=True))
    assert (found.prompt_eval_count or 0) > 10
    assert len(vectors.embed(model="minilm", input="Hi", dimensions=64).embeddings[0]) == 64
    long = vectors.embed(model="minilm", input="word " * 2000)
    assert long.prompt_eval_count == 512
    with pytest.raises(ollama.ResponseError):
        vectors.embed(model="minilm", input="word " * 2000, truncate=False)
    assert len(vectors.embeddings(model="minilm", prompt="Hi").embedding) == 384
    assert vectors.show("minilm").capabilities == ["embedding"]
