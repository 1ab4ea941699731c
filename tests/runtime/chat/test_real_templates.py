"""The templates of llama.cpp's own folder: which form each has, and that calls as they write them are read back."""

import re
from typing import Any

import pytest

from runtime.chat import Conversation, Tool, find
from runtime.engine.protocol import Grammar
from runtime.engine.template import ChatTemplate
from tests.runtime.chat.asking import calls_of, read
from tests.runtime.engine.test_template_golden import sources

FORMS = {
    "Qwen-Qwen2.5-7B-Instruct": "hermes",
    "Qwen-Qwen3-0.6B": "hermes",
    "Qwen-QwQ-32B": "hermes",
    "NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use": "hermes",
    "NousResearch-Hermes-3-Llama-3.1-8B-tool_use": "hermes",
    "ibm-granite-granite-4.0": "hermes",
    "ibm-granite-granite-4.1": "hermes",
    "Bielik-11B-v3.0-Instruct": "hermes",
    "MiMo-VL": "hermes",
    "Reka-Edge": "hermes",
    "Qwen3-Coder": "qwen-coder",
    "Qwen3.5-4B": "qwen-coder",
    "NVIDIA-Nemotron-3-Nano-30B-A3B-BF16": "qwen-coder",
    "StepFun3.5-Flash": "qwen-coder",
    "ByteDance-Seed-OSS": "seed",
    "MiniMax-M1": "minimax-m1",
    "MiniMax-M2": "minimax",
    "openbmb-MiniCPM5-1B": "minicpm",
    "GLM-4.6": "glm",
    "GLM-4.7-Flash": "glm",
    "Spark2.5": "glm",
    "inclusionai-ling-3.0-flash": "glm",
    "poolside-Laguna-S-2.1": "glm",
    "poolside-Laguna-XS-2.1": "glm",
    "poolside-Laguna-XS.2": "glm",
    "deepseek-ai-DeepSeek-V3.2": "deepseek-dsml",
    "deepseek-ai-DeepSeek-V4": "deepseek-dsml",
    "deepseek-ai-DeepSeek-V4-Flash-0731": "deepseek-dsml",
    "deepseek-ai-DeepSeek-V3.1": "deepseek",
    "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B": "deepseek",
    "llama-cpp-deepseek-r1": "deepseek",
    "google-gemma-4-31B-it": "gemma4",
    "google-gemma-4-31B-it-interleaved": "gemma4",
    "meetkai-functionary-medium-v3.1": "functionary-3.1",
    "meetkai-functionary-medium-v3.2": "functionary-3.2",
    "meta-llama-Llama-3.1-8B-Instruct": "llama",
    "meta-llama-Llama-3.2-3B-Instruct": "llama",
    "meta-llama-Llama-3.3-70B-Instruct": "llama",
    "mistralai-Mistral-Nemo-Instruct-2407": "mistral-nemo",
    "Mistral-Small-3.2-24B-Instruct-2506": "mistral",
    "mistralai-Ministral-3-14B-Reasoning-2512": "mistral",
    "unsloth-mistral-Devstral-Small-2507": "mistral",
    "LFM2.5-8B-A1B": "pythonic",
    "Kimi-K2-Instruct": "kimi",
    "Kimi-K2-Thinking": "kimi",
    "moonshotai-Kimi-K2": "kimi",
    "CohereForAI-c4ai-command-r7b-12-2024-tool_use": "command",
    "Cohere2MoE": "command",
    "NVIDIA-Nemotron-Nano-v2": "nemotron",
    "Apriel-1.6-15b-Thinker-fixed": "apriel",
    "unsloth-Apriel-1.5": "apriel",
    "openai-gpt-oss-120b": "harmony",
    "google-gemma-2-2b-it": "generic",
    "microsoft-Phi-3.5-mini-instruct": "generic",
}
ONE_CALL = {"meta-llama-Llama-3.1-8B-Instruct", "meta-llama-Llama-3.2-3B-Instruct", "meta-llama-Llama-3.3-70B-Instruct"}
ONE_CALL |= {"openai-gpt-oss-120b"}
USER = {"role": "user", "content": "What is the weather?"}
CITY = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city"]}
TOOLS = [Tool("get_weather", "Tells the weather.", CITY), Tool("add", "Adds.", {"type": "object", "properties": {}})]
CALLS: list[tuple[str, dict[str, Any]]] = [("get_weather", {"city": "Oslo é", "days": 3}), ("add", {})]


def prompt(source: str, conversation: Conversation) -> str:
    return ChatTemplate(source, "<BOS>", "").render(find(source).prepare(conversation, None).chat)


def common(one: str, other: str) -> str:
    """Return what both begin with."""
    size = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one[:size]


@pytest.mark.parametrize("name", FORMS)
def test_calls_as_the_template_writes_them(name: str) -> None:
    source = sources()[name]
    form = find(source)
    assert form.name == FORMS[name]
    for calls in (CALLS[:1], CALLS):
        if len(calls) > 1 and name in ONE_CALL:
            continue
        asked = Conversation(messages=[USER], tools=TOOLS)
        written = [
            {"id": f"abcdefgh{n}", "type": "function", "function": {"name": tool, "arguments": arguments}}
            for n, (tool, arguments) in enumerate(calls)
        ]
        turn = {"role": "assistant", "content": "", "tool_calls": written}
        whole = prompt(source, Conversation(messages=[USER, turn], tools=TOOLS, add_generation_prompt=False))
        before = re.sub(r"<[|a-z_]*$", "", common(prompt(source, asked), whole), flags=re.IGNORECASE)
        assert calls_of(read(form, asked, before, [whole[len(before) :]])) == calls


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("thinking", [None, True, False])
def test_whether_a_thought_is_open_is_known_before_the_prompt_is_made(name: str, thinking: bool | None) -> None:
    """The grammar is written without the prompt, the answer is read with it."""
    source = sources()[name]
    form: Any = find(source)
    conversation = Conversation(messages=[USER], thinking=thinking)
    grammar = form.prepare(conversation, Grammar(kind="json")).grammar
    if form.name == "harmony":
        return  # which has channels instead
    is_open = form.thinks and form.thinking.is_open(prompt(source, conversation), "")
    assert grammar.text.startswith("start: %until") == is_open
    assert not (is_open and thinking is False)
