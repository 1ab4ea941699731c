"""Writes PEFT folders and adapters, true ones and false ones, for a model of two tensors' width."""

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

from runtime import gguf
from runtime.gguf import Gguf
from tests.gguf_writer import F32, STRING, TINY, U32, Tensor, Value
from tests.gguf_writer import gguf as written

IN, OUT, RANK = 8, 4, 2
"""Of the key projection: 8 numbers in, one head of 4 out."""

PREFIX = "base_model.model.model.layers.0.self_attn."
CODES = {"F32": "f", "F16": "e"}

Numbers = Sequence[float]
Array = tuple[str, Sequence[int], Numbers | bytes]
"""Type, shape (outermost first), and the numbers or the bytes themselves."""

A = tuple(index / 16 for index in range(RANK * IN))
B = tuple((-1) ** index * index / 8 for index in range(OUT * RANK))
K_PROJ: Mapping[str, Array] = {
    f"{PREFIX}k_proj.lora_A.weight": ("F32", (RANK, IN), A),
    f"{PREFIX}k_proj.lora_B.weight": ("F32", (OUT, RANK), B),
}
CONFIG = {"peft_type": "LORA", "r": RANK, "lora_alpha": 4, "bias": "none"}

BASE_TENSORS: list[Tensor] = [
    ("token_embd.weight", (8, 8), 0),
    ("blk.0.attn_norm.weight", (8,), 0),
    ("blk.0.attn_q.weight", (8, 8), 0),
    ("blk.0.attn_k.weight", (8, 4), 0),
    ("blk.0.ffn_down.weight", (16, 8), 0),
    ("blk.0.ffn_down_exps.weight", (16, 8, 3), 0),
]


def base_model(folder: Path, architecture: str = "llama", tensors: Sequence[Tensor] = BASE_TENSORS) -> Gguf:
    """A small model of that architecture: two heads, and one for the keys."""
    values: dict[str, Value] = {key.replace("llama.", f"{architecture}."): value for key, value in TINY.items()}
    values |= {
        "general.architecture": (STRING, architecture),
        f"{architecture}.attention.head_count": (U32, 2),
        f"{architecture}.attention.head_count_kv": (U32, 1),
    }
    path = folder / f"{architecture}.gguf"
    path.write_bytes(written(values, tensors))
    return gguf.read(path)


def peft_folder(folder: Path, arrays: Mapping[str, Array] = K_PROJ, **config: object) -> Path:
    """A folder with an adapter; `config` replaces what CONFIG says."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_config.json").write_text(json.dumps({**CONFIG, **config}))
    (folder / "adapter_model.safetensors").write_bytes(safetensors(arrays))
    return folder


def safetensors(arrays: Mapping[str, Array], **places: object) -> bytes:
    """The bytes of such a file; `places` are further entries of its header."""
    table: dict[str, object] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, (dtype, shape, numbers) in arrays.items():
        content = numbers if isinstance(numbers, bytes) else struct.pack(f"<{len(numbers)}{CODES[dtype]}", *numbers)
        table[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    head = json.dumps(table | places).encode()
    return struct.pack("<Q", len(head)) + head + data


ADAPTER_KEYS: dict[str, Value] = {
    "general.architecture": (STRING, "llama"),
    "general.type": (STRING, "adapter"),
    "adapter.type": (STRING, "lora"),
    "adapter.lora.alpha": (F32, 4.0),
}
ADAPTER_TENSORS: list[Tensor] = [("blk.0.attn_k.weight.lora_a", (8, 2), 1), ("blk.0.attn_k.weight.lora_b", (2, 4), 1)]


def adapter(
    values: Mapping[str, Value] = ADAPTER_KEYS, tensors: Sequence[Tensor] = ADAPTER_TENSORS, data: bytes | None = None
) -> bytes:
    """The bytes of a GGUF adapter; without arguments, of a true one for `base_model`."""
    size = sum(-(-_bytes(shape, kind) // 32) * 32 for _, shape, kind in tensors)
    return written(dict(values), tensors, data=bytes(size) if data is None else data)


def _bytes(shape: Sequence[int], kind: int) -> int:
    size = 2 if kind == 1 else 4
    for extent in shape:
        size *= extent
    return size
