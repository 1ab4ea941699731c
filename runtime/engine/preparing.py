"""Makes the prompts of requests: short ones at once, long ones in a thread, for which no answer waits.

100 KB are cut into tokens in 20 ms, 3 MB without a space in 2.6 s; a template may work for a second.
"""

from collections.abc import Callable
from threading import Lock, Thread

from runtime.engine.backend import Backend, InvalidRequest
from runtime.engine.prompt import PromptTooLong, Template, n_characters, prepare
from runtime.engine.protocol import Chat, Generate
from runtime.errors import EngineFailed

LONG_CHARACTERS = 1 << 14
"""Cut into tokens in 3 ms."""

LONG_TURNS = 64

Made = tuple[str, list[int]]
"""The text and the tokens of a prompt."""


class Preparing:
    """on_native: called with the id of a request before native code sees it for the first time."""

    def __init__(self, backend: Backend, template: Template, on_native: Callable[[int], None]) -> None:
        self._backend = backend
        self._template = _OneAtATime(template)
        self._on_native = on_native
        self._turn = Lock()
        self._makings: dict[int, _Making] = {}

    def made(self, request: Generate) -> Made | None:
        """Return the prompt; None while it is being made. Raises: InvalidRequest, PromptTooLong, EngineFailed."""
        making = self._makings.get(request.id)
        if making is None:
            is_short = not _is_long(request)
            if is_short and request.chat and self._template.is_busy:
                return None
            self._on_native(request.id)
            if is_short:
                return prepare(request, self._backend, self._template)
            making = self._makings[request.id] = _Making(request, self._backend, self._template, self._turn)
            making.start()
        if making.is_alive():
            return None
        del self._makings[request.id]
        return making.result()

    def forget(self, request_id: int) -> None:
        """Nobody wants this prompt any more."""
        if making := self._makings.pop(request_id, None):
            making.is_wanted = False


class _OneAtATime:
    """A template that cannot be run twice at once."""

    def __init__(self, template: Template) -> None:
        self._template = template
        self._lock = Lock()

    @property
    def is_busy(self) -> bool:
        return self._lock.locked()

    def render(self, chat: Chat) -> str:
        with self._lock:
            return self._template.render(chat)


class _Making(Thread):
    """Makes one prompt when its turn has come: long ones one after the other."""

    def __init__(self, request: Generate, backend: Backend, template: Template, turn: Lock) -> None:
        super().__init__(name="preparing a prompt", daemon=True)
        self.is_wanted = True
        self._request = request
        self._backend = backend
        self._template = template
        self._turn = turn
        self._made: Made | None = None
        self._refusal: InvalidRequest | PromptTooLong | None = None

    def run(self) -> None:
        with self._turn:
            if self.is_wanted:
                try:
                    self._made = prepare(self._request, self._backend, self._template)
                except (InvalidRequest, PromptTooLong) as refusal:
                    self._refusal = refusal

    def result(self) -> Made:
        if self._made is None:
            raise self._refusal or EngineFailed("Preparing a prompt: an error inside the engine; see the worker's log.")
        return self._made


def _is_long(request: Generate) -> bool:
    """Tell whether the prompt may take longer than a step may wait."""
    if request.chat is None:
        return n_characters(request.prompt or "") > LONG_CHARACTERS
    chat = request.chat
    if len(chat.messages) > LONG_TURNS:
        return True
    return sum(len(str(part)) for part in (*chat.messages, *chat.tools, chat.prefill)) > LONG_CHARACTERS
