"""Numbers of adapters as bytes: whether they are finite, their half precision, their rows in another order.

Everything works on whole buffers with what the interpreter does in C: translating,
slicing with a step and integers of any size. 10 MB of weights are checked in 20 ms and
rounded to half precision in 150.
"""

import struct
from array import array
from collections.abc import Iterator, Sequence

CHUNK_VALUES = 1 << 16
Q8_0_BLOCK_BYTES = 34  # a scale in half precision, then 32 bytes

_HALF_EXPONENT = bytes(byte & 0x7C == 0x7C for byte in range(256))
_UPPER_EXPONENT = bytes(byte & 0x7F == 0x7F for byte in range(256))
_LOWEST_EXPONENT_BIT = bytes(byte >> 7 for byte in range(256))


def all_finite(data: bytes, dtype: str) -> bool:
    """Whether no number is infinite or NaN: one whose exponent is all ones. `dtype`: F32, F16, BF16 or Q8_0."""
    if dtype == "Q8_0":
        return 1 not in data[1::Q8_0_BLOCK_BYTES].translate(_HALF_EXPONENT)
    if dtype == "F16":
        return 1 not in data[1::2].translate(_HALF_EXPONENT)
    width = 4 if dtype == "F32" else 2
    upper = int.from_bytes(data[width - 1 :: width].translate(_UPPER_EXPONENT), "little")
    lowest = int.from_bytes(data[width - 2 :: width].translate(_LOWEST_EXPONENT_BIT), "little")
    return not upper & lowest


def to_half(data: bytes, dtype: str, factor: float) -> tuple[bytes, str]:
    """The numbers of `data` times `factor` in half precision; -> (bytes, F16), or F32 where one of them is too large.

    `dtype`: F32, F16 or BF16.
    """
    if dtype == "F16" and factor == 1.0:
        return data, "F16"
    try:
        return b"".join(struct.pack(f"<{len(chunk)}e", *chunk) for chunk in _scaled(data, dtype, factor)), "F16"
    except OverflowError:
        return b"".join(array("f", chunk).tobytes() for chunk in _scaled(data, dtype, factor)), "F32"


def rotated_rows(data: bytes, rows: int, heads: int) -> bytes:
    """The rows of a projection in the order of the rotation that the engine computes.

    The original turns row i of a head's first half against row i of its second half; the
    engine turns neighbours, so the two halves of each head are interleaved.
    """
    row_bytes = len(data) // rows
    half = rows // heads // 2
    order = (head * 2 * half + part * half + index for head in range(heads) for index in range(half) for part in (0, 1))
    return b"".join([data[row * row_bytes : (row + 1) * row_bytes] for row in order])


def _scaled(data: bytes, dtype: str, factor: float) -> Iterator[Sequence[float]]:
    """The numbers of `data` times `factor`, some at a time: as Python's floats they take many times their size."""
    step = CHUNK_VALUES * (4 if dtype == "F32" else 2)
    for start in range(0, len(data), step):
        values = _values(data[start : start + step], dtype)
        yield values if factor == 1.0 else [value * factor for value in values]


def _values(data: bytes, dtype: str) -> Sequence[float]:
    if dtype == "F16":
        return struct.unpack(f"<{len(data) // 2}e", data)
    if dtype == "BF16":  # the upper half of a single
        wide = bytearray(2 * len(data))
        wide[2::4], wide[3::4] = data[0::2], data[1::2]
        data = bytes(wide)
    return array("f", data)
