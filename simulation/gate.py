"""The way from a process to the servers: every call of a port passes it, and may go wrong in it."""

from __future__ import annotations

__all__ = ["Gate"]

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from flowworker.errors import Conflict, Unavailable
from simulation.faults import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from contextvars import Context

    from simulation.faults import Faults
    from simulation.process import Process
    from simulation.trace import Trace

T = TypeVar("T")


class Gate:
    """One process's way out.

    The servers are in memory: an effect happens at once, in a context of its own, so that nothing
    that follows from it belongs to the process that caused it.
    """

    def __init__(self, process: Process, faults: Faults, trace: Trace, outside: Context) -> None:
        """For calls of `process`."""
        self.process = process
        self.faults = faults
        self.trace = trace
        self._outside = outside

    async def call(
        self,
        port: str,
        about: str,
        effect: Callable[..., Coroutine[Any, Any, T]],
        *arguments: object,
    ) -> T:
        """What the effect returns, unless something goes wrong."""
        process, faults = self.process, self.faults
        delay = faults.latency()
        if process.is_held_up(delay):
            await process.wait(delay)
        trouble = faults.trouble()
        if trouble is Trouble.REFUSED:
            self.trace.call(process, port, about, "refused")
            raise Unavailable(f"simulated: {port} {about} refused")
        if trouble is Trouble.DEATH_BEFORE:
            self._die(port, about, "dies before it")
        try:
            result = self.now(effect(*arguments))
        except Conflict:
            self.faults.counts["conflict"] += 1
            self.trace.call(process, port, about, "conflict")
            await process.wait(faults.latency())
            raise
        self.trace.call(process, port, about, result)
        if trouble is Trouble.DEATH_AFTER:
            self._die(port, about, "dies after it")
        delay = faults.latency()
        if process.is_held_up(delay):
            await process.wait(delay)
        if trouble is Trouble.UNANSWERED:
            self.trace.call(process, port, about, "unanswered")
            raise Unavailable(f"simulated: {port} {about} unanswered")
        return result

    async def send(
        self, port: str, about: str, effect: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        """Have an effect of which no answer comes, so that nobody knows whether it arrived."""
        process, faults = self.process, self.faults
        if process.is_held_up(0.0):
            await process.wait(0.0)
        if faults.chance("death before an effect", faults.rates.death):
            self._die(port, about, "dies before it")
        if faults.chance("ack lost", faults.rates.ack_lost):
            self.trace.call(process, port, about, "lost")
            return
        self.now(effect())
        self.trace.call(process, port, about, "sent")
        if faults.chance("death after an effect", faults.rates.death):
            self._die(port, about, "dies after it")

    def now(self, effect: Coroutine[Any, Any, T]) -> T:
        """What an effect returns that waits for nothing."""
        try:
            self._outside.run(effect.send, None)
        except StopIteration as done:
            result: T = done.value
            return result
        raise RuntimeError("an effect of the memory adapters waits for something")

    def _die(self, port: str, about: str, how: str) -> None:
        self.trace.call(self.process, port, about, how)
        self.process.die()
        raise asyncio.CancelledError
