"""An event loop whose time stands still until it is moved, with the real world beside it.

Coroutines that sleep wait for the loop's time, which costs no real time: when nothing is left to
do at this moment, the loop is *quiet*, and its driver moves the time on to the next timer.

What happens outside of the loop takes real time, and the loop's time stands still meanwhile: while
a handler's thread works, an executor is asked, a child process runs, or a handler waits with a
connection open. So no time limit can pass because a real answer takes its while.
"""

from __future__ import annotations

__all__ = ["JumpingLoop"]

import asyncio
import selectors
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple
from weakref import WeakKeyDictionary

from flowworker.errors import Standstill
from flowworker.testing.threads import Threads

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from concurrent.futures import Executor
    from contextvars import Context

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

MAX_TURNS = 1_000_000
"""Turns without an end of anything after which the loop is taken to spin for ever."""

_CHILD_WATCHERS = ("asyncio-waitpid-", "waitpid-")
"""How the names of the threads begin in which asyncio waits for child processes."""


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop for tests.

    Attributes:
        moment: seconds since the loop was made.
        threads: where functions run that are not to block the loop.
        acting: tasks that may be waiting for the world outside of the loop.
        given_up: it has found that something spins, or waits in vain.
    """

    def __init__(self, limit: float) -> None:
        """Begin at moment zero; wait for what is outside at most `limit` real seconds at a time."""
        self.moment = 0.0
        self.given_up = False
        self.threads = Threads(self._begin_thread, self._end_thread)
        self.acting: set[asyncio.Task[Any]] = set()
        self._limit = limit
        self._turns = 0
        self._threads: dict[threading.Thread, int] = {}
        self._asked: set[asyncio.Future[Any]] = set()
        self._asleep: WeakKeyDictionary[asyncio.Task[Any], asyncio.Future[Any]]
        self._asleep = WeakKeyDictionary()
        self._thread: threading.Thread | None = None
        self._waiter: asyncio.Future[float | None] | None = None
        self._outer = _Selector(self._turn)
        super().__init__(self._outer)
        self._clock_resolution = 1e-6  # beyond some months a float has no nanoseconds

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self.moment

    async def quiet(self) -> float | None:
        """Wait until nothing more happens at this moment.

        Returns:
            Seconds until something will, at most a day; None if nothing ever will.

        Raises:
            Standstill: it spins, or waits in vain for something outside.
        """
        self._turns = 0
        self._waiter = self.create_future()
        try:
            return await self._waiter
        finally:
            self._waiter = None

    # Who works outside of the loop

    def _begin_thread(self, thread: threading.Thread) -> None:
        self._threads[thread] = 0

    def _end_thread(self, thread: threading.Thread) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self.call_soon_threadsafe(self._forget_thread, thread)

    def _forget_thread(self, thread: threading.Thread) -> None:
        self._threads.pop(thread, None)
        thread.join()  # it has nothing left to do

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """As every loop does it; time stands still meanwhile."""
        if executor is None:
            return asyncio.wrap_future(self.threads.submit(func, *args), loop=self)
        asked = super().run_in_executor(executor, func, *args)
        self._asked.add(asked)
        asked.add_done_callback(self._asked.discard)
        return asked

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """As every loop does it."""
        thread = threading.current_thread()
        if thread not in self._threads:
            return super().call_soon_threadsafe(callback, *args, context=context)
        call = partial(callback, *args)
        return super().call_soon_threadsafe(self._for_thread, thread, call, context=context)

    def create_task(  # type: ignore[override]  # the options differ between versions
        self, coro: Coroutine[Any, Any, Any], **options: Any
    ) -> asyncio.Task[Any]:
        """As every loop does it; a thread that asks for a task waits for it, and does not work."""
        task: asyncio.Task[Any] = super().create_task(coro, **options)
        thread = self._thread
        if thread is not None and thread in self._threads:
            self._threads[thread] += 1
            task.add_done_callback(lambda _: self._go_on(thread))
        return task

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """As every loop does it, and note which task sleeps."""
        woken: Any = args[0] if args else None
        if isinstance(woken, asyncio.Future) and (task := asyncio.current_task(self)) is not None:
            self._asleep[task] = woken
        return super().call_at(when, callback, *args, context=context)

    def _for_thread(self, thread: threading.Thread, call: Callable[[], object]) -> None:
        self._thread = thread
        try:
            call()
        finally:
            self._thread = None

    def _go_on(self, thread: threading.Thread) -> None:
        if thread in self._threads:
            self._threads[thread] -= 1

    def _sleeps(self, task: asyncio.Task[Any]) -> bool:
        woken = self._asleep.get(task)
        return woken is not None and not woken.done()

    @property
    def _is_awaited(self) -> bool:
        """Whether something outside of the loop may be at work for it, and will wake it."""
        if self._asked or 0 in self._threads.values():
            return True
        return self._outer.has_connections and not all(map(self._sleeps, self.acting))

    def left(self) -> list[threading.Thread]:
        """Threads that have not ended, but for those that were waited for in vain."""
        return list(self._threads)

    # What the loop does when nothing is ready to run on it

    def _turn(self, seconds: float | None) -> list[Any]:
        """Wait at most that long for what comes from outside, as a selector does."""
        self._turns += 1
        found = self._outer.poll(0.0)
        if found or (seconds is not None and seconds <= 0):
            if self._turns > MAX_TURNS:
                self._turns = 0
                self._give_up(f"no end after {MAX_TURNS:,} turns of the event loop: a task spins")
            return found
        if self._waiter is None or self._waiter.done():
            return self._wait_undriven(seconds)
        waited = 0.0
        while (pause := self._limit if self._is_awaited else _child_pause()) and not found:
            if waited >= self._limit:
                self._threads.clear()  # they are given up
                self._give_up(f"nothing came from outside of the event loop for {waited:g} s")
                return found
            found = self._outer.poll(pause)
            waited += pause
        if not found:
            self._waiter.set_result(seconds)
        return found

    def _wait_undriven(self, seconds: float | None) -> list[Any]:
        """The same while the engine begins or ends: timers matter, and nobody moves the time."""
        if seconds is not None and not self._is_awaited:
            self.moment += seconds
            return []
        limit = self._limit if seconds is None else min(seconds, self._limit)
        found = self._outer.poll(limit)
        if not found:
            if seconds is None:
                self._give_up(f"nothing came from outside of the event loop for {limit:g} s")
            self.moment += limit
        return found

    def _give_up(self, why: str) -> None:
        self.given_up = True
        if self._waiter is None or self._waiter.done():
            raise Standstill(why)
        self._waiter.set_exception(Standstill(why))


def _child_pause() -> float:
    """Real seconds until another look at child processes: their watchers end without a word."""
    threads = threading.enumerate()
    return 0.01 if any(each.name.startswith(_CHILD_WATCHERS) for each in threads) else 0.0


class _Selector(selectors.BaseSelector):
    """The system's own, but for how it waits."""

    def __init__(self, wait: Callable[[float | None], list[Any]]) -> None:
        self._wait = wait
        self._system = selectors.DefaultSelector()

    @property
    def has_connections(self) -> bool:
        """Whether anything is open but the loop's way to wake itself."""
        return len(self._system.get_map()) > 1

    def poll(self, seconds: float) -> list[Any]:
        """What has happened; wait for it in real time."""
        return self._system.select(seconds)

    def select(self, timeout: float | None = None) -> list[Any]:
        return self._wait(timeout)

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._system.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._system.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._system.modify(fileobj, events, data)

    def close(self) -> None:
        self._system.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._system.get_map()
