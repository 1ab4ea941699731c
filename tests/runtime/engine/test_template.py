"""Chat templates: the prompts of well-known models, by hand, and what a template may not do."""

import re

import pytest

from runtime.engine.backend import InvalidRequest
from runtime.engine.protocol import Chat
from runtime.engine.template import ChatTemplate

SMOLLM2 = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}"
    "{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LLAMA2 = (
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
    "{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}"
    "{% set system_message = false %}{% endif %}{% for message in loop_messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if loop.index0 == 0 and system_message != false %}"
    "{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}"
    "{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}"
    "{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}"
    "{{ ' '  + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"
)
GEMMA2 = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}"
    "{% endif %}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate') }}{% endif %}"
    "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}"
    "{% endif %}{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}"
)
LLAMA3 = (
    "{{- bos_token }}\n{%- for message in messages %}\n"
    "    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim"
    " + '<|eot_id|>' }}\n{%- endfor %}\n{%- if add_generation_prompt %}\n"
    "    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}\n{%- endif %}\n"
)
PHI3 = (
    "{% for message in messages %}{% if message['role'] == 'system' %}"
    "{{'<|system|>\n' + message['content'] + '<|end|>\n'}}"
    "{% elif message['role'] == 'user' %}{{'<|user|>\n' + message['content'] + '<|end|>\n'}}"
    "{% elif message['role'] == 'assistant' %}{{'<|assistant|>\n' + message['content'] + '<|end|>\n'}}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}"
)
ZEPHYR = (
    "{% for message in messages %}\n{% if message['role'] == 'user' %}\n"
    "{{ '<|user|>\n' + message['content'] + eos_token }}\n"
    "{% elif message['role'] == 'system' %}\n{{ '<|system|>\n' + message['content'] + eos_token }}\n"
    "{% elif message['role'] == 'assistant' %}\n"
    "{{ '<|assistant|>\n'  + message['content'] + eos_token }}\n{% endif %}\n"
    "{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}"
)
ONLY_PARTS = (
    "{% for message in messages %}{{ message.role }}: {% for part in message.content %}"
    "{% if part.type == 'text' %}{{ part.text }}{% endif %}{% endfor %}{{ '\\n' }}{% endfor %}"
)
COUNTS_ROUNDS = (
    "{% set ns = namespace(round=0) %}{% for message in messages %}{% if message.role == 'user' %}"
    "{% set ns.round = ns.round + 1 %}[Round {{ ns.round }}]\n{% endif %}{{ message.content }}\n"
    "{% if ns.round > 1 %}{% break %}{% endif %}{% endfor %}"
)
WITH_TOOLS = (
    "{% if tools %}{{ tools | tojson(indent=4) }}{% endif %}"
    "{%- for message in messages %}{% generation %}{{ message | tojson }}{% endgeneration %}{%- endfor %}"
)

SYSTEM = {"role": "system", "content": "Be brief."}
HI = {"role": "user", "content": "Hi"}
HELLO = {"role": "assistant", "content": "Hello!"}
BYE = {"role": "user", "content": " Bye "}


@pytest.mark.parametrize(
    ("template", "messages", "prompt"),
    [
        (
            SMOLLM2,
            [HI],
            "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
            "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
        ),
        (
            SMOLLM2,
            [SYSTEM, HI],
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
        ),
        (
            "",
            [SYSTEM, HI, HELLO, BYE],
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
            "<|im_start|>assistant\nHello!<|im_end|>\n<|im_start|>user\n Bye <|im_end|>\n<|im_start|>assistant\n",
        ),
        (
            LLAMA2,
            [SYSTEM, HI, HELLO, BYE],
            "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST] Hello! </s><s>[INST] Bye [/INST]",
        ),
        (
            GEMMA2,
            [HI, HELLO, BYE],
            "<s><start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\nHello!<end_of_turn>\n"
            "<start_of_turn>user\nBye<end_of_turn>\n<start_of_turn>model\n",
        ),
        (
            GEMMA2,
            [SYSTEM, HI],
            "<s><start_of_turn>user\nBe brief.\nHi<end_of_turn>\n<start_of_turn>model\n",
        ),
        (
            LLAMA3,
            [SYSTEM, BYE],
            "<s><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nBye<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n",
        ),
        (PHI3, [SYSTEM, HI], "<|system|>\nBe brief.<|end|>\n<|user|>\nHi<|end|>\n<|assistant|>\n"),
        (ZEPHYR, [SYSTEM, HI], "<|system|>\nBe brief.</s>\n<|user|>\nHi</s>\n<|assistant|>\n"),
        (ONLY_PARTS, [HI, HELLO], "user: Hi\nassistant: Hello!\n"),
        (COUNTS_ROUNDS, [HI, HELLO, HI, HELLO], "[Round 1]\nHi\nHello!\n[Round 2]\nHi\n"),
        (WITH_TOOLS, [{"role": "user", "content": "<é>"}], '{"role": "user", "content": "<é>"}'),
    ],
)
def test_prompts_of_known_models(template: str, messages: list[dict[str, object]], prompt: str) -> None:
    assert ChatTemplate(template, "<s>", "</s>").render(Chat(messages=messages)) == prompt


