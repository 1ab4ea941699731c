"""What a request says the answer has to be: OpenAI's, llama-server's and vLLM's fields for it.

Sizes and depths are bounded here; whether it can be met is for the worker to find out.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta, Raw

from runtime.engine.protocol import Grammar, Trigger
from runtime.server.places import is_deeper
from runtime.server.problem import invalid, not_supported

MAX_BYTES = 64 << 10
MAX_LEVELS = 128

LARK_MARK = re.compile(r"\s*%llguidance\b[ \t]*(.*)")
"""How llama.cpp's grammars begin that are in Lark's notation and not in GBNF; options may follow."""

SCHEMA_FIELD = "`json_schema`"
"""What the engine calls the schema of an answer; dialects with another word for it say theirs in its place."""

ABSENT = Raw(b"")

SchemaField = Annotated[Raw, Meta(extra_json_schema={"type": ["object", "null"], "description": "A JSON schema."})]
"""As it was written: the order of its properties is that of the answer's."""


def absent() -> Raw:
    """The default of a `SchemaField`; as a factory, because it is no JSON that could be documented."""
    return ABSENT


class SchemaFormat(msgspec.Struct, kw_only=True):
    """OpenAI's `response_format.json_schema`; what it describes is always kept to, `strict` or not."""

    schema: SchemaField = msgspec.field(default_factory=absent)
    name: str | None = None
    strict: bool | None = None


class ResponseFormat(msgspec.Struct, kw_only=True):
    """OpenAI's `response_format`; `schema` beside `json_object` is llama-server's."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: SchemaFormat | None = None
    schema: SchemaField = msgspec.field(default_factory=absent)


class StructuredOutputs(msgspec.Struct, kw_only=True):
    """vLLM's `structured_outputs`."""

    json: SchemaField = msgspec.field(default_factory=absent)
    regex: str | None = None
    choice: Annotated[list[str], Meta(min_length=1, max_length=1024)] | None = None
    grammar: str | None = None
    json_object: bool | None = None


class TriggerField(msgspec.Struct, kw_only=True):
    """llama-server's: type 0 is a token, 1 a word, 2 a pattern, 3 a pattern for all of the answer so far."""

    type: Literal[0, 1, 2, 3]
    value: Annotated[str, Meta(max_length=1024)] = ""
    token: int | None = None


class ConstraintFields(msgspec.Struct, kw_only=True):
    """The fields of a request; at most one of the first four constrains."""

    schema_name: ClassVar[str] = "response_format.json_schema.schema"
    """What messages call the schema of `response_format`."""

    response_format: ResponseFormat | None = None
    json_schema: SchemaField = msgspec.field(default_factory=absent)
    grammar: str | None = None
    structured_outputs: StructuredOutputs | None = None
    grammar_lazy: bool | None = None
    grammar_triggers: Annotated[list[TriggerField], Meta(max_length=32)] | None = None

    def constraint(self, n_vocab: int) -> Grammar | None:
        """Return what the answer has to be; None: anything. Raises: Problem."""
        given = [*self._of_response_format(), *self._of_llama_server(), *self._of_vllm()]
        if len(given) > 1:
            names = " and ".join(f"`{name}`" for name, _ in given)
            raise invalid(f"`{given[1][0]}`: expected one constraint, got {names}.")
        if not given:
            return None
        grammar = given[0][1]
        return msgspec.structs.replace(grammar, triggers=self._triggers(n_vocab)) if self.grammar_lazy else grammar

    def _of_response_format(self) -> Iterator[tuple[str, Grammar]]:
        wanted = self.response_format
        if wanted is None or wanted.type == "text":
            return
        if wanted.type == "json_object":
            yield "response_format", read_schema(wanted.schema, "response_format.schema") or Grammar(kind="json")
            return
        schema = wanted.json_schema.schema if wanted.json_schema else ABSENT
        found = read_schema(schema, self.schema_name)
        if found is None:
            raise invalid(f"`{self.schema_name}`: expected an object.")
        yield "response_format", found

    def _of_llama_server(self) -> Iterator[tuple[str, Grammar]]:
        schema = read_schema(self.json_schema, "json_schema")
        if schema:
            yield "json_schema", schema
        if self.grammar:
            yield "grammar", _grammar(self.grammar, "grammar")

    def _of_vllm(self) -> Iterator[tuple[str, Grammar]]:
        wanted = self.structured_outputs
        if wanted is None:
            return
        schema = read_schema(wanted.json, "structured_outputs.json")
        if schema:
            yield "structured_outputs.json", schema
        if wanted.regex:
            name = "structured_outputs.regex"
            yield name, Grammar(kind="regex", text=_bounded(wanted.regex, name), field=name)
        if wanted.choice:
            name = "structured_outputs.choice"
            yield name, Grammar(kind="lark", text=_bounded(_choice(wanted.choice), name), field=name)
        if wanted.grammar:
            yield "structured_outputs.grammar", _grammar(wanted.grammar, "structured_outputs.grammar")
        if wanted.json_object:
            yield "structured_outputs.json_object", Grammar(kind="json")

    def _triggers(self, n_vocab: int) -> list[Trigger]:
        if not self.grammar_triggers:
            raise invalid("`grammar_triggers`: expected at least one, because `grammar_lazy` is true.")
        return [_trigger(field, index, n_vocab) for index, field in enumerate(self.grammar_triggers)]


