"""One world: a fleet in memory, one run, and what goes wrong, all drawn from a seed.

Two coordinators and two workers, which die and are started anew. The same seed is the same world,
whatever happens outside: nothing here has a clock, a thread or a connection.
"""

from __future__ import annotations

__all__ = ["Outcome", "Task", "World"]

import asyncio
from collections import Counter
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry

from flowworker.client import Client
from flowworker.coordinator import Coordinator
from flowworker.core.children import groups_in
from flowworker.core.model import MAX_SECONDS
from flowworker.core.status import TERMINAL
from flowworker.errors import FlowworkerError
from flowworker.memory import memory_backend
from flowworker.settings import Settings
from flowworker.simulate.clock import SimClock
from flowworker.simulate.handlers import Ending, stand_ins
from flowworker.simulate.heartbeat import LoopHeartbeat
from flowworker.simulate.judging import half_done
from flowworker.simulate.loop import Standstill, VirtualLoop
from flowworker.simulate.people import People, runs_of
from flowworker.simulate.ports import Gate, backend_of
from flowworker.simulate.process import Process, process_tasks
from flowworker.simulate.samples import sample
from flowworker.simulate.silence import silent
from flowworker.simulate.troubles import Troubles
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from flowworker.testing.limits import checked_limits, limits_of, set_limits
from flowworker.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Mapping

    from flowworker.core.model import RetryPolicy, Step, Workflow
    from flowworker.handlers import App
    from flowworker.ports import Backend
    from flowworker.simulate.handlers import Call
    from flowworker.simulate.troubles import Trouble

RUN = "run"

LONGEST = 60 * 86_400.0
"""Seconds after which a run that has not ended is taken to have no end."""

_SETTINGS = Settings(
    lease=300.0, partition_lease=300.0, sweep=1800.0, retention=MAX_SECONDS, concurrency=8
)
"""So long leases that weeks of waiting are few renewals."""

_LONGEST_PAUSE = 5.0


@dataclass(frozen=True)
class Task:
    """What all worlds are about.

    Attributes:
        workflows: definitions; the first is started.
        app: is asked for what its handlers return. None of them is called.
        input: of the run; None for what fits its schema.
        outputs: what handlers return, by name, instead of something that fits.
        signals: what signals say, by name.
        harmless: handlers that leave nothing behind.
    """

    workflows: tuple[Workflow, ...]
    app: App
    input: Any = None
    outputs: Mapping[str, Any] = field(default_factory=dict)
    signals: Mapping[str, Any] = field(default_factory=dict)
    harmless: Collection[str] = ()


@dataclass(frozen=True)
class Outcome:
    """How a world ended.

    Attributes:
        status: of the run, and its error.
        left: what is half done, one line each.
        troubles: what went wrong.
        again: by handler, calls of one that had been called before with the same idempotency key,
            and had not failed by itself: a worker was lost, or its answer was.
        retried: by handler, the same after it had failed.
        moment: seconds that passed in it.
    """

    seed: int
    status: str
    left: tuple[str, ...]
    troubles: tuple[Trouble, ...]
    again: Counter[str] = field(default_factory=Counter)
    retried: Counter[str] = field(default_factory=Counter)
    moment: float = 0.0


