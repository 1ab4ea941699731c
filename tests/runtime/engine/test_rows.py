"""The functions over rows of logits, against the same in plain Python."""

import ctypes
import math
import random

import pytest

from runtime.engine.backends.llama_native import Native, TokenData
from runtime.hardware import libraries

SIZES = (1, 2, 7, 15, 16, 17, 31, 32, 33, 100, 1023, 1024, 1025, 5000, 49_152)
SPECIAL = (0.0, -0.0, 1.0, -1.0, 88.0, -200.0, 3e38, -3e38, math.inf, -math.inf, math.nan)
NAN, INFINITY = math.nan, math.inf


@pytest.fixture(scope="module")
def rows() -> Native:
    """The libraries, as the worker loads them."""
    return Native(libraries.directory())


def row_of(*values: float) -> ctypes.Array[ctypes.c_float]:
    return (ctypes.c_float * len(values))(*values)


def noise(size: int, spread: float = 4.0) -> ctypes.Array[ctypes.c_float]:
    draw = random.Random(size)
    return row_of(*(draw.gauss(0, spread) for _ in range(size)))


def ranking(row: ctypes.Array[ctypes.c_float]) -> list[int]:
    """Every token that has a probability, best first, the lower id first of equal ones."""
    return sorted((i for i, logit in enumerate(row) if logit > -INFINITY), key=lambda i: (-row[i], i))


def log_softmax(row: ctypes.Array[ctypes.c_float]) -> list[float]:
    numbers = [logit for logit in row if not math.isnan(logit)]
    top = max(numbers)
    total = math.log(math.fsum(math.exp(logit - top) for logit in numbers))
    return [logit - top - total for logit in row]


def top(rows: Native, row: ctypes.Array[ctypes.c_float], k: int) -> tuple[list[int], list[float]]:
    """Call rows_top with guards behind its results."""
    ids, logprobs = (ctypes.c_int32 * (k + 1))(*[-7] * (k + 1)), row_of(*[-7.0] * (k + 1))
    count = rows.rows_top(row, len(row), k, ids, logprobs)
    assert ids[k] == logprobs[k] == -7
    return ids[:count], logprobs[:count]


@pytest.mark.parametrize("size", SIZES)
def test_argmax_is_the_first_of_the_highest(rows: Native, size: int) -> None:
    row = noise(size)
    assert rows.rows_argmax(row, size) == ranking(row)[0]
    row[size // 3] = row[size - 1] = 1000.0
    assert rows.rows_argmax(row, size) == size // 3
    for index in range(0, size, 2):
        row[index] = NAN
    assert rows.rows_argmax(row, size) == next((i for i in ranking(row)), -1)


def test_argmax_of_odd_rows(rows: Native) -> None:
    assert rows.rows_argmax(row_of(NAN), 1) == -1
    assert rows.rows_argmax(row_of(*[NAN] * 40), 40) == -1
    assert rows.rows_argmax(row_of(1.0), 0) == -1
    assert rows.rows_argmax(row_of(NAN, -INFINITY, -INFINITY), 3) == 1
    assert rows.rows_argmax(row_of(1.0, INFINITY, NAN), 3) == 1


@pytest.mark.parametrize("size", SIZES)
def test_a_mask_forbids_exactly_its_zero_bits(rows: Native, size: int) -> None:
    row, draw = noise(size), random.Random(size)
    before = list(row)
    words = [draw.choice((0, 0xFFFFFFFF, draw.getrandbits(32))) for _ in range((size + 31) // 32)]
    rows.rows_mask(row, (ctypes.c_uint32 * len(words))(*words), size)
    expected = [before[i] if words[i // 32] >> i % 32 & 1 else -INFINITY for i in range(size)]
    assert list(row) == expected


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("k", [1, 2, 20, 5000])
def test_top_is_the_head_of_the_ranking(rows: Native, size: int, k: int) -> None:
    row = noise(size)
    for index in range(0, size, 5):
        row[index] = round(row[index])  # so that many are equal
    ids, logprobs = top(rows, row, k)
    assert ids == ranking(row)[:k]
    exact = log_softmax(row)
    assert logprobs == pytest.approx([exact[i] for i in ids], abs=2e-6)
    assert rows.rows_logprob(row, size, ids[-1]) == logprobs[-1]


def test_tokens_without_probability_are_left_out(rows: Native) -> None:
    row = row_of(-INFINITY, 1.0, NAN, 1.0, -INFINITY)
    assert top(rows, row, 5) == ([1, 3], pytest.approx([-math.log(2)] * 2))
    assert top(rows, row, 0) == ([], [])
    assert top(rows, row_of(NAN, -INFINITY), 2) == ([], [])
    for token in (-1, 0, 2, 4, 5):
        assert rows.rows_logprob(row, 5, token) == -INFINITY


def test_infinite_logits_share_all_probability(rows: Native) -> None:
    row = row_of(3.0, INFINITY, 2.0, INFINITY)
    ids, logprobs = top(rows, row, 3)
    assert ids == [1, 3, 0]
    assert logprobs == [pytest.approx(-math.log(2)), pytest.approx(-math.log(2)), -INFINITY]


@pytest.mark.parametrize("spread", [0.0, 0.01, 30.0, 1e37])
def test_logprobs_are_right_for_flat_and_steep_rows(rows: Native, spread: float) -> None:
    row = noise(49_152, spread)
    exact = log_softmax(row)
    for token in (0, 17, 49_151):
        assert rows.rows_logprob(row, len(row), token) == pytest.approx(exact[token], rel=1e-6, abs=4e-6)


def test_any_mixture_of_special_values_is_ranked(rows: Native) -> None:
    draw = random.Random(1)
    for _ in range(300):
        row = row_of(*(draw.choice(SPECIAL) for _ in range(draw.randint(1, 70))))
        ids, logprobs = top(rows, row, 10)
        assert ids == ranking(row)[:10]
        assert not any(math.isnan(value) for value in logprobs)
        assert not ids or rows.rows_argmax(row, len(row)) == ids[0]


@pytest.mark.parametrize("size", SIZES)
def test_candidates_are_in_the_order_of_their_ids(rows: Native, size: int) -> None:
    row, candidates = noise(size), (TokenData * (size + 1))()
    candidates[size].id = -7
    rows.rows_fill(candidates, row, size)
    assert [(one.id, one.logit, one.p) for one in candidates[:size]] == [(i, row[i], 0.0) for i in range(size)]
    assert candidates[size].id == -7
