"""Texts to tokens and back, conversations to prompts: as the model's own vocabulary says, and beside the answers."""

import asyncio
from collections.abc import Iterator, Sequence
from threading import Thread

import pytest

from runtime.engine.backend import InvalidRequest
from runtime.engine.backends.fake import FakeBackend
from runtime.engine.backends.llama import LlamaBackend
from runtime.engine.config import WorkerConfig
from runtime.engine.conversion import MAX_CHARACTERS, Conversions
from runtime.engine.inbox import Inbox
from runtime.engine.prompt import Tokenizer
from runtime.engine.protocol import (
    Admitting,
    Chat,
    Delta,
    Detokenize,
    Detokenized,
    Event,
    Failed,
    Finished,
    Generate,
    Question,
    Render,
    Rendered,
    Tokenize,
    Tokenized,
)
from runtime.engine.template import ChatTemplate
from tests.models import smollm2_gguf
from tests.runtime.engine.llama_engine import load
from tests.runtime.engine.test_client import opened, run

BEGIN, END = 1, 2
"""Of SmolLM2: <|im_start|> and <|im_end|>."""


class Desk:
    """Conversions driven by hand, and what they said."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.inbox = Inbox(4)
        self.events: list[Event] = []
        template = ChatTemplate(tokenizer.facts.chat_template, "", "")
        self.conversions = Conversions(tokenizer, template, self.inbox, self.hear)

    def hear(self, events: Sequence[Event]) -> None:
        self.events += events

    def ask(self, question: Question) -> Event:
        assert self.inbox.submit(question)
        assert self.conversions.step()
        assert self.events[-2] == Admitting(id=question.id)
        return self.events[-1]

    def tokens(self, content: str | list[int | str], **more: bool) -> list[int]:
        answer = self.ask(Tokenize(id=1, content=content, **more))
        assert isinstance(answer, Tokenized)
        return answer.tokens

    def text(self, tokens: list[int]) -> str:
        answer = self.ask(Detokenize(id=1, tokens=tokens))
        assert isinstance(answer, Detokenized)
        return answer.text

    def refusal(self, question: Question) -> str:
        answer = self.ask(question)
        assert isinstance(answer, Failed) and answer.kind == "invalid"
        return answer.message


@pytest.fixture(scope="module")
def backend() -> LlamaBackend:
    return load(smollm2_gguf())


@pytest.fixture
def desk(backend: LlamaBackend) -> Iterator[Desk]:
    desk = Desk(backend)
    yield desk
    assert not desk.inbox._n_waiting


def test_a_text_comes_back(desk: Desk) -> None:
    text = "Größe: 3 €\n\tdef f(): <|im_end|> 😀"
    assert desk.text(desk.tokens(text)) == text
    assert desk.text(desk.tokens(text, parse_special=False)) == text


def test_special_tokens_are_read_if_wanted(desk: Desk) -> None:
    assert desk.tokens("<|im_start|>") == [BEGIN]
    assert BEGIN not in desk.tokens("<|im_start|>", parse_special=False)
    answer = desk.ask(Tokenize(id=1, content="é<|im_end|>"))
    assert isinstance(answer, Tokenized)
    assert b"".join(answer.pieces) == "é<|im_end|>".encode() and answer.pieces[-1] == b"<|im_end|>"


def test_tokens_and_texts_in_turn(desk: Desk) -> None:
    assert desk.tokens([BEGIN, "user", END, " is"]) == [BEGIN, *desk.tokens("user"), END, *desk.tokens(" is")]
    assert desk.tokens([]) == desk.tokens("") == []


def test_only_the_beginning_gets_what_a_prompt_begins_with() -> None:
    class WithBegin(FakeBackend):
        def tokenize(self, text: str, add_special: bool = True, parse_special: bool = True) -> list[int]:
            return [256] * add_special + super().tokenize(text)

    desk = Desk(WithBegin())
    assert desk.tokens("a") == [97]
    assert desk.tokens("a", add_special=True) == [256, 97]
    assert desk.tokens(["a", "b", 99, "d"], add_special=True) == [256, 97, 98, 99, 100]
    assert desk.tokens([99, "a"], add_special=True) == [99, 97]


@pytest.mark.parametrize("token", [-1, 49152, 1 << 40])
def test_a_token_that_does_not_exist_is_refused(desk: Desk, token: int) -> None:
    assert f"token {token} is not one of" in desk.refusal(Detokenize(id=1, tokens=[1, token]))
    assert f"token {token} is not one of" in desk.refusal(Tokenize(id=1, content=["a", token]))


def test_a_text_that_is_too_long_is_refused(desk: Desk) -> None:
    assert "characters" in desk.refusal(Tokenize(id=1, content=["x" * MAX_CHARACTERS, "x"]))


def test_bytes_that_are_no_text_are_shown_as_such(desk: Desk) -> None:
    first, *_ = desk.tokens("😀")
    assert desk.text([first]) == "�"


def test_a_conversation_becomes_a_prompt(desk: Desk) -> None:
    answer = desk.ask(Render(id=1, chat=Chat(messages=[{"role": "user", "content": "Hi"}])))
    assert isinstance(answer, Rendered)
    assert answer.prompt.endswith("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n")
    assert answer.n_tokens == len(desk.tokens(answer.prompt))


def test_what_is_cancelled_is_not_answered(desk: Desk) -> None:
    for number in (1, 2, 3):
        desk.inbox.submit(Tokenize(id=number, content="a"))
    desk.inbox.cancel(2)
    desk.inbox.cancel(7)
    while desk.inbox._n_waiting:
        desk.conversions.step()
    assert [event.id for event in desk.events if isinstance(event, Tokenized)] == [1, 3]


def test_a_bug_costs_the_question_that_it_happened_in(desk: Desk) -> None:
    desk.inbox.submit(Tokenize(id=1, content=[None]))  # type: ignore[list-item]
    with pytest.raises(TypeError):
        desk.conversions.step()
    desk.conversions.fail("a bug")
    assert desk.events[-1] == Failed(id=1, kind="internal", message="a bug")
    assert desk.tokens("a")


def test_facts_tell_the_special_tokens(backend: LlamaBackend) -> None:
    facts = backend.facts
    assert (facts.bos, facts.eos, facts.adds_bos) == (BEGIN, END, False)
    assert (facts.tool_template, facts.infill) == ("", {"rep": 4})


def test_two_threads_may_look_up_tokens(backend: LlamaBackend) -> None:
    found: list[list[bytes]] = []
    threads = [
        Thread(target=lambda: found.append([backend.token_bytes(token) for token in range(20_000)])) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found[0] == found[1] and b"" not in found[0]
    with pytest.raises(InvalidRequest):
        backend.token_bytes(-1)


def test_answers_go_on_while_a_long_text_is_cut() -> None:
    async def steps() -> None:
        client = await opened(WorkerConfig(model_path=str(smollm2_gguf()), n_ctx=1024, n_threads=1))
        await client.wait_ready()
        asking = asyncio.create_task(client.ask(Tokenize(id=client.new_id(), content="x" * (1 << 20))))
        await asyncio.sleep(0.05)
        events = [event async for event in client.generate(Generate(id=client.new_id(), prompt="Hi", max_tokens=8))]
        assert not asking.done()
        assert isinstance(events[-1], Finished) and any(isinstance(event, Delta) for event in events)
        answer = await asking
        assert isinstance(answer, Tokenized) and b"".join(answer.pieces) == b"x" * (1 << 20)
        short = await client.ask(Detokenize(id=client.new_id(), tokens=[BEGIN]))
        assert short == Detokenized(id=short.id, text="<|im_start|>")
        await client.stop()

    run(steps())
