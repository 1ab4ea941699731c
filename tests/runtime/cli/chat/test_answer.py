"""One answer: what the engine is asked, and how thoughts, text and failures are shown."""

import io
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from runtime.cli.chat.answer import ask
from runtime.cli.chat.engine import Engine
from runtime.cli.chat.talk import Talk, Turn, Wanted
from runtime.cli.parse import parse
from runtime.console import Console
from runtime.engine.backends.fake import facts
from runtime.engine.protocol import Delta, Event, Failed, Finished, Generate, Grammar, ModelFacts, Started, Timings
from runtime.errors import EngineFailed, UsageError
from runtime.payload import Message

THINKS = "{% if enable_thinking %}x{% endif %}<|im_start|>assistant\n<think>\n</think>"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Scripted(Engine):
    """Says what it is told to, and keeps what it was asked."""

    def __init__(self, *pieces: str, template: str = "", prompt: str = "", ends: Event | None = None) -> None:
        self.asked: list[Generate] = []
        self.n_interrupts = 0
        self._pieces, self._template, self._prompt, self._ends = pieces, template, prompt, ends

    def ready(self) -> ModelFacts:
        return msgspec.structs.replace(facts(4096), chat_template=self._template)

    def new_id(self) -> int:
        return 7

    def interrupt(self) -> None:
        self.n_interrupts += 1

    def generate(self, request: Generate) -> Iterator[Event]:  # type: ignore[override]
        self.asked.append(request)
        yield Started(id=7, prompt=self._prompt, n_prompt=12, n_cached=5)
        yield from (Delta(id=7, text=piece) for piece in self._pieces)
        timings = Timings(cache_n=5, prompt_n=7, prompt_ms=70.0, predicted_n=3, predicted_ms=30.0)
        yield self._ends or Finished(id=7, reason="stop", timings=timings, seed=1)


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)


def answered(engine: Scripted, *flags: str, talk: Talk | None = None, seen: bool = True) -> tuple[Any, str, str]:
    """The answer, and what came to stdout and stderr."""
    out, err = (Terminal(), Terminal()) if seen else (io.StringIO(), io.StringIO())
    found = ask(engine, parse(list(flags))[0], talk or Talk(), "Why?", Console(out, err))
    return found, out.getvalue(), err.getvalue()


def test_what_is_asked() -> None:
    talk = Talk("Be brief.")
    talk.turns = [Turn("user", "a"), Turn("assistant", "b", "a thought")]
    talk.adapters, talk.wanted = [("one", 0.5)], Wanted(Grammar(kind="json"))
    engine = Scripted("x")
    found, out, _ = answered(engine, "-n", "9", "--temp", "0", "--keep", "3", talk=talk)
    (asked,) = engine.asked
    assert asked.chat is not None and asked.chat.messages == [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"}, {"role": "user", "content": "Why?"},
    ]  # fmt: skip
    assert (asked.max_tokens, asked.sampling.temperature, asked.n_keep) == (9, 0, 3)
    assert asked.adapters == [("one", 0.5)] and asked.grammar == Grammar(kind="json")
    assert (found.text, found.reason, out) == ("x", "stop", "x\n")
    assert found.figures == (12, 5, 3, 70.0, 30.0)


@pytest.mark.parametrize("cut", [1, 3, 1000])
def test_thoughts_are_apart_and_dim(cut: int) -> None:
    said = "I look\nagain.\n</think>\n\nParis."
    pieces = [said[at : at + cut] for at in range(0, len(said), cut)]
    found, out, err = answered(Scripted(*pieces, template=THINKS, prompt="<think>\n"))
    assert (found.text, found.thought, out) == ("Paris.", "I look\nagain.", "Paris.\n")
    plain = err.replace("\x1b[2m", "").replace("\x1b[0m", "")
    assert plain.startswith("| I look\n| again.\n(thought for ") and plain.endswith(" s)\n")
    assert "\x1b[2m" in err
    _, out, err = answered(Scripted(*pieces, template=THINKS, prompt="<think>\n"), seen=False)
    assert (out, err) == ("Paris.\n", "")


def test_a_budget_of_thoughts_reaches_the_engine() -> None:
    engine = Scripted("x", template=THINKS)
    answered(engine, "--reasoning-budget", "5", "--reasoning-budget-message", "Enough.")
    thought = engine.asked[0].thought
    assert thought is not None and (thought.budget_tokens, thought.message) == (5, "Enough.")
    answered(engine, "--reasoning-budget", "0")
    chat = engine.asked[1].chat
    assert chat is not None and chat.values["enable_thinking"] is False


HOSTILE = [
    "\x1b[2J\x1b[H", "\x1b]0;title\x07", "\x1b]52;c;ZXZpbA==\x1b\\", "\x1bP+q544e\x1b\\", "\x9b31m", "\x90q\x9c",
    "\x07\x08\x08\x7f", "safe\rrm -rf", "\x1b[6n", "\x1bc", "\x0e\x0f", "\x1b[?1049h", "\x85\x8d",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("cut", [1, 1000])
def test_an_answer_does_not_drive_the_terminal(text: str, cut: int) -> None:
    text = f"a\tb\n{text}c"
    pieces = [text[at : at + cut] for at in range(0, len(text), cut)]
    found, out, _ = answered(Scripted(*pieces))
    assert found.text == text, "what is kept is what was said"
    assert out.startswith("a\tb\n") and out.endswith("c\n")
    assert not any(character < " " and character not in "\t\n" for character in out)
    assert not any("\x7f" <= character < "\xa0" for character in out)
    _, _, err = answered(Scripted(f"{text}</think>x", template=THINKS, prompt="<think>\n"))
    plain = err.replace("\x1b[2m", "").replace("\x1b[0m", "")
    assert not any((character < " " and character not in "\t\n") or "\x7f" <= character < "\xa0" for character in plain)
    assert answered(Scripted(*pieces), seen=False)[1] == f"{text}\n", "a pipe gets the answer as it is"


def test_failures_are_sentences() -> None:
    too_long = Failed(id=7, kind="context", message="too long", n_prompt=9000, n_ctx=4096)
    with pytest.raises(UsageError, match=r"9000 tokens and the context holds 4096"):
        answered(Scripted(ends=too_long))
    with pytest.raises(EngineFailed, match="try again"):
        answered(Scripted("half", ends=Failed(id=7, kind="busy", message="the queue is full")))


def test_a_reader_that_leaves_stops_the_answer() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

        def fileno(self) -> int:
            return 99_999

    engine = Scripted(*["x"] * 50)
    console = Console(Gone(), io.StringIO())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.dup2", lambda *_: None)
        ask(engine, parse([])[0], Talk(), "Why?", console)
    assert console.is_unread and engine.n_interrupts == 1


def test_the_publishers_messages_stand_before_the_turns() -> None:
    talk = Talk("Be brief.", [Message("user", "a"), Message("assistant", "b")])
    talk.turns = [Turn("user", "c"), Turn("assistant", "d")]
    engine = Scripted("x")
    answered(engine, "--stop", "END, OF", "-r", "x", talk=talk)
    (asked,) = engine.asked
    assert asked.chat is not None
    assert [message["content"] for message in asked.chat.messages] == ["Be brief.", "a", "b", "c", "d", "Why?"]
    assert asked.stop == ["END, OF", "x"]
