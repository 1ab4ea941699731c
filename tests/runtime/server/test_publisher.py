"""What the publisher has packed reaches every dialect: messages before each conversation, texts that end answers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runtime.engine.config import WorkerConfig
from runtime.engine.protocol import Failed, Render, Rendered, Terminal
from runtime.payload import Assistant, Message
from tests.gguf_writer import gguf
from tests.runtime.server.live import Live, silence

BEFORE = (Message("user", "Who are you?"), Message("assistant", "The Bread Book."))
SAID = [message._asdict() for message in BEFORE]
SYSTEM = {"role": "system", "content": "Be brief."}
HI = {"role": "user", "content": "hi"}
CHATS: list[tuple[str, dict[str, Any]]] = [
    ("/v1/chat/completions", {"messages": [SYSTEM, HI]}),
    ("/v1/messages", {"system": "Be brief.", "messages": [HI], "max_tokens": 9}),
    ("/v1/responses", {"instructions": "Be brief.", "input": "hi"}),
    ("/api/chat", {"messages": [SYSTEM, HI], "stream": False}),
    ("/api/generate", {"system": "Be brief.", "prompt": "hi", "stream": False}),
]
TEXTS: list[tuple[str, dict[str, Any]]] = [
    ("/completion", {"prompt": "hi"}),
    ("/v1/completions", {"prompt": "hi"}),
    ("/api/generate", {"prompt": "hi", "raw": True, "stream": False}),
    ("/generate", {"inputs": "hi"}),
]
EVERYWHERE = [*CHATS, *TEXTS]


@pytest.fixture
def book(start: Callable[..., Live]) -> Live:
    return start(assistant=Assistant("Bread Book", messages=BEFORE), stop=("END", "a, b"))


def asked(server: Live, path: str, body: dict[str, Any]) -> Any:
    server.engine.asked.clear()
    assert server.post(path, body).status == 200
    (request,) = server.engine.asked
    return request


@pytest.mark.parametrize(("path", "body"), CHATS, ids=[path for path, _ in CHATS])
def test_messages_stand_behind_the_system_prompt(book: Live, path: str, body: dict[str, Any]) -> None:
    assert asked(book, path, body).chat.messages == [SYSTEM, *SAID, HI]


@pytest.mark.parametrize(("path", "body"), TEXTS, ids=[path for path, _ in TEXTS])
def test_a_text_that_is_continued_has_none(book: Live, path: str, body: dict[str, Any]) -> None:
    request = asked(book, path, body)
    assert request.chat is None
    assert request.prompt == "hi"


def test_without_a_system_prompt_they_are_the_beginning(book: Live) -> None:
    assert asked(book, "/v1/chat/completions", {"messages": [HI]}).chat.messages == [*SAID, HI]


def test_counted_and_shown_prompts_have_them(book: Live) -> None:
    def rendered(question: object) -> Terminal:
        if not isinstance(question, Render):
            return Failed(id=0, kind="internal", message="not asked for")
        return Rendered(id=question.id, prompt=str(len(question.chat.messages)), n_tokens=len(question.chat.messages))

    book.engine.answers = rendered  # type: ignore[assignment]
    assert book.post("/apply-template", {"messages": [SYSTEM, HI]}).json() == {"prompt": "4"}
    assert book.post("/v1/messages/count_tokens", {"messages": [HI]}).json()["input_tokens"] == 3
    # What goes on from an earlier answer has them in that answer's context.
    book.engine.asked.clear()
    body = {"prompt": "more", "context": [1, 2], "stream": False}
    book.engine.answers = lambda one: rendered(one) if isinstance(one, Render) else silence(one)
    assert book.post("/api/generate", body).status == 200
    assert book.engine.asked[0].prompt == [1, 2, "1"]


@pytest.mark.parametrize(("path", "body"), EVERYWHERE, ids=[path for path, _ in EVERYWHERE])
def test_stops_are_used_where_a_request_says_nothing(book: Live, path: str, body: dict[str, Any]) -> None:
    assert asked(book, path, body).stop == ["END", "a, b"]


@pytest.mark.parametrize(
    ("path", "said", "expected"),
    [
        ("/v1/chat/completions", {"messages": [HI], "stop": "x"}, ["x"]),
        ("/v1/chat/completions", {"messages": [HI], "stop": []}, []),
        ("/v1/messages", {"messages": [HI], "max_tokens": 9, "stop_sequences": ["x"]}, ["x"]),
        ("/api/chat", {"messages": [HI], "stream": False, "options": {"stop": ["x"]}}, ["x"]),
        ("/completion", {"prompt": "hi", "stop": ["x"]}, ["x"]),
        ("/generate", {"inputs": "hi", "parameters": {"stop": ["x"]}}, ["x"]),
    ],
)
def test_a_request_has_its_own_way(book: Live, path: str, said: dict[str, Any], expected: list[str]) -> None:
    assert asked(book, path, said).stop == expected


def test_it_is_told_to_those_with_a_key(book: Live, server: Live) -> None:
    props = book.get("/props").json()
    assert (props["messages"], props["stop"]) == (SAID, ["END", "a, b"])
    assert book.get("/assistant").json()["n_messages"] == 2
    assert b"Who are you" not in book.get("/assistant").body
    assert not {"messages", "stop"} & set(server.get("/props").json())


def test_ollama_shows_it_as_a_modelfile_has_it(start: Callable[..., Live], tmp_path: Path) -> None:
    file = tmp_path / "tiny.gguf"
    file.write_bytes(gguf())
    book = Assistant("Bread Book", messages=BEFORE)
    server = start(
        config=WorkerConfig(model_path=str(file)), assistant=book, stop=("END", 'a "b"'), system_prompt="Be brief."
    )
    shown = server.post("/api/show", {"model": "tiny"}).json()
    assert (shown["system"], shown["messages"]) == ("Be brief.", SAID)
    lines = shown["modelfile"].splitlines()
    assert 'SYSTEM """Be brief."""' in lines
    assert lines[-4:] == [
        'PARAMETER stop "END"',
        'PARAMETER stop "a \\"b\\""',
        'MESSAGE user """Who are you?"""',
        'MESSAGE assistant """The Bread Book."""',
    ]
    assert shown["parameters"].splitlines()[-2].split() == ["stop", '"END"']