def read_schema(given: Raw, name: str) -> Grammar | None:
    """Return a schema as it was written: the order of its properties is that of the answer's. None for `null`.

    name: of the field that holds it. Raises: Problem that says it.
    """
    schema = decode_schema(given, name)
    if schema is None:
        return None
    # As in llama-server: who says nothing about the object wants one.
    if not schema:
        return Grammar(kind="json", field=name)
    return Grammar(kind="json_schema", text=bytes(given).decode(), field=name)


def decode_schema(given: Raw, name: str) -> dict[str, object] | None:
    """Return a schema, which is an object of moderate size and depth; None for `null`. Raises: Problem."""
    text = bytes(given)
    if text in (b"", b"null"):
        return None
    if len(text) > MAX_BYTES:
        raise invalid(f"`{name}`: expected at most {MAX_BYTES} bytes, got {len(text)}.")
    if is_deeper(text, MAX_LEVELS):
        raise invalid(f"`{name}`: expected at most {MAX_LEVELS} levels.")
    try:
        schema = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid(f"`{name}`: {error}.") from None
    if not isinstance(schema, dict):
        raise invalid(f"`{name}`: expected `object`.")
    return schema


def _grammar(text: str, name: str) -> Grammar:
    mark = LARK_MARK.match(_bounded(text, name))
    if mark is None:
        return Grammar(kind="gbnf", text=text, field=name)
    if mark[1].strip() not in ("", "{}"):
        raise not_supported(f"`{name}` with options of `%llguidance`")
    return Grammar(kind="lark", text=text[mark.end() :], field=name)


def _bounded(text: str, name: str) -> str:
    if len(text.encode()) > MAX_BYTES:
        raise invalid(f"`{name}`: expected at most {MAX_BYTES} bytes, got {len(text.encode())}.")
    return text


def _choice(words: Sequence[str]) -> str:
    return "start: " + " | ".join(msgspec.json.encode(word).decode() for word in words)


def _trigger(field: TriggerField, index: int, n_vocab: int) -> Trigger:
    if field.type == 0:
        if field.token is None or not 0 <= field.token < n_vocab:
            raise invalid(f"`grammar_triggers[{index}].token`: expected a token from 0 to {n_vocab - 1}.")
        return Trigger(kind="token", value=field.token)
    if not field.value:
        raise invalid(f"`grammar_triggers[{index}].value`: expected a text.")
    if field.type == 1:
        return Trigger(kind="word", value=field.value)
    return Trigger(kind="pattern", value=field.value if field.type == 2 else f"^(?:{field.value})$")
