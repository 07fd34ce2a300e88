"""A run that was there before it may begin: its time has come, or its limits let it in."""

from __future__ import annotations

__all__ = ["Beginning"]

from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.codec.cloudevents import run_started_event
from flowworker.codec.index import entry_of
from flowworker.codec.json import encode
from flowworker.core.status import RunStatus

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.core.records import RunRecord
    from flowworker.stores.stores import Stores


class Beginning:
    """Begins such runs."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        """Write to these stores, and publish to the backend's event log."""
        self._runs = stores.runs
        self._backend = stores.backend
        self._clock = clock

    async def begin(self, before: RunRecord, revision: int) -> None:
        """Have a run begin whose record is at that revision.

        Raises:
            Conflict: another process has changed it.
        """
        admission = before.admission
        record = replace(
            before,
            status=RunStatus.RUNNING,
            begins_at=0.0,
            created_at=self._clock.now(),
            admission=None if admission is None else replace(admission, admitted=True),
        )
        await self._runs.save(record, revision)
        await self._announce(record)
        await self._runs.unindex(entry_of(before))

    async def again(self, record: RunRecord) -> None:
        """The same of one that has begun, since what follows may not have been done."""
        await self._announce(record)
        # the record does not know any more when it was accepted
        await self._runs.unindex_pending(record)

    async def _announce(self, record: RunRecord) -> None:
        # What was asked for before may be followed first, and its coordinator may have forgotten it
        # by then: so that reads the records, instead of beginning what the event has.
        event = run_started_event(self._backend.namespace, record, 0)
        await self._runs.index(entry_of(record))
        await self._backend.events.publish(
            record.run, event.type, encode(event), event.id, once=True
        )
