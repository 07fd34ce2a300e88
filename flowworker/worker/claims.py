"""Who may execute an attempt: its claim, or what is to be done with a delivery that gets none.

The rules are those of `core.claim`; the write is a compare-and-set (`step_records`). A fresh
message is claimed without a read. One that is not fresh may have outlived its run, and with it the
records that refused it: then the run's record is read as well.
"""

from __future__ import annotations

__all__ = ["Claimed", "Claims", "GivenUp", "PutBack"]

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import asdict, replace

from flowworker.core.claim import Busy, Claim, Drop, GiveUp, Repair, Stale, first_try, judge
from flowworker.core.records import UNTIMED, ErrorInfo, StepRecord
from flowworker.core.staleness import may_be_unseen
from flowworker.core.status import Kind, Outcome
from flowworker.retrying import retry_unavailable

if TYPE_CHECKING:
    from flowworker.codec.messages import StepMessage
    from flowworker.ports import Delivery
    from flowworker.worker.attempt import InflightAttempt
    from flowworker.worker.inflight import InflightAttempts
    from flowworker.worker.resources import Resources
    from flowworker.worker.step_records import StepRecords

_ROUNDS = 5
"""Lost races after which a delivery is put back."""

_MARGIN = 0.1
"""Seconds to wait beyond the end of another worker's lease."""

_SHORTEST_WAIT = 0.2

_SOON = 3.0
"""Seconds for which a delivery is put back that will be decided then."""

_LONGEST_WAIT = 3.0
"""Leases after which a last claim waits for no other: many long ones must not do so for ever."""


class Claimed(Struct, frozen=True):
    """The attempt is this worker's: `record` is RUNNING at `revision`, the fencing token."""

    record: StepRecord
    revision: int


class GivenUp(Struct, frozen=True):
    """The attempt lost too many workers: `record` is FAILED, and not yet published."""

    record: StepRecord
    revision: int


class PutBack(Struct, frozen=True):
    """It cannot be claimed now; offer it again after that many seconds."""

    seconds: float


class Claims:
    """Claims attempts for one worker."""

    def __init__(
        self, resources: Resources, records: StepRecords, inflight: InflightAttempts
    ) -> None:
        """Claim in `records`; last claims not beside others in `inflight`."""
        self._records = records
        self._inflight = inflight
        self._runs = resources.runs
        self._clock = resources.clock
        self._lease = resources.settings.lease
        self._worker = resources.worker

    async def claim(
        self, delivery: Delivery, attempt: InflightAttempt
    ) -> Claimed | GivenUp | Repair | Drop | PutBack:
        """Claim the attempt, or say what the delivery means instead."""
        message = attempt.message
        until = self._clock.monotonic() + self._lease / 3
        verdict: Claim | GiveUp | Repair | Drop | PutBack
        if delivery.delivered > 1 or self._clock.now() - delivery.time > self._lease:
            verdict = await self._judge(delivery, message, until)
        else:
            verdict = first_try(message.wanted())
        for _ in range(_ROUNDS):
            if isinstance(verdict, Claim):
                is_last = verdict.is_last
                if is_last and self._must_wait(attempt, verdict):
                    return PutBack(min(_SOON, self._lease / 3))
                attempt.on_last_claim = is_last
            elif not isinstance(verdict, GiveUp):
                return verdict
            record = self._record_for(verdict, message)
            revision = await self._records.write(message.queue, record, verdict.revision, until)
            if revision is not None:
                made = Claimed if isinstance(verdict, Claim) else GivenUp
                return made(record, revision)
            verdict = await self._judge(delivery, message, until)
        return PutBack(_SHORTEST_WAIT)

    async def judge(
        self, delivery: Delivery, message: StepMessage
    ) -> Claim | GiveUp | Repair | Drop | PutBack:
        """What a claim would find, without one."""
        return await self._judge(delivery, message, self._clock.monotonic() + self._lease / 3)

    async def _judge(
        self, delivery: Delivery, message: StepMessage, until: float
    ) -> Claim | GiveUp | Repair | Drop | PutBack:
        found = await self._records.read(message.queue, message.run, message.step, until)
        now = self._clock.now()
        record, revision = found or (None, 0)
        verdict = judge(message.wanted(), record, revision, now)
        if record is None and await self._is_unknown(message.run, until):
            verdict = Stale()
        match verdict:
            case Stale() if not may_be_unseen(delivery.time, now):
                return Drop()  # it outlived what it is about
            case Stale():
                return PutBack(_SOON)
            case Busy():
                wait = verdict.until - now + _MARGIN
                return PutBack(min(max(wait, _SHORTEST_WAIT), self._lease))
            case _:
                return verdict

    async def _is_unknown(self, run: str, until: float) -> bool:
        """Whether the store has no record of the run, or not yet."""
        return not await retry_unavailable(self._clock, until, lambda: self._runs.is_known(run))

    def _must_wait(self, attempt: InflightAttempt, last: Claim) -> bool:
        """Whether another attempt in flight has its last claim, and this one may wait for that."""
        may_wait = last.free <= _LONGEST_WAIT * self._lease
        return may_wait and self._inflight.has_last_claim_beside(attempt)

    def _record_for(self, verdict: Claim | GiveUp, message: StepMessage) -> StepRecord:
        now = self._clock.now()
        compensates = message.kind is Kind.COMPENSATE
        before = verdict.since if isinstance(verdict, Claim) else 0.0
        running = StepRecord(
            run=message.run,
            step=message.step,
            **asdict(message.attempt),
            outcome=Outcome.RUNNING,
            worker=self._worker,
            lease_until=now + self._lease,
            lost=verdict.lost,
            started_at=now,
            output=message.output if compensates else None,
            completed=message.completed if compensates else 0,
            since=UNTIMED if message.since is None else before or message.since or now,
            spent=message.spent,
            intervals=message.intervals,
        )
        if isinstance(verdict, Claim):
            return running
        text = f"{verdict.lost} workers were lost with this step: they died, hung or were cut off"
        error = ErrorInfo("WorkerLost", text, retryable=False)
        return replace(
            running, outcome=Outcome.FAILED, lease_until=0.0, finished_at=now, error=error
        )
