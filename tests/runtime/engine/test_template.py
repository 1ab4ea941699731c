"""Chat templates: the prompts of well-known models, by hand, and what a template may not do."""

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
