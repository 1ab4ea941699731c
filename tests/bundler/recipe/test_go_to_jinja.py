"""Chat templates in Go's language, translated: the text is that of Go itself, and what cannot be translated is refused.

`expected.json` was written by Go's text/template (1.19) with the values that Ollama gives: for each template, what
each of the conversations becomes.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundler.recipe.go_fault import TemplateFault
from bundler.recipe.go_to_jinja import to_jinja
from runtime.engine.protocol import Chat
from runtime.engine.template import ChatTemplate
from runtime.engine.template_program import TemplateProgram

FOLDER = Path(__file__).parents[2] / "data" / "go_templates"
CONVERSATIONS: dict[str, Any] = json.loads((FOLDER / "conversations.json").read_text(encoding="utf-8"))
EXPECTED: dict[str, dict[str, str]] = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))


def source(name: str) -> str:
    return (FOLDER / f"{name}.tmpl").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", EXPECTED)
def test_the_text_is_that_of_go(name: str) -> None:
    program = TemplateProgram(to_jinja(source(name)), {"bos_token": "<s>", "eos_token": "</s>"})
    assert len(EXPECTED[name]) == len(CONVERSATIONS)
    for conversation, expected in EXPECTED[name].items():
        given = CONVERSATIONS[conversation]
        assert program.run(given["messages"], given.get("tools"), True, {}) == expected, conversation


def test_every_template_has_an_expectation() -> None:
    assert sorted(EXPECTED) == sorted(path.stem for path in FOLDER.glob("*.tmpl"))
    assert len(EXPECTED) >= 16


@pytest.mark.parametrize("name", ["chatml", "chatml_messages", "llama3", "gemma", "phi3"])
def test_an_answer_that_is_begun_can_be_continued(name: str) -> None:
    """As the engine asks for it: the prompt ends where the answer does."""
    template = ChatTemplate(to_jinja(source(name)), "", "")
    turns = [{"role": "user", "content": "Count"}, {"role": "assistant", "content": "one, tw"}]
    asked = Chat(messages=turns, add_generation_prompt=False, prefill="one, tw")
    assert template.render(asked).endswith("one, tw")
    begun = Chat(messages=turns[:1], prefill="one, tw")
    assert template.render(begun) == template.render(asked)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('{{ define "x" }}a{{ end }}', 1, "named template"),
        ('a\n{{ template "x" . }}', 2, "named template"),
        ("{{ if .System }}\n\n", 1, "does not end"),
        ("{{ end }}", 1, "nothing begins"),
        ("{{ if .A }}{{ else }}{{ else }}{{ end }}", 1, "`else`"),
        ("\n\n{{ .System ", 3, "does not end"),
        ("{{ foo .System }}", 1, "`foo`"),
        ("{{ $x }}", 1, "`$x`"),
        ("{{ range .Messages }}{{ $x := 1 }}{{ end }}{{ $x }}", 1, "`$x`"),
        ("{{ eq .Role }}", 1, "`eq`"),
        ("{{ not 1 2 }}", 1, "`not`"),
        ("{{ .Role .Content }}", 1, "only functions"),
        ("{{ }}", 1, "nothing in it"),
        ("{{ | len }}", 1, "missing"),
        ("{{ (len .A }}", 1, "bracket"),
        ("{{ .A ) }}", 1, "`)`"),
        ('{{ "a\\q" }}', 1, "`\\q`"),
        ('{{ "\\xff" }}', 1, "UTF-8"),
        ("{{ 'ab' }}", 1, "one character"),
        ("{{ 1 % }}", 1, "in an action"),
        ("{{ break }}", 1, "outside of a range"),
        ("{{ range .A }}{{ else if .B }}{{ end }}", 1, "`else if`"),
        ("{{ $a, $b := .A }}", 1, "2 variables"),
        ("{{ .Function.ToTypeScriptType }}", 1, "Ollama's own"),
        ('{{ printf "%05.2f" 1 }}', 1, "printf"),
        ('{{ printf "%*d" 1 }}', 1, "printf"),
        ("{{ printf .A 1 }}", 1, "printf"),
        ('{{ printf "%s" }}', 1, "printf"),
        ("{{ html .A }}", 1, "`html`"),
        ("{{ range .A }}" * 16, 1, "ranges within each other"),
        ("{{ if .A }}" * 100, 1, "within each other"),
        ("{{ " + "(" * 100 + ".A" + ")" * 100 + " }}", 1, "within each other"),
    ],
)
def test_what_cannot_be_translated_is_said_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(TemplateFault) as caught:
        to_jinja(text)
    assert caught.value.line == line
    assert words in str(caught.value)


PIECES = st.sampled_from(
    [
        *"{}()|.$\"`'-/*\\ \n=,0",
        "{{",
        "}}",
        "{{-",
        "-}}",
        " .Messages ",
        ".Role",
        "$x",
        ":=",
        "if ",
        "else ",
        "end",
        "range ",
        "with ",
        "eq ",
        "len ",
        "slice ",
        "printf ",
        '"%s"',
        "/*",
        "*/",
        "break",
        "\ud800",
    ]
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(PIECES, max_size=30).map("".join))
def test_any_text_is_translated_or_refused(text: str) -> None:
    try:
        made = to_jinja(text)
    except TemplateFault:
        return
    TemplateProgram(made, {}).check()
