"""The templates of llama.cpp's own folder make the same prompts here as in `transformers`.

Where `transformers` raises, ours may adapt; where ours differs on purpose, the table says why.
"""

import tarfile
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from types import ModuleType
from typing import Any

import msgspec
import pytest
from jinja2 import TemplateError

from bundler import fetch
from runtime.engine.protocol import Chat
from runtime.engine.template import ChatTemplate
from runtime.engine.template_turns import Abilities, adapted

FOLDER = "/vendor/llama.cpp/models/templates/"
SPECIAL = {"bos_token": "<BOS>", "eos_token": "<EOS>"}

TOLD = "it shows no calls of the past: they are told as text here, and left out there"
NONE = "it writes the word None for content that is null"

DIFFERENCES = {
    "CohereForAI-c4ai-command-r-plus-tool_use": NONE,
    "GLM-4.6": NONE,
    "GLM-4.7-Flash": NONE,
    "HuggingFaceTB-SmolLM3-3B": TOLD,
    "LFM2-8B-A1B": TOLD,
    "LFM2.5-Instruct": TOLD,
    "MiniMax-M2": NONE,
    "deepseek-ai-DeepSeek-R1-Distill-Llama-8B": TOLD,
    "fireworks-ai-llama-3-firefunction-v2": TOLD,
    "ibm-granite-granite-3.3-2B-Instruct": TOLD,
    "llama-cpp-rwkv-world": TOLD,
    "microsoft-Phi-3.5-mini-instruct": TOLD,
}
EXACT = """
Apertus-8B-Instruct Apriel-1.6-15b-Thinker-fixed Bielik-11B-v3.0-Instruct ByteDance-Seed-OSS Cohere2MoE
CohereForAI-c4ai-command-r7b-12-2024-tool_use GigaChat3-10B-A1.8B GigaChat3.1-10B-A1.8B Kimi-K2-Instruct
Kimi-K2-Thinking Kimi-K3 LFM2.5-8B-A1B MiMo-VL MiniMax-M1 MiniMax-M3 Mistral-Small-3.2-24B-Instruct-2506
NVIDIA-Nemotron-3-Nano-30B-A3B-BF16 NVIDIA-Nemotron-Nano-v2 NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use
NousResearch-Hermes-3-Llama-3.1-8B-tool_use Qwen-QwQ-32B Qwen-Qwen2.5-7B-Instruct Qwen-Qwen3-0.6B Qwen3-Coder
Qwen3.5-4B Reka-Edge Spark2.5 StepFun3.5-Flash deepseek-ai-DeepSeek-R1-Distill-Qwen-32B deepseek-ai-DeepSeek-V3.1
deepseek-ai-DeepSeek-V3.2 deepseek-ai-DeepSeek-V4-Flash-0731 deepseek-ai-DeepSeek-V4 google-gemma-2-2b-it
google-gemma-4-31B-it-interleaved google-gemma-4-31B-it ibm-granite-granite-4.0 ibm-granite-granite-4.1
inclusionai-ling-3.0-flash llama-cpp-deepseek-r1 meetkai-functionary-medium-v3.1 meetkai-functionary-medium-v3.2
meta-llama-Llama-3.1-8B-Instruct meta-llama-Llama-3.2-3B-Instruct meta-llama-Llama-3.3-70B-Instruct
mistralai-Ministral-3-14B-Reasoning-2512 mistralai-Mistral-Nemo-Instruct-2407 moonshotai-Kimi-K2 muse-glimmer
openai-gpt-oss-120b openbmb-MiniCPM5-1B poolside-Laguna-S-2.1 poolside-Laguna-XS-2.1 poolside-Laguna-XS.2 tencent-Hy3
unsloth-Apriel-1.5 unsloth-mistral-Devstral-Small-2507 upstage-Solar-Open-100B
""".split()
NEEDS_VARIABLES = {"fireworks-ai-llama-3-firefunction-v2": {"functions": "[]", "datetime": "2026-01-02"}}
"""It wants variables that no other template has, so that it cannot be probed."""

WANTS_TEXT = {"meetkai-functionary-medium-v3.2", "fireworks-ai-llama-3-firefunction-v2"}
"""They take the arguments of calls only as text: so does `transformers` then, and ours makes it."""

RAISED = (TemplateError, TypeError, ValueError, LookupError, AttributeError)
"""What templates raise."""

FEWEST = 6
"""Of the chats, `transformers` renders at least so many with each template."""

ARGUMENTS = {"city": "Oslo é", "days": 3_000_000, "deep": {"list": [1, 2.5, None, True]}}
PARAMETERS = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "description": "A city, <&> 'quoted' \"twice\""},
        "days": {"type": "integer", "description": "How many", "maximum": 5_000_000},
    },
    "required": ["city"],
}
TOOLS: list[dict[str, object]] = [
    {"type": "function", "function": {"name": name, "description": f"Tell {name}.", "parameters": PARAMETERS}}
    for name in ("weather", "news")
]
SYSTEM = {"role": "system", "content": "Be brief."}
HI = {"role": "user", "content": "Hi"}
HELLO = {"role": "assistant", "content": "Hello! "}
BYE = {"role": "user", "content": " Bye <&> 'é' "}


def called(n_calls: int = 1, content: str | None = "", **more: object) -> dict[str, object]:
    """Return a turn that calls tools."""
    function = {"name": "weather", "arguments": ARGUMENTS}
    calls = [{"id": f"abcdefgh{n}", "type": "function", "function": function} for n in range(n_calls)]
    return {"role": "assistant", "content": content, **more, "tool_calls": calls}


