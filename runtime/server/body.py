"""Turns the body of a request into a typed object, or into a sentence about what is wrong with it.

Unknown fields are ignored, `null` means the default, of two equal keys the last counts.
Refused with the field's name: a wrong type, a number out of its range, NaN, a lone
surrogate, bytes that are not UTF-8, nesting beyond the decoder's limit.
"""

import re
from typing import TypeVar

import msgspec
from aiohttp import web

from runtime.server.places import deepest_field, field_at, lone_surrogate
from runtime.server.problem import invalid
from runtime.server.transfer import read_body

Body = TypeVar("Body")


async def read_json(request: web.Request, kind: type[Body]) -> Body:
    """Return the body as `kind`. Raises: Problem."""
    return decode(await read_body(request), kind)


def decode(body: bytes, kind: type[Body]) -> Body:
    """Return `body` as `kind`. Raises: Problem naming the field."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise invalid(_sentence(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid(_malformed(str(error), body)) from None
    except RecursionError:
        field = deepest_field(body)
        raise invalid(f"{f'`{field}`: ' if field else ''}the request is nested too deeply.") from None


def _malformed(text: str, body: bytes) -> str:
    """msgspec says `JSON is malformed: invalid character (byte 5)`, also of NaN; name the field first."""
    found = re.search(r"\(byte ([0-9]+)\)", text)
    offset = int(found[1]) if found else lone_surrogate(body)
    if not found and offset is not None:
        text = f"half of a surrogate pair (byte {offset})"
    field = None if offset is None else field_at(body, offset)
    return f"{f'`{field}`: ' if field else ''}the request is not valid JSON: {text}."


def _sentence(text: str) -> str:
    """msgspec says `Expected `int | null`, got `float` - at `$.seed``; name the field first."""
    text = text.replace(" | null`", "`")
    found = re.fullmatch(r"(?s)(.*) - at `\$\.?(.*)`", text)
    if found is None:
        return f"{text}."
    what = found[1][:1].lower() + found[1][1:]
    return f"`{found[2]}`: {what}."
