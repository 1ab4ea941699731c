"""Which tensor of a GGUF model is the module that a PEFT adapter names, for the architectures that are known.

The rotated architectures keep the rows of their query and key projections in the order
in which the engine's rotary embedding reads them; their adapters need the same order.
"""

import re
from typing import NamedTuple

from runtime.gguf import Gguf
from runtime.gguf.header import INTEGERS, Array

ROTATED = frozenset("arcee granite llama minicpm mistral3 nanbeige olmo smollm3".split())
PLAIN = frozenset("apertus cohere2 command-r exaone4 gemma gemma2 gemma3 olmo2 phi3 qwen2 qwen3 seed_oss".split())
ARCHITECTURES = ROTATED | PLAIN

_TENSORS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.qkv_proj": "attn_qkv",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.gate_up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_HEADS = {"self_attn.q_proj": "head_count", "self_attn.k_proj": "head_count_kv"}
_MODULE = re.compile(r"(?:(?:model|language_model|text_model)\.){0,3}layers\.(\d{1,4})\.([a-z_.]{1,80})")


class Target(NamedTuple):
    """A tensor of the model; `heads`: how many heads' rows have to be put in order, 0 for none."""

    name: str
    heads: int


def target(base: Gguf, architecture: str, module: str) -> Target | None:
    """The tensor of `base` that `module` is, such as `model.layers.3.self_attn.q_proj`; None for no such."""
    if module == "lm_head":
        return _present(base, Target("output.weight", 0))
    found = _MODULE.fullmatch(module)
    if found is None or found[2] not in _TENSORS:
        return None
    layer = int(found[1])
    heads = 0
    if architecture in ROTATED and found[2] in _HEADS:
        heads = _heads(base, architecture, _HEADS[found[2]], layer)
    return _present(base, Target(f"blk.{layer}.{_TENSORS[found[2]]}.weight", heads))


def _present(base: Gguf, wanted: Target) -> Target | None:
    return wanted if wanted.name in base.tensors else None


def _heads(base: Gguf, architecture: str, key: str, layer: int) -> int:
    """How many heads a layer has; as many for the keys as for the queries where nothing else is said."""
    full = f"{architecture}.attention.{key}"
    found = base.values.get(full)
    if found is None and key == "head_count_kv":
        return _heads(base, architecture, "head_count", layer)
    if found is not None and isinstance(found.value, Array):
        array = base.array(full, INTEGERS)
        counts = base.numbers(array) if array else ()
        return int(counts[layer]) if layer < len(counts) else 0
    return base.integer(full) or 0
