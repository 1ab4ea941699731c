"""What a terminal sends, as keys: the characters, the names of the others, and pasted text as one.

    decoder = Keys()
    decoder.feed(os.read(0, 4096))    # [Key("h"), Key(name="left"), Key("two\\nlines", "paste"), …]

Alt and a key are `alt-` and the key's name. What is not known is left out.
"""

import codecs
import re
from typing import NamedTuple

ESCAPE = "\x1b"
PASTE_BEGINS, PASTE_ENDS = "\x1b[200~", "\x1b[201~"
MAX_SEQUENCE = 32

SEQUENCE = re.compile(r"\x1b(?:\[[0-9;:<=>?]*[ -/]*[@-~]|O[\x20-\x7e]|[^\[O\x1b])", re.DOTALL)
NAMES = {
    **{f"[{final}": name for final, name in zip("ABCDHF", ("up", "down", "right", "left", "home", "end"), strict=True)},
    **{f"O{final}": name for final, name in zip("ABCDHF", ("up", "down", "right", "left", "home", "end"), strict=True)},
    "[1~": "home", "[7~": "home", "[4~": "end", "[8~": "end", "[3~": "delete",
    "[1;5C": "alt-f", "[1;5D": "alt-b", "[1;3C": "alt-f", "[1;3D": "alt-b", "Oc": "alt-f", "Od": "alt-b",
    "[3;5~": "alt-d", "\r": "newline", "\n": "newline", "\x7f": "alt-backspace", "\b": "alt-backspace",
    "[13;2u": "newline", "[13;3u": "newline", "[13;5u": "newline", "[27;2;13~": "newline", "[27;3;13~": "newline",
    "b": "alt-b", "f": "alt-f", "d": "alt-d",
}  # fmt: skip
"""By what follows the escape character."""
CONTROLS = {
    "\r": "enter", "\n": "newline", "\x7f": "backspace", "\b": "backspace", "\t": "tab",
    "\x01": "home", "\x02": "left", "\x03": "interrupt", "\x04": "delete-or-end", "\x05": "end", "\x06": "right",
    "\x07": "cancel", "\x0b": "cut-end", "\x0c": "clear", "\x0e": "down", "\x10": "up", "\x12": "search",
    "\x15": "cut-start", "\x17": "cut-word", "\x19": "put",
}  # fmt: skip


class Key(NamedTuple):
    """A text to insert, or the name of a key; a paste has both."""

    text: str = ""
    name: str = ""


class Keys:
    """Takes bytes as they come; a key may be cut anywhere."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest = ""
        self._pasted: list[str] | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether an escape character was read that may be a key of its own or begin another's."""
        return self._rest != "" and self._pasted is None

    def feed(self, data: bytes) -> list[Key]:
        """Return the keys that are complete with `data`."""
        text = self._rest + self._decoder.decode(data)
        self._rest = ""
        found: list[Key] = []
        while text:
            text = self._paste(text, found) if self._pasted is not None else self._key(text, found)
        return found

    def flush(self) -> list[Key]:
        """Nothing more came in time: what waits was the escape key."""
        if not self.is_waiting:
            return []
        rest, self._rest = self._rest[1:], ""
        return [Key(name="cancel"), *self.feed(rest.encode("utf-8", "replace"))]

    def _key(self, text: str, found: list[Key]) -> str:
        """Take one key off `text`; return the rest."""
        first = text[0]
        if first != ESCAPE:
            end = next((at for at, one in enumerate(text) if one < " " or one == "\x7f"), len(text))
            if end:
                found.append(Key(text[:end]))
                return text[end:]
            if first in CONTROLS:
                found.append(Key(name=CONTROLS[first]))
            return text[1:]
        sequence = SEQUENCE.match(text)
        if sequence is None:
            if len(text) <= MAX_SEQUENCE and not text.startswith(ESCAPE + ESCAPE):
                self._rest = text
                return ""
            found.append(Key(name="cancel"))
            return text[1:]
        if sequence[0] == PASTE_BEGINS:
            self._pasted = []
        elif name := NAMES.get(sequence[0][1:]):
            found.append(Key(name=name))
        return text[sequence.end() :]

    def _paste(self, text: str, found: list[Key]) -> str:
        pasted = self._pasted or []
        inner, mark, rest = text.partition(PASTE_ENDS)
        if mark:
            whole = "".join([*pasted, inner]).replace("\r\n", "\n").replace("\r", "\n")
            found.append(Key(whole, "paste"))
            self._pasted = None
            return rest
        kept = max((n for n in range(1, len(PASTE_ENDS)) if inner.endswith(PASTE_ENDS[:n])), default=0)
        self._rest = inner[len(inner) - kept :]
        self._pasted = [*pasted, inner[: len(inner) - kept]]
        return ""
