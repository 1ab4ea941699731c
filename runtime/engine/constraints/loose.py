"""Writes a tool's schema anew, as far as an answer can be held to it.

A schema of a tool comes from elsewhere and is not the caller's to change. So what `schema.py` refuses is let go
here: more is valid then than was meant, and never less.
"""

from urllib.parse import unquote

from runtime.engine.backend import InvalidRequest
from runtime.engine.constraints import limits
from runtime.engine.constraints.schema import Json, Schema, Writer, parsed

OBJECT: Schema = {"type": "object"}
REPAIRS = 4
"""How often a loose schema is read again without what it refers to in vain."""


def widened(text: str, what: str) -> Schema | bool:
    """Return the schema in `text` as far as llguidance knows it; any object if that is nothing.

    Raises: InvalidRequest, if it is no JSON or too much of it.
    """
    root = parsed(text, what)
    unknown: frozenset[str] = frozenset()
    for _ in range(REPAIRS):
        writer = _Writer(what, root, unknown)
        try:
            return writer.schema()
        except InvalidRequest:
            unknown |= writer.dangling
    return OBJECT


class _Writer(Writer):
    """Leaves out each keyword that would be refused; `unknown` are the places that no `$ref` may lead to."""

    def __init__(self, what: str, root: Json, unknown: frozenset[str]) -> None:
        super().__init__(what, root)
        self._unknown = unknown

    @property
    def dangling(self) -> set[str]:
        """The places that a `$ref` leads to where no schema was found."""
        return {target for targets in self._edges.values() for target in targets} - self._seen

    def _visit(self, node: Json, place: str, depth: int) -> Schema | bool:
        if not isinstance(node, dict | bool) or depth > limits.SCHEMA_DEPTH:
            self._seen.add(place)
            return True
        written = super()._visit(node, place, depth)
        if isinstance(written, dict) and "oneOf" in written:
            written["anyOf"] = [*written.pop("oneOf"), *written.get("anyOf", ())]  # type: ignore[misc]
        if isinstance(node, dict) and node.get("nullable") is True and written:
            return {"anyOf": [written, {"type": "null"}]}
        return written

    def _keyword(self, written: Schema, keyword: str, value: Json, place: str, depth: int) -> None:
        if keyword == "$ref" and isinstance(value, str) and unquote(value) in self._unknown:
            return
        before = dict(written)
        try:
            super()._keyword(written, keyword, value, place, depth)
        except InvalidRequest:
            written.clear()
            written.update(before)

    def _check_count(self, written: Schema) -> None:
        if written.get("minProperties", 0) > max(1, len(written.get("required", ()))):  # type: ignore[operator, arg-type]
            del written["minProperties"]
