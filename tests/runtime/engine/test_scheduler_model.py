"""The step loop under random orders: one end for each request, the right text, and nothing held afterwards."""

import random
from pathlib import Path

import pytest

from runtime.engine.backends.fake import END
from runtime.engine.protocol import Failed, Finished, Generate, Inspect, SlotAction, Started, Terminal
from tests.runtime.engine.loop import PATIENCE_STEPS, Loop

SEEDS = 300
ORDERS = 90


class Play:
    """A loop of a random shape, and random orders for it."""

    def __init__(self, seed: int, folder: Path) -> None:
        dice = self.dice = random.Random(seed)
        self.answer = "Hello, " * dice.randint(1, 6)
        self.can_trim = dice.random() < 0.7
        self.n_slots = dice.randint(1, 6)
        self.loop = Loop(
            answer=self.answer,
            n_ctx=dice.choice([32, 64, 200]),
            n_chunk=dice.choice([4, 16, 64]),
            n_draft=dice.choice([0, 0, 4]),
            max_waiting=1000,
            n_slots=self.n_slots,
            n_sequences=dice.randint(7, 12),
            can_trim=self.can_trim,
            shifts=dice.random() < 0.3,
            load_s=0.0005,
        )
        self.file = folder / "slot"
        self.cancelled: set[int] = set()
        self.n_orders = 0
        self.beginnings = ["".join(dice.choices("ab", k=dice.randint(0, 40))) for _ in range(4)]

    def order(self) -> None:
        """Ask for something, or take a step."""
        action = self.dice.choices((self.ask, self.cancel, self.inspect, self.act, self.step), (25, 7, 4, 4, 60))[0]
        action()

    def ask(self) -> None:
        dice, self.n_orders = self.dice, self.n_orders + 1
        adapters = dice.choice([None, [], [("one", 1.0)], [("two", 0.5)], [("nobody", 1.0)]])
        request = Generate(
            id=self.n_orders,
            prompt=dice.choice(self.beginnings) + "".join(dice.choices("abc", k=dice.randint(0, 8))),
            max_tokens=dice.choice([-1, -1, 0, 1, 5, 20]),
            stop=dice.choice([[], ["o, H"], ["lo"]]),
            slot=dice.choice([*[-1] * 8, 0, self.n_slots - 1]),
            adapters=adapters if dice.random() < 0.4 else None,
            cache_prompt=dice.random() < 0.9,
            n_keep=dice.choice([0, 0, 3, -1]),
        )
        self.loop.order(request)

    def cancel(self) -> None:
        if self.n_orders:
            number = self.dice.randint(1, self.n_orders)
            self.cancelled.add(number)
            self.loop.inbox.cancel(number)

    def inspect(self) -> None:
        self.n_orders += 1
        self.loop.order(Inspect(id=self.n_orders))

    def act(self) -> None:
        self.n_orders += 1
        action = self.dice.choice(("save", "restore", "erase"))
        slot = self.dice.randint(0, self.n_slots)
        self.loop.order(SlotAction(id=self.n_orders, slot=slot, action=action, path=str(self.file)))  # type: ignore[arg-type]

    def step(self) -> None:
        if self.loop.can_go_on():
            self.loop.step()
            self.check_memory()

    def check_memory(self) -> None:
        """The memory holds of each request what it has computed, and as much in all as is counted."""
        for lane in self.loop.lanes:
            memory = self.loop.backend.memories[self.adapters_of(lane.memory)]
            for running in lane.running:
                assert running.place
                if not running.is_shifted:
                    assert memory.text(running.place.id) == running.tokens[: running.n_computed]
            if self.can_trim:
                assert memory.n_used() == lane.n_cells()

    def adapters_of(self, memory: object) -> tuple[tuple[str, float], ...]:
        return next(key for key, one in list(self.loop.backend.memories.items()) if one is memory)

    def check_answer(self, request: Generate) -> None:
        events = self.loop.of(request.id)
        ends = [event for event in events if isinstance(event, Terminal)]
        assert len(ends) == 1 and events[-1] is ends[0]
        (end,) = ends
        if isinstance(end, Failed):
            assert end.kind in ("context", "missing")
            return
        assert isinstance(end, Finished)
        tokens, text = self.loop.tokens(request.id), self.loop.text(request.id)
        assert len(tokens) == end.timings.predicted_n
        assert tokens == [*self.answer.encode(), END][: len(tokens)]
        assert self.answer.startswith(text)
        if end.reason == "cancelled":
            assert request.id in self.cancelled
            return
        assert sum(isinstance(event, Started) for event in events) == 1
        assert end.timings.cache_n + end.timings.prompt_n == len(str(request.prompt))
        check_reason(request, end, self.answer, text)


def check_reason(request: Generate, end: Finished, answer: str, text: str) -> None:
    if end.reason == "word":
        assert end.stopping_word in request.stop and not any(stop in text for stop in request.stop)
    elif end.reason == "stop":
        assert text == answer or not request.prompt
    elif not end.truncated:
        assert end.timings.predicted_n == max(0, request.max_tokens)


def check(seed: int, folder: Path) -> int:
    """Give `ORDERS` random orders, let all of them end, and look at each; return the tokens that were shared."""
    play = Play(seed, folder)
    for _ in range(play.dice.randint(20, ORDERS)):
        play.order()
    for _ in range(PATIENCE_STEPS):
        if not play.loop.can_go_on():
            break
        play.step()
    for request in play.loop.requests:
        if isinstance(request, Generate):
            play.check_answer(request)
    assert not any(map(play.loop.is_open, play.loop.requests))
    play.loop.check_nothing_is_held()
    return sum(event.timings.cache_n for event in play.loop.events if isinstance(event, Finished))


def test_random_orders_all_end_as_they_should(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.engine.scheduler.LOOK_AGAIN_S", 0.0005)
    n_shared = 0
    for seed in range(SEEDS):
        try:
            n_shared += check(seed, tmp_path)
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error
    assert n_shared > 10 * SEEDS, "they should also share something"
