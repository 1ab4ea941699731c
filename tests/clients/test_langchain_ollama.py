"""LangChain's classes for Ollama, unmodified, against the executable."""

import asyncio

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_ollama import ChatOllama, OllamaEmbeddings, OllamaLLM
from pydantic import BaseModel

MODEL = "smollm2"
QUESTION = "What is the capital city of France? Answer in one sentence."


class City(BaseModel):
    """What an answer is read into."""

    country: str
    capital: str


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@pytest.fixture(scope="module")
def chat(server_url: str) -> ChatOllama:
    return ChatOllama(model=MODEL, base_url=server_url, temperature=0, num_predict=40, validate_model_on_init=True)


def test_chat(chat: ChatOllama) -> None:
    answer = chat.invoke(QUESTION)
    assert isinstance(answer, AIMessage)
    assert "Paris" in str(answer.content)
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["input_tokens"] > 10
    pieces = list(chat.stream(QUESTION))
    assert len(pieces) > 3
    assert "".join(str(piece.content) for piece in pieces) == answer.content
    assert asyncio.run(chat.ainvoke(QUESTION)).content == answer.content


def test_tools(chat: ChatOllama) -> None:
    bound = chat.bind_tools([add])
    answer = bound.invoke("What is 7 plus 35? Use the tool.")
    assert all(call["name"] == "add" for call in answer.tool_calls)
    called = AIMessage(content="", tool_calls=[{"name": "add", "args": {"a": 7, "b": 35}, "id": "1"}])
    told = bound.invoke([HumanMessage("What is 7 plus 35?"), called, ToolMessage("42", tool_call_id="1")])
    assert told.content or told.tool_calls


def test_structured_output(chat: ChatOllama) -> None:
    found = chat.with_structured_output(City, method="json_schema").invoke(QUESTION)
    assert isinstance(found, City)
    assert found.capital == "Paris"


def test_completion(server_url: str) -> None:
    llm = OllamaLLM(model=MODEL, base_url=server_url, temperature=0, num_predict=40)
    assert "Paris" in llm.invoke(QUESTION)
    assert "".join(llm.stream(QUESTION)) == llm.invoke(QUESTION)
    assert "Paris" not in llm.invoke(QUESTION, stop=["Paris"])


def test_vectors(minilm_url: str) -> None:
    embeddings = OllamaEmbeddings(model="minilm", base_url=minilm_url)
    assert [len(vector) for vector in embeddings.embed_documents(["Hi", "Ho"])] == [384, 384]
    assert embeddings.embed_query("Hi") == embeddings.embed_documents(["Hi", "Ho"])[0]
