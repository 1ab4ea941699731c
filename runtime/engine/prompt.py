"""Makes the tokens of a request: from token ids, from text, or from chat turns by the model's template.

Everything that native code would choke on is refused here.
"""

from typing import Protocol

from runtime.engine.backend import Backend, InvalidRequest
from runtime.engine.protocol import Chat, Failed, Generate

CHARACTERS_PER_TOKEN = 64
"""A longer prompt cannot fit: it is refused before it is cut into tokens (40 MB take 18 s)."""


class Template(Protocol):
    """Makes a prompt of chat turns."""

    def render(self, chat: Chat) -> str: ...


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
    if isinstance(request.prompt, list):
        tokens = _mixed(request.prompt, backend)
        _check_length(len(tokens), n_ctx)
        return b"".join(map(backend.piece, tokens)).decode("utf-8", "replace"), tokens
    text = request.prompt if request.prompt is not None else _rendered(request, template)
    _check_length(len(text) // CHARACTERS_PER_TOKEN, n_ctx)
    tokens = backend.tokenize(text)
    _check_length(len(tokens), n_ctx)
    return text, tokens


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


def _mixed(prompt: list[int | str], backend: Backend) -> list[int]:
    """Return the tokens of a list of tokens and texts."""
    n_characters = sum(len(item) for item in prompt if isinstance(item, str))
    _check_length(n_characters // CHARACTERS_PER_TOKEN, backend.facts.n_ctx)
    tokens: list[int] = []
    for item in prompt:
        tokens += [item] if isinstance(item, int) else backend.tokenize(item)
    return _valid(tokens, backend.facts.n_vocab)


def _valid(tokens: list[int], n_vocab: int) -> list[int]:
    """Return `tokens`; an id beyond the vocabulary would abort the process in native code."""
    wrong = next((token for token in tokens if not 0 <= token < n_vocab), None)
    if wrong is not None:
        raise InvalidRequest(f"token {wrong} is not one of this model's {n_vocab}")
    return tokens
