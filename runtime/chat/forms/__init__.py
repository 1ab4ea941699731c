"""The forms that are known, and which of them a model has.

A form is known by words of its template, which are looked for in this order; its module is imported when a model
has it.
"""

import importlib
from typing import NamedTuple

from runtime.chat.form import Form


class Known(NamedTuple):
    """words: all of them are in the template."""

    module: str
    form: str
    words: tuple[str, ...] = ()


GENERIC = Known("generic", "Generic")


KNOWN = (
    Known("harmony", "Harmony", ("<|channel|>", "<|message|>", "<|start|>")),
    Known("tagged", "Dsml", ("DSML", "invoke")),
    Known("tagged", "Seed", ("<seed:tool_call>",)),
    Known("tagged", "QwenCoder", ("<tool_call>", "<function=", "<parameter=")),
    Known("tagged", "MiniMax", ("<minimax:tool_call>",)),
    Known("tagged", "MiniCPM", ('<function name="', '<param name="')),
    Known("glm", "Glm", ("<tool_call>", "<arg_key>")),
    Known("gemma4", "Gemma4", ("<|tool_call>call:",)),
    Known("functionary", "Functionary32", (">>>all", ">>>${recipient}")),
    Known("functionary", "Functionary31", ("<function=", "</function>")),
    Known("pythonic", "Pythonic", ("<|tool_list_start|>",)),
    Known("pythonic", "Pythonic", ("<|tool_call_start|>",)),
    Known("mistral", "Ministral", ("[TOOL_CALLS]", "[ARGS]")),
    Known("mistral", "Nemo", ("[TOOL_CALLS]",)),
    Known("deepseek", "DeepSeek", ("<｜tool▁calls▁begin｜>",)),
    Known("kimi", "Kimi", ("<|tool_calls_section_begin|>",)),
    Known("command", "Command", ("<|START_ACTION|>",)),
    Known("listed", "Granite", ("<|tool_call|>", "available_tools")),
    Known("listed", "Phi", ("<|tool_call|>",)),
    Known("listed", "Nemotron", ("<TOOLCALL>",)),
    Known("listed", "Apriel", ("<tool_calls>", "[{")),
    Known("listed", "Apriel", ("<tool_calls>", "[BEGIN FINAL RESPONSE]")),
    Known("listed", "MiniMaxM1", ("<tool_calls>",)),
    Known("generic", "Generic", ("]<]minimax[>[",)),
    Known("hermes", "Hermes", ("<tool_call>", "tools")),
    Known("llama", "Llama", ("<|start_header_id|>", '"parameters": ', "tools")),
)


def find(template: str) -> Form:
    """Return the form of the model with this chat template."""
    known = next((known for known in KNOWN if all(word in template for word in known.words)), GENERIC)
    module = importlib.import_module(f"runtime.chat.forms.{known.module}")
    form: Form = getattr(module, known.form)(template)
    return form
