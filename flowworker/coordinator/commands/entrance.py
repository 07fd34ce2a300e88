"""A run that has its record comes to be known, and begins: now, later, or once limits let it in.

Whatever makes runs comes by here with them: starts, steps with children, schedules and reruns.
"""

from __future__ import annotations

__all__ = ["Entrance"]

from typing import TYPE_CHECKING

from flowworker.codec.cloudevents import run_started_event, scheduled_event
from flowworker.codec.index import entry_of
from flowworker.codec.json import encode
from flowworker.codec.keys import RETENTION, START
from flowworker.coordinator.commands.inputs import forget_input, input_name
from flowworker.coordinator.commands.lateness import LONGEST, REMEMBERED
from flowworker.coordinator.commands.rejection import Rejected
from flowworker.coordinator.limits.gate import TurnedAway
from flowworker.core.ids import sequence_of
from flowworker.core.limit import Strategy
from flowworker.errors import RunRefused, Unavailable

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.coordinator.limits.gate import Gate
    from flowworker.core.records import RunRecord
    from flowworker.stores.stores import Stores


class Entrance:
    """One for all runs that a coordinator makes."""

    def __init__(self, stores: Stores, gate: Gate, clock: Clock) -> None:
        """List runs in these stores, and publish to the backend's event log."""
        self._backend = stores.backend
        self._runs = stores.runs
        self._payloads = stores.payloads
        self._gate = gate
        self._clock = clock

    async def enter(self, record: RunRecord, revision: int) -> TurnedAway | None:
        """Announce a run that is new; why it is not to be, if its limits say so, or have."""
        if record.admission is not None and record.refused:  # and it was not removed
            return TurnedAway(record.refused, Strategy.SKIP, record.admission.retry_at)
        try:
            await self._announce(record, revision)
        except TurnedAway as turned_away:
            if turned_away.strategy is Strategy.SKIP:
                return turned_away
            await self._gate.cancelling.cancel(record, str(turned_away))
        return None

    async def close(self, record: RunRecord, why: TurnedAway) -> TurnedAway | None:
        """See to it that a run is not to be, and why; None if another process has let it in.

        It is there until it is removed, so that who meets it does the rest.
        """
        return await self._gate.close(record, why)

    async def put_away(self, record: RunRecord) -> None:
        """Remove what there is of a run that is not to be, and its input.

        Its record stays as long as somebody may know less: who has the same message, or the same
        time of a schedule, meets it, and makes no run. Then an alarm removes it.

        Raises:
            Unavailable: it took so long that another run may have the id by now.
        """
        until = self._clock.monotonic() + LONGEST
        found = await self._runs.load(record.run)
        if found is None or found[0].origin != record.origin or not found[0].refused:
            return  # another process has done so
        await forget_input(self._payloads, record.run, input_name(record.origin))
        if self._clock.monotonic() > until:
            raise Unavailable(f"it took too long to remove run {record.run}")
        await self._runs.unindex(entry_of(record))  # it may have waited at first
        await self._backend.timers.set(record.run, RETENTION, self._clock.now() + REMEMBERED)

    async def make_way(self, record: RunRecord, sequence: int) -> None:
        """Free the id of a run that was refused for a start that was sent later.

        Raises:
            Rejected: it was sent earlier.
            Unavailable: it is to be tried again, since the id is free by then.
        """
        if sequence_of(record.origin) > sequence:
            raise Rejected(record.refused, RunRefused.__name__)
        found = await self._runs.load(record.run)
        if found is not None and found[0].refused and found[0].origin == record.origin:
            await self._runs.remove(record.run, found[1])
        raise Unavailable(f"run id {record.run} was of a start that was refused")

    async def announce(self, record: RunRecord, revision: int) -> None:
        """List a run and publish that it is started, or have it wait for that. Idempotent.

        With revision 0 its scheduler reads the records, else it takes the run to be as it is here.
        """
        if (why := await self.enter(record, revision)) is not None:
            await self._gate.cancelling.cancel(record, str(why))

    async def _announce(self, record: RunRecord, revision: int) -> None:
        if record.is_asking:
            await self._gate.enter(record)
            return
        # First: what ends is looked after as long as it is listed as unfinished, and a run that is
        # announced may end before another try to list it.
        await self._runs.index(entry_of(record))
        if record.begins_at:
            await self._delay(record)
        else:
            await self._publish_started(record, revision)

    async def _publish_started(self, record: RunRecord, revision: int) -> None:
        event = run_started_event(self._backend.namespace, record, revision)
        await self._backend.events.publish(
            record.run, event.type, encode(event), event.id, once=True
        )

    async def _delay(self, record: RunRecord) -> None:
        """Have the run begin in its time, and say so, unless it was stopped before that."""
        event = scheduled_event(self._backend.namespace, record)
        await self._backend.timers.set(record.run, START, record.begins_at)
        await self._backend.events.publish_before_end(
            record.run, event.type, encode(event), event.id, once=True
        )
