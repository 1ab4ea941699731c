"""One answer: what the engine is asked for it, how it is shown while it comes, and what came."""

import time
from typing import NamedTuple

import msgspec

from runtime import chat
from runtime.cli import chats
from runtime.cli.chat.engine import Engine, Lost
from runtime.cli.chat.talk import Figures, Talk
from runtime.cli.flags import Options
from runtime.cli.requests import failure, generate_request
from runtime.console import Console
from runtime.engine.protocol import (
    Delta,
    Failed,
    Finished,
    FinishReason,
    Generate,
    ModelFacts,
    Progress,
    Started,
    Thought,
)
from runtime.errors import LmfileError, UsageError

MARGIN = "| "
"""Before each line of a thought, for terminals without colours."""

LONG_PROMPT = 256
"""Tokens to read from which on it is told how far they are read."""


class Answer(NamedTuple):
    """What came, and why it ended."""

    text: str
    thought: str
    reason: FinishReason
    figures: Figures


def ask(engine: Engine, options: Options, talk: Talk, question: str, console: Console) -> Answer:
    """Stream the answer to `question`. Raises: UsageError when it cannot be asked; as `Engine.generate`."""
    facts = engine.ready()
    form = chat.find(facts.tool_template or facts.chat_template)
    conversation = _conversation(options, talk.messages(question))
    request = _request(engine, options, talk, form, conversation)
    voice = _Voice(console)
    try:
        return _listen(engine, request, voice, form, conversation, console)
    except (LmfileError, Lost):
        voice.break_off()
        raise


def context_left(facts: ModelFacts, figures: Figures) -> int:
    """How many tokens fit behind an answer."""
    return max(0, facts.n_ctx - figures.n_prompt - figures.n_answer)


def _listen(
    engine: Engine,
    request: Generate,
    voice: "_Voice",
    form: chat.Form,
    conversation: chat.Conversation,
    console: Console,
) -> Answer:
    """Show the events of the answer and return what came."""
    reader, started = None, None
    for event in engine.generate(request):
        if isinstance(event, Started):
            started, reader = event, form.reader(conversation, event.prompt)
        elif isinstance(event, Progress) and event.n_prompt - event.n_cached >= LONG_PROMPT:
            console.status(f"reading: {event.n_done / max(1, event.n_prompt):.0%}")
        elif isinstance(event, Delta) and reader:
            was_read = not console.is_unread
            voice.hear(reader.push(event.text))
            if was_read and console.is_unread:
                engine.interrupt()
        elif isinstance(event, Failed):
            raise failure(event)
        elif isinstance(event, Finished):
            voice.hear(reader.finish() if reader else [])
            voice.end()
            return Answer("".join(voice.said), "".join(voice.thought), event.reason, _figures(started, event))
    raise failure(Failed(id=request.id, kind="internal", message="the engine said no last word"))


def _conversation(options: Options, messages: list[dict[str, object]]) -> chat.Conversation:
    return chat.Conversation(
        messages=messages,
        thinking=False if options.reasoning_budget == 0 else chats.thinks(options),
        effort=chats.effort(options),
        values=chats.values(options),
    )


def _request(
    engine: Engine, options: Options, talk: Talk, form: chat.Form, conversation: chat.Conversation
) -> Generate:
    try:
        prepared = form.prepare(conversation, talk.wanted.grammar if talk.wanted else None)
    except chat.Unsuitable as fault:
        raise UsageError(f"Asking the model: {fault}") from fault
    return msgspec.structs.replace(
        generate_request(options, engine.new_id(), messages=conversation.messages),
        chat=prepared.chat,
        grammar=prepared.grammar,
        shown=prepared.shown,
        thought=_limit(options, form, conversation),
        adapters=talk.adapters,
        cache_prompt=not options.no_cache_prompt,
        n_keep=options.keep,
        progress=True,
    )


def _limit(options: Options, form: chat.Form, conversation: chat.Conversation) -> Thought | None:
    marks = form.thought_marks(conversation) if options.reasoning_budget >= 0 else None
    if marks is None:
        return None
    message = options.reasoning_budget_message or ""
    return Thought(begin=marks.begin, ends=list(marks.ends), budget_tokens=options.reasoning_budget, message=message)


def _figures(started: Started | None, finished: Finished) -> Figures:
    timings = finished.timings
    n_prompt = started.n_prompt if started else timings.cache_n + timings.prompt_n
    return Figures(n_prompt, timings.cache_n, timings.predicted_n, timings.prompt_ms, timings.predicted_ms)


class _Voice:
    """Shows an answer piece by piece: thoughts dim and apart from what is said."""

    def __init__(self, console: Console) -> None:
        self.said: list[str] = []
        self.thought: list[str] = []
        self._is_at_start = False
        self._console = console
        self._thinks_since = 0.0

    def hear(self, pieces: list[chat.Piece]) -> None:
        """Show the next pieces. A call, which nobody has asked for here, is text as any other."""
        for piece in pieces:
            if isinstance(piece, chat.Thought):
                self._think(piece.text)
            elif isinstance(piece, chat.CallBegan):
                self._say(f"{piece.name} ")
            else:
                self._say(piece.arguments if isinstance(piece, chat.CallGrew) else piece.text)

    def end(self) -> None:
        """The answer is complete: the next text begins a line of its own."""
        self._end_thought()
        if not self._is_at_start:
            self._console.answer("\n")

    def break_off(self) -> None:
        """There will be no more of it."""
        self._end_thought()
        if self.said:
            self.end()

    def _say(self, text: str) -> None:
        self._end_thought()
        self.said.append(text)
        self._is_at_start = text.endswith("\n")
        self._console.answer(text)

    def _think(self, text: str) -> None:
        begins = "" if self._thinks_since else MARGIN
        self._thinks_since = self._thinks_since or time.monotonic()
        self.thought.append(text)
        self._console.aside(begins + text.replace("\n", f"\n{MARGIN}"))

    def _end_thought(self) -> None:
        if self._thinks_since:
            self._console.aside(f"\n(thought for {time.monotonic() - self._thinks_since:.1f} s)\n")
            self._thinks_since = 0.0
