"""What a request may ask its answer to look like, as it travels to a worker."""

from typing import Literal

import msgspec


class Trigger(msgspec.Struct, kw_only=True, frozen=True):
    """What starts a lazy grammar when the answer comes to it.

    word: a string, wherever tokens end; token: an id; pattern: a regular expression,
    whose first capture group that is not empty is where the grammar begins.
    """

    kind: Literal["word", "token", "pattern"]
    value: str | int


class Grammar(msgspec.Struct, kw_only=True, frozen=True):
    """The form of an answer; with `triggers` it is free until one of them appears.

    json is any JSON object and needs no text.
    """

    kind: Literal["json_schema", "json", "regex", "lark", "gbnf"]
    text: str = ""
    triggers: list[Trigger] = []
