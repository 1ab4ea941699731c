"""Damages GGUF and safetensors files, the same way every time: some so that they are false, some as chance has it.

What is false is so by how it was made: a count, a length, a type, a place that cannot be, or an end too early.
"""

import json
import math
import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from runtime import gguf
from runtime.gguf import Gguf, Tensor
from runtime.gguf.cursor import SCALARS
from runtime.gguf.header import Array
from runtime.gguf.tables import TENSOR_TYPES, TensorType

EXTREMES = (0, 1, 2**31, 2**32 - 1, 2**62, 2**63, 2**64 - 1)
HUGE = (2**31, 2**32 - 1, 2**40, 2**62, 2**63, 2**64 - 1)
UNKNOWN_TYPES = (13, 14, 99, 255, 2**31, 2**32 - 1)
UNKNOWN_TENSOR_TYPES = (4, 5, 31, 36, 43, 255, 2**31, 2**32 - 1)
STRING = 8


class Mutant(NamedTuple):
    """`what` was done, for whoever looks into it; is_false: it must be refused."""

    what: str
    data: bytes
    is_false: bool


def of_gguf(path: Path, count: int, seed: int) -> Iterator[Mutant]:
    """Mutants of the sound file `path`; every other one is false."""
    data, model = path.read_bytes(), gguf.read(path)
    for number in range(count):
        dice = random.Random(f"{seed} {number}")
        yield _false_gguf(dice, data, model) if number % 2 else _by_chance(dice, data, model.data_offset)


def of_safetensors(data: bytes, count: int, seed: int) -> Iterator[Mutant]:
    """Mutants of the sound file with these bytes; every other one is false."""
    length = int.from_bytes(data[:8], "little")
    for number in range(count):
        dice = random.Random(f"{seed} {number}")
        yield _false_safetensors(dice, data, length) if number % 2 else _by_chance(dice, data, 8 + length)


def by_chance(data: bytes, header: int, count: int, seed: int) -> Iterator[Mutant]:
    """Mutants of any format, damaged in the first `header` bytes."""
    for number in range(count):
        yield _by_chance(random.Random(f"{seed} {number}"), data, header)


def _by_chance(dice: random.Random, data: bytes, header: int) -> Mutant:
    """Bit flips, extreme numbers, zeros, a piece put in, or an end, anywhere in the first `header` bytes."""
    mutant, at = bytearray(data), dice.randrange(header)
    kind = dice.choice(("flip", "flips", "number", "zeros", "insert", "cut"))
    if kind in ("flip", "flips"):
        for _ in range(1 if kind == "flip" else 8):
            mutant[dice.randrange(header)] ^= 1 << dice.randrange(8)
    elif kind == "number":
        mutant[at : at + 8] = dice.choice((*EXTREMES, len(data))).to_bytes(8, "little")
    elif kind == "zeros":
        size = dice.randrange(1, 64)
        mutant[at : at + size] = bytes(len(mutant[at : at + size]))
    elif kind == "insert":
        mutant[at:at] = dice.randbytes(dice.randrange(1, 64))
    else:
        del mutant[at:]
    return Mutant(f"{kind} at {at}", bytes(mutant), is_false=kind == "cut")


def _false_gguf(dice: random.Random, data: bytes, model: Gguf) -> Mutant:
    tensors = list(model.tensors.values())
    kinds: list[Callable[[], Mutant]] = [
        lambda: _cut(dice, data, model.data_offset + tensors[-1].offset + tensors[-1].size_bytes),
        lambda: _put(data, "version", 4, 4, dice.choice((0, 1, 4, 2**24, 2**32 - 1))),
        lambda: _put(data, "tensors", 8, 8, dice.choice((len(tensors) + 1, len(tensors) + 1000, *HUGE))),
        lambda: _put(data, "keys", 16, 8, dice.choice(HUGE)),
        lambda: _false_key(dice, data, model),
        lambda: _false_array(dice, data, model),
        *[lambda: _false_tensor(dice, data, dice.choice(tensors))] * 4,
        lambda: _name_twice(dice, data, tensors),
    ]
    return dice.choice(kinds)()