def result(number: int = 0) -> dict[str, object]:
    """Return the result of a call."""
    return {"role": "tool", "tool_call_id": f"abcdefgh{number}", "name": "weather", "content": f"Sunny {number}"}


CHATS = {
    "plain": Chat(messages=[HI]),
    "system": Chat(messages=[SYSTEM, HI]),
    "several turns": Chat(messages=[SYSTEM, HI, HELLO, BYE]),
    "tools": Chat(messages=[SYSTEM, HI], tools=TOOLS),
    "call": Chat(messages=[HI, called(), result()], tools=TOOLS),
    "calls": Chat(messages=[HI, called(2), result(0), result(1)], tools=TOOLS),
    "call with text": Chat(messages=[SYSTEM, HI, called(content="Let me see."), result(), HELLO, BYE], tools=TOOLS),
    "call without content": Chat(messages=[HI, called(content=None), result()], tools=TOOLS),
    "call after a thought": Chat(messages=[HI, called(reasoning_content="Look."), result()], tools=TOOLS),
    "thought": Chat(messages=[HI, {**HELLO, "reasoning_content": "Greet."}, BYE]),
    "closed": Chat(messages=[HI, HELLO], add_generation_prompt=False),
    "no thinking": Chat(messages=[HI], values={"enable_thinking": False}),
    "effort": Chat(messages=[HI], values={"reasoning_effort": "high"}),
    "continued": Chat(messages=[HI, HELLO], add_generation_prompt=False, prefill="Hello! "),
}


class Frozen(datetime):
    """The same moment for both."""

    @classmethod
    def now(cls, tz: Any = None) -> "Frozen":
        return cls(2026, 1, 2, 3, 4, 5)


@cache
def sources() -> dict[str, str]:
    """All templates of the pinned source archive, by their names."""
    with tarfile.open(fetch.fetch(fetch.pins()["llama-cpp-python"]), "r|*") as archive:
        return {
            member.name.rsplit("/", 1)[1].removesuffix(".jinja"): file.read().decode()
            for member in archive
            if FOLDER in member.name and member.name.endswith(".jinja") and (file := archive.extractfile(member))
        }


@pytest.fixture(scope="module")
def transformers() -> Iterator[ModuleType]:
    """The part of `transformers` that renders; both clocks stand still."""
    from transformers.utils import chat_template_utils

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chat_template_utils, "datetime", Frozen)
        yield chat_template_utils


def theirs(transformers: ModuleType, name: str, chat: Chat) -> str | None:
    """Return what `transformers` makes of the chat; nothing where it raises."""
    messages = [with_text(turn) for turn in chat.messages] if name in WANTS_TEXT else chat.messages
    try:
        rendered: str = transformers.render_jinja_template(
            [messages],
            tools=chat.tools or None,
            chat_template=sources()[name],
            add_generation_prompt=chat.add_generation_prompt,
            continue_final_message=bool(chat.prefill),
            **{"enable_thinking": True, **chat.values, **SPECIAL, **NEEDS_VARIABLES.get(name, {})},
        )[0][0]
    except RAISED:
        return None
    return rendered


def with_text(turn: dict[str, object]) -> dict[str, object]:
    """Return the turn with the arguments of its calls as text."""
    return adapted([turn], Abilities(arguments="text"))[0]


def ours(name: str, chat: Chat) -> str:
    """Return what our own renderer makes of it."""
    values = {**chat.values, **NEEDS_VARIABLES.get(name, {})}
    return templates(name).render(msgspec.structs.replace(chat, values=values))


@cache
def templates(name: str) -> ChatTemplate:
    """Return a template, compiled and probed once."""
    return ChatTemplate(sources()[name], SPECIAL["bos_token"], SPECIAL["eos_token"], now=Frozen.now)


def test_every_template_is_covered() -> None:
    assert sorted(sources()) == sorted([*EXACT, *DIFFERENCES])


@pytest.mark.parametrize("name", EXACT)
def test_prompts_are_equal(name: str, transformers: ModuleType) -> None:
    expected = {case: theirs(transformers, name, chat) for case, chat in CHATS.items()}
    made = {case: ours(name, chat) for case, chat in CHATS.items()}
    rendered = {case: text for case, text in expected.items() if text is not None}
    assert {case: made[case] for case in rendered} == rendered
    assert len(rendered) >= FEWEST


@pytest.mark.parametrize(("name", "reason"), DIFFERENCES.items())
def test_differences_have_a_reason(name: str, reason: str, transformers: ModuleType) -> None:
    for case, chat in CHATS.items():
        expected, made = theirs(transformers, name, chat), ours(name, chat)
        calls = any("tool_calls" in turn for turn in chat.messages)
        if reason == TOLD and calls:
            assert '{"name": "weather", "arguments": {"city": "Oslo' in made
        elif reason == NONE and case == "call without content":
            assert made == theirs(transformers, name, CHATS["call"])
        else:
            assert expected in (made, None)


def test_ours_never_refuses_what_the_form_allows(transformers: ModuleType) -> None:
    raised = {
        (name, case) for name in sources() for case, chat in CHATS.items() if not theirs(transformers, name, chat)
    }
    assert all(ours(name, CHATS[case]) for name, case in raised)


@pytest.mark.parametrize("name", [*EXACT, *DIFFERENCES])
def test_an_answer_begins_as_a_turn_is_continued(name: str) -> None:
    begun = ours(name, Chat(messages=[HI], prefill="Hello! "))
    assert begun.endswith("Hello! ")
    assert begun.rstrip() == ours(name, CHATS["continued"]).rstrip()
