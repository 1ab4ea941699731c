"""The main flow of the chat: read a message, run a command or show an answer, until the input ends.

In a pipe every line is a question, and only answers go to stdout. What fails is told and the chat goes on; the first
failure of a pipe is the exit code in the end. On a terminal Ctrl-C stops the answer and not the program.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext

from runtime.cli import signals
from runtime.cli.chat.answer import Answer, ask
from runtime.cli.chat.choices import Choices
from runtime.cli.chat.commands import Commands, Quit, complete
from runtime.cli.chat.engine import Engine, Lost
from runtime.cli.chat.reading import Source, source
from runtime.cli.chat.talk import Talk, Turn
from runtime.cli.chat.wanted import verdict
from runtime.cli.flags import Options
from runtime.console import Console
from runtime.engine.launch import Worker
from runtime.engine.routing import ModelEntry
from runtime.errors import CannotWrite, LmfileError, UsageError
from runtime.payload import Assistant

HINT = "/help lists the commands, Ctrl-D ends."


def chat(
    options: Options,
    worker: Worker,
    known: Callable[[], Sequence[ModelEntry]],
    publisher: Assistant,
    console: Console,
) -> int:
    """Ask and answer until the input ends; return the exit code. known: the models there are.

    Raises: the engine's errors when it cannot be loaded.
    """
    engine = Engine(worker, console, options.max_restarts)
    reads, is_person = source(console, complete)
    signals.end_at_once(reads.restore, console.clear, engine.kill)
    try:
        facts = engine.ready()
        if is_person:
            console.note(f"{facts.name}: {facts.n_ctx} tokens of context. {HINT}")
            if publisher.greeting:
                console.note(publisher.greeting)
        talk = Talk(options.system_prompt or "", publisher.messages)
        return _Chat(options, engine, talk, known, reads, console, is_person).run()
    finally:
        reads.restore()
        engine.close()


class _Chat:
    """One conversation, from its first message to the end of the input."""

    def __init__(
        self,
        options: Options,
        engine: Engine,
        talk: Talk,
        known: Callable[[], Sequence[ModelEntry]],
        reads: Source,
        console: Console,
        is_person: bool,
    ) -> None:
        self._options = options
        self._engine = engine
        self._reads = reads
        self._console = console
        self._is_person = is_person
        self._talk = talk
        self._commands = Commands(self._talk, engine, Choices(self._talk, engine, known), console)
        self._code = 0

    def run(self) -> int:
        """Return the exit code: 0 for a person, who was told what failed."""
        with signals.interrupts(self._engine.interrupt) if self._is_person else nullcontext():
            try:
                while not self._console.is_unread and (message := self._read()) is not None:
                    self._take(message)
            except Quit:
                pass
            except Lost as lost:
                self._failed(lost.failure)
                return lost.failure.exit_code
        return 0 if self._is_person else self._code

    def _read(self) -> str | None:
        try:
            return self._reads.read()
        except UsageError as error:
            self._failed(error)
            return None

    def _take(self, message: str) -> None:
        """Deal with one message; what fails is told. Raises: Quit, Lost; CannotWrite when answers would be lost."""
        if not message.strip():
            return
        try:
            if not self._commands.take(message):
                self._ask(message.strip())
        except CannotWrite as error:
            if error.path == "stdout":
                raise
            self._failed(error)
        except LmfileError as error:
            self._failed(error)
        except KeyboardInterrupt:  # while a model was loaded
            self._console.note("(stopped)")

    def _ask(self, question: str) -> None:
        asked_ms = time.time_ns() // 1_000_000
        found = ask(self._engine, self._options, self._talk, question, self._console)
        self._talk.figures.append(found.figures)
        if found.text or found.reason != "cancelled":
            answered_ms = time.time_ns() // 1_000_000
            self._talk.turns.append(Turn("user", question, at_ms=asked_ms))
            self._talk.turns.append(Turn("assistant", found.text, found.thought, answered_ms))
        self._tell(found)

    def _tell(self, found: Answer) -> None:
        """Say what there is to say about an answer. Raises: UsageError for one that is not what it had to be."""
        if self._console.is_unread:
            return
        if found.reason == "cancelled":
            self._console.note("(stopped)")
        elif found.reason == "length":
            self._console.note("(stopped: no more tokens allowed)")
        if self._talk.wanted is None or found.reason == "cancelled":
            return
        wrong = verdict(self._talk.wanted, found.text)
        if wrong:
            raise UsageError(f"{wrong}; allow more tokens with -n, or ask again.")
        if self._is_person:
            self._console.note("(valid JSON, as asked for)")

    def _failed(self, error: LmfileError) -> None:
        self._console.error(str(error))
        self._code = self._code or error.exit_code
