"""GET /props: every key that llama-server's has, and what the model's template can do."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from runtime.engine.protocol import Chat, Render, Rendered, Terminal
from tests.runtime.server.live import FACTS, Live, ScriptedEngine, silence
from tests.runtime.server.test_native import DEFAULTS

NOTHING = dict.fromkeys(
    [
        "supports_string_content", "supports_typed_content", "supports_tools", "supports_tool_calls",
        "supports_parallel_tool_calls", "supports_system_role", "supports_preserve_reasoning",
        "supports_reasoning_effort", "supports_object_arguments",
    ],
    False,
)  # fmt: skip


def rendering(template: Callable[[Chat], str | None]) -> Callable[[Any], Terminal]:
    """An engine with this template; None: it refuses."""

    def answer(request: Any) -> Terminal:
        prompt = template(request.chat) if isinstance(request, Render) else None
        return silence(request) if prompt is None else Rendered(id=request.id, prompt=prompt, n_tokens=1)

    return answer


EVERYTHING = "{% for part in message.content %}{{ tools }}{{ message.tool_calls }}"


def test_props(start: Callable[..., Live]) -> None:
    server = start(model_path="/m/x.gguf", hardware={"cpu": "zen4"})
    props = server.get("/props").json()
    settings = props.pop("default_generation_settings")
    assert settings == {"params": {**DEFAULTS, "seed": -1, "stream": True}, "n_ctx": 4096}
    assert isinstance(props.pop("endpoint_metrics"), bool)
    assert props == {
        "total_slots": 4, "model_alias": "tiny", "model_path": "/m/x.gguf", "model_ftype": "Q4_1",
        "modalities": {"vision": False, "video": False, "audio": False}, "media_marker": "<__media__>",
        "chat_template": "{{ messages }}", "chat_template_caps": NOTHING, "bos_token": "<s>", "eos_token": "</s>",
        "build_info": "lmfile/test", "is_sleeping": False, "endpoint_slots": True, "endpoint_props": False,
        "ui": True, "ui_settings": {}, "cors_proxy_enabled": False, "hardware": {"cpu": "zen4"}, "system_prompt": "",
    }  # fmt: skip


def test_a_template_for_tools(start: Callable[..., Live]) -> None:
    server = start(ScriptedEngine(facts=msgspec.structs.replace(FACTS, tool_template="{{ tools }}")))
    assert server.get("/props").json()["chat_template_tool_use"] == "{{ tools }}"


def contents(chat: Chat) -> str:
    """A template that knows texts and the system's role, nothing else."""
    return "".join(str(message["content"]) for message in chat.messages)


def everything(chat: Chat) -> str:
    return f"{chat.messages} {chat.values}"


def parts(chat: Chat) -> str | None:
    """A template that refuses texts."""
    content = chat.messages[0]["content"]
    return str(content) if isinstance(content, list) else None


TEXTS = {"string_content", "typed_content", "system_role"}
CALLS = {"tool_calls", "parallel_tool_calls", "object_arguments"}


@pytest.mark.parametrize(
    ("template", "can"),
    [
        (contents, TEXTS),
        (everything, {*TEXTS, *CALLS, "preserve_reasoning", "reasoning_effort"}),
        (lambda chat: contents(chat) + str(chat.tools), {*TEXTS, "tools"}),
        (parts, {"typed_content"}),
    ],
)
def test_what_a_template_can_do(start: Callable[..., Live], template: Any, can: set[str]) -> None:
    facts = msgspec.structs.replace(FACTS, chat_template=EVERYTHING)
    server = start(ScriptedEngine(answers=rendering(template), facts=facts))
    caps = server.get("/props").json()["chat_template_caps"]
    assert {name for name, is_so in caps.items() if is_so} == {f"supports_{name}" for name in can}
    n_asked = len(server.engine.singles)
    server.get("/props")
    assert len(server.engine.singles) == n_asked


def test_what_the_worker_does_for_a_template_is_not_the_templates(start: Callable[..., Live]) -> None:
    facts = msgspec.structs.replace(FACTS, chat_template="{{ message.content }}")
    server = start(ScriptedEngine(answers=rendering(lambda chat: f"{chat.messages} {chat.tools}"), facts=facts))
    caps = server.get("/props").json()["chat_template_caps"]
    assert {name for name, is_so in caps.items() if is_so} == {
        "supports_string_content", "supports_system_role", "supports_preserve_reasoning",
    }  # fmt: skip


def test_a_model_that_sleeps_is_not_woken(start: Callable[..., Live]) -> None:
    server = start(ScriptedEngine(state="unloaded"))
    props = server.get("/props").json()
    assert "chat_template_caps" not in props
    assert server.engine.singles == []


def test_properties_cannot_be_changed(server: Live) -> None:
    reply = server.post("/props", {"chat_template": "x"})
    assert (reply.status, reply.json()["error"]["type"]) == (501, "not_supported_error")


def test_the_properties_of_a_named_model(server: Live) -> None:
    assert server.get("/props?model=tiny").json()["model_alias"] == "tiny"
    assert server.get("/props?model=").status == 200
