"""Runs that are cancelled for others: for want of a place, or so that there is one."""

from __future__ import annotations

__all__ = ["Cancelling", "allowed"]

from typing import TYPE_CHECKING

from flowworker.codec.cloudevents import EventData, cloud_event
from flowworker.codec.json import encode
from flowworker.core.admission import giving_way
from flowworker.core.event_types import EventType
from flowworker.core.status import TERMINAL

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.core.limit import Use
    from flowworker.core.records import RunRecord
    from flowworker.stores.stores import Stores


class Cancelling:
    """Asks runs to stop, as anybody may; to do so twice is to do it once."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        """Publish to the backend's event log."""
        self._runs = stores.runs
        self._limits = stores.limits
        self._backend = stores.backend
        self._clock = clock

    async def cancel(self, record: RunRecord, why: str) -> None:
        """Ask a run to stop, unless it does."""
        if record.stop is not None or record.status in TERMINAL:
            return
        if record.is_asking:  # nobody may have listed it yet
            await self._runs.list_early(record)
        now = self._clock.now()
        data = EventData(
            id=record.run,
            name=record.workflow,
            version=record.version,
            reason=why,
            at=now,
            origin=record.origin,
        )
        kind = EventType.CANCEL_REQUESTED
        event = cloud_event(self._backend.namespace, kind, data, now, "limit")
        await self._backend.events.publish_before_end(
            record.run, event.type, encode(event), event.id
        )

    async def make_room(self, use: Use) -> None:
        """Cancel all that hold a limit or wait for it but the newest, somebody waits.

        What is read of it may be old: then it names runs that are over, or leaves out others, whose
        coordinators do the same.
        """
        record, _ = await self._limits.load(use.limit)
        places = {one.run: one.ticket for one in record.holders}
        places |= {one.run: one.ticket for one in await self._limits.waiting(use.limit)}
        concurrency = record.concurrency if use.concurrency is None else use.concurrency
        for run, newer in giving_way(places, concurrency).items():
            found = await self._runs.load(run)
            admission = None if found is None else found[0].admission
            if found is None or admission is None or admission.ticket != places[run]:
                continue
            why = f"run {newer} takes its place: its workflow allows {allowed(concurrency)}"
            await self.cancel(found[0], why)


def allowed(concurrency: int) -> str:
    """So many runs, in words."""
    return "one at a time" if concurrency == 1 else f"{concurrency:,} at a time"
