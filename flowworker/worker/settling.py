"""How an attempt ended -> its record.

An attempt that is drained is given back: its record is written with a lease that has ended, so that
the next worker need not wait for it. That is done only if its handler has stopped. A plain function
that goes on in its thread keeps the lease until it ends by itself, because the function may have
effects until this process ends.
"""

from __future__ import annotations

__all__ = ["Completed", "Ending", "GivenBack", "Lost", "Settled", "Settler", "Unopened"]

from typing import TYPE_CHECKING, Any, assert_never

from msgspec import Struct
from msgspec.structs import replace

from flowworker.core.claim import succeeded
from flowworker.core.payload import Payload
from flowworker.core.records import StepRecord
from flowworker.core.status import Kind, Outcome
from flowworker.errors import InvalidInput
from flowworker.worker.attempt import Failed, Halt, Stopped
from flowworker.worker.failures import error_info, traceback_of

if TYPE_CHECKING:
    from flowworker.worker.attempt import InflightAttempt
    from flowworker.worker.heartbeat import Heartbeats, HeldClaim
    from flowworker.worker.resources import Resources
    from flowworker.worker.step_records import StepRecords


class Completed(Struct, frozen=True):
    """The handler returned, and its output is durable or small enough for the record."""

    output: Payload


class Unopened(Struct, frozen=True):
    """The handler was not called: what it is given is sealed with a key that is not here."""


Ending = Completed | Failed | Stopped | Unopened

_UNTIL_KEY = 15.0
"""Seconds until an attempt whose input cannot be opened is offered again: another worker may have
the key, or this one when it is started anew."""


class Settled(Struct, frozen=True):
    """The outcome is durable: publish it, then acknowledge the message.

    Attributes:
        cause: what the handler raised.
    """

    record: StepRecord
    revision: int
    cause: BaseException | None = None


class GivenBack(Struct, frozen=True):
    """The attempt is free for another worker after that many seconds: put the message back."""

    seconds: float


class Lost(Struct, frozen=True):
    """Another worker has the claim, and may have the message: leave both alone."""


class Settler:
    """Settles the attempts of one worker."""

    def __init__(self, resources: Resources, records: StepRecords, heartbeats: Heartbeats) -> None:
        """Write to `records` what `heartbeats` keeps until then."""
        self._resources = resources
        self._records = records
        self._heartbeats = heartbeats

    async def settle(
        self, attempt: InflightAttempt, held: HeldClaim, ending: Ending
    ) -> Settled | GivenBack | Lost:
        """Write the outcome over the claim, or give the claim back."""
        if isinstance(ending, Unopened):
            return await self._give_back(attempt, held, _UNTIL_KEY)
        if isinstance(ending, Stopped):
            if ending.why is Halt.DRAINED:
                return await self._give_back(attempt, held)
            if ending.why is not Halt.CANCELLED:
                return Lost()
        try:
            return await self._end(attempt, held, ending)
        except InvalidInput as error:
            if isinstance(ending, Failed):
                raise
            # The server takes no such output, now or later: that is how the attempt ended.
            return await self._end(attempt, held, Failed(error_info(error), error))

    async def _end(
        self, attempt: InflightAttempt, held: HeldClaim, ending: Completed | Failed | Stopped
    ) -> Settled | Lost:
        record = _ended(held.record, ending, self._resources.clock.now())
        revision = await self._write(attempt, held, record)
        if revision is None:
            return Lost()
        return Settled(record, revision, ending.cause if isinstance(ending, Failed) else None)

    async def _give_back(
        self, attempt: InflightAttempt, held: HeldClaim, pause: float = 0.0
    ) -> GivenBack | Lost:
        if attempt.lingering is not None:
            await self._heartbeats.release(held)
            return GivenBack(max(held.record.lease_until - self._resources.clock.now(), 0.0))
        free = replace(held.record, lease_until=0.0)
        return Lost() if await self._write(attempt, held, free) is None else GivenBack(pause)

    async def _write(
        self, attempt: InflightAttempt, held: HeldClaim, record: StepRecord
    ) -> int | None:
        revision = await self._heartbeats.release(held)
        clock = self._resources.clock
        until = clock.monotonic() + held.record.lease_until - clock.now()
        return await self._records.write(attempt.message.queue, record, revision, until)


def _ended(claim: StepRecord, ending: Completed | Failed | Stopped, now: float) -> StepRecord:
    common: dict[str, Any] = {"lease_until": 0.0, "finished_at": now}
    match ending:
        case Completed():
            # A compensation keeps the output of its step, and has none of its own.
            output = claim.output if claim.kind is Kind.COMPENSATE else ending.output
            return replace(claim, outcome=succeeded(claim), output=output, **common)
        case Failed():
            cause = ending.cause
            common["traceback"] = "" if cause is None else traceback_of(cause)
            return replace(claim, outcome=Outcome.FAILED, error=ending.error, **common)
        case Stopped():
            return replace(claim, outcome=Outcome.CANCELLED, **common)
        case _:
            assert_never(ending)
