"""Writes small GGUF files, true ones and false ones, for tests and benchmarks."""

import struct
from collections.abc import Sequence
from pathlib import Path

U16, U32, I32, F32, BOOL, STRING, ARRAY, U64 = 2, 4, 5, 6, 7, 8, 9, 10
FORMATS = {U16: "<H", U32: "<I", I32: "<i", F32: "<f", BOOL: "<B", U64: "<Q"}

Value = tuple[int, object]
Tensor = tuple[str, Sequence[int], int]
"""Name, shape, tensor type (0: F32, 1: F16, 26: I32)."""

TINY: dict[str, Value] = {
    "general.architecture": (STRING, "llama"),
    "general.name": (STRING, "Tiny"),
    "general.license": (STRING, "mit"),
    "general.file_type": (U32, 0),
    "llama.block_count": (U32, 1),
    "llama.context_length": (U32, 64),
    "llama.embedding_length": (U32, 8),
    "llama.feed_forward_length": (U32, 16),
    "llama.attention.head_count": (U32, 2),
    "tokenizer.ggml.model": (STRING, "llama"),
    "tokenizer.ggml.tokens": (ARRAY, (STRING, ["<unk>", "<s>", "</s>", "<0x0A>", "a", "b", "c", "d"])),
    "tokenizer.ggml.scores": (ARRAY, (F32, [6.0] * 8)),
    "tokenizer.ggml.token_type": (ARRAY, (I32, [2, 3, 3, 6, 1, 1, 1, 1])),
    "tokenizer.ggml.eos_token_id": (U32, 2),
    "tokenizer.ggml.padding_token_id": (U32, 0xFFFF_FFFF),
    "tokenizer.chat_template": (STRING, "{% for m in messages %}{{ m['content'] }}{% endfor %}"),
}
TENSORS: list[Tensor] = [
    ("token_embd.weight", (8, 8), 0),
    ("blk.0.attn_q.weight", (8, 8), 0),
    ("output_norm.weight", (8,), 0),
]


def gguf(
    values: dict[str, Value] | None = None,
    tensors: Sequence[Tensor] | None = None,
    *,
    version: int = 3,
    alignment: int = 32,
    offsets: Sequence[int] | None = None,
    data: bytes | None = None,
) -> bytes:
    """The bytes of a GGUF file; without arguments, of a tiny true one. `offsets` replaces the right ones."""
    values = TINY if values is None else values
    tensors = TENSORS if tensors is None else tensors
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(values))
    head += b"".join(
        _string(key) + struct.pack("<I", kind) + _value(kind, value) for key, (kind, value) in values.items()
    )
    place = 0
    for index, (name, shape, kind) in enumerate(tensors):
        offset = place if offsets is None else offsets[index]
        head += _string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)
        place += -(-_bytes(shape, kind) // alignment) * alignment
    head += bytes(-len(head) % alignment)
    return head + (bytes(range(256)) * (place // 256 + 1))[:place] if data is None else head + data


def synthetic_gguf(path: Path, size_bytes: int) -> Path:
    """A true GGUF of about `size_bytes`, its weights noise that no file system can share or leave out."""
    rows = max(size_bytes // (8 * 4 * 1024), 1) * 1024
    tensors = [*TENSORS, ("blk.0.ffn_up.weight", (8, rows), 0)]
    head = gguf(tensors=tensors, data=b"")
    block = b"".join(struct.pack("<Q", (index * 0x9E3779B97F4A7C15) % 2**64) for index in range(1 << 17))
    with path.open("wb") as out:
        out.write(head)
        left = sum(-(-_bytes(shape, kind) // 32) * 32 for _, shape, kind in tensors)
        while left:
            left -= out.write(block[: min(left, len(block))])
    return path


def _bytes(shape: Sequence[int], kind: int) -> int:
    size = 4 if kind in (0, 26) else 2
    for extent in shape:
        size *= extent
    return size


def _string(text: object) -> bytes:
    data = text if isinstance(text, bytes) else str(text).encode()
    return struct.pack("<Q", len(data)) + data


def _value(kind: int, value: object) -> bytes:
    if kind == STRING:
        return _string(value)
    if kind == ARRAY:
        element, items = value  # type: ignore[misc]
        return struct.pack("<IQ", element, len(items)) + b"".join(_value(element, item) for item in items)
    return struct.pack(FORMATS[kind], value)
