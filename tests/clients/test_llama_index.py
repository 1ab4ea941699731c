"""LlamaIndex's classes for llamafile and for servers like OpenAI's; they need another pydantic than LangChain."""

from collections.abc import Callable


def test_llama_index(foreign: Callable[..., None], server_url: str, minilm_url: str) -> None:
    foreign("llama_index", "llama_index_checks.py", LMFILE_URL=server_url, LMFILE_EMBEDDING_URL=minilm_url)
