"""Calls whose arguments are written one by one, each between marks: `<parameter=city>Oslo</parameter>`.

What stands between the marks is the text of a string, or JSON of anything else; which of them, the tool's schema
says. Out of this comes one JSON object, in parts as it is written.
"""

import json

import msgspec

from runtime.chat import grammars
from runtime.chat.conversation import Tool
from runtime.chat.json_text import quoted
from runtime.chat.reading import Reading
from runtime.chat.tape import Script, marks

TYPES = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    list: "array",
    dict: "object",
    type(None): "null",
}
MOST_CHOICES = 64


class Tags(msgspec.Struct, frozen=True):
    """What stands before the key, between key and value, and behind the value of a parameter.

    between: of several, one says that the value is a string and the other that it is JSON; then no schema is asked.
    then: a second mark before the value, `gap` apart. own_line: the value has lines of its own.
    """

    before: str
    between: tuple[str, ...]
    after: str
    then: str = ""
    gap: str = ""
    own_line: bool = False

    def read(self, reading: Reading, tool: Tool | None) -> Script[None]:
        """Read the parameters that come next, as the arguments of the latest call. Raises: Unexpected."""
        tape, n_read = reading.tape, 0
        reading.grow("{")
        while (yield from tape.blank()) and (yield from tape.starts(self.before)):
            key, between = yield from tape.short_until(marks(*self.between))
            reading.grow(f"{', ' if n_read else ''}{json.dumps(key, ensure_ascii=False)}: ")
            n_read += 1
            kinds = _kinds(tool, key)
            if len(self.between) > 1:
                kinds = {"string"} if between == self.between[0] else set(TYPES.values()) - {"string"}
            if not (yield from self._value(reading, kinds)):
                return
        if (yield from tape.peek()):
            reading.grow("}")

    def rule(self, tool: Tool) -> str:
        """Return the grammar's rule for the parameters of a call."""
        if not tool.properties:
            return "" if tool.parameters.get("additionalProperties") is False else f"({self._any_parameter()} ws_?)*"
        required = tool.required
        rules = [(name, f"{self._parameter(tool, name, of)} ws_?") for name, of in tool.properties.items()]
        return " ".join(rule if name in required else f"({rule})?" for name, rule in rules)

    def _value(self, reading: Reading, kinds: set[str]) -> Script[bool]:
        """Read a value and its closing mark; returns whether it was there."""
        tape = reading.tape
        if self.then:
            yield from tape.blank()
            yield from tape.starts(self.then)
        if self.own_line:
            yield from tape.starts("\n")
        closing = marks(f"\n{self.after}", self.after) if self.own_line else marks(self.after)
        if kinds == {"string"}:
            reading.grow('"')
            if not (yield from tape.until(closing, lambda text: reading.grow(quoted(text)))):
                return False
            reading.grow('"')
            return True
        parts: list[str] = []
        if not (yield from tape.until(closing, parts.append)):
            return False
        reading.grow(_json("".join(parts), kinds))
        return True

    def _parameter(self, tool: Tool, name: str, of: object) -> str:
        head = f"{grammars.mark(self.before)} {grammars.literal(name)}"
        texts, others = (f"{head} {self._between(mark)}" for mark in (self.between[0], self.between[-1]))
        choices = _choices(of)
        if choices:
            return f"{texts} {grammars.any_of([grammars.literal(one) for one in choices])} {self._after()}"
        if "string" in _kinds(tool, name):
            return f"{texts} {grammars.until(self._line + self.after)}"
        schema = {**of, **_definitions(tool)} if isinstance(of, dict) else {}
        return f"{others} {grammars.schema(schema)} {self._after()}"

    def _any_parameter(self) -> str:
        head = f"{grammars.mark(self.before)} {grammars.pattern('[A-Za-z0-9_.-]{1,64}')}"
        return f"{head} {self._between(self.between[0])} {grammars.until(self._line + self.after)}"

    @property
    def _line(self) -> str:
        return "\n" if self.own_line else ""

    def _between(self, mark: str) -> str:
        parts = [grammars.mark(mark), *([grammars.literal(self.gap)] if self.gap else [])]
        parts += [grammars.mark(self.then)] if self.then else []
        parts += [grammars.literal("\n")] if self.own_line else []
        return " ".join(parts)

    def _after(self) -> str:
        mark = grammars.mark(self.after)
        return f"{grammars.literal(self._line)} {mark}" if self._line else mark


def _definitions(tool: Tool) -> dict[str, object]:
    return {key: tool.parameters[key] for key in ("$defs", "definitions") if key in tool.parameters}


def _kinds(tool: Tool | None, key: str) -> set[str]:
    """Return the types that a parameter may have; all of them where the schema does not say."""
    found = _types(tool.properties.get(key), list(_definitions(tool).values())) if tool else set()
    return (found | {"integer"} if "number" in found else found) or set(TYPES.values())


def _types(of: object, definitions: list[object]) -> set[str]:
    """Return the types that a schema names, each definition looked up once."""
    found: set[str] = set()
    waiting, known = [of], {""}
    while waiting:
        node = waiting.pop()
        if not isinstance(node, dict):
            continue
        kind = node.get("type")
        found.update(one for one in (kind if isinstance(kind, list) else [kind]) if isinstance(one, str))
        if kind is None:
            values = [*_listed(node, "enum"), *([node["const"]] if "const" in node else [])]
            found.update(TYPES[type(value)] for value in values)
            waiting += [*_listed(node, "anyOf"), *_listed(node, "oneOf"), *_listed(node, "allOf")]
        if node.get("nullable") is True:
            found.add("null")
        name = str(node.get("$ref", "")).rpartition("/")[2]
        if name not in known:
            known.add(name)
            waiting += [group.get(name) for group in definitions if isinstance(group, dict)]
    return found


def _listed(node: dict[str, object], keyword: str) -> list[object]:
    found = node.get(keyword)
    return found if isinstance(found, list) else []


def _choices(of: object) -> list[str]:
    """Return the texts that a parameter may have, if the schema lists them."""
    listed = of.get("enum", [of["const"]] if "const" in of else []) if isinstance(of, dict) else []
    whole = isinstance(listed, list) and len(listed) <= MOST_CHOICES and all(isinstance(one, str) for one in listed)
    return listed if whole else []


def _json(text: str, kinds: set[str]) -> str:
    """Return the value as JSON; what is none of the types that are wanted is a string."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return json.dumps(text, ensure_ascii=False)
    is_wanted = TYPES[type(found)] in kinds or "string" not in kinds
    return text.strip() if is_wanted else json.dumps(text, ensure_ascii=False)
