"""Every command of the chat, and what it says."""

import io
import json
from pathlib import Path

import pytest

from runtime.adapters.catalogue import Wanted as WantedAdapter
from runtime.adapters.catalogue import encode
from runtime.cli.chat.choices import Choices
from runtime.cli.chat.commands import COMMANDS, Commands, Quit, complete
from runtime.cli.chat.engine import Engine
from runtime.cli.chat.talk import Figures, Talk, Turn
from runtime.cli.chat.wanted import verdict
from runtime.console import Console
from runtime.engine.backends.fake import facts
from runtime.engine.config import WorkerConfig
from runtime.engine.protocol import ModelFacts
from runtime.engine.routing import ModelEntry
from runtime.errors import EngineRefused, LmfileError, UsageError

ADAPTERS = encode([WantedAdapter("pirate", "/p.gguf", scale=1.0), WantedAdapter("poet", "/q.gguf", scale=0.0)])
MAIN = WorkerConfig("/main.gguf", name="main", adapters=ADAPTERS)
SMALL = WorkerConfig("/small.gguf", name="small")
BROKEN = WorkerConfig("/broken.gguf", name="broken")


class Still(Engine):
    """An engine without a worker."""

    def __init__(self) -> None:
        self.config = MAIN

    def ready(self) -> ModelFacts:
        return facts(4096)

    def choose(self, config: WorkerConfig) -> ModelFacts:
        if config == BROKEN:
            raise EngineRefused("Loading it: it is broken; use another.", 21)
        self.config = config
        return facts(512)


class Chat:
    """A conversation with its commands; what they say is in `said`."""

    def __init__(self) -> None:
        self.talk, self.engine = Talk(), Still()
        entries = [ModelEntry("main", MAIN, aliases=("Main-1B",)), ModelEntry("small", SMALL)]
        entries += [ModelEntry("vectors", BROKEN, "embed"), ModelEntry("broken", BROKEN)]
        self._err = io.StringIO()
        choices = Choices(self.talk, self.engine, lambda: entries)
        self._commands = Commands(self.talk, self.engine, choices, Console(io.StringIO(), self._err))

    def do(self, message: str) -> str:
        """Run a command; -> what it says."""
        begun = len(self._err.getvalue())
        assert self._commands.take(message), f"`{message}` is no command"
        return self._err.getvalue()[begun:]

    def fails(self, message: str) -> str:
        """Run a command that cannot be done; -> the sentence."""
        with pytest.raises(LmfileError) as failure:
            self._commands.take(message)
        assert str(failure.value)[-1] in ".?" and "\n" not in str(failure.value)
        return str(failure.value)

    def is_question(self, message: str) -> bool:
        return not self._commands.take(message)


@pytest.fixture
def chat() -> Chat:
    found = Chat()
    found.talk.turns = [Turn("user", "Who\nare  you? " + "x" * 50), Turn("assistant", "A model.")]
    return found


def test_what_is_no_command(chat: Chat) -> None:
    for question in ("hello", " /help", "/etc/passwd says?", "/", "//", "/1", "what is /help", "/über"):
        assert chat.is_question(question), question


def test_an_unknown_one_says_the_nearest(chat: Chat) -> None:
    assert "there is no /sav; did you mean /save?" in chat.fails("/sav x")
    assert "there is no /zzzz; there are /system, " in chat.fails("/zzzz")
    assert "/help" in chat.do("/HELP")


def test_help_lists_all_of_them(chat: Chat) -> None:
    said = chat.do("/help")
    assert all(command.name in said and command.help in said for command in COMMANDS)
    assert max(map(len, said.splitlines())) <= 96
    assert complete("/s") == ["/system", "/save", "/stats"] and complete("/sy") == ["/system"]
    assert complete("") == complete("x") == []


def test_system(chat: Chat) -> None:
    assert "There is no system prompt" in chat.do("/system")
    chat.do("/system Be brief.\nAnd kind.")
    assert chat.talk.system == "Be brief.\nAnd kind." and chat.do("/system") == "Be brief.\nAnd kind.\n"
    chat.do("/system off")
    assert chat.talk.system == ""


def test_reset_and_undo(chat: Chat) -> None:
    chat.talk.system = "Be brief."
    chat.talk.turns += [Turn("user", "two"), Turn("assistant", "2")]
    assert chat.do("/undo") == "Dropped: two\n" and len(chat.talk.turns) == 2
    assert chat.do("/undo").startswith("Dropped: Who are you? xxx") and chat.talk.turns == []
    assert "nothing to undo" in chat.do("/undo")
    chat.talk.turns = [Turn("user", "x")]
    chat.do("/reset")
    assert (chat.talk.turns, chat.talk.system) == ([], "Be brief.")


