"""An attempt in this process: its handler is called, limited in time, stopped."""

from __future__ import annotations

__all__ = ["AttemptId", "Failed", "Halt", "InflightAttempt", "Returned", "Stopped", "id_of"]

import asyncio
import inspect
import os
from contextvars import copy_context
from enum import IntEnum
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import Struct

from flowworker.core.attempt import Attempt
from flowworker.core.error_types import (
    HEARTBEAT_TIMEOUT,
    OF_HEARTBEAT_TIMEOUT,
    OF_TIMEOUT,
    TIMEOUT,
)
from flowworker.core.records import ErrorInfo
from flowworker.worker.children import end_child_of
from flowworker.worker.failures import error_info

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from concurrent.futures import Executor, Future

    from flowworker.clock import Clock
    from flowworker.codec.messages import StepMessage
    from flowworker.handlers.app import Middleware
    from flowworker.handlers.context import StepContext
    from flowworker.handlers.handler import Handler
    from flowworker.worker.heartbeat import HeldClaim

AttemptId: TypeAlias = tuple[str, str, Attempt]
"""Run, step, attempt."""

_Result: TypeAlias = tuple[bytes, BaseException | None]
"""What a handler returned, as JSON; or what it raised."""


class Halt(IntEnum):
    """Why an attempt is to stop, in the order of precedence."""

    NOT = 0
    CANCELLED = 1
    DRAINED = 2
    LOST = 3


_GRACE = {Halt.NOT: 0.5, Halt.CANCELLED: 5.0, Halt.DRAINED: 2.0, Halt.LOST: 0.5}
"""Seconds for an async handler to clean up after it was cancelled, before it is abandoned.

After a time limit (`NOT`) or a lost claim the next attempt need not wait for it; a cancelled run is
compensated next, and better not before the handler has ended.
"""


class Returned(Struct, frozen=True):
    """The handler returned; its output as JSON."""

    output: bytes


class Failed(Struct, frozen=True):
    """The handler raised, or exceeded a limit."""

    error: ErrorInfo
    cause: BaseException | None = None


class Stopped(Struct, frozen=True):
    """The attempt was stopped before its handler returned."""

    why: Halt


