"""What a chat template can do, found out by rendering: `chat_template_caps` of llama-server's /props.

A mark is put where the template may or may not look; what it can do is what comes out in the prompt. The worker
helps templates that have no word for calls or parts of contents, so those also have to stand in the template.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence

import msgspec
from aiohttp import web

from runtime.engine.protocol import Chat, Render, Rendered
from runtime.server.service import Service

Message = dict[str, object]

MARK = "zebrafish"
USER: Message = {"role": "user", "content": "hello"}
TOOL: Mapping[str, object] = {"name": MARK, "description": "d", "parameters": {"type": "object", "properties": {}}}


class Caps(msgspec.Struct, kw_only=True, frozen=True):
    """llama-server's names."""

    supports_string_content: bool
    supports_typed_content: bool
    supports_tools: bool
    supports_tool_calls: bool
    supports_parallel_tool_calls: bool
    supports_system_role: bool
    supports_preserve_reasoning: bool
    supports_reasoning_effort: bool
    supports_object_arguments: bool


class CapsBook:
    """What is known by now, by template: a model that sleeps is not woken for it."""

    def __init__(self) -> None:
        self._known: dict[str, Caps] = {}

    async def find(self, service: Service) -> Caps | None:
        """Return what the model's template can do; None while that cannot be found out."""
        template = service.facts().tool_template or service.facts().chat_template
        if template not in self._known:
            if service.engine.state != "ready":
                return None
            self._known[template] = await _find(service)
        return self._known[template]


CAPS = web.AppKey("template_caps", CapsBook)


async def _find(service: Service) -> Caps:
    template = service.facts().tool_template or service.facts().chat_template
    *prompts, little, much = await asyncio.gather(*(_prompt(service, chat) for chat in (*_PROBES.values(), *_EFFORTS)))
    found = {
        name: MARK in prompt and (name not in _WORDS or bool(_WORDS[name].search(template)))
        for name, prompt in zip(_PROBES, prompts, strict=True)
    }
    return Caps(**found, supports_reasoning_effort=little != much)


async def _prompt(service: Service, chat: Chat) -> str:
    """The prompt; a template that refuses makes none."""
    answer = await service.engine.ask(Render(id=service.engine.new_id(), chat=chat))
    return answer.prompt if isinstance(answer, Rendered) else ""


def _called(names: Sequence[str], argument: str = "value") -> list[Message]:
    """A conversation in which tools of these names were called."""
    calls = [
        {"id": f"call0000{index}", "type": "function", "function": {"name": name, "arguments": {"arg": argument}}}
        for index, name in enumerate(names)
    ]
    results: list[Message] = [
        {"role": "tool", "content": "done", "tool_call_id": f"call0000{index}"} for index, _ in enumerate(names)
    ]
    return [USER, {"role": "assistant", "content": "", "tool_calls": calls}, *results]


_THOUGHT: Message = {"role": "assistant", "content": "hi", "reasoning_content": MARK}

_CALLS = re.compile(r"\btool_calls\b")
_WORDS: Mapping[str, re.Pattern[str]] = {
    "supports_tools": re.compile(r"\btools\b"),
    "supports_tool_calls": _CALLS,
    "supports_parallel_tool_calls": _CALLS,
    "supports_object_arguments": _CALLS,
    "supports_typed_content": re.compile(r"\bfor\s+\w+\s+in\s+\(?[\w.\[\]'\"-]*content\b|content\s*\|\s*selectattr"),
}

_PROBES: Mapping[str, Chat] = {
    "supports_string_content": Chat(messages=[{"role": "user", "content": MARK}]),
    "supports_typed_content": Chat(messages=[{"role": "user", "content": [{"type": "text", "text": MARK}]}]),
    "supports_tools": Chat(messages=[USER], tools=[{"type": "function", "function": dict(TOOL)}]),
    "supports_tool_calls": Chat(messages=_called([MARK])),
    "supports_parallel_tool_calls": Chat(messages=_called(["other", MARK])),
    "supports_system_role": Chat(messages=[{"role": "system", "content": MARK}, USER]),
    "supports_preserve_reasoning": Chat(
        messages=[USER, _THOUGHT, USER, {"role": "assistant", "content": "hi"}, USER],
        values={
            "preserve_thinking": True,
            "clear_thinking": False,
            "truncate_history_thinking": False,
            "drop_thinking": False,
        },
    ),
    "supports_object_arguments": Chat(messages=_called(["tool"], MARK)),
}

_EFFORTS = [
    Chat(messages=[USER], values={"reasoning_effort": effort, "reasoning_strength": effort})
    for effort in ("low", "high")
]
