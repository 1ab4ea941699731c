"""The publisher's messages in the manifest: bounded, and absent where there are none."""

from typing import Any

import pytest

from runtime.payload import Assistant, Message

SAID = (Message("user", "Who are you?"), Message("assistant", "The Bread Book."))


def test_they_are_read_as_they_are_written() -> None:
    assert Assistant.read({"messages": [message._asdict() for message in SAID]}) == Assistant(messages=SAID)
    assert Assistant.read({}).messages == ()


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ("hello", "not a list"),
        (["hello"], "not a list"),
        ([{"role": "system", "content": "x"}], "neither user nor assistant"),
        ([{"role": ["user"], "content": "x"}], "neither user nor assistant"),
        ([{"role": "user"}] * 65, "65 messages"),
        ([{"role": "user", "content": 7}], "no text"),
        ([{"role": "user", "content": "\ud800"}], "cannot be shown"),
        ([{"role": "user", "content": "x" * 10_001}] * 2, "20002 characters"),
    ],
)
def test_what_cannot_be_is_refused(messages: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Assistant.read({"messages": messages})
