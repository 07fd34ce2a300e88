"""Starts of a workflow that replace each other: only the last one begins (`core.debounce`).

    the run's record      PENDING until its time, as far as others are known
    the key's record      says that this run is the last, and when it begins
    the one before it     is asked to stop: it has been replaced
    its time has come     the key's record says that it has begun, then it begins

What if a coordinator dies? The start's message comes again, and finds the records as it left them.
If the one before it was not asked to stop, it finds out when its own time has come: it begins
only over a record that has nobody behind it. Who has begun is asked by nobody: it was the last when
it began, and who came then has replaced nobody; and the record knows it.
"""

from __future__ import annotations

__all__ = ["Debouncing"]

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.codec.cloudevents import EventData
from flowworker.codec.keys import START
from flowworker.coordinator.commands.addressing import publish_to_run
from flowworker.coordinator.commands.lateness import REMEMBERED
from flowworker.coordinator.commands.rejection import Rejected
from flowworker.coordinator.commands.requests import read_object
from flowworker.core.debounce import begun, debounce_id, is_behind, taken_over
from flowworker.core.event_types import EventType
from flowworker.core.status import TERMINAL, RunStatus
from flowworker.core.waiting import EARLY
from flowworker.errors import Conflict, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowworker.clock import Clock
    from flowworker.core.debounce import Debounce, DebounceRecord
    from flowworker.core.model import Workflow
    from flowworker.core.records import RunRecord
    from flowworker.evaluation.admissions import Admissions
    from flowworker.stores.stores import Stores

_TRIES = 20
"""Conflicts in a row after which it has to be tried again later."""


class Debouncing:
    """One for all starts that a coordinator takes in, and for those whose time has come."""

    def __init__(self, stores: Stores, keys: Admissions, clock: Clock) -> None:
        """Keep which one is the last in these stores."""
        self._stores = stores
        self._store = stores.debounces
        self._runs = stores.runs
        self._backend = stores.backend
        self._keys = keys
        self._clock = clock

    def key(
        self, workflow: Workflow, begins_at: float, data: bytes, labels: Mapping[str, str]
    ) -> str:
        """The id of the key that a start has; empty if it waits for no others.

        Raises:
            Rejected: it is to begin later in any case.
            InvalidInput: its key has no value.
        """
        says = workflow.debounce
        if says is None:
            return ""
        if begins_at:
            why = f"starts of {workflow.name} replace each other (`debounce`)"
            raise Rejected(f"{why}: they cannot say when they begin")
        values = {"input": read_object(data), "labels": labels}
        key = self._keys.key(says.key, "debounce", values)
        return debounce_id(workflow.name, key)

    async def delayed(self, record: RunRecord, workflow: Workflow) -> RunRecord:
        """A new run's record, so that it begins once it is clear that it is the last one."""
        says = workflow.debounce
        if says is None or not record.debounce:
            return record
        found, _ = await self._store.load(record.debounce)
        last = await self._with(found, record, says)
        is_last = last.origin == record.origin
        begins_at = last.begins_at if is_last else record.created_at
        return replace(record, status=RunStatus.PENDING, begins_at=begins_at)

    async def replace(self, record: RunRecord) -> None:
        """A run that has its record comes: the one is asked to stop in whose place it comes."""
        if not record.debounce or not record.begins_at:
            return
        found = await self._come(record, begins=False)
        if found.origin != record.origin or not found.replaced:
            return
        before = await self._runs.load(found.replaced)
        if before is None or before[0].debounce != record.debounce:
            return
        if is_behind(record.origin, before[0].origin):  # else it is another one of that id
            await self._stop(before[0], record.run)

    async def may_begin(self, record: RunRecord) -> bool:
        """Whether a run begins whose time has come; else it is asked to stop, or waits on."""
        if not record.debounce or not record.begins_at:
            return True
        found = await self._come(record, begins=True)
        if begun(found, record.origin) is None:
            known = await self._runs.load(record.run)  # it may have begun long ago
            if known is None or is_behind(record.origin, known[0].origin):
                raise Unavailable(f"what was read of run {record.run} is stale")
            if known[0].origin == record.origin:
                await self._stop(known[0], found.run)
            return False
        if found.origin != record.origin or found.begun:
            return True
        # What it came behind has begun meanwhile, so that it has more time
        left = found.begins_at - self._clock.now()
        if left > EARLY:
            # By the timer's clock it may be time: set to then, it would go off again and again.
            await self._clock.sleep(EARLY)
            await self._backend.timers.set(record.run, START, found.begins_at)
            return False
        await self._clock.sleep(left)
        return await self.may_begin(record)

    async def forget(self, record: RunRecord) -> None:
        """A run is removed: so is the record of its key, if no other one has come since.

        Not while one that it has replaced may not know that yet; then it stays.
        """
        if not record.debounce:
            return
        found, revision = await self._store.load(record.debounce)
        is_old = self._clock.now() - found.begins_at > REMEMBERED
        if found.origin == record.origin and is_old:
            await self._store.remove(record.debounce, revision)

    async def _come(self, record: RunRecord, *, begins: bool) -> DebounceRecord:
        """The record of its key once a run has come, and has begun, if it is to and it is time."""
        plan = await self._stores.plan(record)
        says = None if plan is None else plan.workflow.debounce
        if says is None:
            raise Unavailable(f"the definition of run {record.run} cannot be read")
        for _ in range(_TRIES):
            found, revision = await self._store.load(record.debounce)
            after = await self._with(found, record, says)
            if begins and after.begins_at <= self._clock.now():
                after = begun(after, record.origin) or after
            if after == found:
                return found
            with suppress(Conflict):
                await self._store.save(after, revision)
                return after
        why = "changes all the time, or what was read is stale"
        raise Unavailable(f"debounce {record.debounce} {why}")

    async def _with(
        self, found: DebounceRecord, record: RunRecord, says: Debounce
    ) -> DebounceRecord:
        """The record of its key once a run has come."""
        last = partial(taken_over, found, says, record.run, record.origin, record.created_at)
        if last() is found or not last().replaced:
            return last()
        before = await self._runs.load(found.run)
        if before is None or before[0].origin != found.origin:
            return last(over=True)
        return last(over=before[0].stop is not None)

    async def _stop(self, record: RunRecord, last: str) -> None:
        """Say to a run that waits that another one has come."""
        if record.status in TERMINAL or record.stop is not None or not record.begins_at:
            return
        data = EventData(
            id=record.run,
            name=record.workflow,
            version=record.version,
            reason=f"replaced by run {last}, which was started later (debounce)",
            at=self._clock.now(),
        )
        kind = EventType.CANCEL_REQUESTED
        with suppress(Rejected):  # it has ended meanwhile
            await publish_to_run(self._backend, record, "debounce", kind, data, "debounce")