def _false_key(dice: random.Random, data: bytes, model: Gguf) -> Mutant:
    """A key's length, its value's type, or the length of a text."""
    key, value = dice.choice(list(model.values.items()))
    what = dice.choice(("key", "type", "text"))
    if what == "key":
        return _put(data, f"length of {key}", value.offset - 12 - len(key.encode()), 8, dice.choice((0, *HUGE)))
    if what == "text" and value.type == STRING:
        return _put(data, f"length of the text {key}", value.offset, 8, dice.choice(HUGE))
    return _put(data, f"type of {key}", value.offset - 4, 4, dice.choice(UNKNOWN_TYPES))


def _false_array(dice: random.Random, data: bytes, model: Gguf) -> Mutant:
    arrays = [(key, value) for key, value in model.values.items() if isinstance(value.value, Array)]
    if not arrays:  # a shard other than the first
        return _false_key(dice, data, model)
    key, value = dice.choice(arrays)
    if dice.random() < 0.5:
        return _put(data, f"elements' type of {key}", value.offset, 4, dice.choice((9, *UNKNOWN_TYPES)))
    return _put(data, f"length of the array {key}", value.offset + 4, 8, dice.choice(HUGE))


def _false_tensor(dice: random.Random, data: bytes, tensor: Tensor) -> Mutant:
    shape = tensor.at + 8 + len(tensor.name.encode()) + 4
    kind = shape + 8 * len(tensor.shape)
    axis = dice.randrange(len(tensor.shape))
    longer = tensor.shape[axis] + 32 * dice.randrange(1, 1000)
    choices = [
        lambda: _put(data, f"name of {tensor.name}", tensor.at, 8, dice.choice((0, 64, *HUGE))),
        lambda: _put(data, f"rank of {tensor.name}", shape - 4, 4, dice.choice((0, 5, 2**31, 2**32 - 1))),
        lambda: _put(data, f"shape of {tensor.name}", shape + 8 * axis, 8, dice.choice((0, longer, *HUGE))),
        lambda: _put(data, f"type of {tensor.name}", kind, 4, dice.choice(UNKNOWN_TENSOR_TYPES)),
        lambda: _put(data, f"place of {tensor.name}", kind + 4, 8, _elsewhere(dice, tensor)),
    ]
    return dice.choice(choices)()


def _elsewhere(dice: random.Random, tensor: Tensor) -> int:
    places = (0, tensor.offset + 1, tensor.offset + 32, abs(tensor.offset - 32), *HUGE)
    return dice.choice([place for place in places if place != tensor.offset])


def _name_twice(dice: random.Random, data: bytes, tensors: list[Tensor]) -> Mutant:
    """One tensor gets the name of another, of the same length."""
    pairs = [(a, b) for a in tensors for b in tensors if a is not b and len(a.name.encode()) == len(b.name.encode())]
    if not pairs:
        return _false_tensor(dice, data, dice.choice(tensors))
    one, other = dice.choice(pairs)
    at, name = one.at + 8, other.name.encode()
    return Mutant(f"{one.name} is called {other.name}", data[:at] + name + data[at + len(name) :], is_false=True)


def _cut(dice: random.Random, data: bytes, end: int) -> Mutant:
    at = dice.randrange(end)
    return Mutant(f"cut at {at}", data[:at], is_false=True)


def _put(data: bytes, what: str, at: int, width: int, number: int) -> Mutant:
    number %= 1 << 8 * width
    return Mutant(f"{what}: {number}", data[:at] + number.to_bytes(width, "little") + data[at + width :], is_false=True)


