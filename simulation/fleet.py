"""The processes of a world: they start, suffer, end, and are started anew."""

from __future__ import annotations

__all__ = ["Fleet", "Scene"]

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.coordinator import Coordinator
from flowworker.core.staleness import MAX_STALENESS
from flowworker.errors import FlowworkerError
from flowworker.simulate.heartbeat import LoopHeartbeat
from flowworker.stores.stores import stores_of
from flowworker.worker import Worker
from simulation.gate import Gate
from simulation.handlers import HANDLERS, simulated_app
from simulation.ports import backend_of
from simulation.process import Process
from simulation.slots import watch_limits, watch_slots
from simulation.stale_reads import StaleView

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from contextvars import Context
    from random import Random
    from typing import Any

    from flowworker.handlers import App
    from flowworker.ports import Backend
    from flowworker.settings import Settings
    from flowworker.simulate.loop import VirtualLoop
    from flowworker.telemetry.metrics import Metrics
    from simulation.faults import Faults
    from simulation.handlers import Behaviour
    from simulation.stale_reads import Archive
    from simulation.trace import Trace
    from simulation.watch import Watch

    Main = Callable[[Process, Backend], Coroutine[Any, Any, None]]

MAX_SKEW = 8.0
"""Seconds by which a wall clock may be wrong."""

SLACK = 3 * MAX_SKEW
"""Seconds by which two may differ, and the same one from itself of a moment ago."""

_INCOMPLETE = 0.2
"""Share of workers, beside the first, that lack a handler."""

_LONGEST_PAUSE = 5.0
"""Seconds until a process that ended is started anew."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Where the processes of a world live.

    Attributes:
        backend: what is durable, before anything goes wrong on the way to it.
        archive: what was durable.
        outside: the context in which the effects of their calls happen.
        lacking: draws which handlers a worker does not have.
    """

    random: Random
    virtual: VirtualLoop
    backend: Backend
    settings: Settings
    metrics: Metrics
    faults: Faults
    watch: Watch
    archive: Archive
    trace: Trace
    outside: Context
    lacking: Random


