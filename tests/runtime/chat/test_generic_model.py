"""A real model that was taught no tools: its calls are valid all the same."""

from collections.abc import Iterator, Sequence

import jsonschema
import pytest

from runtime.chat import Conversation, Form, Piece, Tool, find
from runtime.engine.protocol import Delta, Event, Finished, Generate, Started
from tests.models import smollm2_gguf
from tests.runtime.chat.asking import calls_of, said
from tests.runtime.engine.llama_engine import GREEDY, Engine, load

WORD = {"type": "string", "maxLength": 30}
TOOLS = [
    Tool(
        "get_weather",
        "Tells the weather of a city",
        {
            "type": "object",
            "properties": {"city": {**WORD, "description": "Its name"}, "unit": {"enum": ["celsius", "fahrenheit"]}},
            "required": ["city"],
        },
    ),
    Tool(
        "send_email",
        "Sends an email",
        {"type": "object", "properties": {"to": {**WORD, "format": "email"}, "body": WORD}, "required": ["to", "body"]},
    ),
    Tool(
        "calculate",
        "Computes an expression",
        {"type": "object", "properties": {"expression": WORD}, "required": ["expression"], "unevaluatedItems": False},
    ),
    Tool(
        "set_timer",
        "Sets a timer",
        {"type": "object", "properties": {"minutes": {"type": "integer", "minimum": 1, "maximum": 90}, "label": WORD}},
    ),
    Tool(
        "list_files",
        "Lists files",
        {"type": "object", "properties": {"path": WORD, "deep": {"type": "boolean"}}, "required": ["path"]},
    ),
]
PROMPTS = """\
What is the weather in Oslo?
How warm is it in Paris, in fahrenheit?
Write an email to anna@example.org that says hello.
What is 12 * 17?
Set a timer for 5 minutes.
Which files are in /tmp?
Weather in Tokyo please
Compute (3+4)*2
Remind me in 20 minutes to call mom
List all files in /home/me, also in folders within
Is it raining in London?
Ask bob@example.com whether he is free at noon
What is 2 to the power of 10?
Timer, 1 minute, for tea
Show me what is in the directory src
Tell me the weather of Berlin in celsius
Mail carol@example.net: the meeting is moved to 3 pm
What is 100 divided by 7?
Wake me in 45 minutes
What files does /etc hold?""".splitlines()


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = Engine(load(smollm2_gguf(), n_ctx=20480, n_parallel=20))
    yield engine
    engine.close()


def answers(engine: Engine, conversations: Sequence[Conversation]) -> list[list[Piece]]:
    """Ask all of them at the same time."""
    form = find("{% for message in messages %}{{ message.content }}{% endfor %}")
    for conversation in conversations:
        prepared = form.prepare(conversation, None)
        engine.n_asked += 1
        engine.order(
            Generate(
                id=engine.n_asked,
                chat=prepared.chat,
                grammar=prepared.grammar,
                shown=prepared.shown,
                max_tokens=200,
                sampling=GREEDY,
            )
        )
    engine.run()
    first = engine.n_asked - len(conversations) + 1
    return [read(engine.of(number), form, one) for number, one in enumerate(conversations, first)]


def read(events: Sequence[Event], form: Form, conversation: Conversation) -> list[Piece]:
    pieces: list[Piece] = []
    reader = form.reader(conversation, "")
    for event in events:
        if isinstance(event, Started):
            reader = form.reader(conversation, event.prompt)
        elif isinstance(event, Delta):
            pieces += reader.push(event.text)
        elif isinstance(event, Finished):
            pieces += reader.finish()
    return pieces


def check(pieces: list[Piece], names: list[str]) -> None:
    ((name, arguments),) = calls_of(pieces)
    assert name in names
    assert said(pieces) == ""
    jsonschema.validate(arguments, next(tool.parameters for tool in TOOLS if tool.name == name))


def test_twenty_prompts_give_twenty_valid_calls(engine: Engine) -> None:
    asked = [
        Conversation(messages=[{"role": "user", "content": prompt}], tools=TOOLS, choice="required")
        for prompt in PROMPTS
    ]
    for pieces in answers(engine, asked):
        check(pieces, [tool.name for tool in TOOLS])


def test_a_named_tool_is_called(engine: Engine) -> None:
    go_on: list[dict[str, object]] = [{"role": "user", "content": "Go on"}]
    asked = [Conversation(messages=go_on, tools=TOOLS, named=tool.name) for tool in TOOLS]
    for pieces, one in zip(answers(engine, asked), asked, strict=True):
        check(pieces, [one.named])


def test_after_a_result_the_model_answers_in_words(engine: Engine) -> None:
    call = {"id": "call_1", "function": {"name": "get_weather", "arguments": {"city": "Oslo"}}}
    messages: list[dict[str, object]] = [
        {"role": "user", "content": "What is the weather in Oslo?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Sunny, 21 degrees"},
    ]
    (pieces,) = answers(engine, [Conversation(messages=messages, tools=TOOLS[:1], choice="none")])
    assert calls_of(pieces) == []
    assert said(pieces)
