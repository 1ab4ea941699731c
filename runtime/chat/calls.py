"""Reads calls that are written as JSON: `{"name": "get_weather", "arguments": {"city": "Oslo"}}`, alone or in a list.

The arguments are handed on while they are written, once the name is known.
"""

import json

import msgspec

from runtime.chat.json_text import short_string, text_of, value
from runtime.chat.reading import Reading
from runtime.chat.tape import Script, Unexpected

BESIDES = ("type", "id")
"""Keys that models write before the name."""


class Keys(msgspec.Struct, frozen=True):
    """What a family calls the parts of a call; of several names of one part, models write any. ids: empty for none.

    only_offered: an object that names none of the request's tools, or begins with another key, is no call; for
    families without marks, whose models also answer in JSON.
    """

    names: tuple[str, ...] = ("name",)
    arguments: tuple[str, ...] = ("arguments", "parameters")
    ids: tuple[str, ...] = ("id",)
    only_offered: bool = False


def json_calls(reading: Reading, keys: Keys) -> Script[None]:
    """Read one call or a list of them. Raises: Unexpected."""
    tape = reading.tape
    if (yield from tape.blank()) != "[":
        yield from json_call(reading, keys)
        return
    tape.at += 1
    while (character := (yield from tape.blank())) and character != "]":
        if character == ",":
            tape.at += 1
            tape.attempt()
        else:
            yield from json_call(reading, keys)
    yield from tape.starts("]")


def json_call(reading: Reading, keys: Keys) -> Script[None]:
    """Read one call. Raises: Unexpected, when there was nothing that could be called."""
    tape = reading.tape
    name = call_id = early = ""
    has_begun = False
    yield from tape.blank()
    yield from tape.expect("{")
    while (key := (yield from _key(reading))) is not None:
        first = yield from tape.blank()
        if key in keys.names and first == '"':
            name = yield from short_string(tape)
            if keys.only_offered and name not in reading.tools:
                raise Unexpected("a tool")
        elif key in keys.ids and first == '"':
            call_id = yield from short_string(tape)
        elif key in keys.arguments and name and not has_begun:
            reading.begin(name, call_id)
            has_begun = True
            yield from arguments(reading)
        elif key in keys.arguments and not has_begun:
            early = yield from text_of(tape)
        elif keys.only_offered and not name and key not in BESIDES:
            raise Unexpected("a call")
        else:
            yield from value(tape, _ignore)
    if not has_begun:
        if not name:
            raise Unexpected("a name")
        reading.begin(name, call_id)
        reading.grow(_object(early))


def arguments(reading: Reading) -> Script[None]:
    """Read a call's arguments, an object, or one inside a string. Raises: Unexpected."""
    if (yield from reading.tape.blank()) == "{":
        yield from value(reading.tape, reading.grow)
    else:
        reading.grow(_object((yield from text_of(reading.tape))))


def _key(reading: Reading) -> Script[str | None]:
    """Read `"key":`; None at the end of the object."""
    tape = reading.tape
    while (character := (yield from tape.blank())) == ",":
        tape.at += 1
    if character == "}":
        tape.at += 1
        return None
    key = yield from short_string(tape)
    yield from tape.blank()
    yield from tape.expect(":")
    return key


def _object(text: str) -> str:
    """Return the JSON object that `text` is, or holds in a string; none: an empty one."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if isinstance(found, str):
        return _object(found)
    return text if isinstance(found, dict) else "{}"


def _ignore(_: str) -> None:
    pass
