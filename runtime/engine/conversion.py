"""Answers what is asked about texts alone: conversations to prompts, texts to tokens and back.

That needs the model's vocabulary, which nobody changes, and nothing of its memory. So it is done by a
thread of its own: a text of 4 MB takes seconds, and no answer waits for it meanwhile.
"""

from collections.abc import Callable, Sequence

from runtime.engine.backend import InvalidRequest
from runtime.engine.inbox import Inbox
from runtime.engine.prompt import Template, Tokenizer, cut, n_characters
from runtime.engine.protocol import (
    Admitting,
    Cancel,
    Detokenize,
    Detokenized,
    Event,
    Failed,
    Prompt,
    Render,
    Rendered,
    Request,
    Tokenize,
    Tokenized,
)

MAX_CHARACTERS = 4 << 20
"""Of the texts of one question; llama.cpp needs 3.5 s for them where no space divides them."""


class Conversions:
    """Serves the questions of an inbox, oldest first."""

    def __init__(
        self, tokenizer: Tokenizer, template: Template, inbox: Inbox, emit: Callable[[Sequence[Event]], None]
    ) -> None:
        self._tokenizer = tokenizer
        self._template = template
        self._inbox = inbox
        self._emit = emit
        self._waiting: list[Request] = []

    def step(self) -> bool:
        """Wait for a question and answer it; False when the inbox was stopped."""
        arrived = self._inbox.take(wait=not self._waiting)
        if arrived is None:
            return False
        for one in arrived:
            if isinstance(one, Cancel):
                self._cancel(one.id)
            else:
                self._waiting.append(one)
        if self._waiting:
            self._answer(self._waiting[0])
            self._end()
        return True

    def fail(self, message: str) -> None:
        """End the question that was being answered with an internal error."""
        if self._waiting:
            self._emit([Failed(id=self._waiting[0].id, kind="internal", message=message)])
            self._end()

    def _cancel(self, request_id: int) -> None:
        for order in self._waiting:
            if order.id == request_id:
                self._waiting.remove(order)
                self._inbox.begun()
                return

    def _end(self) -> None:
        del self._waiting[0]
        self._inbox.begun()

    def _answer(self, order: Request) -> None:
        self._emit([Admitting(id=order.id)])
        try:
            answer = self._converted(order)
        except InvalidRequest as refusal:
            answer = Failed(id=order.id, kind="invalid", message=str(refusal))
        self._emit([answer])

    def _converted(self, order: Request) -> Rendered | Tokenized | Detokenized | Failed:
        if isinstance(order, Render):
            prompt = self._template.render(order.chat)
            return Rendered(id=order.id, prompt=prompt, n_tokens=len(self._cut(prompt)))
        if isinstance(order, Tokenize):
            tokens = self._cut(order.content, order.add_special, order.parse_special)
            return Tokenized(id=order.id, tokens=tokens, pieces=self._pieces(tokens))
        if isinstance(order, Detokenize):
            return Detokenized(id=order.id, text=b"".join(self._pieces(order.tokens)).decode("utf-8", "replace"))
        raise InvalidRequest(f"{type(order).__name__} is no question about texts")

    def _cut(self, content: Prompt, add_special: bool = True, parse_special: bool = True) -> list[int]:
        n_found = n_characters(content)
        if n_found > MAX_CHARACTERS:
            raise InvalidRequest(f"the text has {n_found} characters; expected at most {MAX_CHARACTERS}")
        return cut(content, self._tokenizer, add_special, parse_special)

    def _pieces(self, tokens: list[int]) -> list[bytes]:
        known = {token: self._tokenizer.token_bytes(token) for token in set(tokens)}
        return [known[token] for token in tokens]