class World:
    """Everything follows from the task, the seed, and which troubles there are."""

    def __init__(self, task: Task, seed: int, only: Collection[str] | None = None) -> None:
        """With `only`, of what would go wrong only what has these keys does."""
        self._task = task
        self._seed = seed
        self._virtual = VirtualLoop()
        factory: Any = process_tasks
        self._virtual.set_task_factory(factory)
        self._virtual.set_exception_handler(lambda *_: None)
        self._troubles = Troubles(seed, self._virtual, only)
        self._clock = SimClock(self._virtual)
        self._backend = memory_backend(settings=_SETTINGS, clock=self._clock, partitions=1)
        self._stores = stores_of(self._backend, _SETTINGS)
        self._client = Client(self._stores, self._clock)
        self._calls: list[Call] = []
        handlers, errors = _used_by(task.workflows)
        self._queues = tuple(sorted({step.queue for step in _steps_of(task.workflows)}))
        self._app = stand_ins(handlers, task.app, errors, task.outputs, self._troubles, self._calls)
        self._metrics = Metrics(CollectorRegistry())
        self._outside = copy_context()
        self._processes: list[Process] = []
        self._started = 0

    def run(self) -> Outcome:
        """Live, to the end."""
        with silent():
            try:
                status, left = self._virtual.run_until_complete(self._live())
            except Standstill as end:
                status, left = "it stands still", [str(end)]
            finally:
                self._close()
        again, retried = _repeated(self._calls)
        happened = tuple(self._troubles.happened)
        moment = self._virtual.moment
        return Outcome(self._seed, status, tuple(left), happened, again, retried, moment)

    async def _live(self) -> tuple[str, list[str]]:
        first, *_ = self._task.workflows
        await self._stores.definitions.register_all(self._task.workflows)
        await set_limits(self._stores.limits, checked_limits({}, limits_of(self._task.workflows)))
        given = self._task.input
        if given is None:
            given = sample(first.input_schema, self._troubles.random_of("the input"))
        await self._client.start(first.name, given, run_id=RUN)
        for main in (self._coordinate, self._coordinate, self._work, self._work):
            self._virtual.create_task(self._keep(main))
        people = People(self._client, self._stores, self._troubles, self._task.signals)
        operator = self._virtual.create_task(people.operate())
        await self._wait()
        operator.cancel()
        left = await half_done(self._client, self._stores, self._task.harmless)
        view = await self._client.status(RUN)
        return f"{view.status}: {view.error}" if view.error else view.status.value, left

    async def _wait(self) -> None:
        """Until the run, and all that it has started, is over.

        Raises:
            InvalidInput: it was not started.
        """
        pause = 1.0
        while self._virtual.moment < LONGEST:
            found = [await self._stores.runs.load(run) for run in await runs_of(self._stores)]
            if not found:
                await self._client.status(RUN)
            if found and all(one is None or one[0].status in TERMINAL for one in found):
                return
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 3600.0)

    async def _keep(self, main: Callable[[Process, Backend], Coroutine[Any, Any, None]]) -> None:
        """One of the fleet: whenever it ended it is started anew."""
        while True:
            self._started += 1
            kind = "coordinator" if main == self._coordinate else "worker"
            process = Process(f"{kind}-{self._started}", self._virtual)
            gate = Gate(process, self._troubles, self._virtual, self._outside)
            self._processes.append(process)
            process.spawn(self._lives(process, main(process, backend_of(gate, self._backend))))
            await process.died.wait()
            self._processes.remove(process)
            pause = self._troubles.random_of(f"the end of {process.name}").random()
            await asyncio.sleep(pause * _LONGEST_PAUSE)

    async def _lives(self, process: Process, main: Coroutine[Any, Any, None]) -> None:
        with suppress(FlowworkerError):  # it could not go on: it is started anew
            await main
        process.die()

    async def _coordinate(self, process: Process, backend: Backend) -> None:
        stores = stores_of(backend, _SETTINGS)
        await Coordinator(stores, process.clock, process.name, self._metrics).run()

    async def _work(self, process: Process, backend: Backend) -> None:
        worker = Worker(
            stores_of(backend, _SETTINGS),
            self._app,
            process.clock,
            queues=self._queues,
            worker_id=process.name,
            metrics=self._metrics,
            make_thread=LoopHeartbeat,
        )
        await worker.start()
        await worker.run()

    def _close(self) -> None:
        for process in list(self._processes):
            process.die()
        if tasks := asyncio.all_tasks(self._virtual):  # none, if a definition was refused
            for task in tasks:
                task.cancel()
            self._virtual.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._virtual.close()


def _steps_of(workflows: tuple[Workflow, ...]) -> list[Step]:
    """All steps, those of groups too."""
    every = [each for workflow in workflows for each in (*groups_in(workflow), workflow)]
    return [step for each in every for step in (*each.steps, *each.finally_)]


def _used_by(workflows: tuple[Workflow, ...]) -> tuple[list[str], dict[str, tuple[str, ...]]]:
    """The handlers that they use; and by handler, the types of errors that its policies name."""
    errors: dict[str, set[str]] = {}
    for step in _steps_of(workflows):
        for handler, retry in (
            (step.uses, step.retry),
            (step.fallback.uses if step.fallback else "", ()),
            (step.saga.uses if step.saga else "", step.saga.retry if step.saga else ()),
        ):
            if handler:
                rules: tuple[RetryPolicy, ...] = retry if isinstance(retry, tuple) else (retry,)
                named = {name for rule in rules for name in (*rule.on, *rule.non_retryable)}
                errors.setdefault(handler, set()).update(named)
    return sorted(errors), {name: tuple(sorted(found)) for name, found in errors.items()}


def _repeated(calls: list[Call]) -> tuple[Counter[str], Counter[str]]:
    again: Counter[str] = Counter()
    retried: Counter[str] = Counter()
    before: dict[str, Ending] = {}
    for call in calls:
        ended = before.get(call.key)
        if ended is Ending.RAISED:
            retried[call.handler] += 1
        elif ended is not None:
            again[call.handler] += 1
        before[call.key] = call.ending
    return again, retried
