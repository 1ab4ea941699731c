"""How a step is divided among prompts, and how large it may be."""

import pytest

from runtime.engine.pace import LEAST_TOKENS, Pace, divide


@pytest.mark.parametrize(
    ("budget", "wanted", "shares"),
    [
        (16, [], []),
        (16, [5], [5]),
        (16, [100], [16]),
        (16, [100, 5], [11, 5]),
        (16, [5, 100], [5, 11]),
        (16, [100, 100], [8, 8]),
        (16, [100, 100, 2], [8, 6, 2]),
        (16, [100, 3, 100, 4], [8, 3, 1, 4]),
        (15, [100, 100], [8, 7]),
        (1, [100, 5, 5], [1, 0, 0]),
        (0, [4, 4], [0, 0]),
    ],
)
def test_the_oldest_gets_half_and_the_rest_goes_to_those_who_need_least(
    budget: int, wanted: list[int], shares: list[int]
) -> None:
    assert divide(budget, wanted) == shares


def test_nothing_of_a_step_is_left_over_while_somebody_wants_it() -> None:
    for budget in range(40):
        for wanted in ([7], [30, 1], [1, 30, 9], [5, 5, 5, 5], [1, 2, 3, 50]):
            shares = divide(budget, wanted)
            assert sum(shares) == min(budget, sum(wanted))
            assert all(0 <= share <= most for share, most in zip(shares, wanted, strict=True))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that tells what stands in it."""
    now = [0.0]
    monkeypatch.setattr("runtime.engine.pace.perf_counter", lambda: now[0])
    return now


def test_a_step_beside_answers_takes_as_many_tokens_as_are_computed_in_a_blink(clock: list[float]) -> None:
    pace = Pace(n_chunk=512)
    assert (pace.budget(is_shared=False), pace.budget(is_shared=True)) == (512, 2 * LEAST_TOKENS)
    pace.begin()
    clock[0] += 0.5
    pace.end(n_prompt=500, n_drawn=0)
    assert (pace.budget(is_shared=False), pace.budget(is_shared=True)) == (512, 200)


def test_a_slow_machine_reads_in_small_steps_even_alone(clock: list[float]) -> None:
    pace = Pace(n_chunk=512)
    pace.begin()
    clock[0] += 8.0
    pace.end(n_prompt=800, n_drawn=0)
    assert (pace.budget(is_shared=False), pace.budget(is_shared=True)) == (100, LEAST_TOKENS)


def test_steps_that_mostly_write_teach_nothing_about_prompts(clock: list[float]) -> None:
    pace = Pace(n_chunk=512)
    for n_prompt, n_drawn in ((LEAST_TOKENS - 1, 0), (40, 41), (0, 16)):
        pace.begin()
        clock[0] += 100.0
        pace.end(n_prompt, n_drawn)
    assert pace.budget(is_shared=False) == 512
