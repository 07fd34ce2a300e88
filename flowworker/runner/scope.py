"""The Go package's `WithRunner`: the context functions outside of handlers."""

from __future__ import annotations

__all__ = ["with_runner"]

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from flowworker.client.starting import check_run_id
from flowworker.codec.messages import trace_headers
from flowworker.compat.state import QUEUE
from flowworker.handlers.ambient import enter_scope, leave_scope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowworker.compat.buses import EventBus
    from flowworker.compat.state import StateStore
    from flowworker.runner.runner import Runner


class _Scope:
    """A run of a runner: `handlers.ambient.RunScope`."""

    def __init__(self, runner: Runner, run_id: str) -> None:
        self.run_id = run_id
        self._runner = runner

    async def emit(self, event_type: str, payload: Any = None, *, key: str = "") -> None:
        """As `StepContext.emit`."""
        engine = await self._runner.running()
        found = await engine.stores.runs.load(self.run_id)
        record = None if found is None else found[0]
        await engine.worker.resources.emitter.emit(
            self.run_id,
            "" if record is None else record.workflow,
            QUEUE,
            event_type,
            payload,
            key,
            {} if record is None else trace_headers(record.trace, record.trace_state),
        )

    async def acquire_lock(self, key: str, *, ttl: float, timeout: float) -> int:
        """As `StepContext.acquire_lock`."""
        engine = await self._runner.running()
        return await engine.worker.resources.locker.acquire(
            key, self.run_id, ttl=ttl, timeout=timeout
        )

    async def release_lock(self, key: str) -> None:
        """As `StepContext.release_lock`."""
        engine = await self._runner.running()
        await engine.worker.resources.locker.release(key, self.run_id)

    @property
    def state_store(self) -> StateStore:
        """The runner's."""
        return self._runner.get_state_store()

    @property
    def event_bus(self) -> EventBus:
        """The runner's."""
        return self._runner.get_event_bus()


@contextmanager
def with_runner(runner: Runner, run_id: str) -> Iterator[None]:
    """Within it, `emit`, `acquire_lock`, `get_workflow_id` and others act for that run.

    ```python
    with with_runner(runner, run_id):
        await emit("order.noticed", {"by": "support"})
    ```
    """
    token = enter_scope(_Scope(runner, check_run_id(run_id)))
    try:
        yield
    finally:
        leave_scope(token)
