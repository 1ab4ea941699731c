"""Several streams as one: order, errors, and that nothing is left open."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from runtime.server.merge import merge


class Streams:
    """Streams of letters, and which of them were closed."""

    def __init__(self) -> None:
        self.closed: list[str] = []

    async def letters(self, word: str, *, every_s: float = 0.0, fails: bool = False) -> AsyncGenerator[str, None]:
        try:
            for letter in word:
                await asyncio.sleep(every_s)
                yield letter
            if fails:
                raise ValueError(word)
        finally:
            self.closed.append(word)


def test_items_come_as_they_are_made() -> None:
    async def read() -> list[tuple[int, str]]:
        streams = Streams()
        merged = merge([streams.letters("ab", every_s=0.05), streams.letters("xyz"), streams.letters("")])
        found = [item async for item in merged]
        assert sorted(streams.closed) == ["", "ab", "xyz"]
        return found

    assert asyncio.run(read()) == [(1, "x"), (1, "y"), (1, "z"), (0, "a"), (0, "b")]


@pytest.mark.parametrize("n_others", [0, 1, 5])
def test_the_first_failure_ends_all(n_others: int) -> None:
    async def read() -> tuple[list[tuple[int, str]], list[str]]:
        streams = Streams()
        others = [streams.letters(f"slow{number}", every_s=60) for number in range(n_others)]
        found = []
        with pytest.raises(ValueError, match="bad"):
            async for item in merge([streams.letters("bad", fails=True), *others]):
                found.append(item)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return found, streams.closed

    found, closed = asyncio.run(read())
    assert found == [(0, "b"), (0, "a"), (0, "d")]
    assert sorted(closed) == ["bad", *(f"slow{number}" for number in range(n_others))]


@pytest.mark.parametrize("n", [1, 3])
def test_closing_closes_all(n: int) -> None:
    async def read() -> list[str]:
        streams = Streams()
        async with aclosing(merge([streams.letters(f"word{number}") for number in range(n)])) as merged:
            async for _ in merged:
                break
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return streams.closed

    assert sorted(asyncio.run(read())) == [f"word{number}" for number in range(n)]


def test_cancelling_closes_all() -> None:
    async def read() -> list[str]:
        streams = Streams()

        async def reader() -> None:
            async with aclosing(merge([streams.letters(word, every_s=60) for word in ("a", "b")])) as merged:
                async for _ in merged:
                    pass

        task = asyncio.create_task(reader())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return streams.closed

    assert sorted(asyncio.run(read())) == ["a", "b"]
