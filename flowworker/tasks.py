"""Tasks that have an owner, and waiting that has an end.

Cancelling is repeated until the task has ended: before Python 3.12 `asyncio.wait_for`, on which
nats-py and redis-py rest, loses a cancellation that comes together with what it waits for.
"""

from __future__ import annotations

__all__ = ["TaskSet", "all_over", "cancel_all", "wait_for"]

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from flowworker.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Collection, Coroutine, Iterator

    from flowworker.clock import Clock

T = TypeVar("T")

CANCEL_AGAIN = 0.5
"""Seconds after which a task that has not ended is cancelled again, by default."""

_SYSTEM_CLOCK = SystemClock()


class TaskSet:
    """The tasks of one owner. Each leaves the set when it ends.

    An error of a task is handled within the task. One that is not goes to the event loop's
    exception handler, during `wait` and `close` as well.
    """

    __slots__ = ("_tasks",)

    def __init__(self) -> None:
        """Empty."""
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def __iter__(self) -> Iterator[asyncio.Task[Any]]:
        return iter(self._tasks)

    def spawn(self, work: Coroutine[Any, Any, T], name: str | None = None) -> asyncio.Task[T]:
        """Start a task."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def wait(self, seconds: float | None = None, clock: Clock = _SYSTEM_CLOCK) -> bool:
        """Wait until no task is left, but not longer than that; whether none is left.

        Tasks that are spawned meanwhile are waited for, too. To cancel this cancels no task.
        """
        if seconds is None:
            while self._tasks:
                await asyncio.wait(self._tasks)
            return True
        timer = asyncio.create_task(clock.sleep(seconds))
        try:
            while self._tasks and not timer.done():
                await asyncio.wait({*self._tasks, timer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
        return not self._tasks

    def cancel(self) -> None:
        """Cancel all tasks, without waiting for their end."""
        for task in self._tasks:
            task.cancel()

    async def close(self) -> None:
        """Cancel all tasks and wait until they have ended, those too that they spawn meanwhile."""
        while self._tasks:
            await cancel_all(self._tasks)


async def cancel_all(tasks: Collection[asyncio.Task[Any]], again: float = CANCEL_AGAIN) -> None:
    """Cancel tasks and wait for their end. Those that have not ended are cancelled again."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=again)


async def wait_for(event: asyncio.Event, seconds: float, clock: Clock = _SYSTEM_CLOCK) -> bool:
    """Wait until the event is set, but not longer than that; whether it is set."""
    if event.is_set():
        return True
    either = (asyncio.create_task(event.wait()), asyncio.create_task(clock.sleep(seconds)))
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in either:
            task.cancel()
    return event.is_set()


async def all_over(work: Collection[Coroutine[Any, Any, None]]) -> None:
    """Do all of it at once.

    What was begun beside a failure is over when that is raised, so that nothing of it comes later
    than what is done about it.
    """
    for result in await asyncio.gather(*work, return_exceptions=True):
        if result is not None:
            raise result
