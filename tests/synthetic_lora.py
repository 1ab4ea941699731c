"""LoRA adapters of noise in GGUF: right in shape for any model, and of no use but to be computed."""

import random
from collections.abc import Sequence
from pathlib import Path

from runtime.gguf import reader
from tests.gguf_writer import F32, STRING, Tensor, Value, gguf

RANK = 16
TARGETS = ("attn_q", "attn_k", "attn_v", "attn_output")
F16 = 1
SMALL = bytes((byte & 0x83) | 0x20 for byte in range(256))
"""For the upper byte of a half-precision number: keeps the sign, and makes it 0.008 to 0.016."""


def synthetic_loras(model: Path, folder: Path, n: int, targets: Sequence[str] = TARGETS) -> list[Path]:
    """Write `n` different adapters for `model` into `folder`."""
    base = reader.read(model)
    values: dict[str, Value] = {
        "general.type": (STRING, "adapter"),
        "general.architecture": (STRING, base.values["general.architecture"].value),
        "adapter.type": (STRING, "lora"),
        "adapter.lora.alpha": (F32, float(RANK)),
    }
    tensors: list[Tensor] = []
    for tensor in base.tensors.values():
        if tensor.name.rpartition(".weight")[0].rpartition(".")[2] in targets:
            n_in, n_out = tensor.shape
            tensors += [(f"{tensor.name}.lora_a", (n_in, RANK), F16), (f"{tensor.name}.lora_b", (RANK, n_out), F16)]
    size_bytes = sum(2 * shape[0] * shape[1] for _, shape, _ in tensors)  # all multiples of the alignment
    files = [folder / f"noise-{index}.gguf" for index in range(n)]
    for index, file in enumerate(files):
        file.write_bytes(gguf(values, tensors, data=_noise(index, size_bytes)))
    return files


def _noise(seed: int, size_bytes: int) -> bytes:
    data = bytearray(random.Random(seed).randbytes(size_bytes))
    data[1::2] = data[1::2].translate(SMALL)
    return bytes(data)
