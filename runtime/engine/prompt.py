"""Makes the tokens of a request: from token ids, from text, or from chat turns by the model's template.

Everything that native code would choke on is refused here.
"""

from typing import Protocol

from runtime.engine.backend import Backend, InvalidRequest
from runtime.engine.protocol import Chat, Failed, Generate, ModelFacts, Prompt

CHARACTERS_PER_TOKEN = 64
"""A longer prompt cannot fit: it is refused before it is cut into tokens (40 MB take 18 s)."""


class Template(Protocol):
    """Makes a prompt of chat turns."""

    def render(self, chat: Chat) -> str: ...


class Tokenizer(Protocol):
    """The part of a backend that cuts texts."""

    facts: ModelFacts

    def tokenize(self, text: str, add_special: bool = True, parse_special: bool = True) -> list[int]: ...
    def token_bytes(self, token: int) -> bytes: ...


class PromptTooLong(Exception):
    """The prompt leaves no room in the context for even one token."""

    def __init__(self, n_prompt: int, n_ctx: int) -> None:
        self.n_prompt = n_prompt
        self.n_ctx = n_ctx
        super().__init__(f"the request ({n_prompt} tokens) exceeds the available context size ({n_ctx} tokens)")

    def failed(self, request_id: int) -> Failed:
        return Failed(id=request_id, kind="context", message=str(self), n_prompt=self.n_prompt, n_ctx=self.n_ctx)


def prepare(request: Generate, backend: Backend, template: Template) -> tuple[str, list[int]]:
    """Return the text and the tokens of the prompt. Raises: InvalidRequest, PromptTooLong."""
    n_ctx = backend.facts.n_ctx
    content = request.prompt if request.prompt is not None else _rendered(request, template)
    _check_length(n_characters(content) // CHARACTERS_PER_TOKEN, n_ctx)
    tokens = cut(content, backend)
    _check_length(len(tokens), n_ctx)
    if isinstance(content, str):
        return content, tokens
    return b"".join(map(backend.token_bytes, tokens)).decode("utf-8", "replace"), tokens


def cut(content: Prompt, tokenizer: Tokenizer, add_special: bool = True, parse_special: bool = True) -> list[int]:
    """Return the tokens of texts and tokens; what is added goes around the text at the beginning, as in llama-server.

    Raises: InvalidRequest for a token that does not exist: it would abort the process in native code.
    """
    if isinstance(content, str):
        return tokenizer.tokenize(content, add_special, parse_special)
    n_vocab = tokenizer.facts.n_vocab
    tokens: list[int] = []
    for place, item in enumerate(content):
        if isinstance(item, str):
            tokens += tokenizer.tokenize(item, add_special and place == 0, parse_special)
        elif 0 <= item < n_vocab:
            tokens.append(item)
        else:
            raise InvalidRequest(f"token {item} is not one of this model's {n_vocab}")
    return tokens


def n_characters(content: Prompt) -> int:
    """Return how many characters there are to cut; each item of a list takes work, too, and counts as one more."""
    if isinstance(content, str):
        return len(content)
    return len(content) + sum(len(item) for item in content if isinstance(item, str))


def common_beginning(known: list[int], wanted: list[int]) -> int:
    """Return how many tokens the two lists share at their beginning."""
    for n, (a, b) in enumerate(zip(known, wanted, strict=False)):
        if a != b:
            return n
    return min(len(known), len(wanted))


def _rendered(request: Generate, template: Template) -> str:
    if request.chat is None:
        raise InvalidRequest("a request needs a prompt or messages")
    return template.render(request.chat)


def _check_length(n_prompt: int, n_ctx: int) -> None:
    if n_prompt >= n_ctx:
        raise PromptTooLong(n_prompt, n_ctx)
