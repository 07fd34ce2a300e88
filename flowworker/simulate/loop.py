"""An event loop without a world outside: when nothing is ready, time jumps to the next timer.

Deterministic, because nothing but the order of the calls decides what happens next: no sockets, no
threads, no clock. What is ready at the same moment is called in the order in which it was asked
for.

It does less than asyncio's own, and that is most of what a simulation costs: a call is a list, and
timers are ordered by plain tuples.
"""

from __future__ import annotations

__all__ = ["Standstill", "VirtualLoop"]

import asyncio
from collections import deque
from contextvars import copy_context
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, TypeVarTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context

Ts = TypeVarTuple("Ts")

MAX_TURNS = 5_000_000
"""Turns after which a loop is taken to spin for ever."""


class Standstill(BaseException):
    """The loop cannot go on: nobody waits for anything that will ever happen, or all spin."""


class _Call(list[Any]):
    """Callback, arguments and context: what asyncio takes for a handle."""

    __slots__ = ()

    def cancel(self) -> None:
        """Never call it; harmless if it was called."""
        self[0] = None

    def cancelled(self) -> bool:
        """Whether it was."""
        return self[0] is None


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop on which waiting takes no time.

    Attributes:
        moment: seconds since the loop was made.
        turns: how many calls it made.
    """

    def __init__(self) -> None:
        """Begin at moment zero."""
        super().__init__()
        self.moment = 0.0
        self.turns = 0
        self._soon: deque[_Call] = deque()
        self._timers: list[tuple[float, int, _Call]] = []
        self._timed = 0
        self._limit = MAX_TURNS
        self._stopping = False

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self.moment

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> Any:
        """Call it at this moment, after all that was to be called before."""
        call = _Call((callback, args, copy_context() if context is None else context))
        self._soon.append(call)
        return call

    call_soon_threadsafe = call_soon  # there are no threads

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> Any:
        """Call it at that moment, or soon if it is past."""
        call = _Call((callback, args, copy_context() if context is None else context))
        if when <= self.moment:
            self._soon.append(call)
        else:
            self._timed += 1
            heappush(self._timers, (when, self._timed, call))
        return call

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> Any:
        """Call it when that many seconds have passed."""
        return self.call_at(self.moment + delay, callback, *args, context=context)

    def pause(self, seconds: float) -> asyncio.Future[None]:
        """Done when that many seconds have passed; cheaper than `asyncio.sleep`."""
        future = self.create_future()
        self.call_at(self.moment + seconds, _wake, future)
        return future

    def _run_once(self) -> None:
        """Go on until the loop is to stop."""
        soon = self._soon
        while not self._stopping:
            if not soon:
                self._pass_time()
            if self.turns >= self._limit:
                self._limit += MAX_TURNS  # for the cleaning up
                raise Standstill(f"no end after {MAX_TURNS:,} turns: something spins")
            self.turns += 1
            callback, args, context = soon.popleft()
            if callback is None:
                continue
            try:
                context.run(callback, *args)
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:  # noqa: BLE001  # as asyncio does it
                message = f"Exception in callback {callback!r}"
                self.call_exception_handler({"message": message, "exception": error})

    def _pass_time(self) -> None:
        """Jump to the next moment for which something is set."""
        timers = self._timers
        while timers and timers[0][2][0] is None:
            heappop(timers)
        if not timers:
            raise Standstill("nothing is left that could ever happen")
        self.moment = moment = timers[0][0]
        while timers and timers[0][0] <= moment:
            self._soon.append(heappop(timers)[2])


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
