"""The runs that a coordinator holds in memory: begun or rebuilt, followed, forgotten.

They are a cache of records, and never more: what is forgotten can be rebuilt at any time. A run
whose effects were not all performed, for whatever reason, is forgotten, since what is in memory
says that they were.

Decisions about a run are made one after the other. What they have for effect overlaps if it is
nothing but step messages: nobody can tell in which order these were enqueued. All else waits until
the step messages of earlier decisions are durable, and then has the run for itself.

Safety: an event is acknowledged when its own effects are durable, whatever becomes of those of
others. If some fail, their event comes again and the run is forgotten; what was decided upon
meanwhile followed from facts, and holds. Liveness: nothing waits but for effects of earlier events.
"""

from __future__ import annotations

__all__ = ["Active", "ActiveRuns"]

import asyncio
import itertools
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowworker.codec.facts import begun_run
from flowworker.coordinator.performer import only_dispatches
from flowworker.core.decide import decide
from flowworker.core.rebuild import rebuild
from flowworker.core.state import initial
from flowworker.core.status import TERMINAL
from flowworker.errors import Conflict, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from flowworker.clock import Clock
    from flowworker.codec.cloudevents import CloudEvent
    from flowworker.coordinator.performer import Performer
    from flowworker.core.facts import Fact
    from flowworker.core.graph import Plan
    from flowworker.core.state import RunState
    from flowworker.stores.definitions import DefinitionStore
    from flowworker.stores.runs import RunStore
    from flowworker.telemetry.metrics import Metrics

_CANDIDATES = 16
"""Runs that are looked at to find some that can be forgotten."""

_ABREAST = 64
"""Events of one run whose effects are under way at a time."""


class Inflight:
    """Effects of one run that are performed while its next events are decided upon."""

    def __init__(self) -> None:
        """Nothing is under way."""
        self._count = 0
        self._ended = asyncio.Event()

    def __bool__(self) -> bool:
        return self._count > 0

    async def at_most(self, most: int) -> None:
        """Wait until no more than `most` are under way."""
        while self._count > most:
            self._ended.clear()
            await self._ended.wait()

    @contextmanager
    def one(self) -> Iterator[None]:
        """One more, as long as this lasts."""
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1
            self._ended.set()


@dataclass(slots=True)
class Active:
    """A run in memory.

    Attributes:
        generation: of the partition's view that it belongs to.
        touched: when something last happened to it (monotonic seconds).
        checked: how often recovery found it idle since then.
        inflight: step messages of decided events that are being enqueued.
        delayed: dispatches that wait for a short delay; what caused them must not be acknowledged
            before they are done.
    """

    plan: Plan
    state: RunState
    generation: int
    touched: float
    checked: int = 0
    inflight: Inflight = field(default_factory=Inflight)
    delayed: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def over(self) -> bool:
        """Whether it has come to its end."""
        return self.state.status in TERMINAL

    def moves_on(self, queued: Collection[str]) -> bool:
        """Whether something durable moves it on, or a human: nothing needs to be repeated.

        Args:
            queued: steps of it that have messages.
        """
        if self.inflight or any(not dispatch.done() for dispatch in self.delayed):
            return True
        state = self.state
        if state.record.stop is not None and state.saga is None:
            return False  # what is fenced may be in the hands of a worker that is gone
        awaited = state.inflight or state.waiting
        return bool(awaited) and set(queued).issuperset(state.inflight)


