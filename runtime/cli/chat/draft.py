"""When lines are a message: a backslash at the end of one goes on, and `\"\"\"` holds what stands between two."""

FENCE = '"""'
MAX_CHARACTERS = 8 << 20
"""Of a message: more than any context holds."""


class Draft:
    """Lines until they are a message."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._is_fenced = False

    @property
    def is_begun(self) -> bool:
        """Whether lines wait for more."""
        return bool(self._lines)

    def add(self, line: str) -> str | None:
        """Take the next line, without its end; return the message that it completes."""
        if not self._lines and line.lstrip().startswith(FENCE):
            self._is_fenced = True
            rest = line.lstrip()[len(FENCE) :]
            if FENCE not in rest:
                self._lines.append(line)
                return None
        self._lines.append(line)
        if self._is_fenced:
            return self.rest() if FENCE in line else None
        if line.endswith("\\"):
            self._lines[-1] = line[:-1]
            return None
        return self.rest()

    def rest(self) -> str | None:
        """What was begun, as it is; None if nothing was."""
        lines, self._lines, self._is_fenced = self._lines, [], False
        return unfenced("\n".join(lines)) if lines else None


def is_open(text: str) -> bool:
    """Tell whether Enter behind `text` goes on with it."""
    begun = text.lstrip()
    return text.endswith("\\") or (begun.startswith(FENCE) and begun.count(FENCE) == 1)


def unfenced(text: str) -> str:
    """`text` without the marks around it, if there are two and nothing is outside of them."""
    inner = text.strip()
    if len(inner) < 2 * len(FENCE) or not inner.startswith(FENCE) or inner.find(FENCE, len(FENCE)) != len(inner) - 3:
        return text
    return inner[len(FENCE) : -len(FENCE)].strip("\n")
