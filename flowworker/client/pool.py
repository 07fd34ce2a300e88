"""Does something to each of many runs: some at a time, and no more in a second than is wanted."""

from __future__ import annotations

__all__ = ["AT_A_TIME", "Pace", "each_once", "for_each"]

import asyncio
from typing import TYPE_CHECKING, TypeVar

from flowworker.tasks import TaskSet, cancel_all

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable

    from flowworker.clock import Clock

T = TypeVar("T")

AT_A_TIME = 32
"""Runs that are worked on at a time. Requests of one connection wait for each other little; more of
them gain nothing, and would keep other users of the server waiting."""


class Pace:
    """Gives out turns: so many in a second at most, and one at a time."""

    def __init__(self, clock: Clock, rate: float | None) -> None:
        """At that rate, or at once if there is none."""
        self._clock = clock
        self._pause = 1.0 / rate if rate else 0.0
        self._next = clock.monotonic()

    async def turn(self) -> None:
        """Wait for the next one."""
        if self._pause:
            now = self._clock.monotonic()
            at = max(self._next, now)
            self._next = at + self._pause
            await self._clock.sleep(at - now)


async def each_once(runs: Iterable[str] | AsyncIterable[str]) -> AsyncGenerator[str]:
    """Ids, each once, wherever they come from."""
    seen: set[str] = set()
    if hasattr(runs, "__aiter__"):
        async for run in runs:
            if run not in seen:
                seen.add(run)
                yield run
        return
    for run in dict.fromkeys(runs):
        yield run


async def for_each(
    runs: AsyncIterable[str],
    do: Callable[[str], Awaitable[T]],
) -> AsyncGenerator[T]:
    """What `do` returns for each run, in the order in which that comes.

    Runs are asked for as they are needed, so that they may be found meanwhile. What is raised ends
    all of it; so does to close this.

    Args:
        runs: their ids.
        do: called with each.
    """
    done: asyncio.Queue[T | BaseException | None] = asyncio.Queue()
    room = asyncio.Semaphore(AT_A_TIME)
    tasks = TaskSet()

    async def one(run: str) -> None:
        try:
            done.put_nowait(await do(run))
        except Exception as error:  # noqa: BLE001 - raised to the caller, below
            done.put_nowait(error)
        finally:
            room.release()

    async def all_of_them() -> None:
        try:
            async for run in runs:
                await room.acquire()
                tasks.spawn(one(run))
            await tasks.wait()
            done.put_nowait(None)
        except Exception as error:  # noqa: BLE001 - raised to the caller, below
            done.put_nowait(error)

    feeding = asyncio.create_task(all_of_them())
    try:
        while (found := await done.get()) is not None:
            if isinstance(found, BaseException):
                raise found
            yield found
    finally:
        await cancel_all([feeding])
        await tasks.close()
