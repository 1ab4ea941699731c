"""Makes matchers out of grammars: checked, compiled within bounds, and the latest kept.

One for each model, in its worker. Compiling drops the interpreter's lock and cannot be
interrupted, so what it may cost is bounded beforehand by `LIMITS`.
"""

import json
import re
import threading
from collections import OrderedDict

from llguidance._lib import LLMatcher, LLParserLimits

from runtime.engine.backend import InvalidRequest
from runtime.engine.constraints import gbnf_lark, lark, loose, regex, schema
from runtime.engine.constraints.matcher import Compiled, Matcher, reason
from runtime.engine.constraints.trigger import Watch
from runtime.engine.constraints.vocabulary import Table, Vocabulary
from runtime.engine.protocol import Grammar, Trigger

CACHED = 64

LIMITS = LLParserLimits(
    initial_lexer_fuel=1_000_000,
    step_lexer_fuel=200_000,
    step_max_items=20_000,
    max_items_in_row=2_000,
    max_lexer_states=16_000,
    max_grammar_size=100_000,
    verbose_errors=False,
)
"""The worst that tests can think of takes 0.3 s to compile, 0.2 s for a mask, and 7 MB: 0.5 GB for all kept."""

FIELDS = {
    "json_schema": "json_schema",
    "json": "response_format",
    "regex": "regex",
    "lark": "grammar",
    "gbnf": "grammar",
}
"""What a message calls a grammar, by kind, where the request does not say what it calls it."""

OWN_NAME = re.compile(f"^`(?:{'|'.join(sorted(set(FIELDS.values())))})`")


class Constraints:
    """The grammars of one model. For the thread that draws tokens, but `prepare` may run in another."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._table: Table | None = None
        self._lock = threading.Lock()
        self._compiled: OrderedDict[tuple[object, ...], Compiled] = OrderedDict()

    def prepare(self) -> None:
        """Build the table of tokens, unless it is there; the first `matcher` does it otherwise."""
        self._ready()

    def matcher(self, grammar: Grammar) -> Matcher:
        """Return what follows an answer through `grammar`. Raises: InvalidRequest, which names the field."""
        table = self._ready()
        triggers = tuple((trigger.kind, trigger.value) for trigger in grammar.triggers)
        key = grammar.field, grammar.kind, grammar.text, triggers
        try:
            compiled = self._compiled.pop(key, None) or self._compile(grammar, table)
        except InvalidRequest as refusal:
            field = grammar.field or FIELDS[grammar.kind]
            raise InvalidRequest(OWN_NAME.sub(lambda _: f"`{field}`", str(refusal))) from refusal
        self._compiled[key] = compiled
        while len(self._compiled) > CACHED:
            self._compiled.popitem(last=False)
        return Matcher(table, compiled)

    def _ready(self) -> Table:
        with self._lock:
            if self._table is None:
                self._table = Table(self._vocabulary)
            return self._table

    def _compile(self, grammar: Grammar, table: Table) -> Compiled:
        field = grammar.field or FIELDS[grammar.kind]
        triggers = [_as_token(trigger, table) for trigger in grammar.triggers]
        watch = Watch(triggers) if triggers else None
        native = _native(self._translated(grammar, table), table)
        if native.is_error() and grammar.kind == "lark" and "%loose" in grammar.text:
            native = self._widened(grammar.text, table)
        if native.is_error():
            raise InvalidRequest(f"`{field}`: {reason(native.get_error())}")
        self._check_triggers(native, triggers, table)
        return Compiled(native, watch, field)

    def _widened(self, text: str, table: Table) -> LLMatcher:
        """Compile a grammar without those of its loose schemas that cannot be met, or else without any."""

        def compiles(widened: schema.Schema | bool) -> schema.Schema | bool:
            alone = json.dumps({"grammars": [{"json_schema": schema.with_options(widened)}]})
            return loose.OBJECT if _native(alone, table).is_error() else widened

        native = _native(_in_lark(lark.checked(text, table.find_special, compiles)), table)
        if native.is_error():
            native = _native(_in_lark(lark.checked(text, table.find_special, lambda _: loose.OBJECT)), table)
        return native

    def _translated(self, grammar: Grammar, table: Table) -> str:
        """Return the grammar in llguidance's terms. Raises: InvalidRequest."""
        if grammar.kind == "json":
            return schema.native('{"type": "object"}', FIELDS[grammar.kind])
        if grammar.kind == "json_schema":
            return schema.native(grammar.text, FIELDS[grammar.kind])
        if grammar.kind == "regex":
            regex.parse(grammar.text, "`regex`")
            return LLMatcher.grammar_from_regex(grammar.text)
        if grammar.kind == "gbnf":
            text = gbnf_lark.translate(grammar.text, table.n_vocab, table.find)
        else:
            text = lark.checked(grammar.text, table.find_special)
        return _in_lark(text)

    def _check_triggers(self, native: LLMatcher, triggers: list[Trigger], table: Table) -> None:
        """Refuse a word with which no answer of the grammar begins: the answer would stay free for ever."""
        for trigger in triggers:
            if trigger.kind == "word":
                tokens = table.cut(str(trigger.value))
                if native.deep_copy().try_consume_tokens(tokens) < len(tokens):
                    raise InvalidRequest(f"`grammar_triggers`: the grammar does not begin with `{trigger.value}`")
            elif trigger.kind == "token" and not _is_token(trigger.value, table.n_vocab):
                raise InvalidRequest(f"`grammar_triggers`: {trigger.value} is not one of this model's tokens")


def _native(grammar: str, table: Table) -> LLMatcher:
    return LLMatcher(table.native, grammar, log_level=0, limits=LIMITS)


def _in_lark(text: str) -> str:
    return json.dumps({"grammars": [{"lark_grammar": text}]})


def _as_token(trigger: Trigger, table: Table) -> Trigger:
    """A word that is the text of a special token appears as that token."""
    token = table.find_special(str(trigger.value)) if trigger.kind == "word" else None
    return trigger if token is None else Trigger(kind="token", value=token)


def _is_token(value: str | int, n_vocab: int) -> bool:
    return isinstance(value, int) and 0 <= value < n_vocab
