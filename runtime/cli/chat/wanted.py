"""What `/json` asks of answers: a schema as text or in a file, or any JSON object; and whether an answer is that."""

import json
from pathlib import Path

from runtime.cli.chat.schema import violation
from runtime.cli.chat.talk import Wanted
from runtime.engine.protocol import Grammar
from runtime.errors import UsageError

MAX_BYTES = 64 << 10
FIELD = "/json"


def read_wanted(text: str) -> Wanted:
    """What answers have to be. Raises: UsageError."""
    if not text:
        return Wanted(Grammar(kind="json", field=FIELD))
    schema = text if text.startswith("{") else _file(text)
    if len(schema.encode()) > MAX_BYTES:
        raise UsageError(f"Reading the schema: it has more than {MAX_BYTES >> 10} KiB; shorten it.")
    try:
        parsed = json.loads(schema)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"Reading the schema: it is no JSON ({error}); correct it.") from None
    if not isinstance(parsed, dict):
        raise UsageError('Reading the schema: it is no JSON object; write one, such as {"type": "object"}.')
    if not parsed:
        return Wanted(Grammar(kind="json", field=FIELD))
    return Wanted(Grammar(kind="json_schema", text=schema, field=FIELD), parsed)


def verdict(wanted: Wanted, answer: str) -> str:
    """What is wrong with an answer, as the beginning of a sentence; empty: nothing."""
    wrong = violation(answer, wanted.schema)
    return f"The answer is not what /json asks for: {wrong}" if wrong else ""


def _file(name: str) -> str:
    try:
        with Path(name).expanduser().open("rb") as file:
            return file.read(MAX_BYTES + 1).decode()
    except (OSError, RuntimeError, ValueError) as error:
        happened = (error.strerror if isinstance(error, OSError) else None) or "it is no text"
        raise UsageError(
            f"Reading the schema `{name[:80]}`: {happened.lower()}; write a JSON object or the name of a file."
        ) from None
