"""One chat template as a program: compiled, run within bounds, and asked what it can take.

It comes with the model, so it is run as a stranger's: in Jinja's immutable sandbox, within
the bounds of template_limits.py. What it can take is found by running it with probes.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

from jinja2 import Template, TemplateError

from runtime.engine.backend import InvalidRequest
from runtime.engine.template_calls import Message, told
from runtime.engine.template_limits import BoundedEnvironment
from runtime.engine.template_sizes import TooMuchWork
from runtime.engine.template_turns import Abilities, copied, in_parts

MAX_TEMPLATE_CHARACTERS = 1 << 20
MAX_VALUES_CHARACTERS = 1 << 18
"""Of all further variables of a request, as JSON."""

RESERVED = frozenset({"messages", "tools", "add_generation_prompt", "bos_token", "eos_token"})
"""What a request cannot set, besides the helper functions; such values are left away."""

PROBE = "probe-5f3a"
PROBE_KEY = "probe_key"
PROBE_RESULT = "result-9c27"
PROBE_ID = "a1b2c3d4e"
LONG_ID = "call_0123456789abcdef"

RUNTIME_FAILURES = (
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    MemoryError,
    SyntaxError,
)
"""What a template's own code can raise besides Jinja's errors."""


class TemplateProgram:
    """A template and its special tokens; compiled when it is first used, probed when it is first asked."""

    def __init__(self, source: str, special: dict[str, str], now: Callable[[], datetime] = datetime.now) -> None:
        self._source = source
        self._special = special
        self._now = now

    def check(self) -> None:
        """Compile it. Raises: InvalidRequest when it is no template."""
        _ = self._compiled

    def run(
        self,
        turns: list[Message],
        tools: list[Message] | None,
        add_generation_prompt: bool,
        values: Mapping[str, object],
    ) -> str:
        """Return the output.

        Raises: TemplateError when the template refuses or fails, InvalidRequest when it cannot be run.
        """
        environment, template = self._compiled
        try:
            variables: dict[str, object] = {
                "documents": None,
                "enable_thinking": True,
                **_checked_values(values, environment.globals),
                **self._special,
                "messages": copied(turns),
                "tools": copied(tools),
                "add_generation_prompt": add_generation_prompt,
            }
            return environment.run(template, variables)
        except TooMuchWork as excess:
            raise InvalidRequest(f"the model's chat template does too much work: {excess}") from excess
        except RUNTIME_FAILURES as failure:
            raise TemplateError(f"{type(failure).__name__}: {failure}") from failure

    def abilities(self, turns: list[Message]) -> Abilities:
        """Return what the template can take, as far as it matters for these turns.

        Raises: InvalidRequest when the template cannot be run at all.
        """
        if any(turn.get("tool_calls") or turn.get("role") == "tool" for turn in turns):
            return self._tool_abilities
        return Abilities(parts=self._only_parts)

    @cached_property
    def _compiled(self) -> tuple[BoundedEnvironment, Template]:
        if len(self._source) > MAX_TEMPLATE_CHARACTERS:
            raise InvalidRequest(f"the model's chat template has {len(self._source)} characters")
        environment = BoundedEnvironment({"tojson": _tojson})
        environment.globals.update(raise_exception=_raise_exception, strftime_now=self._strftime_now)
        try:
            return environment, environment.from_string(self._source)
        except (TemplateError, *RUNTIME_FAILURES) as error:
            raise InvalidRequest(f"the model's chat template is broken: {error}") from error

    def _strftime_now(self, form: str) -> str:
        return self._now().strftime(form)

    @cached_property
    def _only_parts(self) -> bool:
        """Whether the template shows content in parts, and no plain text: some vision models' do."""
        turn = {"role": "user", "content": PROBE}
        return PROBE not in self._tried([turn]) and PROBE in self._tried([in_parts(turn)])

    @cached_property
    def _tool_abilities(self) -> Abilities:
        form = self._form_of_arguments()
        given = _arguments(form)
        usual = self._tried_calls(_called(given) if form else [told(turn) for turn in _called(given)])
        null = self._tried_calls(_called(given, content=None))
        return Abilities(
            parts=self._only_parts,
            arguments=form,
            results=PROBE_RESULT in usual,
            null_content=bool(null) and null.count("None") == usual.count("None"),
            short_ids=bool(usual) and not self._tried_calls(_called(given, identity=LONG_ID)),
        )

    def _form_of_arguments(self) -> Literal["object", "text", ""]:
        """Return the form of arguments that ends as JSON or as the template's own notation, not as Python's."""
        objects, texts = (self._shown(_arguments(form)) for form in ("object", "text"))
        if PROBE in objects and f"{{'{PROBE_KEY}'" not in objects:
            return "object"
        if PROBE in texts:
            return "text"
        return "object" if PROBE in objects else ""

    def _shown(self, arguments: object) -> str:
        turns = _called(arguments)
        shown = self._tried_calls(turns)
        return shown if PROBE in shown else self._tried_calls(turns[:2])

    def _tried_calls(self, turns: list[Message]) -> str:
        probe = {"name": "probe", "description": "", "parameters": {"type": "object", "properties": {}}}
        if self._only_parts:
            turns = [in_parts(turn) for turn in turns]
        return self._tried(turns, [{"type": "function", "function": probe}])

    def _tried(self, turns: list[Message], tools: list[Message] | None = None) -> str:
        """Return what the template makes of the turns, nothing if it refuses."""
        try:
            return self.run(turns, tools, True, {})
        except TemplateError:
            return ""


def _called(arguments: object, content: str | None = "", identity: str = PROBE_ID) -> list[Message]:
    """Return a conversation with a call and its result."""
    call = {"id": identity, "type": "function", "function": {"name": "probe", "arguments": arguments}}
    return [
        {"role": "user", "content": "?"},
        {"role": "assistant", "content": content, "tool_calls": [call]},
        {"role": "tool", "content": PROBE_RESULT, "name": "probe", "tool_call_id": identity},
    ]


def _arguments(form: str) -> object:
    arguments = {PROBE_KEY: PROBE}
    return json.dumps(arguments) if form == "text" else arguments


def _checked_values(values: Mapping[str, object], helpers: Mapping[str, object]) -> dict[str, object]:
    """Return a copy of a request's variables, without those that are not its to set."""
    free = {name: value for name, value in values.items() if name not in RESERVED and name not in helpers}
    if not free:
        return {}
    written = json.dumps(free)
    if len(written) > MAX_VALUES_CHARACTERS:
        raise InvalidRequest(f"the variables of the chat template have more than {MAX_VALUES_CHARACTERS} characters")
    copy: dict[str, object] = json.loads(written)
    return copy


def _tojson(
    value: object,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Write JSON as `transformers` does, and iterators as lists; Jinja's own filter escapes for HTML."""
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys, default=_listed
    )


def _listed(value: Any) -> list[Any]:
    if not hasattr(value, "__next__"):
        raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
    return list(value)


def _raise_exception(message: str) -> None:
    raise TemplateError(str(message)[:500])