def test_a_prompt_may_be_left_open() -> None:
    assert (
        ChatTemplate(PHI3, "<s>", "</s>").render(Chat(messages=[HI], add_generation_prompt=False))
        == "<|user|>\nHi<|end|>\n</s>"
    )


def test_tokens_that_the_tokenizer_adds_are_taken_away() -> None:
    template = ChatTemplate(LLAMA2, "<s>", "</s>", strip_bos=True, strip_eos=True)
    assert template.render(Chat(messages=[HI])) == "[INST] Hi [/INST]"
    assert template.render(Chat(messages=[HI, HELLO])) == "[INST] Hi [/INST] Hello! "


def test_parts_of_content_are_joined() -> None:
    parts = [{"type": "text", "text": "one"}, {"type": "image_url"}, {"type": "text", "text": "two"}, {"type": "text"}]
    rendered = ChatTemplate("{{ messages[0].content }}", "", "").render(
        Chat(messages=[{"role": "user", "content": parts}])
    )
    assert rendered == "one\ntwo"


@pytest.mark.parametrize("message", [{"role": "assistant"}, {"role": "assistant", "content": None}])
def test_missing_content_is_empty(message: dict[str, object]) -> None:
    assert ChatTemplate("[{{ messages[0].content }}]", "", "").render(Chat(messages=[message])) == "[]"


def test_developer_is_system() -> None:
    assert (
        ChatTemplate("{{ messages[0].role }}", "", "").render(Chat(messages=[{"role": "developer", "content": "x"}]))
        == "system"
    )


def test_messages_are_not_changed() -> None:
    messages = [{"role": "developer", "content": [{"type": "text", "text": "x"}]}]
    ChatTemplate("", "", "").render(Chat(messages=messages))
    assert messages == [{"role": "developer", "content": [{"type": "text", "text": "x"}]}]


def test_a_refusal_comes_in_the_template_s_own_words() -> None:
    with pytest.raises(InvalidRequest, match="roles must alternate"):
        ChatTemplate(LLAMA2, "<s>", "</s>").render(Chat(messages=[HI, HI]))


@pytest.mark.parametrize(
    "template", ["{% if %}", "{{ messages[0].content.nope.nope }}", "{{ 1 / 0 }}", "{{ none + 1 }}"]
)
def test_a_broken_template_is_told(template: str) -> None:
    with pytest.raises(InvalidRequest, match="chat template"):
        ChatTemplate(template, "", "").render(Chat(messages=[HI]))


def test_a_date_can_be_told() -> None:
    assert ChatTemplate("{{ strftime_now('%Y') }}", "", "").render(Chat(messages=[HI])).startswith("20")


CALL = {"id": "call_0123456789", "type": "function", "function": {"name": "add", "arguments": {"a": 1}}}
CALLED: dict[str, object] = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "call_0123456789", "name": "add", "content": "2"}
TOOL: dict[str, object] = {
    "type": "function",
    "function": {"name": "add", "parameters": {"properties": {"a": {"type": "integer", "maximum": 10**9}}}},
}
SHOWS_CALLS = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}"
    "{% for call in message.tool_calls %}<{{ ARGUMENTS }}>{% endfor %};{% endfor %}"
)
MISTRAL_LIKE = (
    "{% for message in messages %}{% for call in message.tool_calls %}{{ call.function.arguments | tojson }}"
    "{% if call.id | length != 9 %}{{ raise_exception('no') }}{% endif %}<{{ call.id }}>{% endfor %}"
    "{% if message.role == 'tool' %}{{ message.content }}={{ message.tool_call_id }};{% endif %}{% endfor %}"
)


def test_tools_reach_the_template() -> None:
    template = (
        "{{ tools | tojson }}{% for t in tools %}{{ t.function.parameters.properties.a.maximum ~ '!' }}{% endfor %}"
    )
    rendered = ChatTemplate(template, "", "").render(Chat(messages=[HI], tools=[TOOL]))
    assert rendered.endswith('"maximum": 1000000000}}}}}]1000000000!')
    assert ChatTemplate("{{ tools is none }}", "", "").render(Chat(messages=[HI])) == "True"


def test_a_template_of_its_own_for_tools() -> None:
    template = ChatTemplate("plain", "", "", tool_template="with {{ tools | length }}")
    assert template.render(Chat(messages=[HI])) == "plain"
    assert template.render(Chat(messages=[HI], tools=[TOOL])) == "with 1"


