"""OpenAI's client takes each refusal for what it is, and repeats only what may work the next time."""

from collections.abc import Callable
from typing import Any, cast

import openai
import pytest

from runtime.engine.protocol import Failed
from tests.runtime.server.live import Live, say

REFUSALS: list[tuple[str, type[openai.APIStatusError], bool]] = [
    ("invalid", openai.BadRequestError, False),
    ("missing", openai.BadRequestError, False),
    ("context", openai.BadRequestError, False),
    ("poison", openai.BadRequestError, False),
    ("busy", openai.RateLimitError, True),
    ("died", openai.InternalServerError, True),
]


def ask(server: Live, max_retries: int, **fields: Any) -> Any:
    client = openai.OpenAI(base_url=f"http://127.0.0.1:{server.port}/v1", api_key="none", max_retries=max_retries)
    with client:
        return client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}], **fields)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("kind", "expected", "repeated"), REFUSALS)
def test_refusals(server: Live, stream: bool, kind: str, expected: type[openai.APIStatusError], repeated: bool) -> None:
    server.engine.script = lambda request: [Failed(id=request.id, kind=cast(Any, kind), message="It is so.")]
    with pytest.raises(expected) as caught:
        ask(server, 1, stream=stream)
    assert cast(Any, caught.value.body)["message"] == "It is so."
    assert len(server.engine.asked) == 1 + repeated


def test_a_full_queue_is_asked_again(start: Callable[..., Live]) -> None:
    server = start()

    def full_once(request: Any) -> Any:
        if len(server.engine.asked) == 1:
            return [Failed(id=request.id, kind="busy", message="Full.")]
        return say("Hello")(request)

    server.engine.script = full_once
    assert ask(server, 1).choices[0].message.content == "Hello"


def test_a_wrong_schema_names_its_field(server: Live) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"description": "x" * 70_000}}}
    with pytest.raises(openai.BadRequestError, match=r"`response_format.json_schema.schema`: expected at most"):
        ask(server, 0, response_format=form)