class Fleet:
    """Coordinators and workers, some of each."""

    def __init__(self, scene: Scene, behaviour: Behaviour, *, one_slot: bool) -> None:
        """Nothing runs before `start`; then one slot is all that works, if wanted."""
        self.processes: list[Process] = []
        self._scene = scene
        self._one_slot = one_slot
        self._app = simulated_app(behaviour)
        self._parts = [simulated_app(behaviour, name) for name in HANDLERS]
        self._ends: dict[Process, Callable[[], object]] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._started = 0
        self._workers: dict[Process, Worker] = {}
        if scene.faults.rates.jump:
            scene.watch.slack = SLACK

    def start(self) -> None:
        """Start all, and whatever befalls them."""
        roles: tuple[tuple[str, Main, Main], ...] = (
            ("c", self._coordinate, self._coordinate),
            ("w", self._work, self._help),
        )
        for kind, first, others in roles:
            count = self._scene.random.choice((1, 2, 2, 3))
            for number in range(1 if kind == "w" and self._one_slot else count):
                main = others if number else first
                keeper = self._scene.virtual.create_task(self._keep(kind, main))
                self._keepers.append(keeper)
        scene = self._scene
        scene.virtual.create_task(self._suffer())
        watching = watch_slots(scene.virtual, scene.backend, self._workers, scene.watch.fail)
        scene.virtual.create_task(watching)
        if scene.watch.limits.wanted:
            scene.virtual.create_task(watch_limits(scene.virtual, scene.watch))

    def shrink(self) -> None:
        """All die but one coordinator, and stay dead."""
        for keeper in self._keepers[1:]:
            keeper.cancel()

    async def _keep(self, kind: str, main: Main) -> None:
        """One of the fleet: whenever it ended it is started anew."""
        while True:
            self._started += 1
            skew = (
                self._scene.random.uniform(-1, 1) * MAX_SKEW
                if self._scene.faults.rates.jump
                else 0.0
            )
            process = Process(f"{kind}{self._started}", self._scene.virtual, skew)
            gate = Gate(process, self._scene.faults, self._scene.trace, self._scene.outside)
            backend = backend_of(
                gate,
                self._scene.backend,
                self._scene.watch,
                self._scene.archive,
                self._scene.virtual,
            )
            self.processes.append(process)
            self._scene.trace.note(process.name, f"starts, its clock {skew:+.3f} s")
            process.spawn(self._live(process, main(process, backend)))
            try:
                await process.died.wait()
            finally:
                process.die()
            self._scene.trace.note(process.name, "is gone")
            self.processes.remove(process)
            self._ends.pop(process, None)
            self._workers.pop(process, None)
            self._scene.watch.replays.coordinators.pop(process, None)
            await asyncio.sleep(self._scene.random.random() * _LONGEST_PAUSE)

    async def _live(self, process: Process, main: Coroutine[Any, Any, None]) -> None:
        try:
            await main
        except FlowworkerError as error:
            self._scene.trace.note(process.name, f"ends: {error}")
        except Exception as error:  # noqa: BLE001
            self._scene.watch.fail("defect: a process ended", repr(error))
        finally:
            process.die()

    async def _coordinate(self, process: Process, backend: Backend) -> None:
        stores = stores_of(backend, self._scene.settings)
        coordinator = Coordinator(stores, process.clock, process.name, self._scene.metrics)
        self._scene.watch.replays.coordinators[process] = coordinator
        running = asyncio.create_task(coordinator.run())
        self._ends[process] = running.cancel
        await asyncio.wait([running])
        if not running.cancelled():
            running.result()

    async def _work(self, process: Process, backend: Backend) -> None:
        await self._serve(process, backend, self._app)

    async def _help(self, process: Process, backend: Backend) -> None:
        """As in a deployment, some do not have what others have."""
        lacking = self._scene.lacking
        app = lacking.choice(self._parts) if lacking.random() < _INCOMPLETE else self._app
        await self._serve(process, backend, app)

    async def _serve(self, process: Process, backend: Backend, app: App) -> None:
        slots = self._scene.random.choice((1,) if self._one_slot else (1, 2, 8))
        worker = Worker(
            stores_of(backend, replace(self._scene.settings, concurrency=slots)),
            app,
            process.clock,
            worker_id=process.name,
            metrics=self._scene.metrics,
            make_thread=LoopHeartbeat,
        )
        await worker.start()
        if app is self._app:  # others have free slots while what they lack a handler for waits
            self._workers[process] = worker
        self._ends[process] = lambda: process.spawn(worker.drain())
        await worker.run()

    async def _suffer(self) -> None:
        """What befalls processes out of themselves, second by second."""
        faults, rates, random = self._scene.faults, self._scene.faults.rates, self._scene.random
        while faults.on:
            await asyncio.sleep(random.random() * 2)
            for process in list(self.processes):
                if faults.chance("killed", rates.killed):
                    process.die()
                elif faults.chance("stalled", rates.stalled):
                    seconds = random.uniform(0.2, 2.5) * self._scene.settings.lease
                    process.stalled_until = self._scene.virtual.moment + seconds
                    self._scene.trace.note(process.name, f"stands still for {seconds:.3f} s")
                elif faults.chance("stale reads", rates.stale):
                    self._cut_off(process)
                elif faults.chance("clock jumped", rates.jump):
                    process.clock.skew = random.uniform(-1, 1) * MAX_SKEW
                    self._scene.trace.note(
                        process.name, f"its clock is {process.clock.skew:+.3f} s"
                    )
                elif process in self._ends and faults.chance("drained", rates.drained):
                    self._scene.trace.note(process.name, "is asked to end")
                    self._ends.pop(process)()

    def _cut_off(self, process: Process) -> None:
        """From now on it talks to a node that has been alone for a while, and knows nothing new."""
        scene, random = self._scene, self._scene.random
        what = random.choice(("records", "records", "histories", "both"))
        since = scene.virtual.moment - random.random() * MAX_STALENESS / 2
        until = scene.virtual.moment + random.random() * MAX_STALENESS / 2
        if what != "records":
            scene.watch.misled = True
        process.stale = StaleView(
            until,
            None if what == "histories" else scene.archive.records_at(since),
            None if what == "records" else scene.archive.histories_at(since),
        )
        scene.trace.note(process.name, f"sees {what} of {since:.3f} until {until:.3f}")
