"""Text of models, files and publishers as it may stand on a terminal and in a page: it drives neither."""

import json
import re
from typing import Any

MISSING = "\ufffd"


def line(text: str) -> str:
    """`text` on one line: line breaks and tabs become spaces, and what cannot be printed a sign for it."""
    return "".join(
        character if character.isprintable() else " " if character.isspace() else MISSING for character in text
    )


def page(text: str) -> str:
    """`text` of several lines; a carriage return, which would hide a line, is left out."""
    return "\n".join(map(line, text.replace("\r\n", "\n").split("\n")))


def as_json(value: Any) -> str:
    """`value` as JSON, readable in every language, with an escape for each character that cannot be printed."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, indent=1)
    return re.sub(r"[^\n -~]", lambda found: found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1], text)


def markdown(text: str) -> str:
    """`text` on one line, with what Markdown and HTML would read as marks escaped."""
    return re.sub(r"([\\`*_\[\]#|<>&~$])", r"\\\1", line(text)).strip()
