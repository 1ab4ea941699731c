"""Makes the prompt of chat turns with the model's own template, as `transformers` and llama-server do.

The template comes with the model, so it is run as a stranger's program: in Jinja's
immutable sandbox, within the bounds of template_limits.py. A model without a template
gets ChatML. What a template cannot take is adapted: parts of content are joined, a
system turn it refuses goes into the turn after it.

Does not know: the model, the request's other fields.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jinja2 import Template, TemplateError

from runtime.engine.backend import InvalidRequest
from runtime.engine.protocol import Chat
from runtime.engine.template_limits import BoundedEnvironment, TooMuchWork

CHATML = """\
{%- for message in messages -%}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}
"""

MAX_TEMPLATE_CHARACTERS = 1 << 20
PROBE = "probe-5f3a"

Message = dict[str, Any]
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


class ChatTemplate:
    """One model's template; compiled when it is first used.

    strip_bos, strip_eos: these tokens are added when the prompt is cut into tokens, so the
    template's own are taken away.
    """

    def __init__(self, source: str, bos: str, eos: str, strip_bos: bool = False, strip_eos: bool = False) -> None:
        self._source = source or CHATML
        self._special = {"bos_token": bos, "eos_token": eos}
        self._strip_bos = bos if strip_bos else ""
        self._strip_eos = eos if strip_eos else ""
        self._environment: BoundedEnvironment | None = None
        self._template: Template | None = None
        self._wants_parts = False

    def render(self, chat: Chat) -> str:
        """Return the prompt. Raises: InvalidRequest, with the template's own words if it refused."""
        turns = [_plain(message) for message in chat.messages]
        add_generation_prompt = chat.add_generation_prompt
        try:
            text = self._run(turns, add_generation_prompt)
        except TemplateError as refusal:
            if not turns or turns[0].get("role") != "system":
                raise InvalidRequest(f"the model's chat template refused the messages: {refusal}") from refusal
            text = self._without_system(turns, add_generation_prompt)
        return self._stripped(text)

    def _without_system(self, turns: list[Message], add_generation_prompt: bool) -> str:
        try:
            return self._run(_merged(turns), add_generation_prompt)
        except TemplateError as refusal:
            raise InvalidRequest(f"the model's chat template refused the messages: {refusal}") from refusal

    def _run(self, turns: list[Message], add_generation_prompt: bool) -> str:
        template = self._compiled()
        if self._wants_parts:
            turns = [_in_parts(turn) for turn in turns]
        return self._generate(template, turns, add_generation_prompt)

    def _generate(self, template: Template, turns: list[Message], add_generation_prompt: bool) -> str:
        if self._environment is None:
            raise InvalidRequest("the model's chat template was not compiled")
        values: dict[str, object] = {
            "messages": turns,
            "add_generation_prompt": add_generation_prompt,
            "enable_thinking": True,
            **self._special,
        }
        try:
            return self._environment.run(template, values)
        except TooMuchWork as excess:
            raise InvalidRequest(f"the model's chat template does too much work: {excess}") from excess
        except RUNTIME_FAILURES as failure:
            raise TemplateError(f"{type(failure).__name__}: {failure}") from failure

    def _compiled(self) -> Template:
        if self._template is None:
            if len(self._source) > MAX_TEMPLATE_CHARACTERS:
                raise InvalidRequest(f"the model's chat template has {len(self._source)} characters")
            environment = self._environment = BoundedEnvironment({"tojson": _tojson})
            environment.globals.update(raise_exception=_raise_exception, strftime_now=_strftime_now)
            try:
                self._template = environment.from_string(self._source)
            except (TemplateError, *RUNTIME_FAILURES) as error:
                raise InvalidRequest(f"the model's chat template is broken: {error}") from error
            self._wants_parts = self._shows_only_parts(self._template)
        return self._template

    def _shows_only_parts(self, template: Template) -> bool:
        """Tell whether the template shows content in parts, and no plain text: some vision models' do."""
        turn = {"role": "user", "content": PROBE}
        return not self._shows(template, turn) and self._shows(template, _in_parts(turn))

    def _shows(self, template: Template, turn: Message) -> bool:
        try:
            return PROBE in self._generate(template, [turn], add_generation_prompt=True)
        except TemplateError:
            return False

    def _stripped(self, text: str) -> str:
        text = text.removeprefix(self._strip_bos)
        return text.removesuffix(self._strip_eos)


def _plain(message: Mapping[str, Any]) -> Message:
    """Return the turn with its content as one text, and `developer` called `system`."""
    turn = dict(message)
    content = turn.get("content")
    if isinstance(content, list):
        texts = (part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text")
        turn["content"] = "\n".join(text for text in texts if isinstance(text, str))
    elif content is None:
        turn["content"] = ""
    if turn.get("role") == "developer":
        turn["role"] = "system"
    return turn


def _in_parts(turn: Message) -> Message:
    return {**turn, "content": [{"type": "text", "text": turn["content"]}]}


def _merged(turns: list[Message]) -> list[Message]:
    """Put the system turn at the head of the turn after it, or drop it if it is alone."""
    system, *rest = turns
    if not rest:
        return rest
    return [{**rest[0], "content": f"{system['content']}\n{rest[0]['content']}"}, *rest[1:]]


def _tojson(
    value: object,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Write JSON as `transformers` does; Jinja's own filter escapes for HTML."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise_exception(message: str) -> None:
    raise TemplateError(str(message)[:500])


def _strftime_now(form: str) -> str:
    return datetime.now().strftime(form)
