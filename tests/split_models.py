"""Splits a GGUF as `llama-gguf-split --split` does: the keys in the first shard, `split.…` in each of them."""

import struct
from pathlib import Path

from runtime import gguf
from runtime.gguf import Gguf, Tensor

U16, I32 = 2, 5


def split(source: Path, folder: Path, stem: str, per_shard: int, keys_alone: bool = False) -> list[Path]:
    """Write shards with `per_shard` tensors each; keys_alone: the first one has none (`--no-tensor-first-split`)."""
    model = gguf.read(source)
    tensors = list(model.tensors.values())
    groups = [tensors[start : start + per_shard] for start in range(0, len(tensors), per_shard)]
    groups = [[], *groups] if keys_alone else groups
    paths = []
    for number, group in enumerate(groups):
        path = folder / f"{stem}-{number + 1:05d}-of-{len(groups):05d}.gguf"
        keys = [written for _, written in model.written_keys()] if number == 0 else []
        keys += [_key("split.no", U16, number), _key("split.tensors.count", I32, len(tensors))]
        keys.append(_key("split.count", U16, len(groups)))
        path.write_bytes(_shard(model, keys, group))
        paths.append(path)
    return paths


def _shard(model: Gguf, keys: list[bytes], tensors: list[Tensor]) -> bytes:
    head, data = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys)) + b"".join(keys), b""
    source = Path(model.path).read_bytes()
    for tensor in tensors:
        head += model.written_tensor(tensor) + struct.pack("<Q", len(data))
        start = model.data_offset + tensor.offset
        data += source[start : start + tensor.size_bytes] + bytes(-tensor.size_bytes % 32)
    return head + bytes(-len(head) % 32) + data


def _key(name: str, kind: int, number: int) -> bytes:
    text = name.encode()
    return (
        struct.pack("<Q", len(text))
        + text
        + struct.pack("<I", kind)
        + struct.pack({U16: "<H", I32: "<i"}[kind], number)
    )
