"""A context for one handler alone: called like any function, without a workflow or an engine."""

from __future__ import annotations

__all__ = ["HandlerContext", "handler_context"]

import asyncio
from typing import TYPE_CHECKING, Any, Self, TypeVar

from flowworker.client.watching import events_of
from flowworker.clock import SystemClock
from flowworker.codec.messages import StepInput, StepMessage
from flowworker.compat.buses import EventBus
from flowworker.compat.locking import Locker
from flowworker.compat.opening import existing
from flowworker.compat.state import StateStore
from flowworker.core.ids import idempotency_key as made_of
from flowworker.core.payload import EMPTY
from flowworker.core.status import Kind
from flowworker.errors import InvalidInput
from flowworker.handlers import StepContext
from flowworker.handlers.ambient import enter_scope, leave_scope
from flowworker.handlers.emitting import Emitter
from flowworker.handlers.resources import HandlerResources
from flowworker.memory import memory_backend
from flowworker.settings import Settings
from flowworker.stores.stores import stores_of
from flowworker.telemetry.log import get_logger
from flowworker.testing.seen import Emitted, emitted_in

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from contextvars import Token

    from flowworker.clock import Clock
    from flowworker.handlers.ambient import RunScope

T = TypeVar("T")


class HandlerContext(StepContext[Any]):
    """What a handler gets in a test. Set `cancelled` to tell it to stop.

    Within `with`, functions that are called without a context, such as `flowworker.emit`, find it.

    Attributes:
        emitted: what was emitted, oldest first.
        heartbeats: how often `heartbeat` was called.
    """

    __slots__ = ("_events", "_token", "emitted", "heartbeats")

    def __init__(
        self,
        message: StepMessage,
        resources: HandlerResources,
        given: dict[str, Any],
        outputs: Mapping[str, Any],
        events: Any,
    ) -> None:
        """Describe an attempt that was given that input, after steps with these outputs."""
        super().__init__(message, resources)
        self.input = given
        self.emitted: list[Emitted] = []
        self.heartbeats = 0
        self._events = events
        self._token: Token[RunScope] | None = None

        async def load(step: str) -> Any:
            if step not in outputs:
                raise InvalidInput(f"no output of {step!r}: give handler_context(outputs=...) one")
            return outputs[step]

        self.load = load

    def __enter__(self) -> Self:
        """Make it the current context."""
        self._token = enter_scope(self)
        return self

    def __exit__(self, *_: object) -> None:
        """The handler has ended."""
        if self._token is not None:
            leave_scope(self._token)
        self.leave()

    async def emit(self, event_type: str, payload: Any = None, *, key: str = "") -> None:
        """As `StepContext.emit`; what was emitted stands in `emitted`."""
        await super().emit(event_type, payload, key=key)
        self.emitted = emitted_in(events_of(self.run_id, await self._events.history(self.run_id)))

    def heartbeat(self) -> None:
        """As `StepContext.heartbeat`."""
        self.heartbeats += 1
        super().heartbeat()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """As `StepContext.run`, on an event loop of its own if none runs."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
                return runner.run(coroutine)
        return super().run(coroutine)


def handler_context(  # noqa: PLR0913 - all have a default
    input: dict[str, Any] | None = None,
    *,
    runtime: Any = None,
    outputs: Mapping[str, Any] | None = None,
    attempt: int = 1,
    turn: int = 1,
    kind: Kind | str = Kind.RUN,
    run_id: str = "run-1",
    step_id: str = "step",
    workflow: str = "workflow",
    timeout: float | None = None,
    idempotency_key: str = "",
    clock: Clock | None = None,
) -> HandlerContext:
    """A context to call one handler with.

    ```python
    async def test_charge():
        ctx = handler_context(runtime=Gateway(), attempt=2)
        assert (await charge(ctx, order_id=7)).amount == 890
        assert ctx.emitted == [("order.paid", {"order_id": 7})]
    ```

    Args:
        input: what `ctx.input` is; arguments are given when the handler is called.
        runtime: what `ctx.runtime` is.
        outputs: by step, what `ctx.output` returns.
        attempt: from 1.
        turn: from 1.
        kind: run, fallback or compensate.
        run_id: the run.
        step_id: the step.
        workflow: name of the workflow.
        timeout: seconds until the deadline. Nothing stops the handler then.
        idempotency_key: the one that a fleet makes of run, step and kind if empty.
        clock: what time it is; None for the machine's.
    """
    clock = clock or SystemClock()
    settings = Settings()
    stores = stores_of(memory_backend(settings=settings, clock=clock, partitions=1), settings)
    backend, opening = stores.backend, existing(stores)
    kind = Kind(kind)
    message = StepMessage(
        run=run_id,
        workflow=workflow,
        step=step_id,
        uses=step_id,
        kind=kind,
        turn=turn,
        number=attempt,
        input=StepInput(EMPTY),
        idempotency_key=idempotency_key or made_of(run_id, step_id, kind),
        timeout=timeout or 0.0,
    )
    resources = HandlerResources(
        clock=clock,
        log=get_logger(),
        emitter=Emitter(backend, clock, settings.lease / 3),
        leases=backend.leases,
        locker=Locker(opening, clock),
        state_store=StateStore(opening, settings, clock),
        event_bus=EventBus(opening, clock),
        runtime_of=lambda _: runtime,
    )
    return HandlerContext(message, resources, input or {}, outputs or {}, backend.events)
