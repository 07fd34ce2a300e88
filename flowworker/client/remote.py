"""`Client`: starts runs, reads them, waits for them and controls them."""

from __future__ import annotations

__all__ = ["Client"]

from typing import TYPE_CHECKING, Any

from flowworker.client.accepted import NotBegun
from flowworker.client.acting import Acting
from flowworker.client.commands import Commands
from flowworker.client.lookup import Lookup
from flowworker.client.starting import (
    check_dotted_name,
    check_run_id,
    delay_headers,
    start_command,
)
from flowworker.client.views import Views
from flowworker.client.waiting import Waiting
from flowworker.client.watching import events_of, watch_all, watch_run
from flowworker.clock import SystemClock
from flowworker.telemetry.exporting import current_trace

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable
    from datetime import datetime

    from flowworker.client.results import RunResult
    from flowworker.client.starting import StartCommand
    from flowworker.client.views import RunSummary, RunView
    from flowworker.clock import Clock
    from flowworker.core.model import Workflow
    from flowworker.core.status import Priority, RunStatus
    from flowworker.stores.stores import Stores

History = list[dict[str, Any]]


class Client(Acting):
    """The remote control of a fleet. It may serve any number of tasks at the same time.

    Every method raises Unavailable if the server does not answer in time. `flowworker.connect`
    makes a client and the connection that it needs.
    """

    def __init__(self, stores: Stores, clock: Clock | None = None) -> None:
        """Speak to the fleet of that backend."""
        self._stores = stores
        self._clock = clock or SystemClock()
        self._views = Views(stores, self._clock)
        self._lookup = Lookup(stores, self._clock, self._views)
        self._commands = Commands(stores)
        self._waiting = Waiting(stores, self._clock, self._views, self._lookup)

    # Definitions

    async def register(self, workflow: Workflow) -> str:
        """Make a definition what its name stands for; its content hash. Runs keep theirs."""
        return await self._stores.definitions.register(workflow)

    async def register_all(self, workflows: Iterable[Workflow]) -> list[str]:
        """The same for several: their content hashes. All are registered, or none."""
        return await self._stores.definitions.register_all(workflows)

    async def definition(self, workflow: str) -> Workflow:
        """What a name stands for at this moment, or WorkflowNotFound."""
        name = check_dotted_name("a workflow name", workflow)
        return (await self._stores.definitions.latest(name)).workflow

    async def definitions(self) -> list[str]:
        """Names of all registered workflows, sorted."""
        return await self._stores.definitions.names()

    # Runs

    async def start(
        self,
        workflow: str,
        input: Any = None,
        *,
        run_id: str | None = None,
        priority: Priority | str | None = None,
        at: datetime | str | None = None,
        delay: float | str | None = None,
    ) -> str:
        """Start a run and return its id as soon as the start is durable.

        Args:
            workflow: name of a registered workflow.
            input: a mapping, dataclass, Struct or pydantic model that is a JSON object; None
                for `{}`.
            run_id: also the idempotency key: starting twice with one id gives one run. Without
                it an id is generated that sorts by time.
            priority: lane of the run's steps, instead of the definition's.
            at: the moment at which the run begins: a datetime with a time zone, or RFC 3339. Until
                then it is PENDING, and can be cancelled.
            delay: instead: after how long it begins, in seconds or as `1h30m`.

        Raises:
            InvalidInput: an argument is not what was expected. An input that does not satisfy
                the workflow's `input_schema`, or an unknown workflow, is found out later and
                raised by `result`.
            PayloadTooLarge: the input exceeds `payload_limit`.
            RunIdTaken: a run of that id exists with another workflow or input. If it was started
                at the same moment, `result` raises it.
        """
        later = delay_headers(at, delay)
        start = await self._prepare(workflow, input, run_id, priority)
        start.headers.update(later)
        await self._send(start)
        return start.run

    async def _prepare(
        self, workflow: str, value: Any, run_id: str | None, priority: Priority | str | None
    ) -> StartCommand:
        limit = self._stores.settings.payload_limit
        now = self._clock.now()
        start = start_command(workflow, value, run_id, priority, now=now, limit=limit)
        start.headers.update(current_trace())
        if run_id is not None:
            start = await self._lookup.check_free(start)
        return start

    async def _send(self, start: StartCommand) -> None:
        sequence = await self._commands.start(start, await self._waiting.reply_to(start.run))
        self._lookup.started(start.run, sequence, start.digest)

    async def result(self, run_id: str, timeout: float | None = None) -> RunResult:
        """Wait for the end of a run, however it ends.

        Raises:
            ResultTimeout: it did not end within `timeout` seconds; it goes on.
            RunNotFound: no such run exists.
            InvalidInput: its start was rejected (WorkflowNotFound: for want of the workflow).
        """
        return await self._waiting.wait(check_run_id(run_id), timeout)

    async def run(
        self,
        workflow: str,
        input: Any = None,
        *,
        run_id: str | None = None,
        priority: Priority | str | None = None,
        timeout: float | None = None,
    ) -> RunResult:
        """Start a run and wait for its end: `start` and `result` in one."""
        start = await self._prepare(workflow, input, run_id, priority)
        if run_id is not None:
            await self._send(start)
            return await self._waiting.wait(start.run, timeout)
        async with self._waiting.listen(start.run) as waiter:  # the id is new
            await self._send(start)
            return await self._waiting.wait_with(waiter, start.run, timeout, fresh=True)

    async def status(self, run_id: str) -> RunView:
        """A run and its steps as they are now, or RunNotFound.

        One whose start was accepted and waits for a coordinator is PENDING, and has no steps yet.
        """
        try:
            await self._lookup.find(run_id)
        except NotBegun as accepted:
            return accepted.view
        return await self._views.run(run_id)

    async def list(
        self,
        status: RunStatus | None = None,
        workflow: str | None = None,
        limit: int = 100,
    ) -> list[RunSummary]:
        """Runs with that status and of that workflow, the newest of the generated ids first."""
        if workflow is not None:
            check_dotted_name("a workflow name", workflow)
        return await self._views.list(status, workflow, limit)

    async def history(self, run_id: str) -> History:
        """All events of a run as CloudEvents, oldest first, or RunNotFound."""
        stored = await self._stores.backend.events.history(check_run_id(run_id))
        if not stored:
            await self._lookup.find(run_id)
        return list(events_of(run_id, stored))

    async def watch(self, run_id: str | None = None) -> AsyncGenerator[dict[str, Any], None]:
        """Events as they happen, as CloudEvents.

        Of one run all that happened and will happen, each event once, until its last one. Of all
        runs what happens from now on; what comes faster than it is read may be dropped.

        Raises:
            RunNotFound: no such run exists.
        """
        if run_id is None:
            async for event in watch_all(self._stores.backend):
                yield event
            return
        if not await self._stores.backend.events.history(check_run_id(run_id)):
            await self._lookup.find(run_id)
        async for event in watch_run(self._stores, self._clock, run_id):
            yield event

    def close(self) -> None:
        """Listen to nothing any more; the backend stays open."""
        self._waiting.close()
