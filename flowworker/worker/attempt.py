"""One call of a handler: its time limit, its cancellation, and how it ended."""

from __future__ import annotations

__all__ = ["Attempt", "Failed", "Halt", "Returned", "Stopped", "error_info"]

import asyncio
import inspect
from contextvars import copy_context
from enum import IntEnum
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from flowworker.core.records import ErrorInfo, shortened
from flowworker.errors import CorruptRecord, InvalidInput, NonRetryableError
from flowworker.worker.handlers import encode_output

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future, ThreadPoolExecutor

    from flowworker.clock import Clock
    from flowworker.codec.messages import StepMessage
    from flowworker.worker.context import StepContext
    from flowworker.worker.handlers import Handler
    from flowworker.worker.heartbeat import HeldClaim

_HOPELESS = (NonRetryableError, InvalidInput, CorruptRecord)
"""Errors that trying again cannot help against; ConversionError is an InvalidInput."""


class Halt(IntEnum):
    """Why an attempt is to stop, in the order of precedence."""

    NOT = 0
    CANCELLED = 1
    DRAINED = 2
    LOST = 3


class Returned(Struct, frozen=True):
    """The handler returned; its output as JSON."""

    output: bytes


class Failed(Struct, frozen=True):
    """The handler raised, or did not make it in time."""

    error: ErrorInfo
    cause: BaseException | None = None


class Stopped(Struct, frozen=True):
    """The attempt was stopped from outside."""

    why: Halt


class Attempt:
    """An attempt in this process, from before its claim to after its acknowledgement.

    A plain function cannot be stopped from outside. Asked to cancel, it sees `ctx.cancelled` and is
    waited for. If its time limit ran out or its claim was lost, it is not waited for: the thread
    goes on, holds its slot until it returns (`lingering`), and what it returns is discarded; the
    record is fenced by its revision.
    """

    __slots__ = (
        "_in_handler",
        "_task",
        "_thread",
        "claim",
        "context",
        "halt",
        "handler",
        "message",
    )

    def __init__(self, message: StepMessage, handler: Handler | None, context: StepContext) -> None:
        """Describe it; the running task is the one in which it will run."""
        self.message = message
        self.handler = handler
        self.context = context
        self.halt = Halt.NOT
        self.claim: HeldClaim | None = None
        self._task = asyncio.current_task()
        self._in_handler = False
        self._thread: Future[Any] | None = None

    def stop(self, why: Halt) -> None:
        """Ask it to end; harmless at any time."""
        self.halt = max(self.halt, why)
        self.context.cancelled = True
        # Not at once: a handler may cause its own cancellation, and return before it comes true.
        asyncio.get_running_loop().call_soon(self._interrupt, why)

    def runs_in(self, task: asyncio.Task[Any] | None) -> bool:
        """Whether that is its task."""
        return self._task is task

    @property
    def on_loop(self) -> bool:
        """Whether its handler runs on the event loop at this moment, or waits there."""
        return self._in_handler and self.handler is not None and not self.handler.threaded

    @property
    def lingering(self) -> Future[Any] | None:
        """The thread that still runs its handler, if one does."""
        thread = self._thread
        return None if thread is None or thread.done() else thread

    async def run(
        self, handler: Handler, pool: ThreadPoolExecutor, clock: Clock
    ) -> Returned | Failed | Stopped:
        """Call the handler with the context's input."""
        if self.halt:
            return Stopped(self.halt)
        limit = asyncio.timeout(self.message.timeout or None)
        self._in_handler = True
        try:
            async with limit:
                result = await self._call(handler, pool)
            return Returned(encode_output(handler.name, result))
        except asyncio.CancelledError as error:
            return self._cancelled(error)
        except (KeyboardInterrupt, GeneratorExit) as error:
            if not handler.threaded:
                raise
            return Failed(error_info(error), error)  # the handler's own: threads get no signals
        except BaseException as error:  # noqa: BLE001  # also SystemExit: it ends a step, not us
            if limit.expired() and isinstance(error, TimeoutError):
                return Failed(self._timeout(clock))
            return Failed(error_info(error), error)
        finally:
            self._in_handler = False
            self.context.leave()
            if self.lingering is not None:
                self.context.cancelled = True
            self._forget_cancellations()

    async def _call(self, handler: Handler, pool: ThreadPoolExecutor) -> Any:
        self.context.enter()
        arguments = handler.arguments(self.context.input)
        if not handler.threaded:
            return await handler.function(self.context, **arguments)
        call = partial(handler.function, self.context, **arguments)
        self._thread = pool.submit(copy_context().run, _guarded, call)
        result, error = await asyncio.wrap_future(self._thread)
        if error is not None:
            raise error
        return await result if inspect.isawaitable(result) else result

    def _interrupt(self, why: Halt) -> None:
        waits = why is Halt.CANCELLED and self.lingering is not None
        if self._in_handler and self._task is not None and not waits:
            self._task.cancel()

    def _cancelled(self, error: asyncio.CancelledError) -> Failed | Stopped:
        if self.halt:
            return Stopped(self.halt)
        if self._task is not None and self._task.cancelling():
            raise error  # the worker itself is being torn down
        return Failed(error_info(error), error)

    def _forget_cancellations(self) -> None:
        while self.halt and self._task is not None and self._task.cancelling():
            self._task.uncancel()

    def _timeout(self, clock: Clock) -> ErrorInfo:
        text = f"no result within {self.message.timeout:g} s"
        if self.context.progress is not None:
            ago = clock.monotonic() - self.context.progress
            text = f"{text}; the last heartbeat was {ago:.1f} s ago"
        return ErrorInfo("Timeout", text)


def error_info(error: BaseException) -> ErrorInfo:
    """What the record and the events say about an exception."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    retryable = not isinstance(error, _HOPELESS)
    return ErrorInfo(shortened(type(error).__name__), _one_line(error), retryable)


def _one_line(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # noqa: BLE001  # an exception that cannot describe itself
        text = "its message cannot be read"
    return shortened(" ".join(text.split())).encode("utf-8", "replace").decode()


def _guarded(call: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    """In the thread: a returned exception survives the way back as it is, also a StopIteration."""
    try:
        return call(), None
    except BaseException as error:  # noqa: BLE001  # nobody else would see it
        return None, error