def test_a_template_that_is_only_meant_for_tools() -> None:
    template = ChatTemplate("{% for tool in tools %}{{ tool }}{% endfor %}{{ messages[0].content }}", "", "")
    assert template.render(Chat(messages=[HI])) == "Hi"


def test_tools_without_descriptions() -> None:
    source = "{% for t in tools %}{{ 'x' + t.function.parameters.properties.a.description }}{% endfor %}"
    assert ChatTemplate(source, "", "").render(Chat(messages=[HI], tools=[TOOL])) == "x"


def test_values_are_variables_of_the_template() -> None:
    template = ChatTemplate("{{ enable_thinking }} {{ effort }} {{ more | default(1) | tojson }}", "", "")
    assert template.render(Chat(messages=[HI])).startswith("True ")
    values: dict[str, object] = {"enable_thinking": False, "effort": "high", "more": [1, {"a": None}]}
    assert template.render(Chat(messages=[HI], values={**values})) == 'False high [1, {"a": null}]'


def test_values_do_not_replace_what_is_not_theirs() -> None:
    names = ["messages", "tools", "add_generation_prompt", "bos_token", "eos_token"]
    names += ["raise_exception", "strftime_now", "range", "dict", "namespace"]
    template = "{{ messages[0].content }}{{ bos_token }}{{ add_generation_prompt }}{{ range(2) | list }}"
    rendered = ChatTemplate(template, "<s>", "").render(Chat(messages=[HI], values=dict.fromkeys(names, "evil")))
    assert rendered == "Hi<s>True[0, 1]"


def test_values_have_a_bound() -> None:
    with pytest.raises(InvalidRequest, match="variables"):
        ChatTemplate("", "", "").render(Chat(messages=[HI], values={"a": "x" * 1_000_000}))


def test_the_prompt_ends_with_what_the_answer_begins_with() -> None:
    template = ChatTemplate("", "", "")
    assert template.render(Chat(messages=[HI], prefill="Once")).endswith("<|im_start|>assistant\nOnce")
    rendered = template.render(Chat(messages=[HI], prefill="Once", add_generation_prompt=False))
    assert rendered == "<|im_start|>user\nHi<|im_end|>\nOnce"


@pytest.mark.parametrize(
    ("source", "prompt"),
    [
        ("", "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello!"),
        (ONLY_PARTS, "user: Hi\nassistant: Hello!"),
        (LLAMA2, "<s>[INST] Hi [/INST] Hello!"),
        ("{{ messages[0].content }}{% if add_generation_prompt %}>{% endif %}", "Hi>Hello!"),
    ],
)
def test_the_last_turn_is_continued(source: str, prompt: str) -> None:
    chat = Chat(messages=[HI, HELLO], add_generation_prompt=False, prefill="Hello!")
    assert ChatTemplate(source, "<s>", "</s>").render(chat) == prompt


def test_only_the_end_of_the_last_turn_is_continued() -> None:
    with pytest.raises(InvalidRequest, match="continue"):
        ChatTemplate("", "", "").render(Chat(messages=[HI, HELLO], add_generation_prompt=False, prefill="Bye"))


@pytest.mark.parametrize(
    ("shown", "arguments"),
    [
        ("call.function.arguments | tojson", '{"a": 1}'),
        ("'' + call.function.arguments", '{"a": 1}'),
        ("call.function.arguments", '{"a": 1}'),
        ("call.function.arguments.items() | list", "[('a', 1)]"),
    ],
)
@pytest.mark.parametrize("given", [{"a": 1}, '{"a": 1}'])
def test_arguments_come_as_the_template_wants_them(shown: str, arguments: str, given: object) -> None:
    call = {**CALL, "function": {"name": "add", "arguments": given}}
    messages: list[dict[str, object]] = [HI, {**CALLED, "tool_calls": [call]}, RESULT]
    rendered = ChatTemplate(SHOWS_CALLS.replace("ARGUMENTS", shown), "", "").render(Chat(messages=messages))
    assert rendered == f"user: Hi;assistant: <{arguments}>;tool: 2;"


def test_a_template_without_calls_is_told_them() -> None:
    prompt = (
        "<|im_start|>user\nHi<|im_end|>\n"
        '<|im_start|>assistant\n{"name": "add", "arguments": {"a": 1}}<|im_end|>\n'
        "<|im_start|>tool\n2<|im_end|>\n<|im_start|>assistant\n"
    )
    assert ChatTemplate("", "", "").render(Chat(messages=[HI, CALLED, RESULT])) == prompt


