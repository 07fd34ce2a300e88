"""A process of the fleet as the servers see it: it runs, stalls, dies; nothing of it survives.

What runs in a process is found by a context variable, which tasks inherit from their parents.
A process that has died gets no further: its tasks are cancelled, and whatever they still try to do
to the servers on their way out is refused.
"""

from __future__ import annotations

__all__ = ["Process", "current_process", "process_tasks"]

import asyncio
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any

from flowworker.simulate.clock import SimClock

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from flowworker.simulate.loop import VirtualLoop

_current: ContextVar[Process | None] = ContextVar("flowworker_simulated_process", default=None)


class Process:
    """One process, from its start to its end.

    Attributes:
        name: no other process of this world ever has it.
        clock: shows its time; sleeps longer if the process stands still meanwhile.
        stalled_until: until when it stands still (the loop's time), as a paused container does.
        on_death: called when it dies, to let go of what the servers hold of it.
    """

    def __init__(self, name: str, virtual: VirtualLoop, skew: float = 0.0) -> None:
        """It begins with `spawn`; its wall clock is wrong by `skew` seconds."""
        self.name = name
        self.clock = SimClock(virtual, skew, self.wait)
        self.alive = True
        self.stalled_until = 0.0
        self.on_death: list[Callable[[], object]] = []
        self.died = asyncio.Event()
        self._virtual = virtual
        self._tasks: list[asyncio.Task[Any]] = []
        self._kept = 64
        self._context = copy_context()
        self._context.run(_current.set, self)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do that in this process."""
        return self._context.run(self._virtual.create_task, work)

    def call(self, callback: Callable[..., None], *arguments: object) -> None:
        """Call into this process, unless it is dead."""
        if self.alive:
            self._context.run(callback, *arguments)

    def adopt(self, task: asyncio.Task[Any]) -> None:
        """A task that was started in it."""
        if not self.alive:
            task.cancel()
            return
        self._tasks.append(task)
        if len(self._tasks) > 2 * self._kept:
            self._tasks = [task for task in self._tasks if not task.done()]
            self._kept = max(64, len(self._tasks))

    def die(self) -> None:
        """At once, between two instructions; nothing in it hears of that."""
        if not self.alive:
            return
        self.alive = False
        for let_go in self.on_death:
            let_go()
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        self.died.set()

    def stall(self) -> float:
        """Seconds for which it stands still from now."""
        return max(0.0, self.stalled_until - self._virtual.moment)

    def is_held_up(self, seconds: float) -> bool:
        """Whether `wait` would do anything."""
        return seconds > 0 or self.stalled_until > self._virtual.moment or not self.alive

    async def wait(self, seconds: float) -> None:
        """Let time pass, and all the time that it stands still; then go on, or be dead."""
        if not self.alive:
            raise asyncio.CancelledError
        if seconds > 0:
            await self._virtual.pause(seconds)
        while (stall := self.stall()) > 0:  # it may be prolonged meanwhile
            await self._virtual.pause(stall)
        if not self.alive:
            raise asyncio.CancelledError


def current_process() -> Process | None:
    """The process in which this is called; None outside of all."""
    return _current.get()


def process_tasks(
    virtual: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **options: Any
) -> asyncio.Task[Any]:
    """A task factory: each process knows what runs in it."""
    task = asyncio.Task(work, loop=virtual, **options)
    owner = _current.get()
    if owner is not None:
        owner.adopt(task)
    return task
