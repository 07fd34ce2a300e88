"""What a handler gets: who it is, what it was given, and what it may do."""

from __future__ import annotations

__all__ = ["StepContext", "current_context"]

import asyncio
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from flowworker.codec.messages import trace_headers
from flowworker.errors import InvalidInput, PayloadTooLarge
from flowworker.handlers.ambient import current_scope, enter_scope
from flowworker.stores.locks import Lock
from flowworker.telemetry.tracing import NO_TRACE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    import typing_extensions
    from structlog.typing import FilteringBoundLogger

    from flowworker.codec.messages import StepMessage
    from flowworker.compat.buses import EventBus
    from flowworker.compat.state import StateStore
    from flowworker.core.status import Kind
    from flowworker.handlers.resources import HandlerResources
    from flowworker.telemetry.tracing import TraceSpan

T = TypeVar("T")

if TYPE_CHECKING:
    # Its default spares those who do not care an argument; only Python 3.13 has that itself.
    Runtime_co = typing_extensions.TypeVar("Runtime_co", covariant=True, default=Any)
else:
    Runtime_co = TypeVar("Runtime_co", covariant=True)


class StepContext(Generic[Runtime_co]):
    """One attempt, as its handler sees it; `StepContext[Database]` has a `runtime` of that type.

    Attributes:
        run_id: the run.
        workflow: name of the workflow.
        workflow_id: the run's id again, by the Go package's name (`GetWorkflowID`, `_workflow_id`).
        step_id: the step.
        kind: run, fallback or compensate.
        turn: from 1; a human who answers `retry` begins another one.
        attempt: from 1 within kind, turn and iteration.
        iteration: from 1, of a step that is repeated; 0 of any other.
        idempotency_key: the same for all attempts of this step, or of an iteration of it: pass it
            to the services you call.
        deadline: when this attempt fails if it has not ended, epoch seconds, or None.
        progress: when `heartbeat` was last called, by the clock's `monotonic`.
        trace: the attempt's span, also the current one; it takes everything where nobody traces.
    """

    __slots__ = (
        "_acquired",
        "_input",
        "_left",
        "_log",
        "_loop",
        "_queue",
        "_resources",
        "_started",
        "_trace",
        "_uses",
        "attempt",
        "cancelled",
        "deadline",
        "idempotency_key",
        "iteration",
        "kind",
        "load",
        "progress",
        "run_id",
        "step_id",
        "trace",
        "turn",
        "workflow",
    )

    kind: Kind
    trace: TraceSpan
    load: Callable[[str], Awaitable[Any]]
    cancelled: bool
    """Whether the attempt is to stop; readable from a thread."""

    def __init__(self, message: StepMessage, resources: HandlerResources) -> None:
        """Describe the attempt that a message asks for."""
        self.run_id = message.run
        self.workflow = message.workflow
        self.step_id = message.step
        self.kind = message.kind
        self.turn = message.turn
        self.attempt = message.number
        self.iteration = message.iteration
        self._input: dict[str, Any] | PayloadTooLarge = {}
        self.idempotency_key = message.idempotency_key
        self.deadline = _deadline(message, resources.clock.now())
        self.cancelled = False
        self.progress: float | None = None
        self._resources = resources
        self._loop: asyncio.AbstractEventLoop | None = None
        self._uses = message.uses
        self._queue = message.queue
        self._acquired: set[str] = set()
        self._left = False
        self._trace = trace_headers(message.trace, message.trace_state)
        self._started: asyncio.Task[None] | None = None
        self._log: FilteringBoundLogger | None = None
        self.trace = NO_TRACE.span

    @property
    def input(self) -> dict[str, Any]:
        """The merged map.

        Raises:
            PayloadTooLarge: it exceeds `payload_limit`; then `output` reads a part of it.
        """
        if isinstance(self._input, PayloadTooLarge):
            raise self._input
        return self._input

    @input.setter
    def input(self, given: dict[str, Any]) -> None:
        self._input = given

    def refuse_input(self, why: PayloadTooLarge) -> None:
        """It is too large to be loaded: a handler that reads it fails, others do not need it."""
        self._input = why

    async def output(self, step: str) -> Any:
        """The output of one of the steps before this one, however large all of them are together.

        Raises:
            InvalidInput: this step does not depend on that one, or that one has no output.
        """
        return await self.load(step)

    @property
    def workflow_id(self) -> str:
        """The run's id."""
        return self.run_id

    @property
    def runtime(self) -> Runtime_co:
        """What `app.runtime` is, or its lifespan's value: of the App that has the handler."""
        runtime: Runtime_co = self._resources.runtime_of(self._uses)
        return runtime

    @property
    def log(self) -> FilteringBoundLogger:
        """A logger that names run, step and attempt in every line."""
        if self._log is None:
            self._log = self._resources.log.bind(
                run=self.run_id, step=self.step_id, kind=str(self.kind), attempt=self.attempt
            )
        return self._log

    async def emit(self, event_type: str, payload: Any = None, *, key: str = "") -> None:
        """Publish an event, once per run, queue, type and key, however often the step is retried.

        It is stored in the run's history and sent to subscribers of the subject `order.paid`, or
        `<namespace>.order.paid` in a namespace that is not the default one. A payload that is a
        map gets `_workflow_id`.

        Raises:
            InvalidInput: the type is not a dotted name, or belongs to the engine; or the handler
                has ended, and its run may have been removed.
        """
        if self._left:
            raise InvalidInput(f"emit {event_type!r}: the handler of {self.step_id!r} has ended")
        await self.is_start_published()
        await self._resources.emitter.emit(
            self.run_id, self.workflow, self._queue, event_type, payload, key, self._trace
        )

    def lock(
        self, key: str, *, ttl: float, timeout: float, owner: Literal["run", "step"] = "run"
    ) -> Lock:
        """A lock that is held within `async with`, and renewed as long as it is held.

        Args:
            key: any text.
            ttl: seconds after which it is free if this process dies; whole ones, at least 1.
            timeout: seconds to wait for it before LockTimeoutError.
            owner: who holds it. A `run` shares it among its steps, also such that run in parallel;
                with `step` they exclude each other as well.

        Raises:
            InvalidInput: another owner, or a `ttl` that is not a number of seconds.
        """
        if owner not in {"run", "step"}:
            raise InvalidInput(f"lock {key!r}: expected owner 'run' or 'step', found {owner!r}")
        holder = self.run_id if owner == "run" else f"{self.run_id}/{self.step_id}"
        resources = self._resources
        return Lock(resources.leases, resources.clock, key, holder, ttl, timeout)

    async def acquire_lock(self, key: str, *, ttl: float, timeout: float) -> int:
        """Have the run take a lock, as `lock` does; its fencing token.

        It is renewed until `release_lock`, which any step of the run may call. If this attempt ends
        before that, the run keeps it for the rest of its `ttl`.
        """
        token = await self._resources.locker.acquire(key, self.run_id, ttl=ttl, timeout=timeout)
        self._acquired.add(key)
        return token

    async def release_lock(self, key: str) -> None:
        """Give up a lock of the run; nothing if the run does not have it."""
        self._acquired.discard(key)
        await self._resources.locker.release(key, self.run_id)

    @property
    def state_store(self) -> StateStore:
        """The checkpoints of all executions."""
        return self._resources.state_store

    @property
    def event_bus(self) -> EventBus:
        """Where events are published and subscribed to."""
        return self._resources.event_bus

    def heartbeat(self) -> None:
        """Record progress, for the handler's `heartbeat_timeout`.

        A failure by the step's `timeout` says when the last one was.

        Raises:
            asyncio.CancelledError: the attempt is to stop. A plain function that lets it through
                ends as cancelled; one that returns a result has completed.
        """
        if self.cancelled:
            raise asyncio.CancelledError
        self.progress = self._resources.clock.monotonic()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the worker's event loop and wait for it; for plain functions.

        `ctx.run(ctx.emit("order.paid", {...}))`

        Raises:
            InvalidInput: called on that event loop, where it would wait for itself.
        """
        loop = self._loop
        if loop is None or _running_loop() is loop:
            coroutine.close()
            raise InvalidInput("ctx.run is for handlers that are plain functions; await it instead")
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result()

    def publish_after(self, started: asyncio.Task[None]) -> None:
        """Emit nothing before that task, which publishes the step's start, has ended."""
        self._started = started

    async def is_start_published(self) -> bool:
        """Wait for the step's start to be published; whether that succeeded."""
        if self._started is None:
            return True
        if not self._started.done():
            await asyncio.wait([self._started])
        return not self._started.cancelled() and self._started.exception() is None

    def enter(self) -> None:
        """The handler is about to be called: make this the current context."""
        self._loop = asyncio.get_running_loop()
        enter_scope(self)

    def leave(self) -> None:
        """The handler has ended: its locks are no longer renewed, and it can emit no more."""
        self._left = True
        for key in self._acquired:
            self._resources.locker.leave(key, self.run_id)
        self._acquired.clear()


def current_context() -> StepContext:
    """The context of the handler in which this is called, at any depth.

    Raises:
        InvalidInput: no handler is running here.
    """
    found = current_scope()
    if not isinstance(found, StepContext):
        raise InvalidInput("no step is running here; call it inside a handler")
    return found


def _deadline(message: StepMessage, now: float) -> float | None:
    ends = [now + message.timeout] if message.timeout else []
    ends += [message.deadline] if message.deadline else []
    return min(ends, default=None)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
