"""LangChain's `Llamafile` and `LlamafileEmbeddings`, unmodified from langchain-community, against the executable."""

import asyncio
import math
from pathlib import Path

import pytest
from langchain_community.embeddings.llamafile import LlamafileEmbeddings
from langchain_community.llms.llamafile import Llamafile
from langchain_core.prompts import PromptTemplate

from tests.serving import serving

QUESTION = "What is the capital city of France? Answer in one sentence."
PROMPT = f"<|im_start|>user\n{QUESTION}<|im_end|>\n<|im_start|>assistant\n"
TIMEOUT_S = 120
TEXTS = ["The cat sat on the mat.", "A kitten rests on a rug.", "Shares fell by three per cent."]


@pytest.fixture(scope="module")
def llm(server_url: str) -> Llamafile:
    return Llamafile(base_url=server_url, temperature=0.0, seed=1, n_predict=40, request_timeout=TIMEOUT_S)


def test_complete(llm: Llamafile) -> None:
    assert "Paris" in llm.invoke(PROMPT)


def test_stream_is_the_same_text(llm: Llamafile) -> None:
    pieces = list(llm.stream(PROMPT))
    assert len(pieces) > 3
    assert "".join(pieces) == llm.invoke(PROMPT)


def test_streaming_mode(server_url: str) -> None:
    llm = Llamafile(base_url=server_url, temperature=0.0, n_predict=40, streaming=True, request_timeout=TIMEOUT_S)
    assert "Paris" in llm.invoke(PROMPT)


def test_stop_words(llm: Llamafile) -> None:
    assert "Paris" not in llm.invoke(PROMPT, stop=["Paris"])
    assert "Paris" not in "".join(llm.stream(PROMPT, stop=["Paris"]))


def test_batch(llm: Llamafile) -> None:
    answers = llm.batch([PROMPT] * 4)
    assert len(answers) == 4
    assert all("Paris" in answer for answer in answers)


def test_async(llm: Llamafile) -> None:
    async def scenario() -> tuple[str, str]:
        return await llm.ainvoke(PROMPT), "".join([piece async for piece in llm.astream(PROMPT)])

    whole, streamed = asyncio.run(scenario())
    assert "Paris" in whole
    assert streamed == whole


def test_in_a_chain(llm: Llamafile) -> None:
    template = PromptTemplate.from_template(PROMPT.replace("France", "{country}"))
    assert "Paris" in (template | llm).invoke({"country": "France"})


def test_with_every_default(server_url: str) -> None:
    llm = Llamafile(base_url=server_url, request_timeout=TIMEOUT_S)
    assert isinstance(llm.invoke("Say hi.", stop=["\n", "."]), str)


def test_a_prompt_that_takes_its_time(server_url: str) -> None:
    """This client takes every line that is no event for a part of the answer."""
    llm = Llamafile(base_url=server_url, n_predict=2, request_timeout=TIMEOUT_S)
    assert not any(piece.startswith(":") for piece in llm.stream("Jack makes all work and no play dull. " * 300))


def test_vectors(minilm_url: str) -> None:
    embeddings = LlamafileEmbeddings(base_url=minilm_url, request_timeout=TIMEOUT_S)
    several = embeddings.embed_documents(TEXTS)
    one = embeddings.embed_query(TEXTS[0])
    assert one == pytest.approx(several[0], abs=1e-5)
    assert math.isclose(math.hypot(*one), 1.0, abs_tol=1e-3)
    assert alike(several[0], several[1]) > alike(several[0], several[2]) + 0.2
    assert asyncio.run(embeddings.aembed_documents(TEXTS)) == several


def test_vectors_of_a_chat_model(server_url: str) -> None:
    assert len(LlamafileEmbeddings(base_url=server_url).embed_query(TEXTS[0])) == 576


def test_the_start_that_their_documentation_names(executable: Path, env: dict[str, str]) -> None:
    """With the flags of programs that start a llamafile themselves."""
    flags = ("--embedding", "--ctx-size", "0", "-ngl", "9999")
    with serving(executable, *flags, env=env, mode=("--server", "--nobrowser")) as running:
        assert len(LlamafileEmbeddings(base_url=running.url).embed_query(TEXTS[0])) == 576
        assert "Paris" in Llamafile(base_url=running.url, temperature=0.0, n_predict=40).invoke(PROMPT)


def alike(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
