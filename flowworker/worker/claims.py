"""The step's record as a worker writes it: claimed, settled, told.

Safety is that of `core.claim`: every write is a compare-and-set from the revision of the one
before. A write whose answer got lost is repeated; if it then meets a Conflict, the record itself
tells whether it was the own one that came first (`_same`), or the own claim with a longer lease
(`_own_claim`): worker, attempt, `lost` and the moment of the claim identify it, since a worker's id
is used by one process once and never has two deliveries of one attempt in work.

A message that is not fresh may have outlived its run, and with it the records that refused it: so
then it is asked whether the run is still there.

Liveness: what cannot be written while the lease holds is left to the redelivery of the message.
"""

from __future__ import annotations

__all__ = ["Claims", "own_claim"]

from functools import partial
from typing import TYPE_CHECKING, assert_never

from msgspec.structs import replace

from flowworker.codec.cloudevents import (
    attempt_events,
    settled_event,
    started_event,
    waiting_event,
)
from flowworker.codec.json import encode
from flowworker.core.claim import Busy, Claim, Drop, GiveUp, Repair, Stale, first_try, judge
from flowworker.core.records import ErrorInfo, StepRecord
from flowworker.core.staleness import may_be_unseen
from flowworker.core.status import Kind, Outcome
from flowworker.errors import Conflict
from flowworker.retrying import retry_unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowworker.clock import Clock
    from flowworker.codec.cloudevents import CloudEvent
    from flowworker.codec.messages import StepMessage
    from flowworker.core.claim import Verdict
    from flowworker.ports import Delivery, EventLog
    from flowworker.stores.runs import RunStore

_ROUNDS = 5
"""Lost races after which a delivery is put back."""

_MARGIN = 0.1
"""Seconds to wait beyond the end of somebody else's lease."""

_SHORTEST_WAIT = 0.2

_MEANWHILE = 3.0
"""Seconds for which a delivery is put back of which more will be known soon."""

_LONGEST_APART = 3.0
"""Leases after which it is run nevertheless: many that are long must not wait for each other."""


