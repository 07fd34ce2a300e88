"""The runs that a coordinator holds in memory: begun or rebuilt, followed, forgotten.

They are a cache of records, and never more: what is forgotten can be rebuilt at any time. A run
whose effects were not all performed, for whatever reason, is forgotten, since what is in memory
says that they were.
"""

from __future__ import annotations

__all__ = ["Active", "ActiveRuns"]

import itertools
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowworker.codec.facts import begun_run
from flowworker.core.decide import decide
from flowworker.core.rebuild import rebuild
from flowworker.core.state import initial
from flowworker.core.status import TERMINAL
from flowworker.errors import Unavailable

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator

    from flowworker.clock import Clock
    from flowworker.codec.cloudevents import CloudEvent
    from flowworker.coordinator.effects import Effects
    from flowworker.core.events import Event
    from flowworker.core.graph import Plan
    from flowworker.core.state import RunState
    from flowworker.stores.definitions import DefinitionStore
    from flowworker.stores.runs import RunStore
    from flowworker.telemetry.metrics import Metrics

_CANDIDATES = 16
"""Runs that are looked at to find some that can be forgotten."""


@dataclass(slots=True)
class Active:
    """A run in memory.

    Attributes:
        generation: of the partition's view that it belongs to.
        touched: when something last happened to it (monotonic seconds).
        checked: how often recovery found it idle since then.
        delayed: dispatches that wait for a short delay; what caused them must not be acknowledged
            before they are done.
    """

    plan: Plan
    state: RunState
    generation: int
    touched: float
    checked: int = 0
    delayed: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def over(self) -> bool:
        """Whether it has come to its end."""
        return self.state.status in TERMINAL


class ActiveRuns:
    """Those of one partition, by their ids."""

    def __init__(
        self,
        runs: RunStore,
        definitions: DefinitionStore,
        effects: Effects,
        clock: Clock,
        metrics: Metrics,
        most: Callable[[], int],
        is_busy: Callable[[str], bool],
    ) -> None:
        """Hold no more than `most` says, but forget none that `is_busy`."""
        self._runs = runs
        self._definitions = definitions
        self._effects = effects
        self._clock = clock
        self._metrics = metrics
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
            Unavailable: among others, if the records are older than what was told of them.
        """
        told = await self._effects.told(run)  # first, so that the records must know all of it
        if cause is not None and cause.id not in told:
            told.add(cause)
        found = await self._runs.load(run)
        steps = {} if found is None else await self._runs.load_steps(run)
        if told.is_ahead(found[1] if found else 0, steps, self._clock.now()):
            raise Unavailable(f"what was read of run {run} is outdated")
        if found is None:
            self.forget(run)
            return None
        if not found[0].definition:  # a checkpoint that nobody has resumed
            self.forget(run)
            await self._runs.relist(found[0])
            return None
        record, revision = found
        plan = await self._definitions.by_hash(record.definition)
        state, commands = rebuild(
            plan,
            record,
            revision,
            steps,
            self._clock.now(),
            abandoned=abandoned,
            requests=told.requests,
        )
        active = self._keep(plan, state, generation)
        self._metrics.recoveries.inc()
        with self._trusted(run):
            await self._effects.retell(record, steps, told)
            await self._effects.perform(active, commands, told=told)
        # Last: once an ended run is not listed as unfinished, nobody looks after it any more.
        await self._runs.relist(active.state.record)
        if active.over:
            self.forget(run)
        return active

    async def follow(self, active: Active, fact: Event) -> bool:
        """Do what follows from a fact; whether it changed anything.

        Raises:
            Conflict: another coordinator changed the run; the memory of it is outdated.
        """
        before = active.state
        active.state, commands = decide(active.plan, before, fact, self._clock.now())
        changed = active.state is not before
        with self._trusted(before.record.run):
            await self._effects.perform(active, commands)
        return changed

    def forget(self, run: str) -> None:
        """Hold it no more; its delayed dispatches are not made."""
        active = self._active.pop(run, None)
        if active is not None:
            for task in active.delayed:
                task.cancel()

    @contextmanager
    def _trusted(self, run: str) -> Iterator[None]:
        """Hold a run in memory unless its effects fail."""
        try:
            yield
        except BaseException:  # also if cancelled: others may still handle what comes for the run
            self.forget(run)
            raise

    def _keep(self, plan: Plan, state: RunState, generation: int) -> Active:
        active = Active(plan, state, generation, self._clock.monotonic())
        self._active[state.record.run] = active
        surplus = len(self._active) - self._most()
        if surplus > 0:
            # Those that were taken in first, unless they are being worked on.
            eldest = list(itertools.islice(self._active, _CANDIDATES))
            idle = (
                one for one in eldest if not self._is_busy(one) and not self._active[one].delayed
            )
            for run in itertools.islice(idle, surplus):
                self.forget(run)
        return active