class InflightAttempt:
    """An attempt in this process, from before its claim to after its acknowledgement.

    The handler runs in a task of its own, from which no exception escapes: whatever it raises,
    SystemExit included, is how its attempt ended.

    To stop it, an async handler is cancelled, and has some time to clean up. One that goes on
    nevertheless is abandoned: the attempt ends without it, what it returns is discarded, and the
    record is fenced by its revision. A plain function cannot be interrupted. If the attempt is
    cancelled, it sees `ctx.cancelled` and is waited for. If it exceeds its time limit or its claim
    is lost, it is abandoned at once; its thread holds its slot until it returns (`lingering`).

    Attributes:
        claim: as its heartbeat keeps it, from when it was made.
        on_last_claim: whether that is the attempt's last one (`core.claim.Claim.is_last`).
    """

    __slots__ = (
        "_begun",
        "_finished",
        "_limit",
        "_task",
        "_thread",
        "_timers",
        "claim",
        "context",
        "halt",
        "handler",
        "id",
        "message",
        "on_last_claim",
    )

    def __init__(self, message: StepMessage, handler: Handler | None, context: StepContext) -> None:
        """Describe it; `run` begins."""
        self.id = id_of(message)
        self.message = message
        self.handler = handler
        self.context = context
        self.halt = Halt.NOT
        self.claim: HeldClaim | None = None
        self.on_last_claim = False
        self._task: asyncio.Task[_Result] | None = None
        self._begun = False
        self._thread: Future[Any] | None = None
        self._finished: asyncio.Future[None] | None = None
        self._limit: ErrorInfo | None = None
        self._timers: list[asyncio.TimerHandle] = []

    def stop(self, why: Halt) -> None:
        """Ask it to end; harmless at any time."""
        self.halt = max(self.halt, why)
        self.context.cancelled = True
        # Not at once: a handler may cause its own cancellation, and return before it takes effect.
        asyncio.get_running_loop().call_soon(self._interrupt, why)

    def runs_in(self, task: asyncio.Task[Any] | None) -> bool:
        """Whether that is the task of its handler."""
        return self._task is task

    @property
    def on_loop(self) -> bool:
        """Whether its handler runs on the event loop at this moment, or waits there."""
        return self.unfinished is not None and self._thread is None

    @property
    def lingering(self) -> Future[Any] | None:
        """The thread that still runs its handler, if one does."""
        thread = self._thread
        return None if thread is None or thread.done() else thread

    @property
    def unfinished(self) -> asyncio.Task[_Result] | None:
        """The task that still runs its handler, if one does."""
        task = self._task
        return None if task is None or task.done() else task

    async def run(
        self,
        handler: Handler,
        threads: Executor,
        clock: Clock,
        middleware: tuple[Middleware, ...] = (),
    ) -> Returned | Failed | Stopped:
        """Call the handler with the context's input, within its middleware."""
        if self.halt:
            return Stopped(self.halt)
        loop = asyncio.get_running_loop()
        self._finished = loop.create_future()
        self.context.enter()
        self._task = task = loop.create_task(self._guarded(handler, threads, middleware))
        if self.message.timeout:
            self._after(self.message.timeout, self._time_out, clock)
        if limit := handler.heartbeat_timeout:
            self._after(limit, self._check_progress, limit, clock, clock.monotonic())
        try:
            await self._finished
        except asyncio.CancelledError:
            task.cancel()  # the worker itself is cancelled
            raise
        finally:
            for timer in self._timers:
                timer.cancel()
            self.context.leave()
            if self.lingering is not None or not task.done():
                self.context.cancelled = True
        if task.done():
            return self._ending(*_outcome(task))
        return Stopped(self.halt) if self.halt or self._limit is None else Failed(self._limit)

    async def _guarded(
        self, handler: Handler, threads: Executor, middleware: tuple[Middleware, ...]
    ) -> _Result:
        self._begun = True
        process = os.getpid()
        try:
            call: Callable[[], Awaitable[Any]] = partial(self._call, handler, threads)
            for outer in reversed(middleware):
                call = partial(outer, self.context, call)
            result = await call()
            end_child_of(process)
            return handler.encode_output(result), None
        except BaseException as error:  # noqa: BLE001  # it ends an attempt, not the worker
            end_child_of(process, error)
            return b"", error
        finally:
            self._finish()  # not by a callback of the task, which comes a turn of the loop later

    async def _call(self, handler: Handler, threads: Executor) -> Any:
        arguments = handler.arguments(self.context.input) if handler.takes_input else {}
        if not handler.threaded:
            return await handler.function(self.context, **arguments)
        call = partial(handler.function, self.context, **arguments)
        self._thread = threads.submit(copy_context().run, _in_thread, call)
        result, error = await asyncio.wrap_future(self._thread)
        if error is not None:
            raise error
        return await result if inspect.isawaitable(result) else result

    def _interrupt(self, why: Halt) -> None:
        waits = why is Halt.CANCELLED and self.lingering is not None
        if not waits:
            self._cancel(_GRACE[why])

    def _time_out(self, clock: Clock) -> None:
        text = f"no result within {self.message.timeout:g} s"
        if self.context.progress is not None:
            ago = clock.monotonic() - self.context.progress
            text = f"{text}; the last heartbeat was {ago:.1f} s ago"
        self._fail(ErrorInfo(TIMEOUT, text, bases=OF_TIMEOUT))

    def _check_progress(self, limit: float, clock: Clock, begun: float) -> None:
        """Fail it if its last heartbeat, or its beginning, is that long ago; else check again."""
        last = self.context.progress
        left = (begun if last is None else last) + limit - clock.monotonic()
        if left > 0:
            self._after(left, self._check_progress, limit, clock, begun)
            return
        text = f"no heartbeat within {limit:g} s"
        self._fail(ErrorInfo(HEARTBEAT_TIMEOUT, text, bases=OF_HEARTBEAT_TIMEOUT))

    def _fail(self, error: ErrorInfo) -> None:
        """The first limit that is exceeded is how the attempt fails."""
        if self._limit is None:
            self._limit = error
            self._cancel(_GRACE[Halt.NOT])

    def _cancel(self, grace: float) -> None:
        if self._task is not None and not self._task.done():
            self._task.cancel()
            if self._begun:
                self._after(grace, self._finish)
            else:
                self._finish()  # it will never begin

    def _after(self, seconds: float, call: Callable[..., object], *arguments: object) -> None:
        loop = asyncio.get_running_loop()
        self._timers.append(loop.call_later(seconds, call, *arguments))

    def _finish(self) -> None:
        """Wait no longer: its handler has ended, or is abandoned."""
        if self._finished is not None and not self._finished.done():
            self._finished.set_result(None)

    def _ending(self, output: bytes, error: BaseException | None) -> Returned | Failed | Stopped:
        if self.halt and isinstance(error, asyncio.CancelledError):
            return Stopped(self.halt)
        if self._limit and isinstance(error, None | TimeoutError | asyncio.CancelledError):
            return Failed(self._limit)
        return Returned(output) if error is None else Failed(error_info(error), error)


def id_of(message: StepMessage) -> AttemptId:
    """Which attempt a message is for; no two different ones have one id."""
    return (message.run, message.step, message.attempt)


def _outcome(task: asyncio.Task[_Result]) -> _Result:
    """Cancelled before its first step, a task has no result."""
    return (b"", asyncio.CancelledError()) if task.cancelled() else task.result()


def _in_thread(call: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    """What it returned, or raised, StopIteration included, which no future can carry."""
    process = os.getpid()
    try:
        result = call()
    except BaseException as error:  # noqa: BLE001  # nobody else would see it
        end_child_of(process, error)
        return None, error
    end_child_of(process)
    return result, None
