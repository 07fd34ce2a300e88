"""A step's record as a worker reads and writes it: repeated while the store is unavailable.

Safety is that of `core.claim`: every write is a compare-and-set from the revision of the one
before. A write whose answer got lost is repeated; if it then meets a Conflict, the record itself
says whether that first write succeeded (`_same`), or the record is still this worker's claim with a
longer lease (`own_claim`). Worker, attempt, `lost` and the time of the claim identify a claim: only
one process ever has a worker's id, and it never executes two deliveries of one attempt at a time.

Liveness: what cannot be written while the lease holds is left to the redelivery of the message.
"""

from __future__ import annotations

__all__ = ["StepRecords", "own_claim"]

from functools import partial
from typing import TYPE_CHECKING

from flowworker.core.status import Outcome
from flowworker.errors import Conflict
from flowworker.retrying import retry_unavailable

if TYPE_CHECKING:
    from flowworker.core.records import StepRecord
    from flowworker.worker.resources import Resources

_TRIES = 5
"""Writes of one record that may meet a Conflict with this worker's own claim."""


class StepRecords:
    """The records of all steps that one worker executes."""

    def __init__(self, resources: Resources) -> None:
        """Read and write in the worker's store."""
        self._runs = resources.runs
        self._clock = resources.clock

    async def read(
        self, queue: str, run: str, step: str, until: float
    ) -> tuple[StepRecord, int] | None:
        """The step's record and its revision, or None; tried until then, by `monotonic`."""
        return await retry_unavailable(
            self._clock, until, lambda: self._runs.load_step(queue, run, step)
        )

    async def write(
        self, queue: str, record: StepRecord, revision: int, until: float
    ) -> int | None:
        """Write over `revision`: the new one, or None if the record is another worker's now."""
        for _ in range(_TRIES):
            save = partial(self._runs.save_step, queue, record, revision)
            try:
                return await retry_unavailable(self._clock, until, save)
            except Conflict:
                found = await self.read(queue, record.run, record.step, until)
            if found is None:
                return None
            if _same(found[0], record):
                return found[1]
            if not own_claim(found[0], record):
                return None
            revision = found[1]
        return None


def own_claim(found: StepRecord, record: StepRecord) -> bool:
    """Whether the record found is still the claim that `record` was written or will be for."""
    return found.outcome is Outcome.RUNNING and _identity(found) == _identity(record)


def _same(found: StepRecord, record: StepRecord) -> bool:
    return (
        _identity(found) == _identity(record)
        and found.outcome is record.outcome
        and found.finished_at == record.finished_at
        and found.lease_until == record.lease_until
    )


def _identity(record: StepRecord) -> tuple[object, ...]:
    return (record.worker, record.attempt, record.lost, record.started_at)
