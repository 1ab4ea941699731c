"""The two forms of a line of the log: words for people, JSON for machines.

    2026-01-31T12:00:00.000Z info request id=… method=POST route=/v1/messages status=200
    {"time":"2026-01-31T12:00:00.000Z","level":"info","message":"request","id":"…","method":"POST",…}

A record's `facts` are its further keys.
"""

import json
import logging
import time
from typing import Literal

LogFormat = Literal["text", "json"]


class Lines(logging.Formatter):
    """Writes one line for one record; never more, whatever is in it."""

    def __init__(self, form: LogFormat) -> None:
        super().__init__()
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        head = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        facts: dict[str, object] = getattr(record, "facts", {})
        if self._form == "json":
            return json.dumps({**head, **facts}, default=str, separators=(",", ":"))
        return " ".join([*map(_flat, head.values()), *(f"{name}={_quoted(value)}" for name, value in facts.items())])


def _quoted(value: object) -> str:
    text = str(value)
    return json.dumps(text) if not text or any(character in ' "=\\' for character in text) else _flat(text)


def _flat(text: str) -> str:
    return text if text.isprintable() else "".join(one if one.isprintable() else " " for one in text)
