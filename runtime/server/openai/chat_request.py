"""The request for a chat completion, and the conversation that it means."""

from typing import Annotated, Literal

from msgspec import Meta

from runtime import chat
from runtime.server.fields import Copies, GenerationFields, Probabilities
from runtime.server.openai.messages import Messages, turns
from runtime.server.openai.tools import (
    FunctionChoice,
    Functions,
    Offer,
    ToolChoice,
    Tools,
    offer_of,
    offer_of_functions,
)
from runtime.server.options import ReasoningFormat
from runtime.server.problem import invalid, not_supported

Effort = Annotated[str, Meta(max_length=32)]
TemplateKey = Annotated[str, Meta(min_length=1, max_length=64)]
TemplateValue = Annotated[str, Meta(max_length=4096)] | int | float | bool | None
TemplateValues = Annotated[dict[TemplateKey, TemplateValue], Meta(max_length=64)]


class ChatFields(GenerationFields, kw_only=True):
    """What says what the model reads; fields not named here are ignored."""

    messages: Messages
    tools: Tools | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    functions: Functions | None = None
    function_call: FunctionChoice | None = None
    parse_tool_calls: bool | None = None
    reasoning_effort: Effort | None = None
    chat_template_kwargs: TemplateValues | None = None
    add_generation_prompt: bool | None = None
    continue_final_message: bool | Literal["content"] | None = None

    def conversation(self) -> chat.Conversation:
        """Return what the chat layer is asked. Raises: Problem that names a field."""
        messages = turns(self.messages)
        prefill = self._prefill(messages)
        if prefill is not None:
            messages.pop()
        offer = self._offer()
        return chat.Conversation(
            messages=messages,
            tools=offer.tools,
            choice="none" if self.parse_tool_calls is False else offer.choice,
            named=offer.named,
            parallel=self._parallel(offer),
            thinking=self._thinking(),
            effort="" if self.reasoning_effort in (None, "none") else self.reasoning_effort,
            values=dict(self.chat_template_kwargs or {}),
            add_generation_prompt=self.add_generation_prompt is not False or prefill is not None,
            prefill=prefill or "",
        )

    def _parallel(self, offer: Offer) -> bool:
        """Whether several calls may be made; who names the one tool that is called reads one call."""
        if self.parallel_tool_calls is None:
            return not self.functions and not offer.named
        return self.parallel_tool_calls and not self.functions

    def _offer(self) -> Offer:
        if self.functions and self.tools:
            raise invalid("`functions`: expected either `tools` or their older form, not both.")
        if self.functions:
            return offer_of_functions(self.functions, self.function_call)
        return offer_of(self.tools or [], self.tool_choice)

    def _prefill(self, messages: list[dict[str, object]]) -> str | None:
        """What the answer begins with already, which is the last message; None: that is a turn like the others."""
        place, last = f"messages[{len(messages) - 1}]", messages[-1]
        if self.continue_final_message and self.add_generation_prompt:
            raise invalid("`continue_final_message`: `add_generation_prompt` excludes it.")
        if self.continue_final_message and last["role"] != "assistant":
            raise invalid(f"`continue_final_message`: expected `{place}` to be of the role `assistant`.")
        if last["role"] != "assistant" or self.continue_final_message is False or self.add_generation_prompt:
            return None
        if "tool_calls" in last:
            raise invalid(f"`{place}`: an answer that calls tools cannot be continued.")
        if "reasoning_content" in last:
            raise not_supported(f"`{place}.reasoning_content` in an answer that is continued")
        if len(messages) > 1 and messages[-2]["role"] == "assistant":
            raise invalid(f"`{place}`: expected one message of the role `assistant` at the end, got two.")
        return str(last["content"])

    def _thinking(self) -> bool | None:
        wanted = (self.chat_template_kwargs or {}).get("enable_thinking")
        if not isinstance(wanted, bool | None):
            raise invalid("`chat_template_kwargs.enable_thinking`: expected `bool`.")
        return False if self.reasoning_effort == "none" else wanted


class ChatBody(ChatFields, kw_only=True):
    """The request of a chat completion; fields not named here are ignored.

    options: where LlamaIndex's llamafile class says how to generate; what stands outside of it counts first.
    """

    options: GenerationFields | None = None
    n: Copies | None = None
    logprobs: bool | None = None
    top_logprobs: Probabilities | None = None
    modalities: list[str] | None = None
    reasoning_format: ReasoningFormat | None = None
    web_search_options: object = None

    def __post_init__(self) -> None:
        for name in GenerationFields.__struct_fields__ if self.options else ():
            if getattr(self, name) == getattr(_NOTHING_SAID, name):
                setattr(self, name, getattr(self.options, name))

    @property
    def reads_json_only(self) -> bool:
        """Whether the client is LlamaIndex's llamafile class, which takes every line of a stream for an event."""
        return self.options is not None and self.model is None

    def check(self) -> None:
        """Raise the Problem with what cannot be answered, if there is one."""
        if set(self.modalities or []) - {"text"}:
            raise not_supported("`modalities` other than text")
        if self.top_logprobs and not self.logprobs:
            raise invalid("`top_logprobs`: needs `logprobs` to be true.")
        if self.web_search_options is not None:
            raise not_supported("`web_search_options`")

    @property
    def n_alternatives(self) -> int:
        """How many candidates the engine tells for each token; 0: none are wanted."""
        return max(1, self.top_logprobs or 0) if self.logprobs else 0


_NOTHING_SAID = GenerationFields()
