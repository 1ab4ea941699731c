"""Where in a JSON text something is: the field that a byte belongs to, and how deep the text is nested.

For texts that the decoder has refused or has not seen: nothing is built, nothing recurses, and a text of
strange tokens is read only so far (20 ms).
"""

import re
from collections.abc import Iterator
from itertools import islice

MAX_TOKENS = 20_000

_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"(?:\s*:)?|\\?\Z)|[\[{]|[\]}]', re.DOTALL)
"""A string (with the colon that makes it a key, or without an end), or a bracket."""

_TO_LONE_SURROGATE = re.compile(
    rb"(?:[^\\]++|\\[^u]|\\u(?:[^dD]|[dD][0-7])|\\u[dD][89abAB]..\\u[dD][c-fC-F])*+(?=\\u[dD][89a-fA-F])", re.DOTALL
)
"""All that stands before an escaped half of a surrogate pair without its other half."""


def field_at(text: bytes, offset: int) -> str | None:
    """Return the name of the outermost field whose value holds byte `offset`; None when there is none."""
    found: str | None = None
    for depth, token, start in _tokens(text):
        if start >= offset:
            break
        if depth == 1 and token.endswith(b":"):
            found = _name(token)
    return found


def lone_surrogate(text: bytes) -> int | None:
    """Return where half of a surrogate pair stands for itself, which no UTF-8 can carry; None when there is none."""
    before = _TO_LONE_SURROGATE.match(text)
    return before.end() if before else None


def deepest_field(text: bytes) -> str | None:
    """Return the name of the outermost field that is nested deepest."""
    deepest, name, found = 1, None, None
    for depth, token, _ in _tokens(text):
        if depth == 1 and token.endswith(b":"):
            name = _name(token)
        elif depth > deepest:
            deepest, found = depth, name
    return found


def is_deeper(text: bytes, n_levels: int) -> bool:
    """Whether more than `n_levels` brackets enclose something; reads the whole of `text` if it must."""
    return any(depth > n_levels for depth, _, _ in _tokens(text, limit=len(text)))


def _tokens(text: bytes, limit: int = MAX_TOKENS) -> Iterator[tuple[int, bytes, int]]:
    """Yield how many brackets are open after each token, the token, and where it starts."""
    depth = 0
    for match in islice(_TOKEN.finditer(text), limit):
        token = match[0]
        if token in b"[{":
            depth += 1
        elif token in b"]}":
            depth -= 1
        yield depth, token, match.start()


def _name(key: bytes) -> str:
    return key[1 : key.rindex(b'"')].decode("utf-8", "replace")[:64]
