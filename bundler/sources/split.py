"""Joins the shards of a split GGUF while they are packed: a header made in memory, then the weights where they lie.

The keys are those of the first shard without `split.…`, the tensors those of all shards in their order: what
`llama-gguf-split --merge` writes, without a second copy on the disk.
"""

import re
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bundler.content import Piece, Slice, size_bytes
from bundler.sources.source import Progress, Provenance, Source
from runtime import gguf
from runtime.errors import ModelInvalid, ModelNotFound
from runtime.gguf import Gguf, Tensor

VERSION = 3
MAX_SHARDS = 65_535  # `split.count` has 16 bits
COUNT, NUMBER, TENSORS = "split.count", "split.no", "split.tensors.count"

_NAME = re.compile(r"(.+)-([0-9]{5})-of-([0-9]{5})\.gguf")


class ShardName(NamedTuple):
    """What the name of a shard says; `number` begins at 1, as it does there, and goes up to `total`."""

    folder: Path
    stem: str
    number: int
    total: int

    def path(self, number: int) -> Path:
        """Where shard `number` lies."""
        return self.folder / f"{self.stem}-{number:05d}-of-{self.total:05d}.gguf"


def shard_name(path: Path) -> ShardName | None:
    """Take the name of a shard apart; None: it is that of a whole file."""
    found = _NAME.fullmatch(path.name)
    if not found or not 1 <= int(found[2]) <= int(found[3]) <= MAX_SHARDS:
        return None
    return ShardName(path.parent, found[1], int(found[2]), int(found[3]))


def joined(named: ShardName, progress: Progress) -> Source:
    """Return the model whose shards are `named`.

    Raises: ModelNotFound if one is missing; ModelInvalid if one is false or they are not parts of one model.
    """
    shards = []
    for number in range(1, named.total + 1):
        shards.append(_shard(named, number))
        progress(named.stem, number, named.total)
    _check(shards)
    alignment = shards[0].alignment
    head = _header(shards, alignment)
    content = (head, *_weights(shards, alignment))
    file = gguf.parse(head, shards[0].path, size_bytes(content))
    steps = ({"step": "merge", "files": named.total},)
    return Source(content, file, named.stem, None, Provenance(named.path(1).name, steps=steps))


def _shard(named: ShardName, number: int) -> Gguf:
    """Read one shard, which must say of itself what its name says."""
    path = named.path(number)
    if not path.exists():
        raise ModelNotFound(path, f"it is part {number} of a model split over {named.total} files, and not there")
    shard = gguf.read(path)
    said = shard.integer(COUNT), shard.integer(NUMBER)
    if said != (named.total, number - 1):
        raise _false(shard, f"its header does not say that it is part {number} of {named.total}")
    return shard


def _check(shards: Sequence[Gguf]) -> None:
    """Hold the shards against the first one, and the number of their tensors against what each of them says."""
    architecture = shards[0].text("general.architecture")
    count = sum(len(shard.tensors) for shard in shards)
    seen: set[str] = set()
    for shard in shards:
        own = shard.text("general.architecture")
        if own not in (None, architecture):
            raise _false(shard, f"its architecture is `{own}`, and that of the first part `{architecture}`")
        if shard.integer(TENSORS) != count:
            raise _false(shard, f"it claims {shard.integer(TENSORS)} tensors in all parts, which hold {count}", TENSORS)
        if doubled := seen & shard.tensors.keys():
            raise _false(shard, f"its tensor `{min(doubled)}` stands in a part before it, too")
        seen |= shard.tensors.keys()


def _false(shard: Gguf, reason: str, key: str = COUNT) -> ModelInvalid:
    found = shard.values.get(key)
    return shard.invalid(reason, found.offset if found else 0)


def _header(shards: Sequence[Gguf], alignment: int) -> bytes:
    """The header of all tensors, up to where their data begins."""
    keys = [written for key, written in shards[0].written_keys() if not key.startswith("split.")]
    tensors = [(shard, tensor) for shard in shards for tensor in shard.tensors.values()]
    parts = [b"GGUF", struct.pack("<IQQ", VERSION, len(tensors), len(keys)), *keys]
    offset = 0
    for shard, tensor in tensors:
        parts += [shard.written_tensor(tensor), struct.pack("<Q", offset)]
        offset += tensor.size_bytes + -tensor.size_bytes % alignment
    head = b"".join(parts)
    return head + bytes(-len(head) % alignment)


def _weights(shards: Sequence[Gguf], alignment: int) -> Iterator[Piece]:
    """The data of all tensors, each filled up to `alignment`; of a shard with the same one in a single piece."""
    for shard in shards:
        tensors = list(shard.tensors.values())
        for run in [tensors] if shard.alignment == alignment else [[tensor] for tensor in tensors]:
            yield from _run(shard, run, alignment)


def _run(shard: Gguf, tensors: Sequence[Tensor], alignment: int) -> Iterator[Piece]:
    if not tensors:
        return
    size = tensors[-1].offset + tensors[-1].size_bytes - tensors[0].offset
    yield Slice(Path(shard.path), shard.data_offset + tensors[0].offset, size)
    if padding := -size % alignment:
        yield bytes(padding)