class Claims:
    """Claims attempts for one worker, and writes and tells how they ended."""

    def __init__(
        self,
        namespace: str,
        runs: RunStore,
        events: EventLog,
        clock: Clock,
        lease: float,
        worker: str,
    ) -> None:
        """Write as `worker`, an id that no other process ever has."""
        self._namespace = namespace
        self._runs = runs
        self._events = events
        self._clock = clock
        self._lease = lease
        self._worker = worker

    async def claim(
        self, delivery: Delivery, message: StepMessage, may_be_last: Callable[[], bool]
    ) -> tuple[StepRecord, int] | None:
        """The record as written, and its revision; None if the delivery is dealt with.

        A record that is FAILED instead of RUNNING is one that was given up: it is to be told.
        `may_be_last` is asked before a claim that is an attempt's last one (`Claim.is_last`).
        """
        wanted = message.wanted()
        until = self._clock.monotonic() + self._lease / 3
        if delivery.delivered > 1 or self._clock.now() - delivery.time > self._lease:
            verdict = await self._judge(delivery, message, until)
        else:
            verdict = first_try(wanted)
        for _ in range(_ROUNDS):
            match verdict:
                case Claim(is_last=True) if not (
                    may_be_last() or verdict.free > _LONGEST_APART * self._lease
                ):
                    await delivery.nak(min(_MEANWHILE, self._lease / 3))
                    return None
                case Claim() | GiveUp():
                    record = self._record_for(verdict, message)
                    revision = await self.write(message.queue, record, verdict.revision, until)
                    if revision is not None:
                        return record, revision
                    verdict = await self._judge(delivery, message, until)
                case _:
                    await self._dispose(delivery, message, verdict)
                    return None
        await delivery.nak(_SHORTEST_WAIT)
        return None

    async def is_free(self, delivery: Delivery, message: StepMessage) -> bool:
        """Whether nobody has the attempt, nor ended it; if not, the delivery is dealt with."""
        until = self._clock.monotonic() + self._lease / 3
        verdict = await self._judge(delivery, message, until)
        if isinstance(verdict, Claim | GiveUp):
            return True
        await self._dispose(delivery, message, verdict)
        return False

    async def read(
        self, queue: str, run: str, step: str, until: float
    ) -> tuple[StepRecord, int] | None:
        """The step's record and its revision, or None."""
        return await retry_unavailable(
            self._clock, until, lambda: self._runs.load_step(queue, run, step)
        )

    async def write(
        self, queue: str, record: StepRecord, revision: int, until: float
    ) -> int | None:
        """Write over `revision`: the new one, or None if the record is somebody else's now."""
        for _ in range(_ROUNDS):
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

    async def tell(self, message: StepMessage, record: StepRecord, revision: int) -> None:
        """Publish how an attempt ended; nothing if it has not."""
        event = settled_event(self._namespace, message.workflow, message.version, record, revision)
        if event is not None:
            await self._publish(event)

    async def tell_all(self, message: StepMessage, record: StepRecord, revision: int) -> None:
        """As `tell`, and its start before, which may not have been told either."""
        for event in attempt_events(
            self._namespace, message.workflow, message.version, record, revision
        ):
            await self._publish(event)

    async def tell_started(self, message: StepMessage, record: StepRecord, revision: int) -> None:
        """Publish that a step began."""
        await self._publish(
            started_event(self._namespace, message.workflow, message.version, record, revision)
        )

    async def tell_waiting(self, message: StepMessage) -> None:
        """Publish that an attempt waits for a worker that has its handler; tried once."""
        event = waiting_event(self._namespace, message, self._worker, self._clock.now())
        await self._events.publish(message.run, event.type, encode(event), event.id)

    async def _publish(self, event: CloudEvent) -> None:
        until = self._clock.monotonic() + self._lease / 3
        body = encode(event)
        await retry_unavailable(
            self._clock,
            until,
            lambda: self._events.publish(event.data.id, event.type, body, event.id),
        )

    async def _dispose(
        self, delivery: Delivery, message: StepMessage, verdict: Busy | Stale | Repair | Drop
    ) -> None:
        """Be done with a delivery that asks for nothing that may be done now."""
        match verdict:
            case Busy():
                wait = verdict.until - self._clock.now() + _MARGIN
                await delivery.nak(min(max(wait, _SHORTEST_WAIT), self._lease))
            case Stale():
                await delivery.nak(_MEANWHILE)
            case Repair():
                await self.tell_all(message, verdict.record, verdict.revision)
                await delivery.ack()
            case Drop():
                await delivery.ack()
            case _:
                assert_never(verdict)

    async def _judge(self, delivery: Delivery, message: StepMessage, until: float) -> Verdict:
        found = await self.read(message.queue, message.run, message.step, until)
        now = self._clock.now()
        record, revision = found or (None, 0)
        verdict = judge(message.wanted(), record, revision, now)
        if record is None and await self._is_unknown(message.run, until):
            verdict = Stale()
        if isinstance(verdict, Stale) and not may_be_unseen(delivery.time, now):
            return Drop()  # it outlived what it is about
        return verdict

    async def _is_unknown(self, run: str, until: float) -> bool:
        """Whether nothing is found of a run, whose message was in somebody's hand or on its way."""
        return await retry_unavailable(self._clock, until, lambda: self._runs.load(run)) is None

    def _record_for(self, verdict: Claim | GiveUp, message: StepMessage) -> StepRecord:
        now = self._clock.now()
        compensates = message.kind is Kind.COMPENSATE
        running = StepRecord(
            run=message.run,
            step=message.step,
            kind=message.kind,
            turn=message.turn,
            attempt=message.attempt,
            outcome=Outcome.RUNNING,
            worker=self._worker,
            lease_until=now + self._lease,
            lost=verdict.lost,
            started_at=now,
            output=message.output if compensates else None,
            completed=message.completed if compensates else 0,
        )
        if isinstance(verdict, Claim):
            return running
        text = f"{verdict.lost} workers were lost with this step: they died, hung or were cut off"
        error = ErrorInfo("WorkerLost", text, retryable=False)
        return replace(
            running, outcome=Outcome.FAILED, lease_until=0.0, finished_at=now, error=error
        )


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
    return (record.worker, record.rank(), record.lost, record.started_at)
