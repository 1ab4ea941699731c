"""LlamaIndex's llamafile classes and `OpenAILike`, unmodified; LMFILE_EMBEDDING_URL is where vectors are made."""

import asyncio
import json
import math
import os

import pytest
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.embeddings.llamafile import LlamafileEmbedding
from llama_index.llms.llamafile import Llamafile
from llama_index.llms.openai_like import OpenAILike

URL = os.environ["LMFILE_URL"]
TIMEOUT_S = 120.0
QUESTION = "What is the capital city of France? Answer in one sentence."
PROMPT = f"<|im_start|>user\n{QUESTION}<|im_end|>\n<|im_start|>assistant\n"
MESSAGES = [ChatMessage(role="system", content="Be brief."), ChatMessage(role="user", content=QUESTION)]
TEXTS = ["The cat sat on the mat.", "A kitten rests on a rug.", "Shares fell by three per cent."]


@pytest.fixture
def llamafile() -> Llamafile:
    return Llamafile(
        base_url=URL, temperature=0.0, seed=1, request_timeout=TIMEOUT_S, additional_kwargs={"n_predict": 40}
    )


def test_llamafile_completes(llamafile: Llamafile) -> None:
    whole = llamafile.complete(PROMPT)
    assert "Paris" in whole.text
    assert whole.raw["tokens_predicted"] > 3
    pieces = list(llamafile.stream_complete(PROMPT))
    assert "".join(piece.delta for piece in pieces) == pieces[-1].text == whole.text
    assert asyncio.run(llamafile.acomplete(PROMPT)).text == whole.text


def test_llamafile_waits_in_silence(llamafile: Llamafile) -> None:
    """A prompt that takes seconds to read: this client raises at any line that is no event."""
    pieces = list(llamafile.stream_complete("All work and no play makes Jack a dull boy. " * 300, n_predict=2))
    assert len(pieces) >= 2


def test_llamafile_chats(llamafile: Llamafile) -> None:
    whole = llamafile.chat(MESSAGES)
    assert "Paris" in (whole.message.content or "")
    assert whole.message.role == "assistant"
    pieces = list(llamafile.stream_chat(MESSAGES))
    assert pieces[-1].message.content == whole.message.content
    assert "".join(piece.delta or "" for piece in pieces) == whole.message.content


def test_llamafile_options_count() -> None:
    """They stand in `options`, where llamafile does not look for them."""
    short = Llamafile(base_url=URL, temperature=0.0, request_timeout=TIMEOUT_S, additional_kwargs={"max_tokens": 3})
    assert short.chat(MESSAGES).raw["usage"]["completion_tokens"] == 3
    assert short.chat(MESSAGES, max_tokens=5).raw["usage"]["completion_tokens"] == 5
    random = Llamafile(
        base_url=URL, temperature=1.0, seed=7, request_timeout=TIMEOUT_S, additional_kwargs={"max_tokens": 12}
    )
    assert random.chat(MESSAGES).message.content == random.chat(MESSAGES).message.content


def test_llamafile_vectors() -> None:
    embedding = LlamafileEmbedding(base_url=os.environ["LMFILE_EMBEDDING_URL"], request_timeout=TIMEOUT_S)
    one = embedding.get_text_embedding(TEXTS[0])
    several = embedding.get_text_embedding_batch(TEXTS)
    assert len(several) == 3
    assert several[0] == pytest.approx(one, abs=1e-5)
    assert math.isclose(math.hypot(*one), 1.0, abs_tol=1e-3)
    assert embedding.similarity(several[0], several[1]) > embedding.similarity(several[0], several[2]) + 0.2
    assert asyncio.run(embedding.aget_query_embedding(TEXTS[0])) == pytest.approx(one, abs=1e-5)
    assert len(asyncio.run(embedding.aget_text_embedding_batch(TEXTS))) == 3


def like_openai(**fields: object) -> OpenAILike:
    return OpenAILike(
        model="any", api_base=f"{URL}/v1", api_key="none", temperature=0.0, max_tokens=40, timeout=TIMEOUT_S,
        max_retries=0, **fields,
    )  # fmt: skip


def test_openai_like_chats() -> None:
    llm = like_openai(is_chat_model=True)
    whole = llm.chat(MESSAGES)
    assert "Paris" in (whole.message.content or "")
    assert list(llm.stream_chat(MESSAGES))[-1].message.content == whole.message.content
    assert asyncio.run(llm.achat(MESSAGES)).message.content == whole.message.content


def test_openai_like_completes() -> None:
    llm = like_openai(is_chat_model=False)
    whole = llm.complete(PROMPT)
    assert "Paris" in whole.text
    assert list(llm.stream_complete(PROMPT))[-1].text == whole.text


def weather(city: str) -> str:
    """Tells the weather in a city."""
    return f"sunny in {city}"


def test_openai_like_calls_tools() -> None:
    llm = like_openai(is_chat_model=True, is_function_calling_model=True)
    tool = FunctionTool.from_defaults(weather)
    answer = llm.chat_with_tools([tool], user_msg="What is the weather in Paris?", tool_required=True)
    (call,) = llm.get_tool_calls_from_response(answer)
    assert call.tool_name == "weather"
    assert isinstance(call.tool_kwargs["city"], str)
    assert json.loads(json.dumps(call.tool_kwargs)) == call.tool_kwargs
