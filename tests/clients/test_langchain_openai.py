"""LangChain's classes for OpenAI, unmodified, against the executable."""

import asyncio

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAI, OpenAIEmbeddings
from pydantic import BaseModel, SecretStr

TIMEOUT_S = 120
QUESTION = "What is the capital city of France? Answer in one sentence."


@pytest.fixture(scope="module")
def chat(server_url: str) -> ChatOpenAI:
    return ChatOpenAI(
        base_url=f"{server_url}/v1", api_key=SecretStr("none"), model="any", temperature=0, max_retries=0,
        timeout=TIMEOUT_S, max_completion_tokens=100,
    )  # fmt: skip


def test_invoke(chat: ChatOpenAI) -> None:
    answer = chat.invoke([SystemMessage("You are brief."), HumanMessage(QUESTION)])
    assert isinstance(answer, AIMessage)
    assert "Paris" in answer.text
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["output_tokens"] > 0


def test_stream(chat: ChatOpenAI) -> None:
    pieces = [piece.text for piece in chat.stream(QUESTION)]
    assert len(pieces) > 3
    assert "Paris" in "".join(pieces)


def test_without_blocking(chat: ChatOpenAI) -> None:
    async def scenario() -> tuple[str, str]:
        whole = await chat.ainvoke(QUESTION)
        return whole.text, "".join([piece.text async for piece in chat.astream(QUESTION)])

    whole, streamed = asyncio.run(scenario())
    assert "Paris" in whole
    assert streamed == whole


@tool
def get_weather(city: str) -> str:
    """Tells the weather in a city."""
    return f"It rains in {city}."


def test_tools(chat: ChatOpenAI) -> None:
    question = HumanMessage("What is the weather in Paris?")
    bound = chat.bind_tools([get_weather], tool_choice="get_weather")
    answer = bound.invoke([question])
    (call,) = answer.tool_calls
    assert (call["name"], set(call["args"])) == ("get_weather", {"city"})
    result = get_weather.invoke(call)
    assert isinstance(result, ToolMessage)
    assert chat.invoke([question, answer, result]).text
    streamed = None
    for piece in bound.stream([question]):
        streamed = piece if streamed is None else streamed + piece
    assert streamed is not None
    assert [one["args"] for one in streamed.tool_calls] == [call["args"]]


class Capital(BaseModel):
    """A country and its capital."""

    country: str
    capital: str


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_structured_output(chat: ChatOpenAI, method: str) -> None:
    assert isinstance(chat.with_structured_output(Capital, method=method).invoke(QUESTION), Capital)  # type: ignore[arg-type]


def test_responses(server_url: str) -> None:
    chat = ChatOpenAI(
        base_url=f"{server_url}/v1", api_key=SecretStr("none"), model="any", temperature=0, timeout=TIMEOUT_S,
        use_responses_api=True,
    )  # fmt: skip
    answer = chat.invoke(QUESTION)
    assert "Paris" in answer.text
    assert "Paris" in "".join(piece.text for piece in chat.stream(QUESTION))


def test_completions(server_url: str) -> None:
    llm = OpenAI(
        base_url=f"{server_url}/v1", api_key=SecretStr("none"), model="any", temperature=0, max_tokens=8,
        timeout=TIMEOUT_S,
    )  # fmt: skip
    assert "Paris" in llm.invoke("The capital of France is")
    assert "Paris" in "".join(llm.stream("The capital of France is"))


def test_embeddings(minilm_url: str) -> None:
    vectors = OpenAIEmbeddings(
        base_url=f"{minilm_url}/v1", api_key=SecretStr("none"), model="minilm", check_embedding_ctx_length=False
    )
    assert [len(vector) for vector in vectors.embed_documents(["a cat", "a dog"])] == [384, 384]
    assert len(vectors.embed_query("a cat")) == 384
