"""Attempts that no worker makes: their records, as coordinators write them, and their events.

Safety: each write is a compare-and-set over what is known of the step, so of all coordinators, and
of a worker or a fence, one succeeds. The others find what it wrote.

Liveness: who finds that an attempt has ended publishes its end again, since who wrote it may have
died before that.
"""

from __future__ import annotations

__all__ = ["Attempts", "final", "stale"]

from typing import TYPE_CHECKING

from flowworker.codec.cloudevents import settled_event, started_event
from flowworker.codec.json import encode
from flowworker.core.claim import Claim, GiveUp, Repair, Stale, first_try, judge
from flowworker.core.records import ErrorInfo, shortened
from flowworker.errors import Conflict, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowworker.clock import Clock
    from flowworker.codec.cloudevents import CloudEvent
    from flowworker.core.claim import Verdict
    from flowworker.core.effects import Dispatch
    from flowworker.core.records import RunRecord, StepRecord
    from flowworker.stores.secrets import RunSecrets
    from flowworker.stores.stores import Stores


def stale(run: str, step: str) -> Unavailable:
    """What to raise upon an answer that is older than what is known."""
    return Unavailable(f"what was read of step {step!r} of {run} is stale")


async def final(error: Exception, run: RunRecord, secrets: RunSecrets) -> ErrorInfo:
    """Why an attempt failed that fails again however often it is tried."""
    text = await secrets.hide(run, str(error))
    return ErrorInfo(type(error).__name__, shortened(text), retryable=False)


class Attempts:
    """Writes records of steps, and publishes what they say."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        """Write to the stores' records, and publish to the backend."""
        self._namespace = stores.backend.namespace
        self._runs = stores.runs
        self._events = stores.backend.events
        self._clock = clock

    async def open(
        self, keeper: str, run: RunRecord, wanted: Dispatch
    ) -> tuple[StepRecord | None, int] | None:
        """What there is of an attempt that goes on, and the revision to write over.

        That is nothing if the attempt has not begun. None if there is nothing more to do for it.

        Raises:
            Unavailable: what was read of it is stale.
        """
        found = await self._runs.load_step(keeper, run.run, wanted.step)
        record, revision = found or (None, 0)
        match judge(wanted, record, revision, self._clock.now()):
            case Stale():
                raise stale(run.run, wanted.step)
            case Repair() as ended:
                await self.settled(run, ended.record, ended.revision)
            case Claim() as claim:
                begun = record is not None and record.attempt == wanted.attempt
                return record if begun else None, claim.revision
            case _:  # the step is past this attempt
                pass
        return None

    async def end(
        self,
        keeper: str,
        run: RunRecord,
        wanted: Dispatch,
        ended: Callable[[Claim | GiveUp], StepRecord],
    ) -> bool:
        """End an attempt in place of its claim, unless it has begun or ended; whether this did it.

        Raises:
            Unavailable: what was read of it is stale.
        """
        verdict: Verdict = first_try(wanted)
        wrote = False
        while isinstance(verdict, Claim | GiveUp):
            record = ended(verdict)
            try:
                revision = await self._runs.save_step(keeper, record, verdict.revision)
            except Conflict:
                found = await self._runs.load_step(keeper, run.run, wanted.step)
                before, revision = found or (None, 0)
                verdict = judge(wanted, before, revision, self._clock.now())
            else:
                verdict, wrote = Repair(record, revision), True
        if isinstance(verdict, Stale):
            raise stale(run.run, wanted.step)
        if isinstance(verdict, Repair):
            await self.settled(run, verdict.record, verdict.revision)
        return wrote

    async def started(self, run: RunRecord, record: StepRecord, revision: int) -> None:
        """Publish that a step has begun."""
        event = started_event(self._namespace, run.workflow, run.version, record, revision)
        await self._publish(run, event)

    async def settled(self, run: RunRecord, record: StepRecord, revision: int) -> None:
        """Publish how an attempt ended, if it has ended."""
        event = settled_event(self._namespace, run.workflow, run.version, record, revision)
        if event is not None:
            await self._publish(run, event)

    async def _publish(self, run: RunRecord, event: CloudEvent) -> None:
        await self._events.publish(run.run, event.type, encode(event), event.id)
