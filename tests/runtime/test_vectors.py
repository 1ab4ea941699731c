"""Scaling, shortening and writing vectors: as llama-server's `embd_normalize` does it."""

import base64
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.vectors import in_base64, normalized, numbers, shortened

FINITE = st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), max_size=8)


def vector(*components: float) -> bytes:
    return struct.pack(f"<{len(components)}f", *components)


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        (-1, (3.0, -4.0)),
        (0, (3 / 4 * 32760, -32760.0)),
        (1, (3 / 7, -4 / 7)),
        (2, (0.6, -0.8)),
        (3, (3 / 91 ** (1 / 3), -4 / 91 ** (1 / 3))),
        (1000, (0.75, -1.0)),
    ],
)
def test_each_way_of_scaling(way: int, expected: tuple[float, float]) -> None:
    assert list(numbers(normalized(vector(3.0, -4.0), way))) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("way", [-1, 0, 1, 2, 3])
def test_zeros_stay_zeros(way: int) -> None:
    assert normalized(vector(0.0, 0.0), way) == vector(0.0, 0.0)


@given(FINITE, st.integers(-1, 1000))
def test_no_vector_breaks_it(components: list[float], way: int) -> None:
    assert len(normalized(vector(*components), way)) == 4 * len(components)


def test_a_vector_without_a_length_becomes_zeros() -> None:
    assert normalized(vector(float("nan"), 1.0), 2) == bytes(8)
    assert normalized(vector(float("inf"), 1.0), 2) == bytes(8)


def test_a_shortened_vector_has_length_one() -> None:
    assert list(numbers(shortened(vector(3.0, -4.0, 12.0), 2))) == pytest.approx((0.6, -0.8), rel=1e-6)


def test_base64_is_the_bytes() -> None:
    assert base64.b64decode(in_base64(vector(1.5, -2.0))) == vector(1.5, -2.0)
