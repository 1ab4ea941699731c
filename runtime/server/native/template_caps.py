"""What a chat template can do, found out by rendering: `chat_template_caps` of llama-server's /props.

A mark is put where the template may or may not look; what it can do is what comes out in the prompt.
"""

import asyncio
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
    prompts = await asyncio.gather(*(_prompt(service, chat) for chat in _PROBES.values()))
    found = {name: MARK in prompt for name, prompt in zip(_PROBES, prompts, strict=True)}
    typed = prompts[list(_PROBES).index("supports_typed_content")]
    # A template that knows texts only writes the list as it stands in Python.
    return Caps(**{**found, "supports_typed_content": MARK in typed and "'type'" not in typed})


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

_PROBES: Mapping[str, Chat] = {
    "supports_string_content": Chat(messages=[{"role": "user", "content": MARK}]),
    "supports_typed_content": Chat(messages=[{"role": "user", "content": [{"type": "text", "text": MARK}]}]),
    "supports_tools": Chat(messages=[USER], tools=[{"type": "function", "function": dict(TOOL)}]),
    "supports_tool_calls": Chat(messages=_called([MARK])),
    "supports_parallel_tool_calls": Chat(messages=_called(["other", MARK])),
    "supports_system_role": Chat(messages=[{"role": "system", "content": MARK}, USER]),
    "supports_preserve_reasoning": Chat(
        messages=[USER, _THOUGHT, USER, {"role": "assistant", "content": "hi"}, USER],
        values={"preserve_thinking": True, "clear_thinking": False},
    ),
    "supports_reasoning_effort": Chat(messages=[USER], values={"reasoning_effort": MARK}),
    "supports_object_arguments": Chat(messages=_called(["tool"], MARK)),
}
