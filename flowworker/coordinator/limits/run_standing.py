"""What became of a run that waits for a limit or holds one, by its record."""

from __future__ import annotations

__all__ = ["RunStanding"]

from typing import TYPE_CHECKING

from flowworker.coordinator.limits.verdict import Verdict
from flowworker.core.staleness import may_be_unseen
from flowworker.core.status import TERMINAL

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.codec.limits import Entry
    from flowworker.core.limit import Holder
    from flowworker.core.records import RunRecord
    from flowworker.stores.limits import Place
    from flowworker.stores.stores import Stores


class RunStanding:
    """Reads the records of runs."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        """Read those of these stores."""
        self._runs = stores.runs
        self._clock = clock

    async def of(self, place: Place, entry: Entry) -> Verdict:
        """Whether a run that waits may be let in."""
        found = await self._runs.load(entry.run)
        record = None if found is None else found[0]
        if record is None or _ticket(record) != place.ticket:
            unseen = self._may_be_unseen(record, place.ticket, place.since)
            return Verdict.UNSEEN if unseen else Verdict.GONE
        if _is_over(record):
            if record.status in TERMINAL and not record.is_asking:
                # It began, and who had it begin died before it was listed as pending no longer: its
                # record does not know any more when it was.
                await self._runs.unindex_pending(record)
            return Verdict.GONE
        return Verdict.OPEN if record.is_asking else Verdict.BEGUN

    async def is_over(self, holder: Holder) -> bool:
        """Whether a run is known to have ended that was let in: it had its record before that."""
        found = await self._runs.load(holder.run)
        record = None if found is None else found[0]
        if record is None or _ticket(record) != holder.ticket:
            return not self._may_be_unseen(record, holder.ticket, holder.since)
        return _is_over(record)

    def _may_be_unseen(self, record: RunRecord | None, ticket: str, since: float) -> bool:
        """Whether a run may be there with that ticket, though there is none, or another one."""
        if record is not None and _ticket(record) > ticket:
            return False
        return may_be_unseen(since, self._clock.now())


def _is_over(record: RunRecord) -> bool:
    """Whether it has ended, or never comes to be."""
    return record.status in TERMINAL or bool(record.refused)


def _ticket(record: RunRecord) -> str:
    return "" if record.admission is None else record.admission.ticket
