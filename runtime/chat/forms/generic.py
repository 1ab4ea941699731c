"""Models whose template has no word for tools: they are told in the system turn how to call one, as JSON.

Small models go on as what they see goes, so each function is shown as the call that it wants, earlier calls stand
in the conversation in the same form, and results as turns of the user. (SmolLM2 with 135M parameters picks the right
one of five functions for 12 of 20 questions so, and for 10 when it is shown their JSON schemas.) The grammar does
the rest: where a call must come there can be nothing else, and where one may come it is valid once it has begun.
One answer is one call: without training for more, models do not find an end.
"""

import json
from collections.abc import Iterator
from typing import Any

from runtime.chat import grammars
from runtime.chat.bare import Bare
from runtime.chat.conversation import Conversation, Message, Tool
from runtime.chat.turns import in_words, with_system

MAY = """\
You can call functions. To call one, answer with its line of JSON and nothing else, with values in place of the types; \
otherwise answer in plain words. The functions are:
"""
MUST = """\
You answer with calls of these functions:
"""
MOST_SCHEMA = 400
"""Characters of a parameter's type that is shown as a schema."""


class Generic(Bare):
    """`{"name": …, "arguments": {…}}` is the whole answer."""

    name = "generic"
    shows_tools = False

    def call_rules(self, conversation: Conversation) -> str:
        around = "{}" if conversation.must_call else '{} (ws_? "```")?'
        return grammars.calls(
            conversation.callable,
            grammars.json_call,
            has_several=False,
            around=around,
            further=grammars.json_rules(space="" if conversation.must_call else grammars.SPACE),
        )

    def messages(self, conversation: Conversation) -> list[Message]:
        turns = in_words(conversation.messages, _written)
        if not conversation.callable:
            return turns
        functions = "\n".join(line for tool in conversation.callable for line in described(tool))
        return with_system(turns, (MUST if conversation.must_call else MAY) + functions)


def _written(name: str, arguments: object) -> str:
    return json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)


def described(tool: Tool) -> Iterator[str]:
    """Yield the call that the tool wants, with types for values, and what is said of each parameter."""
    properties: Any = tool.parameters.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    required: Any = tool.parameters.get("required")
    required = required if isinstance(required, list) else []
    types = ", ".join(f"{json.dumps(name, ensure_ascii=False)}: {_type(of)}" for name, of in properties.items())
    about = f" - {tool.description}" if tool.description else ""
    yield f'{{"name": {json.dumps(tool.name, ensure_ascii=False)}, "arguments": {{{types}}}}}{about}'
    for name, of in properties.items():
        said = of.get("description") if isinstance(of, dict) else None
        notes = [*([] if name in required else ["optional"]), *([str(said)] if said else [])]
        if notes:
            yield f"  {name}: {', '.join(notes)}"


def _type(of: object) -> str:
    if not isinstance(of, dict):
        return "any"
    if isinstance(of.get("enum"), list):
        return " or ".join(json.dumps(value, ensure_ascii=False) for value in of["enum"])
    kind = of.get("type")
    if kind in ("object", "array") or not isinstance(kind, str):
        schema = json.dumps({key: found for key, found in of.items() if key != "description"}, ensure_ascii=False)
        return schema if len(schema) <= MOST_SCHEMA else str(kind or "any")
    return kind