class ActiveRuns:
    """Those of one partition, by their ids."""

    def __init__(
        self,
        runs: RunStore,
        definitions: DefinitionStore,
        performer: Performer,
        clock: Clock,
        metrics: Metrics,
        rebuilds: asyncio.Semaphore,
        most: Callable[[], int],
        is_busy: Callable[[str], bool],
    ) -> None:
        """Hold no more than `most` says, but forget none that `is_busy`.

        Rebuild as many at a time as `rebuilds` allows, which all partitions share: each costs
        several requests, and when a partition is taken over many runs want it at once.
        """
        self._runs = runs
        self._definitions = definitions
        self._performer = performer
        self._clock = clock
        self._metrics = metrics
        self._rebuilds = rebuilds
        self._most = most
        self._is_busy = is_busy
        self._active: dict[str, Active] = {}

    def __len__(self) -> int:
        return len(self._active)

    def get(self, run: str) -> Active | None:
        """A run, if it is in memory."""
        return self._active.get(run)

    def delayed(self) -> list[asyncio.Task[None]]:
        """Dispatches of all runs that wait for a short delay."""
        return [task for active in self._active.values() for task in active.delayed]

    async def begin(self, event: CloudEvent, generation: int) -> Active:
        """A run that has just started: all that is known of it stands in the event.

        The view is that of when the event arrived: others may have seen later ones since then.
        """
        record = begun_run(event)
        plan = await self._definitions.by_hash(record.definition)
        return self._keep(plan, initial(plan, record, event.data.revision), generation)

    async def load(
        self,
        run: str,
        generation: int,
        *,
        cause: CloudEvent | None = None,
        abandoned: bool = False,
    ) -> Active | None:
        """A run from its records, with whatever may have been lost repeated; None if gone.

        Args:
            run: its id.
            generation: of the partition's view, from before this call.
            cause: what the records must show as well, if they may not be outdated.
            abandoned: nobody executes any attempt of it, whatever leases say.

        Raises:
            Conflict: another coordinator changed the run meanwhile.
            Unavailable: among others, if the records are older than what was published of them.
        """
        held = self._active.get(run)
        if held is not None:
            await held.inflight.at_most(0)  # what is not there yet would be enqueued twice
            self.forget(held)
        async with self._rebuilds:
            return await self._load(run, generation, cause, abandoned=abandoned)

    async def _load(
        self, run: str, generation: int, cause: CloudEvent | None, *, abandoned: bool
    ) -> Active | None:
        history = await self._performer.history(
            run
        )  # first, so that the records must know all of it
        if cause is not None and cause.id not in history:
            history.add(cause)
        found = await self._runs.load(run)
        steps = {} if found is None else await self._runs.load_steps(run)
        if history.is_ahead(found[1] if found else 0, steps, self._clock.now()):
            raise Unavailable(f"what was read of run {run} is outdated")
        if found is None:
            return None
        if not found[0].definition:  # a checkpoint that nobody has resumed
            await self._runs.relist(found[0])
            return None
        record, revision = found
        plan = await self._definitions.by_hash(record.definition)
        state, effects = rebuild(
            plan,
            record,
            revision,
            steps,
            self._clock.now(),
            abandoned=abandoned,
            requests=history.requests,
        )
        active = self._keep(plan, state, generation)
        self._metrics.recoveries.inc()
        with self._trusted(active):
            await self._performer.publish_missing(record, steps, history)
            await self._performer.perform(active, effects, history=history)
        # Last: once an ended run is not listed as unfinished, nobody looks after it any more.
        await self._runs.relist(active.state.record)
        if active.over:
            self.forget(active)
        return active

    async def follow(
        self, active: Active, fact: Fact, pass_on: Callable[[], None] | None = None
    ) -> bool:
        """Do what follows from a fact; whether it changed anything.

        Args:
            active: the run, of which nobody else follows a fact meanwhile.
            fact: what happened.
            pass_on: called once that has changed, if the effects are still under way then.

        Raises:
            Conflict: the memory of the run is outdated: another coordinator changed it, or effects
                failed that it believes in.
        """
        before = active.state
        state, effects = decide(active.plan, before, fact, self._clock.now())
        overlaps = pass_on is not None and only_dispatches(effects)
        if effects:
            await active.inflight.at_most(_ABREAST - 1 if overlaps else 0)
            if self._active.get(before.record.run) is not active:
                raise Conflict(f"effects of earlier events of run {before.record.run} failed")
        active.state = state
        with self._trusted(active):
            if pass_on is None or not overlaps:
                await self._performer.perform(active, effects)
            else:
                with active.inflight.one():
                    pass_on()
                    await self._performer.perform(active, effects)
        return state is not before

    def forget(self, active: Active) -> None:
        """Hold it no more; its delayed dispatches are not made."""
        run = active.state.record.run
        if self._active.get(run) is active:
            del self._active[run]
        for task in active.delayed:
            task.cancel()

    @contextmanager
    def _trusted(self, active: Active) -> Iterator[None]:
        """Hold a run in memory unless its effects fail."""
        try:
            yield
        except BaseException:  # also if cancelled: others may still handle what comes for the run
            self.forget(active)
            raise

    def _keep(self, plan: Plan, state: RunState, generation: int) -> Active:
        active = Active(plan, state, generation, self._clock.monotonic())
        self._active[state.record.run] = active
        surplus = len(self._active) - self._most()
        if surplus > 0:
            # Those that were taken in first, unless they are being worked on.
            eldest = list(itertools.islice(self._active, _CANDIDATES))
            idle = (one for run in eldest if self._is_idle(run, one := self._active[run]))
            for one in itertools.islice(idle, surplus):
                self.forget(one)
        return active

    def _is_idle(self, run: str, active: Active) -> bool:
        return not (self._is_busy(run) or active.delayed or active.inflight)