def test_a_template_without_tool_turns_hears_results_from_the_user() -> None:
    rendered = ChatTemplate(GEMMA2, "", "").render(Chat(messages=[HI, CALLED, RESULT, RESULT, BYE]))
    assert '<start_of_turn>model\n{"name": "add", "arguments": {"a": 1}}<end_of_turn>\n' in rendered
    result = '{"name": "add", "result": "2"}'
    assert f"<start_of_turn>user\n{result}\n{result}\n Bye<end_of_turn>\n" in rendered


def test_ids_are_as_short_as_the_template_wants_them() -> None:
    bare = {"role": "tool", "content": "3"}
    other = {"function": CALL["function"]}
    messages: list[dict[str, object]] = [HI, {**CALLED, "tool_calls": [CALL, other]}, RESULT, bare]
    rendered = ChatTemplate(MISTRAL_LIKE, "", "").render(Chat(messages=messages))
    calls, results = re.findall(r"<(\w{9})>", rendered), re.findall(r"=(\w{9});", rendered)
    assert calls == results
    assert len(set(calls)) == 2


def test_several_calls_one_by_one() -> None:
    source = SHOWS_CALLS.replace("ARGUMENTS", "call.id ~ (call.function.arguments | tojson)").replace(
        "{% for call", "{% if message.tool_calls | length > 1 %}{{ raise_exception('one') }}{% endif %}{% for call"
    )
    calls = [{**CALL, "id": name} for name in "xy"]
    results = [{**RESULT, "tool_call_id": name, "content": name} for name in "yx"]
    messages: list[dict[str, object]] = [HI, {**CALLED, "tool_calls": calls}, *results, BYE]
    rendered = ChatTemplate(source, "", "").render(Chat(messages=messages))
    assert rendered == 'user: Hi;assistant: <x{"a": 1}>;tool: x;assistant: <y{"a": 1}>;tool: y;user:  Bye ;'


def test_thoughts_go_where_a_template_takes_no_more() -> None:
    source = SHOWS_CALLS.replace("ARGUMENTS", "call.function.arguments | tojson").replace(
        "{{ message.content",
        "{% if message.content and message.thinking %}{{ raise_exception('both') }}{% endif %}"
        "{{ message.thinking }}{{ message.content",
    )
    thought = {**CALLED, "reasoning_content": "Hm."}
    template = ChatTemplate(source, "", "")
    assert 'assistant: Hm.<{"a": 1}>' in template.render(Chat(messages=[HI, thought, RESULT]))
    assert 'assistant: Look.<{"a": 1}>' in template.render(Chat(messages=[HI, {**thought, "content": "Look."}, RESULT]))


def test_what_a_template_appends_stays_in_the_render() -> None:
    messages: list[dict[str, object]] = [HI, CALLED, RESULT]
    template = ChatTemplate("{% set _ = messages.append(1) %}{% set _ = tools.pop() %}{{ messages | length }}", "", "")
    chat = Chat(messages=messages, tools=[TOOL])
    assert [template.render(chat), template.render(chat)] == ["4", "4"]
    assert (len(messages), chat.tools) == (3, [TOOL])


@pytest.mark.parametrize("calls", ["x", [1], {"a": 1}, [{"function": 1}]])
def test_calls_of_another_form_are_refused_or_shown(calls: object) -> None:
    chat = Chat(messages=[HI, {**CALLED, "tool_calls": calls}])
    for source in ("", MISTRAL_LIKE):
        try:
            ChatTemplate(source, "", "").render(chat)
        except InvalidRequest as refusal:
            assert "messages" in str(refusal)


THINKS = (
    "{% for message in messages %}{{ message.role }}: {% if message.role == 'assistant' %}<think></think>{% endif %}"
    "{{ message.content | trim }};{% endfor %}{% if add_generation_prompt %}assistant: <think>{% endif %}"
)


@pytest.mark.parametrize(
    ("source", "prefill", "end"),
    [
        (THINKS, "Once ", "assistant: <think></think>Once "),
        (THINKS, " Once", "assistant: <think></think> Once"),
        (THINKS, "</think>Once", "assistant: <think></think>Once"),
        (THINKS, "\n</think>\n\n", "assistant: <think>\n</think>\n\n"),
        (THINKS, " ", "assistant: <think> "),
        (ONLY_PARTS + "{% if add_generation_prompt %}>{% endif %}", "Once", "user: Hi\nassistant: Once"),
        (LLAMA2, "Once ", "<s>[INST] Hi [/INST] Once "),
        ("{{ messages[-1].role }}", "Once", "userOnce"),
        ("{% if messages | length > 1 %}{{ raise_exception('one') }}{% endif %}>", "Once", ">Once"),
    ],
)
def test_an_answer_begins_behind_its_thought(source: str, prefill: str, end: str) -> None:
    rendered = ChatTemplate(source, "<s>", "</s>").render(Chat(messages=[HI], prefill=prefill))
    assert rendered.endswith(end)
    assert rendered.endswith(prefill)