def _false_safetensors(dice: random.Random, data: bytes, length: int) -> Mutant:
    table: dict[str, Any] = json.loads(data[8 : 8 + length])
    names = [name for name in table if name != "__metadata__"]
    name = dice.choice(names)
    row = table[name]
    begin, end = row["data_offsets"]
    axis = dice.randrange(len(row["shape"]))
    kind = dice.choice(("cut", "length", "longer", "dtype", "shape", "place", "missing", "kind", "lost", "twice"))
    if kind == "cut":
        return _cut(dice, data, len(data))
    if kind == "length":
        return _put(data, "header", 0, 8, dice.choice((0, 1, length - 1, length + 1, len(data), *HUGE)))
    if kind == "longer":
        return Mutant("bytes behind", data + dice.randbytes(dice.randrange(1, 100)), is_false=True)
    if kind == "twice":
        text = data[8 : 8 + length].rstrip()[:-1] + b"," + json.dumps(name).encode() + b":" + json.dumps(row).encode()
        return _safetensors(f"{name} twice", text + b"}", data[8 + length :])
    if kind == "lost":
        del table[name]
    elif kind == "missing":
        del row[dice.choice(list(row))]
    elif kind == "dtype":
        row["dtype"] = dice.choice(("F64", "I8", "F31", "", "BOOL", "f32", "F4"))
    elif kind == "shape":
        row["shape"][axis] = dice.choice((row["shape"][axis] + 1, -1, 2**62, 2**64, 1.5, "1", None))
    elif kind == "place":
        row["data_offsets"] = dice.choice(([begin + 1, end + 1], [end, begin], [begin], [begin, end, end], [-1, end]))
    else:
        table[name] = dice.choice((None, [], "x", 7, {}))
    return _safetensors(f"{kind} of {name}", json.dumps(table).encode(), data[8 + length :])


def _safetensors(what: str, header: bytes, rest: bytes) -> Mutant:
    return Mutant(what, struct.pack("<Q", len(header)) + header + rest, is_false=True)


def rewritten(path: Path, count: int, seed: int) -> Iterator[Mutant]:
    """Files that are sound, laid out as their headers say, with one thing about the model that is otherwise."""
    model = gguf.read(path)
    for number in range(count):
        yield _rewritten(random.Random(f"{seed} {number}"), path.read_bytes(), model)


def _rewritten(dice: random.Random, data: bytes, model: Gguf) -> Mutant:
    keys = dict(model.written_keys())
    tensors = [[tensor.name, list(tensor.shape), _code(tensor.type)] for tensor in model.tensors.values()]
    row = dice.choice(tensors)
    kind = dice.choice(("number", "number", "key", "type", "shape", "lost", "renamed"))
    what = f"{kind} of {row[0]}"
    if kind == "number":
        key = dice.choice([key for key, value in model.values.items() if value.type in SCALARS])
        form = SCALARS[model.values[key].type]
        number = dice.choice((0, 1, 2, 3, 5, 7, 64, 100, 127)) if dice.random() < 0.7 else dice.randrange(256)
        keys[key] = keys[key][: -form.size] + (form.pack(number) if form.size > 1 else bytes([number % 2]))
        what = f"{key} is {number}"
    elif kind == "key":
        what = f"without {(key := dice.choice(list(keys)))}"
        del keys[key]
    elif kind == "type":
        fitting = [code for code, of in TENSOR_TYPES.items() if row[1][0] % of.block == 0 and code != row[2]]
        row[2] = dice.choice(fitting)
        what += f" is {TENSOR_TYPES[row[2]].name}"
    elif kind == "shape":
        axis = dice.randrange(len(row[1]))
        row[1][axis] = dice.choice((32, 64, 96, 128, 1, row[1][axis] * 2, row[1][axis] + 32))
        row[1] = row[1] if dice.random() < 0.7 else dice.choice((row[1][::-1], [*row[1], 2], row[1][:1]))
        if row[1][0] % TENSOR_TYPES[row[2]].block:
            row[1][0] = TENSOR_TYPES[row[2]].block
        what += f" is {row[1]}"
    elif kind == "lost":
        tensors.remove(row)
    else:
        row[0] = dice.choice(("x.weight", row[0].replace("weight", "bias"), row[0].replace("blk.0", "blk.1") + "x"))
    return Mutant(what, _laid_out(keys, tensors, data[model.data_offset :]), is_false=False)


def _laid_out(keys: dict[str, bytes], tensors: list[list[Any]], data: bytes) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys)) + b"".join(keys.values())
    size = 0
    for name, shape, code in tensors:
        text = name.encode()[:63]
        head += struct.pack("<Q", len(text)) + text + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, code, size)
        of = TENSOR_TYPES[code]
        size += -(-math.prod(shape) // of.block * of.block_bytes // 32) * 32
    return head + bytes(-len(head) % 32) + (data * (size // len(data) + 1))[:size]


def _code(of: TensorType) -> int:
    return next(code for code, other in TENSOR_TYPES.items() if other == of)
