"""Several streams as one: each item with the number of its stream, as they come."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TypeVar

Item = TypeVar("Item")


async def merge(streams: Sequence[AsyncGenerator[Item, None]]) -> AsyncGenerator[tuple[int, Item], None]:
    """Read all streams at the same time; yield their items, each stream's in its order.

    Closing this one closes all of them, and so does the first that raises: what it raised comes out here.
    What the reader has not taken waits here: whoever writes the streams bounds that.
    """
    if len(streams) == 1:
        async with aclosing(streams[0]) as only:
            async for item in only:
                yield 0, item
        return
    items: asyncio.Queue[tuple[int, Item] | asyncio.Task[None]] = asyncio.Queue()
    tasks = [asyncio.create_task(_read(index, stream, items)) for index, stream in enumerate(streams)]
    for task in tasks:
        task.add_done_callback(items.put_nowait)
    try:
        n_running = len(tasks)
        while n_running:
            came = await items.get()
            if isinstance(came, asyncio.Task):
                came.result()
                n_running -= 1
            else:
                yield came
    finally:
        await _end(tasks)


async def _read(
    index: int, stream: AsyncGenerator[Item, None], items: "asyncio.Queue[tuple[int, Item] | asyncio.Task[None]]"
) -> None:
    async with aclosing(stream):
        async for item in stream:
            items.put_nowait((index, item))


async def _end(tasks: Sequence["asyncio.Task[None]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
