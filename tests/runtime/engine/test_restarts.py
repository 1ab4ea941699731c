"""When a dead worker is replaced: at once if it was of use, later and later if not, and not for ever."""

import pytest

from runtime.engine import restarts
from runtime.engine.restarts import Restarts


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(restarts, "time", clock)
    return clock


def test_back_off_and_the_end(clock: Clock) -> None:
    policy = Restarts(max_deaths=5)
    assert [policy.delay_s() for _ in range(5)] == [0.0, 1.0, 2.0, 5.0, None]


def test_deaths_that_are_far_apart_are_not_the_end(clock: Clock) -> None:
    policy = Restarts(max_deaths=3)
    for _ in range(20):
        assert policy.delay_s() is not None
        clock.now += 31.0


def test_a_worker_that_answered_is_replaced_at_once(clock: Clock) -> None:
    policy = Restarts(max_deaths=0)
    for _ in range(100):
        assert policy.delay_s() == 0.0
        policy.answered()
    assert [policy.delay_s() for _ in range(5)] == [0.0, 1.0, 2.0, 5.0, 5.0]
