"""`Runner`: executes workflows in this process, on any state store."""

from __future__ import annotations

__all__ = ["Runner"]

import asyncio
from typing import TYPE_CHECKING, Any, Self

from flowworker.client.checks import check_against
from flowworker.client.starting import encode_input
from flowworker.codec.inputs import merged
from flowworker.codec.json import decode_value
from flowworker.compat.buses import EventBus
from flowworker.compat.opening import Opening
from flowworker.core.rebuild import view
from flowworker.core.status import RunStatus
from flowworker.definitions import Registry
from flowworker.errors import InvalidInput, RunNotFound
from flowworker.handlers import App
from flowworker.runner.acting import Acting
from flowworker.runner.backends import InMemStore
from flowworker.runner.engine import Engine
from flowworker.runner.resuming import children_of, make_ready
from flowworker.stores.sealing import INPUT, output_places

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowworker.clock import Clock
    from flowworker.compat.locking import Locker
    from flowworker.compat.state import StateStore
    from flowworker.core.model import Workflow
    from flowworker.core.payload import Payload
    from flowworker.settings import Settings


class Runner(Acting):
    """Executes workflows in this process.

    ```python
    async with Runner() as runner:
        runner.register_handler("greet", greet)
        runner.register(parse(text))
        results = await runner.execute_sync("run-1", "hello", {"name": "Ada"})
    ```

    It is the engine of a fleet, with the Go package's method names. What it keeps ends with the
    process, unless it is given a store that lasts.
    """

    def __init__(
        self,
        bus: EventBus | None = None,
        store: StateStore | None = None,
        locker: Locker | None = None,
        *,
        app: App | None = None,
        settings: Settings | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Nothing runs before the first execution, or `async with`.

        Args:
            bus: where events are published, beside the store's own notifier.
            store: what keeps the executions; None for this process' memory. With a `NATSStore` the
                runner is a member of that namespace's fleet.
            locker: what keeps locks; None for the store's server.
            app: handlers that exist already.
            settings: of a runner without a store: leases, retention and limits as a fleet's.
            clock: of a runner without a store; None for the machine's.

        Raises:
            InvalidInput: settings or clock beside a store, which has its own.
        """
        if store is not None and (settings is not None or clock is not None):
            raise InvalidInput(
                "a store has settings and a clock of its own; give them to the store"
            )
        self._made_store = store is None
        self._store = store or InMemStore(settings=settings, clock=clock)
        self._bus = bus
        self._own_bus = EventBus(Opening(self._store.stores, owned=False), self._store.clock)
        self._locker = locker
        self._app = app or App()
        self._registry = Registry()
        self._engine: Engine | None = None
        self._starting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """Start coordinator and worker."""
        await self.running()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self.close()

    async def close(self) -> None:
        """Wait for handlers that run, then stop. Active executions are left as they are.

        A store, bus or locker that was given is not closed.
        """
        async with self._starting:
            engine, self._engine = self._engine, None
            if engine is not None:
                await engine.stop()
            if self._made_store:
                await self._store.close()

    def register(self, workflow: Workflow) -> None:
        """Make a workflow known by its name.

        Raises:
            DefinitionError: it is not valid.
            InvalidInput: it has schedules.
        """
        if workflow.schedules:
            raise InvalidInput(
                f"workflow {workflow.name!r} has schedules, which a Runner does not follow: "
                "register it with a fleet, or leave them out"
            )
        self._registry.register(workflow)

    def register_handler(self, name: str, handler: Callable[..., Any]) -> None:
        """Make a handler known by the name that steps use; raises InvalidInput if it is taken."""
        self._app.step(name)(handler)

    def set_runtime(self, runtime: Any) -> None:
        """What handlers get as `ctx.runtime` from now on."""
        self._app.runtime = runtime

    def get_state_store(self) -> StateStore:
        """What keeps this runner's executions."""
        return self._store

    def get_event_bus(self) -> EventBus:
        """Where this runner's events are published."""
        return self._bus or self._own_bus

    async def execute(
        self, workflow_id: str, data: Any = None, *, labels: Mapping[str, str] | None = None
    ) -> str:
        """Start an execution and return its id at once; it goes on in the background.

        With `labels` it has these beside those of its workflow, by which it is found (`find`).

        Raises:
            WorkflowNotFound: no workflow of that name is registered.
            InvalidInput: the input is not an object, or does not satisfy `input_schema`, or one of
                the labels is none.
        """
        return await self._start(None, self._registry.get(workflow_id), data, labels)

    async def execute_sync(
        self,
        exec_id: str,
        workflow_id: str,
        data: Any = None,
        *,
        labels: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Execute and wait; the results map: the input's keys and every step's output, merged.

        Of a workflow that says what it results in, that instead.

        One id is one execution: the second call gets the results of the first. `labels` as of
        `execute`.

        Raises:
            WorkflowNotFound, InvalidInput: as `execute`.
            RunFailed, RunCancelled: it did not complete.
        """
        workflow = self._registry.get(workflow_id)
        return await self.execute_sync_workflow(exec_id, workflow, data, labels=labels)

    async def execute_sync_workflow(
        self,
        exec_id: str,
        workflow: Workflow,
        data: Any = None,
        *,
        labels: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """The same for a workflow that need not be registered.

        Raises:
            DefinitionError: it is not valid; a cycle, for one.
        """
        run = await self._start(exec_id, workflow, data, labels)
        return await self._result(run)

    async def resume_execution(
        self, exec_id: str, workflow: Workflow | None = None
    ) -> dict[str, Any]:
        """Go on with an execution whose process died, and wait for it.

        Completed steps are not run again; those that were running or failed are. While another
        process still runs it this does no harm to its state, but steps may run twice.

        Args:
            exec_id: which one.
            workflow: its definition; None for the one that it began with.

        Raises:
            RunNotFound: nothing is stored under that id.
            CorruptRecord: its input, a state or an output cannot be read.
            RunFailed, RunCancelled: it did not complete, or had not.
        """
        engine = await self.running()
        if await make_ready(engine.stores, exec_id, workflow):
            await engine.resume(exec_id, self._store.clock, self._store.settings)
            for child in await children_of(engine.stores, exec_id):
                await engine.resume(child, self._store.clock, self._store.settings)
        return await self._result(exec_id)

    async def status(self, run_id: str) -> RunStatus:
        """The state of an execution; PENDING for one that is not known (yet)."""
        engine = await self.running()
        found = await engine.stores.runs.load(run_id)
        return RunStatus.PENDING if found is None else found[0].status

    async def cancel(self, run_id: str) -> None:
        """Stop an execution, compensating what it completed.

        An id that is unknown, or of an execution that has ended, is no error.
        """
        engine = await self.running()
        try:
            await engine.client.cancel(run_id)
        except (RunNotFound, InvalidInput):
            return

    async def running(self) -> Engine:
        """The engine, started unless it is."""
        if self._engine is None:
            async with self._starting:
                if self._engine is None:
                    self._engine = await self._begin()
        return self._engine

    # -- inside ----------------------------------------------------------------------------

    async def _begin(self) -> Engine:
        stores = await self._store.stores()
        leases = stores.backend.leases
        locks = leases if self._locker is None else await self._locker.leases()
        engine = Engine(stores, self._app, self._store, self._bus, self.get_event_bus(), locks)
        try:
            await engine.start()
        except BaseException:
            await engine.stop()
            raise
        return engine

    async def _start(
        self,
        exec_id: str | None,
        workflow: Workflow,
        data: Any,
        labels: Mapping[str, str] | None,
    ) -> str:
        engine = await self.running()
        if workflow.input_schema is not None or workflow.labels is not None:
            body = encode_input(data, self._store.settings.payload_limit)
            await check_against(workflow, body, labels or {})
        await engine.stores.definitions.register_all(self._registry.with_called(workflow))
        run = await engine.client.start(workflow.name, data, run_id=exec_id, labels=labels)
        engine.own.add(run)
        return run

    async def _result(self, run: str) -> dict[str, Any]:
        engine = await self.running()
        result = await engine.client.result(run)
        engine.own.discard(run)  # it may have ended before `_start` added it
        result.raise_for_status()
        found = await engine.stores.runs.load(run)
        if found is None:
            raise RunNotFound(f"execution {run!r} has ended and is no longer retained")
        if found[0].output is not None:
            return result.output
        plan = await engine.stores.definitions.by_hash(found[0].definition)
        steps = await engine.stores.runs.load_steps(run)
        state = view(plan, *found, steps, self._store.clock.now())
        outputs = [
            (step, await self._value(engine, payload, run, *output_places(step)))
            for step in plan.order
            if (payload := state.steps[step].output) is not None
        ]
        return merged(run, await self._value(engine, found[0].input, run, INPUT), outputs)

    async def _value(self, engine: Engine, payload: Payload, run: str, *places: str) -> Any:
        return decode_value(places[0], await engine.stores.payloads.load(payload, run, *places))
