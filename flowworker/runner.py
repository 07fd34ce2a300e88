"""The in-process runner: a coordinator and a worker on the memory adapters, without a server.

It is the same code that a fleet runs, under the seed's method names. What it keeps ends with the
process, unless it is given a backend that lasts.
"""

from __future__ import annotations

__all__ = ["Runner"]

from typing import TYPE_CHECKING, Any, Self

import msgspec
from prometheus_client import CollectorRegistry

from flowworker.client import Client
from flowworker.clock import SystemClock
from flowworker.codec.inputs import merged
from flowworker.coordinator import Coordinator
from flowworker.core.rebuild import view
from flowworker.core.status import TERMINAL, RunStatus
from flowworker.definitions import InputValidator, Registry
from flowworker.errors import InvalidInput, RunNotFound
from flowworker.memory import memory_backend
from flowworker.settings import Settings
from flowworker.stores.definitions import DefinitionStore
from flowworker.stores.payloads import PayloadStore
from flowworker.stores.runs import RunStore
from flowworker.stores.state import StateStore
from flowworker.telemetry.metrics import Metrics
from flowworker.worker import App, Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowworker.clock import Clock
    from flowworker.core.model import Workflow
    from flowworker.ports import Backend

_NAME = "runner"


class Runner:
    """Executes workflows in this process.

    ::

        async with Runner() as runner:
            runner.register_handler("greet", greet)
            runner.register(parse(text))
            results = await runner.execute_sync("run-1", "hello", {"name": "Ada"})
    """

    def __init__(
        self,
        *,
        backend: Backend | None = None,
        app: App | None = None,
        settings: Settings | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Nothing runs before the first execution, or `async with`.

        Args:
            backend: where runs live; None for this process' memory.
            app: handlers that exist already.
            settings: as a fleet's; leases, retention and limits apply here too.
            clock: None for the machine's.
        """
        self._settings = settings or Settings()
        self._clock = clock or SystemClock()
        self._given = backend
        self._app = app or App()
        self._registry = Registry()
        self._parts: _Parts | None = None

    async def __aenter__(self) -> Self:
        """Start coordinator and worker."""
        await self._running()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self.close()

    async def close(self) -> None:
        """Wait for handlers that run, then stop. Executions that are not over are left."""
        if self._parts is not None:
            parts, self._parts = self._parts, None
            await parts.stop(close=self._given is None)

    def register(self, workflow: Workflow) -> None:
        """Make a workflow known by its name; raises DefinitionError if it is not valid."""
        self._registry.register(workflow)

    def register_handler(self, name: str, handler: Callable[..., Any]) -> None:
        """Make a handler known by the name that steps use."""
        self._app.step(name)(handler)

    def set_runtime(self, runtime: Any) -> None:
        """What handlers get as `ctx.runtime`."""
        self._app.runtime = runtime

    async def get_state_store(self) -> StateStore:
        """The checkpoints of this runner's executions."""
        parts = await self._running()
        return StateStore(parts.backend, self._settings, self._clock)

    async def execute(self, workflow_id: str, data: Any = None) -> str:
        """Start an execution and return its id at once; it goes on in the background.

        Raises:
            WorkflowNotFound: no workflow of that name is registered.
            InvalidInput: the input is not an object, or does not satisfy `input_schema`.
        """
        return await self._start(None, self._registry.get(workflow_id), data)

    async def execute_sync(
        self, exec_id: str, workflow_id: str, data: Any = None
    ) -> dict[str, Any]:
        """Execute and wait; the results map: the input's keys and every step's output, merged.

        Raises:
            RunFailed, RunCancelled: it did not complete.
        """
        return await self.execute_sync_workflow(exec_id, self._registry.get(workflow_id), data)

    async def execute_sync_workflow(
        self, exec_id: str, workflow: Workflow, data: Any = None
    ) -> dict[str, Any]:
        """The same for a workflow that need not be registered."""
        run = await self._start(exec_id, workflow, data)
        return await self._result(run)

    async def resume_execution(self, exec_id: str, workflow: Workflow) -> dict[str, Any]:
        """Go on with an execution that was interrupted, and wait for it.

        Completed steps are not run again; those that were running or failed are.

        Raises:
            RunNotFound: nothing is stored under that id.
            CorruptRecord: its input, a state or an output cannot be read.
            RunFailed, RunCancelled: it did not complete.
        """
        parts = await self._running()
        found = await parts.runs.load(exec_id)
        if found is None:
            raise RunNotFound(f"no execution {exec_id!r} is stored; nothing can be resumed")
        record, revision = found
        if record.status not in TERMINAL:
            digest = await parts.definitions.register(workflow)
            resumed = msgspec.structs.replace(
                record, workflow=workflow.name, definition=digest, status=RunStatus.RUNNING
            )
            await parts.runs.save(resumed, revision)
            await parts.runs.index(resumed.status, resumed.workflow, exec_id)
            if (record.status, record.workflow) != (resumed.status, resumed.workflow):
                await parts.runs.unindex(record.status, record.workflow, exec_id)
            await self._check_payloads(exec_id)
            parts.coordinator.resume(exec_id)
        return await self._result(exec_id)

    async def status(self, run_id: str) -> RunStatus:
        """The state of an execution; PENDING for one that is not known (yet)."""
        parts = await self._running()
        found = await parts.runs.load(run_id)
        return RunStatus.PENDING if found is None else found[0].status

    async def cancel(self, run_id: str) -> None:
        """Stop an execution, compensating what it completed. None of that id is no error."""
        parts = await self._running()
        try:
            await parts.client.cancel(run_id)
        except (RunNotFound, InvalidInput):
            return

    # -- inside ----------------------------------------------------------------------------

    async def _running(self) -> _Parts:
        if self._parts is None:
            backend = self._given or memory_backend(settings=self._settings, clock=self._clock)
            self._parts = _Parts(backend, self._app, self._settings, self._clock)
            await self._parts.start()
        return self._parts

    async def _start(self, exec_id: str | None, workflow: Workflow, data: Any) -> str:
        schema = workflow.input_schema
        if schema is not None and (problems := InputValidator(schema).problems(data or {})):
            raise InvalidInput(f"input does not satisfy input_schema: {'; '.join(problems)}")
        parts = await self._running()
        await parts.definitions.register(workflow)
        return await parts.client.start(workflow.name, data, run_id=exec_id)

    async def _result(self, run: str) -> dict[str, Any]:
        parts = await self._running()
        (await parts.client.result(run)).raise_for_status()
        return await self._results_map(run)

    async def _results_map(self, run: str) -> dict[str, Any]:
        parts = await self._running()
        found = await parts.runs.load(run)
        if found is None:
            raise RunNotFound(f"execution {run!r} is over and its retention too")
        plan = await parts.definitions.by_hash(found[0].definition)
        steps = await parts.runs.load_steps(run)
        state = view(plan, *found, steps, self._clock.now())
        outputs = []
        for step in plan.order:
            payload = state.steps[step].output
            if payload is not None:
                outputs.append((step, msgspec.json.decode(await parts.payloads.load(payload))))
        base = msgspec.json.decode(await parts.payloads.load(found[0].input))
        return merged(run, base, outputs)

    async def _check_payloads(self, run: str) -> None:
        """Whatever cannot be read is better said now than by the step that needs it."""
        parts = await self._running()
        found = await parts.runs.load(run)
        if found is not None:
            await parts.payloads.load(found[0].input)
        for record, _ in (await parts.runs.load_steps(run)).values():
            if record.output is not None:
                await parts.payloads.load(record.output)


class _Parts:
    """What a runner is made of."""

    def __init__(self, backend: Backend, app: App, settings: Settings, clock: Clock) -> None:
        metrics = Metrics(CollectorRegistry())
        self.backend = backend
        self.runs = RunStore(backend.runs)
        self.payloads = PayloadStore(backend.payloads, settings)
        self.definitions = DefinitionStore(backend.definitions)
        self.client = Client(backend, settings, clock)
        self.coordinator = Coordinator(backend, settings, clock, _NAME, metrics)
        self.worker = Worker(backend, app, settings, clock, worker_id=_NAME, metrics=metrics)

    async def start(self) -> None:
        await self.coordinator.start()
        await self.worker.start()

    async def stop(self, *, close: bool) -> None:
        try:
            await self.worker.drain()
            await self.coordinator.stop()
        finally:
            if close:
                await self.backend.close()
