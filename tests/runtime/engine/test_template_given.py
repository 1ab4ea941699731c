"""Templates by llama.cpp's names give what llama.cpp gives; the expected texts are its output."""

import pytest

from runtime.engine.template_given import NAMED
from runtime.engine.template_program import TemplateProgram

TURNS: list[dict[str, object]] = [
    {"role": "system", "content": "be"},
    {"role": "user", "content": " hi "},
    {"role": "assistant", "content": "yo"},
    {"role": "user", "content": "x"},
]

EXPECTED = {
    "chatml": "<|im_start|>system\nbe<|im_end|>\n<|im_start|>user\n hi <|im_end|>\n<|im_start|>assistant\nyo"
    "<|im_end|>\n<|im_start|>user\nx<|im_end|>\n<|im_start|>assistant\n",
    "falcon3": "<|system|>\nbe\n<|user|>\n hi \n<|assistant|>\nyo\n<|user|>\nx\n<|assistant|>\n",
    "gemma": "<start_of_turn>user\nbe\n\nhi<end_of_turn>\n<start_of_turn>model\nyo<end_of_turn>\n"
    "<start_of_turn>user\nx<end_of_turn>\n<start_of_turn>model\n",
    "llama2-sys": "[INST] <<SYS>>\nbe\n<</SYS>>\n\n hi  [/INST]yo</s>[INST] x [/INST]",
    "llama3": "<|start_header_id|>system<|end_header_id|>\n\nbe<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nhi"
    "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nyo<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\nx<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
    "mistral-v7": "[SYSTEM_PROMPT] be[/SYSTEM_PROMPT][INST]  hi [/INST] yo</s>[INST] x[/INST]",
    "phi3": "<|system|>\nbe<|end|>\n<|user|>\n hi <|end|>\n<|assistant|>\nyo<|end|>\n<|user|>\nx<|end|>\n"
    "<|assistant|>\n",
    "phi4": "<|im_start|>system<|im_sep|>be<|im_end|><|im_start|>user<|im_sep|> hi <|im_end|>"
    "<|im_start|>assistant<|im_sep|>yo<|im_end|><|im_start|>user<|im_sep|>x<|im_end|>"
    "<|im_start|>assistant<|im_sep|>",
    "zephyr": "<|system|>\nbe<|endoftext|>\n<|user|>\n hi <|endoftext|>\n<|assistant|>\nyo<|endoftext|>\n"
    "<|user|>\nx<|endoftext|>\n<|assistant|>\n",
}


@pytest.mark.parametrize("name", NAMED)
def test_named_templates(name: str) -> None:
    assert TemplateProgram(NAMED[name], {}).run(TURNS, None, True, {}) == EXPECTED[name]
