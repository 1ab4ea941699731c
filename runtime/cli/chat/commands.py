"""What begins with a slash: the commands of the chat, each of which says in one line what it did.

A message is a command if its first word is a slash and letters; a question that begins so gets a space before it.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from runtime.cli.chat import stored
from runtime.cli.chat.answer import context_left
from runtime.cli.chat.choices import Choices
from runtime.cli.chat.engine import Engine
from runtime.cli.chat.talk import Talk
from runtime.cli.chat.wanted import read_wanted
from runtime.cli.nearest import nearest
from runtime.console import Console
from runtime.errors import UsageError

COMMAND = re.compile(r"/([A-Za-z]+)(!?)(?:\s+|$)", re.ASCII)
OFF = "off"
QUOTED_CHARACTERS = 40
QUOTES = "'\""


class Quit(Exception):
    """The person wants to go."""


class Command(NamedTuple):
    """One command: its name, what stands behind it, what it does in a few words."""

    name: str
    arguments: str
    help: str
    run: "Callable[[Commands, str], None]"


class Commands:
    """Runs commands on a conversation and its engine; what they say goes to the console's notes."""

    def __init__(self, talk: Talk, engine: Engine, choices: Choices, console: Console) -> None:
        self._talk = talk
        self._engine = engine
        self._choices = choices
        self._console = console
        self._forced = False

    def take(self, message: str) -> bool:
        """Run a message that is a command; False if it is none. Raises: Quit; LmfileError when it cannot be done."""
        found = COMMAND.match(message)
        if found is None:
            return False
        name = f"/{found[1].lower()}"
        command = BY_NAME.get(name)
        if command is None:
            hint = nearest(BY_NAME, name)
            raise UsageError(f"Reading the command: there is no {name[:40]}; {hint}")
        self._forced = bool(found[2])
        command.run(self, message[found.end() :].strip())
        return True

    def system(self, text: str) -> None:
        if text:
            self._talk.system = "" if text == OFF else text
            self._note("The system prompt is set." if self._talk.system else "There is no system prompt any more.")
        else:
            self._note(self._talk.system or "There is no system prompt; /system TEXT sets one.")

    def reset(self, _text: str) -> None:
        self._talk.turns.clear()
        self._note("The conversation is forgotten.")

    def undo(self, _text: str) -> None:
        question = self._talk.undo()
        self._note(f"Dropped: {_begin(question.content)}" if question else "There is nothing to undo.")

    def save(self, text: str) -> None:
        path = _path(text, "/save")
        try:
            stored.save(self._talk, self._engine.config.name, path, replace=self._forced)
        except stored.AlreadyThere:
            raise UsageError(f"Saving `{path}`: it is there already; /save! {text} replaces it.") from None
        self._note(f"Saved {_turns(self._talk)} to `{path}`.")

    def load(self, text: str) -> None:
        path = _path(text, "/load")
        self._talk.system, self._talk.turns = stored.load(path)
        self._note(f"Loaded {_turns(self._talk)} from `{path}`.")

    def stats(self, _text: str) -> None:
        figures = self._talk.figures
        if not figures:
            self._note("There is no answer yet.")
            return
        last, facts = figures[-1], self._engine.ready()
        self._note(
            f"prompt   {last.n_prompt} tokens, {last.n_cached} of them cached"
            f"{_speed(last.n_prompt - last.n_cached, last.prompt_ms)}\n"
            f"answer   {last.n_answer} tokens{_speed(last.n_answer, last.answer_ms)}\n"
            f"context  {last.n_prompt + last.n_answer} of {facts.n_ctx} tokens used, {context_left(facts, last)} left\n"
            f"in all   {len(figures)} answers, {sum(one.n_answer for one in figures)} tokens"
        )

    def adapter(self, text: str) -> None:
        self._note(self._choices.choose_adapters(text) if text else self._choices.adapters())

    def model(self, text: str) -> None:
        self._note(self._choices.choose_model(text) if text else self._choices.models())

    def json(self, text: str) -> None:
        self._talk.wanted = None if text == OFF else read_wanted(text)
        if self._talk.wanted is None:
            self._note("Answers may be any text again.")
        else:
            self._note(f"Answers are JSON{' after this schema' if text else ' objects'}; /json off ends it.")

    def image(self, text: str) -> None:
        """The one place where it is decided whether a model sees: none that this engine runs does."""
        raise UsageError(f"Showing `{_path(text, '/image')}`: this model reads text only, and no images.")

    def help(self, _text: str) -> None:
        self._note(
            "\n".join(f"{command.name + ' ' + command.arguments:<26} {command.help}" for command in COMMANDS) + MORE
        )

    def quit(self, _text: str) -> None:
        raise Quit

    def _note(self, text: str) -> None:
        self._console.note(text)


COMMANDS = (
    Command("/system", "[TEXT|off]", "show or set the system prompt", Commands.system),
    Command("/reset", "", "forget the conversation", Commands.reset),
    Command("/undo", "", "drop the last question and its answer", Commands.undo),
    Command("/save", "FILE", "write the conversation; /save! replaces a file", Commands.save),
    Command("/load", "FILE", "go on with a saved one, or one of the chat page", Commands.load),
    Command("/stats", "", "tokens, speed, context", Commands.stats),
    Command("/adapter", "[NAME[:X]…|off]", "list adapters, or choose some with weights", Commands.adapter),
    Command("/model", "[NAME]", "list models, or choose one", Commands.model),
    Command("/json", "[SCHEMA|FILE|off]", "have answers in JSON, after a schema", Commands.json),
    Command("/image", "FILE", "show the model a picture", Commands.image),
    Command("/help", "", "this page", Commands.help),
    Command("/quit", "", "end, as Ctrl-D does", Commands.quit),
)
MORE = '\nA line that ends in \\ goes on, and """ begins and ends several lines. Ctrl-C stops an answer.'
BY_NAME = {command.name: command for command in COMMANDS} | {"/exit": COMMANDS[-1]}


def complete(beginning: str) -> Sequence[str]:
    """The commands that begin so."""
    return [command.name for command in COMMANDS if command.name.startswith(beginning)] if beginning else []


def _path(text: str, command: str) -> Path:
    """The file that stands behind a command, with or without quotes. Raises: UsageError for none."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in QUOTES:
        text = text[1:-1]
    if not text or "\0" in text or "\n" in text:
        raise UsageError(f"Reading the command: {command} needs the name of a file.")
    try:
        return Path(text).expanduser()
    except RuntimeError:  # ~somebody who is not there
        return Path(text)


def _turns(talk: Talk) -> str:
    return f"{len(talk.turns)} turn{'' if len(talk.turns) == 1 else 's'}"


def _begin(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= QUOTED_CHARACTERS else f"{line[:QUOTED_CHARACTERS]}…"


def _speed(n_tokens: int, took_ms: float) -> str:
    return f", {n_tokens / took_ms * 1000:.1f} tokens/s" if took_ms > 0 and n_tokens > 0 else ""