def test_save_and_load(chat: Chat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert chat.do("/save a b.json") == "Saved 2 turns to `a b.json`.\n"
    assert "it is there already; /save! a b.json replaces it" in chat.fails("/save a b.json")
    chat.talk.turns.pop()
    assert "Saved 1 turn " in chat.do('/save! "a b.json"')
    chat.do("/save ~/c.json")
    chat.do("/reset")
    assert "Loaded 1 turn " in chat.do("/load 'a b.json'")
    assert chat.talk.turns[0].content.startswith("Who")
    for command in ("/save", "/load", "/load none.json", "/save no/folder", "/load a\0b", "/load ''"):
        chat.fails(command)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a b.json", "c.json"]


def test_stats(chat: Chat) -> None:
    assert "no answer yet" in chat.do("/stats")
    chat.talk.figures = [Figures(9, 0, 4, 1.0, 0.0), Figures(120, 100, 50, 200.0, 500.0)]
    assert chat.do("/stats").splitlines() == [
        "prompt   120 tokens, 100 of them cached, 100.0 tokens/s",
        "answer   50 tokens, 100.0 tokens/s",
        "context  170 of 4096 tokens used, 3926 left",
        "in all   2 answers, 54 tokens",
    ]


def test_adapters(chat: Chat) -> None:
    assert chat.do("/adapter") == "* pirate:1\n  poet:0\n"
    assert chat.do("/adapter poet pir:-0.5") == "* pirate:-0.5\n* poet:1\n"
    assert chat.talk.adapters == [("poet", 1.0), ("pirate", -0.5)]
    assert "did you mean pirate?" in chat.fails("/adapter pirat1")
    for weight in ("x", "nan", "101", ""):
        assert "write NAME:0.5" in chat.fails(f"/adapter poet:{weight}")
    assert chat.talk.adapters == [("poet", 1.0), ("pirate", -0.5)]
    chat.do("/adapter off")
    assert chat.talk.adapters == []
    assert chat.do("/adapter default") == "* pirate:1\n  poet:0\n" and chat.talk.adapters is None
    chat.engine.config = SMALL
    assert "--lora-dir" in chat.do("/adapter") and "there are none" in chat.fails("/adapter poet")


def test_models(chat: Chat) -> None:
    assert chat.do("/model") == "* main\n  small\n  broken\n"
    chat.do("/adapter poet")
    assert chat.do("/model SM").startswith("small answers now, with 512 tokens of context. Its adapters")
    assert chat.talk.adapters is None and chat.do("/model") == "  main\n* small\n  broken\n"
    assert "it is broken" in chat.fails("/model broken")
    assert "main answers now" in chat.do("/model main-1b") and "already" in chat.do("/model main")
    assert "did you mean small?" in chat.fails("/model smal1")
    assert "there is no `vectors`" in chat.fails("/model vectors")


def test_json(chat: Chat, tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"b": {"type": "integer"}, "a": {}}, "required": ["b"]}
    (tmp_path / "s.json").write_text(json.dumps(schema))
    for given in (json.dumps(schema, indent=1), str(tmp_path / "s.json")):
        assert "after this schema" in chat.do(f"/json {given}")
        wanted = chat.talk.wanted
        assert wanted is not None and wanted.grammar.kind == "json_schema"
        assert json.loads(wanted.grammar.text) == schema
        assert verdict(wanted, '{"b": 1}') == "" and "`$.b` is missing" in verdict(wanted, "{}")
    chat.do("/json")
    assert chat.talk.wanted is not None and chat.talk.wanted.grammar.kind == "json"
    assert verdict(chat.talk.wanted, '{"x": []}') == "" and "no object" in verdict(chat.talk.wanted, "[]")
    (tmp_path / "list").write_text("[]")
    (tmp_path / "bytes").write_bytes(b"\xff")
    (tmp_path / "large").write_text('"' + "x" * 100_000 + '"')
    for wrong in ("{", "none.json", *(tmp_path / name for name in ("list", "bytes", "large", "."))):
        with pytest.raises(UsageError, match=r"^Reading the schema"):
            chat.do(f"/json {wrong}")
    chat.do("/json off")
    assert chat.talk.wanted is None


def test_image(chat: Chat) -> None:
    assert chat.fails("/image cat.png") == "Showing `cat.png`: this model reads text only, and no images."
    assert "needs the name of a file" in chat.fails("/image")


def test_quit(chat: Chat) -> None:
    for command in ("/quit", "/exit"):
        with pytest.raises(Quit):
            chat.do(command)
