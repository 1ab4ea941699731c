"""Scales a vector to a common length, as llama-server's `embd_normalize` names the ways."""

import math
from array import array

NONE, GREATEST, TAXICAB, EUCLIDEAN = -1, 0, 1, 2
INT16_RANGE = 32760.0
"""What the greatest component becomes with GREATEST."""


def normalized(vector: bytes, way: int) -> bytes:
    """Return the float32 numbers of `vector` scaled; `way` above 2 is the exponent of a p-norm. Zeros stay zeros."""
    if way == NONE:
        return vector
    numbers = array("f", vector)
    length = _length(numbers, way)
    if not length > 0 or math.isinf(length):
        return bytes(len(vector))
    return array("f", [number / length for number in numbers]).tobytes()


def _length(numbers: "array[float]", way: int) -> float:
    if way == EUCLIDEAN:
        return math.hypot(*numbers)
    greatest = max(map(abs, numbers), default=0.0)
    if way == GREATEST:
        return greatest / INT16_RANGE
    if way == TAXICAB:
        return math.fsum(map(abs, numbers))
    if not greatest > 0:
        return 0.0
    # Shares of the greatest: a power of a large number would overflow.
    return greatest * math.fsum((abs(number) / greatest) ** way for number in numbers) ** (1 / way)
