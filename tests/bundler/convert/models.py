"""Models of random numbers that are quantised in no time, and importance matrices for them in both forms."""

import struct
from pathlib import Path

import numpy as np

from tests.gguf_writer import ARRAY, STRING, TINY, U32, Tensor, Value, gguf

WIDTH, INNER, LAYERS, WORDS = 256, 512, 2, 64
SEED = 6
MATRICES = {
    "attn_q": (WIDTH, WIDTH),
    "attn_k": (WIDTH, WIDTH),
    "attn_v": (WIDTH, WIDTH),
    "attn_output": (WIDTH, WIDTH),
    "ffn_gate": (WIDTH, INNER),
    "ffn_up": (WIDTH, INNER),
    "ffn_down": (INNER, WIDTH),
}
KEYS: dict[str, Value] = {
    **{key: value for key, value in TINY.items() if not key.startswith("tokenizer.")},
    "llama.block_count": (U32, LAYERS),
    "llama.embedding_length": (U32, WIDTH),
    "llama.feed_forward_length": (U32, INNER),
    "llama.attention.head_count": (U32, 4),
    "llama.rope.dimension_count": (U32, WIDTH // 4),
    "llama.attention.layer_norm_rms_epsilon": (6, 1e-5),
    "tokenizer.ggml.model": (STRING, "no_vocab"),
    "llama.vocab_size": (U32, WORDS),
}


def random_model(path: Path) -> Path:
    """A llama of two layers in F32, 5 MB: all widths are multiples of 256, so that no type falls back to another."""
    tensors: list[Tensor] = [("token_embd.weight", (WIDTH, WORDS), 0), ("output_norm.weight", (WIDTH,), 0)]
    tensors.append(("output.weight", (WIDTH, WORDS), 0))
    for layer in range(LAYERS):
        tensors += [(f"blk.{layer}.{name}.weight", shape, 0) for name, shape in MATRICES.items()]
        tensors += [(f"blk.{layer}.{name}.weight", (WIDTH,), 0) for name in ("attn_norm", "ffn_norm")]
    numbers = np.random.default_rng(SEED)
    data = b"".join(numbers.normal(0, 0.05, int(np.prod(shape))).astype("<f4").tobytes() for _, shape, _ in tensors)
    path.write_bytes(gguf(KEYS, tensors, data=data))
    return path


def importance(shift: float = 0.0) -> dict[str, np.ndarray]:
    """Positive numbers for each matrix of the model."""
    numbers = np.random.default_rng(SEED + 1)
    names = [f"blk.{layer}.{name}.weight" for layer in range(LAYERS) for name in MATRICES]
    shapes = {name: MATRICES[name.split(".")[2]][0] for name in names} | {"output.weight": WIDTH}
    return {name: (numbers.random(width) + 0.01 + shift).astype("<f4") for name, width in shapes.items()}


def dat(path: Path, entries: dict[str, np.ndarray], calls: int = 7, ending: bytes | None = None) -> Path:
    """The old form."""
    data = struct.pack("<i", len(entries))
    for name, values in entries.items():
        data += struct.pack("<i", len(name)) + name.encode() + struct.pack("<ii", calls, len(values)) + values.tobytes()
    path.write_bytes(data + (struct.pack("<ii", 3, 9) + b"texts.txt" if ending is None else ending))
    return path


def imatrix_gguf(path: Path, entries: dict[str, np.ndarray], count: float = 7.0) -> Path:
    """The new form."""
    tensors: list[Tensor] = []
    data = b""
    for name, values in entries.items():
        for ending, content in (("in_sum2", values), ("counts", np.array([count], "<f4"))):
            tensors.append((f"{name}.{ending}", (len(content), 1), 0))
            data += content.tobytes()
            data += bytes(-len(data) % 32)
    keys: dict[str, Value] = {
        "general.type": (STRING, "imatrix"),
        "imatrix.datasets": (ARRAY, (STRING, ["texts.txt"])),
        "imatrix.chunk_count": (U32, 3),
        "imatrix.chunk_size": (U32, 512),
    }
    path.write_bytes(gguf(keys, tensors, data=data))
    return path
