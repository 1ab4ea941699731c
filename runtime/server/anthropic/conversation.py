"""Makes the conversation that every dialect shares of Anthropic's turns, blocks and tools."""

from collections.abc import Iterable, Sequence

from runtime.chat import Choice, Conversation, Tool
from runtime.server.anthropic.body import (
    Block,
    ContentSource,
    CountBody,
    DocumentBlock,
    ImageBlock,
    SearchResultBlock,
    TextBlock,
    TextSource,
    ThinkingBlock,
    ToolChoice,
    ToolField,
    ToolResultBlock,
    ToolUseBlock,
    Turn,
)
from runtime.server.anthropic.dialect import CodedProblem
from runtime.server.constraints import decode_schema
from runtime.server.problem import invalid, not_supported

CALL_PREFIX = "toolu_"
"""Anthropic's ids of calls begin so; the rest is the id that the model's form gave."""

CHOICES: dict[str, Choice] = {"auto": "auto", "any": "required", "tool": "required", "none": "none"}

EFFORTS = {"xhigh": "high", "max": "high"}
"""No template knows these."""

Message = dict[str, object]


def conversation_of(body: CountBody) -> Conversation:
    """Return what is asked. Raises: Problem that names the field."""
    if bytes(body.thread) not in (b"", b"null"):
        raise CodedProblem("thread_unsupported_request", "`thread`: send the whole conversation; none is kept here.")
    turns = _Turns([{"role": "system", "content": _text(body.system, "system")}] if body.system else [])
    for place, turn in enumerate(body.messages):
        turns.add(turn, f"messages[{place}].content")
    prefill = turns.take_prefill()
    if prefill and body.format:
        raise invalid("`messages`: an answer with `output_config.format` cannot go on with the assistant's last turn.")
    effort = (body.output_config and body.output_config.effort) or ""
    tools = [_tool(field, place) for place, field in enumerate(body.tools or [])]
    choice = body.tool_choice or ToolChoice(type="auto")
    _check(choice, tools)
    return Conversation(
        messages=turns.messages,
        tools=tools,
        choice=CHOICES[choice.type],
        named=choice.name or "" if choice.type == "tool" else "",
        parallel=not choice.disable_parallel_tool_use,
        thinking={"enabled": True, "disabled": False}.get(body.thinking.type) if body.thinking else None,
        effort=EFFORTS.get(effort, effort),
        prefill=prefill,
    )


class _Turns:
    """The messages so far, in the form that templates read."""

    def __init__(self, messages: list[Message]) -> None:
        self.messages = messages
        self._names: dict[str, str] = {}

    def add(self, turn: Turn, place: str) -> None:
        """Take in the next turn. Raises: Problem."""
        blocks = [TextBlock(text=turn.content)] if isinstance(turn.content, str) else turn.content
        if turn.role == "assistant":
            self._add_assistant(blocks, place)
            return
        said: list[str] = []
        for index, block in enumerate(blocks):
            if isinstance(block, ToolResultBlock) and turn.role == "user":
                self._say(turn.role, said)
                said = []
                self._add_result(block, f"{place}[{index}]")
            else:
                said.append(_readable(block, f"{place}[{index}]"))
        self._say(turn.role, said)

    def take_prefill(self) -> str:
        """Remove the assistant's last turn if nobody has spoken since, and return its text. Raises: Problem."""
        last = self.messages[-1] if self.messages else {}
        if last.get("role") != "assistant":
            return ""
        if "tool_calls" in last:
            raise invalid("`messages`: the last turn calls a tool; a `tool_result` must follow.")
        self.messages.pop()
        return str(last["content"])

    def _say(self, role: str, said: Sequence[str]) -> None:
        if not said:
            return
        last = self.messages[-1] if self.messages else {}
        if last.get("role") == role == "user":
            last["content"] = "\n".join([str(last["content"]), *said])
        else:
            self.messages.append({"role": role, "content": "\n".join(said)})

    def _add_result(self, block: ToolResultBlock, place: str) -> None:
        text = _text(block.content or "", f"{place}.content")
        result: Message = {
            "role": "tool",
            "tool_call_id": block.tool_use_id.removeprefix(CALL_PREFIX),
            "content": f"Error: {text}" if block.is_error else text,
        }
        if block.tool_use_id in self._names:
            result["name"] = self._names[block.tool_use_id]
        self.messages.append(result)

    def _add_assistant(self, blocks: Sequence[Block], place: str) -> None:
        said, thoughts, calls = "", "", []
        for index, block in enumerate(blocks):
            if isinstance(block, ThinkingBlock):
                thoughts += block.thinking
            elif isinstance(block, ToolUseBlock):
                calls.append(self._call(block))
            else:
                said += _readable(block, f"{place}[{index}]")
        last = self.messages[-1] if self.messages else {}
        if last.get("role") != "assistant":
            last = {"role": "assistant", "content": ""}
            self.messages.append(last)
        last["content"] = f"{last['content']}{said}"
        if thoughts:
            last["reasoning_content"] = f"{last.get('reasoning_content', '')}{thoughts}"
        if calls:
            before = last.get("tool_calls", [])
            last["tool_calls"] = [*(before if isinstance(before, list) else []), *calls]

    def _call(self, block: ToolUseBlock) -> Message:
        self._names[block.id] = block.name
        function = {"name": block.name, "arguments": block.input}
        return {"id": block.id.removeprefix(CALL_PREFIX), "type": "function", "function": function}


def _text(content: str | Iterable[Block], place: str) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(_readable(block, f"{place}[{index}]") for index, block in enumerate(content))


def _readable(block: Block, place: str) -> str:
    """The text of a block; empty for what only Anthropic can read. Raises: Problem."""
    if isinstance(block, TextBlock):
        return block.text
    if isinstance(block, SearchResultBlock):
        return "\n".join([block.title, block.source, *(part.text for part in block.content)])
    if isinstance(block, DocumentBlock):
        return "\n".join([*filter(None, (block.title, block.context)), _document(block, place)])
    if isinstance(block, ImageBlock):
        raise invalid(f"`{place}`: this model reads text only, and no images.")
    if isinstance(block, ThinkingBlock | ToolUseBlock | ToolResultBlock):
        raise invalid(f"`{place}`: a block of this type does not belong into this turn.")
    return ""


def _document(block: DocumentBlock, place: str) -> str:
    if isinstance(block.source, TextSource):
        return block.source.data
    if isinstance(block.source, ContentSource):
        return _text(block.source.content, f"{place}.source.content")
    raise invalid(f"`{place}.source`: this model reads text only; send the document as plain text.")


def _tool(field: ToolField, place: int) -> Tool:
    if field.type not in (None, "custom"):
        raise not_supported(f"`tools[{place}]`: the tool `{field.type[:64]}` of Anthropic's")
    schema = decode_schema(field.input_schema, f"tools[{place}].input_schema")
    if schema is None:
        raise invalid(f"`tools[{place}].input_schema`: expected an object.")
    return Tool(name=field.name, description=field.description or "", parameters=schema)


def _check(choice: ToolChoice, tools: Sequence[Tool]) -> None:
    if choice.type in ("any", "tool") and not tools:
        raise invalid("`tool_choice`: there are no `tools` to choose from.")
    if choice.type == "tool" and choice.name not in {tool.name for tool in tools}:
        raise invalid(f"`tool_choice.name`: expected the name of one of `tools`, got `{choice.name or ''}`.")
