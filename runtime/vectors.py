"""Vectors as bytes of float32, little endian: how they are scaled, shortened and written."""

import base64
import math
import sys
from array import array

NONE, GREATEST, TAXICAB, EUCLIDEAN = -1, 0, 1, 2
"""llama-server's `embd_normalize`; above 2: the exponent of a p-norm."""

INT16_RANGE = 32760.0
"""What the greatest component becomes with GREATEST."""

FLOAT_BYTES = 4


def numbers(vector: bytes) -> "array[float]":
    """Return the components of a vector."""
    found = array("f", vector)
    if sys.byteorder == "big":
        found.byteswap()
    return found


def normalized(vector: bytes, way: int) -> bytes:
    """Return the vector scaled to one length; one of zeros stays as it is."""
    if way == NONE:
        return vector
    components = numbers(vector)
    length = _length(components, way)
    if not length > 0 or math.isinf(length):
        return bytes(len(vector))
    scaled = array("f", [component / length for component in components])
    if sys.byteorder == "big":
        scaled.byteswap()
    return scaled.tobytes()


def shortened(vector: bytes, n_components: int) -> bytes:
    """Return the first components, scaled to length 1 again."""
    return normalized(vector[: n_components * FLOAT_BYTES], EUCLIDEAN)


def in_base64(vector: bytes) -> str:
    """Return the bytes of a vector as text."""
    return base64.b64encode(vector).decode()


def _length(components: "array[float]", way: int) -> float:
    if way == EUCLIDEAN:
        return math.hypot(*components)
    greatest = max(map(abs, components), default=0.0)
    if way == GREATEST:
        return greatest / INT16_RANGE
    if way == TAXICAB:
        return math.fsum(map(abs, components))
    if not greatest > 0:
        return 0.0
    # Shares of the greatest: a power of a large number would overflow.
    share: float = math.fsum((abs(component) / greatest) ** way for component in components) ** (1 / way)
    return greatest * share
