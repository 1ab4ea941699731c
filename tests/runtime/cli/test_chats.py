"""Flags about templates and thoughts: what becomes of them, and what is refused with a sentence."""

from pathlib import Path

import pytest

from runtime.cli import chats
from runtime.cli.flags import Options
from runtime.cli.parse import parse
from runtime.engine.config import WorkerConfig, from_arguments
from runtime.errors import UsageError

CONFIG = WorkerConfig(model_path="m.gguf")
JINJA = "{% for message in messages %}\n{{ message.content }}={% endfor %}"


def options(*arguments: str) -> Options:
    return parse(list(arguments))[0]


def test_a_template_goes_to_the_worker(tmp_path: Path) -> None:
    assert chats.with_template(CONFIG, options()) == CONFIG
    given = chats.with_template(CONFIG, options("--jinja", "--chat-template", JINJA))
    assert from_arguments(given.arguments()).chat_template == JINJA
    assert "<|im_start|>" in chats.with_template(CONFIG, options("--chat-template", "chatml")).chat_template
    path = tmp_path / "own.jinja"
    path.write_text(JINJA)
    given = chats.with_template(CONFIG, options("--chat-template-file", str(path)))
    assert (given.chat_template, given.chat_template_file) == ("", str(path))


def test_what_a_template_is_told() -> None:
    given = options("--chat-template-kwargs", '{"enable_thinking": false, "reasoning_effort": "low", "date": "today"}')
    assert chats.thinks(given) is False
    assert chats.effort(given) == "low"
    assert chats.values(given) == {"date": "today"}
    assert chats.told(given) == {"enable_thinking": False, "reasoning_effort": "low", "date": "today"}
    assert chats.told(options()) == {}


@pytest.mark.parametrize(("flag", "expected"), [("on", True), ("OFF", False), ("auto", None)])
def test_whether_models_think(flag: str, expected: bool | None) -> None:
    assert chats.thinks(options("--reasoning", flag)) is expected
    both = options("-rea", flag, "--chat-template-kwargs", '{"enable_thinking": true}')
    assert chats.thinks(both) is (True if expected is None else expected)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--chat-template", "nope"], "there is no chat template `nope`; choose one of chatml"),
        (["--chat-template", "{{ x"], "chat template is broken"),
        (["--chat-template", "{{" + "x" * (1 << 20) + "}}"], "1048580 characters"),
        (["--chat-template-file", "/nowhere/at/all"], "Reading the chat template `/nowhere/at/all`"),
        (["--chat-template", "chatml", "--chat-template-file", "x"], "exclude each other"),
        (["--chat-template-kwargs", "[1]"], "no JSON object"),
        (["--chat-template-kwargs", "[" * 100_000], "no JSON object"),
        (["--chat-template-kwargs", '{"enable_thinking": 1}'], "true or false"),
    ],
)
def test_what_is_refused(arguments: list[str], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        chats.with_template(CONFIG, options(*arguments))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"  \n", b"\xff", b"{" * ((1 << 20) + 1)])
def test_files_that_hold_no_template(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "own.jinja"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"own\.jinja"):
        chats.with_template(CONFIG, options("--chat-template-file", str(path)))
