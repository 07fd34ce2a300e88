"""Starts of a workflow that replace each other: only the last one begins (`core.debounce`).

    the key's record      says that this start is the last, and when it begins
    the run's record      PENDING until then
    the one before it     is asked to stop: it has been replaced
    its time has come     the key's record says that it has begun, then it begins

What if a coordinator dies? The start's message comes again, and finds the key's record as it left
it. If the one before it was not asked to stop, it finds out when its own time has come: it begins
only over a record that has nobody behind it.
"""

from __future__ import annotations

__all__ = ["Debouncing"]

from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.codec.cloudevents import EventData
from flowworker.coordinator.commands.addressing import publish_to_run
from flowworker.coordinator.commands.rejection import Rejected
from flowworker.coordinator.commands.requests import read_object
from flowworker.core.debounce import DebounceRecord, begun, debounce_id, taken_over
from flowworker.core.event_types import EventType
from flowworker.core.status import TERMINAL, RunStatus
from flowworker.errors import Conflict, InvalidInput, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowworker.clock import Clock
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
        self._store = stores.debounces
        self._runs = stores.runs
        self._backend = stores.backend
        self._keys = keys
        self._clock = clock

    async def delayed(self, record: RunRecord, workflow: Workflow, data: bytes) -> RunRecord:
        """A new run's record, so that it begins once it is clear that it is the last one.

        Raises:
            Rejected: its key has no value, or it is to begin later in any case.
        """
        says = workflow.debounce
        if says is None or await self._runs.load(record.run) is not None:
            return record
        if record.begins_at:
            why = f"starts of {workflow.name} replace each other (`debounce`)"
            raise Rejected(f"{why}: they cannot say when they begin")
        values = {"input": read_object(data), "labels": record.labels}
        try:
            key = self._keys.key(says.key, "debounce", values)
        except InvalidInput as error:
            raise Rejected(str(error)) from error
        known = DebounceRecord(debounce_id(workflow.name, key))

        def last(found: DebounceRecord) -> DebounceRecord:
            return taken_over(found, says, record.run, record.origin, self._clock.now())

        found = await self._changed(known.id, last)
        is_last = found.run == record.run
        begins_at = found.begins_at if is_last else self._clock.now()
        return replace(record, status=RunStatus.PENDING, begins_at=begins_at, debounce=known.id)

    async def replace(self, record: RunRecord) -> None:
        """Ask the one to stop in whose place a run has come; or that run, if another has come."""
        if not record.debounce:
            return
        found, _ = await self._store.load(record.debounce)
        if begun(found, record.run, record.origin) is None:
            await self._stop(record, found.run)
        elif found.run == record.run and found.replaced:
            before = await self._runs.load(found.replaced)
            if before is not None and before[0].debounce == record.debounce:
                await self._stop(before[0], record.run)

    async def may_begin(self, record: RunRecord) -> bool:
        """Whether a run begins whose time has come; else it is asked to stop."""
        if not record.debounce or not record.begins_at:
            return True
        replaced: list[str] = []

        def begins(found: DebounceRecord) -> DebounceRecord:
            after = begun(found, record.run, record.origin)
            if after is None:
                replaced.append(found.run)
            return after or found

        await self._changed(record.debounce, begins)
        if replaced:
            await self._stop(record, replaced[-1])
        return not replaced

    async def _changed(
        self, key: str, change: Callable[[DebounceRecord], DebounceRecord]
    ) -> DebounceRecord:
        for _ in range(_TRIES):
            found, revision = await self._store.load(key)
            after = change(found)
            if after == found:
                return found
            with suppress(Conflict):
                await self._store.save(after, revision)
                return after
        raise Unavailable(f"debounce {key} changes all the time, or what was read is stale")

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
