"""How an attempt ended becomes durable, is told, and is acknowledged, in this order.

An attempt that is drained is given back: its record is written with a lease that is over, so that
whoever gets the message next need not wait for it. That is done only if its handler has stopped. A
plain function that goes on in its thread keeps the lease until it runs out, for it may do harm
until this process ends.
"""

from __future__ import annotations

__all__ = ["Completed", "Ending", "report", "settle"]

from typing import TYPE_CHECKING, assert_never

from msgspec import Struct
from msgspec.structs import replace

from flowworker.core.payload import Payload
from flowworker.core.status import Kind, Outcome
from flowworker.errors import InvalidInput
from flowworker.worker.attempt import Failed, Halt, Stopped, error_info

if TYPE_CHECKING:
    from flowworker.codec.messages import StepMessage
    from flowworker.core.records import StepRecord
    from flowworker.ports import Delivery
    from flowworker.worker.attempt import Attempt
    from flowworker.worker.heartbeat import HeldClaim
    from flowworker.worker.workbench import Workbench


class Completed(Struct, frozen=True):
    """The handler returned, and its output is durable or small enough for the record."""

    output: Payload


Ending = Completed | Failed | Stopped


async def settle(
    bench: Workbench, attempt: Attempt, delivery: Delivery, held: HeldClaim, ending: Ending
) -> None:
    """Write, tell, acknowledge; or give the claim back, or leave it to whoever has it now."""
    if isinstance(ending, Stopped) and ending.why is not Halt.CANCELLED:
        if ending.why is Halt.DRAINED:
            await _give_back(bench, attempt, delivery, held)
        else:
            _refuse(bench, attempt.message)
        return
    message = attempt.message
    record = _ended(held.record, ending, bench.clock.now())
    try:
        revision = await _write(bench, message, held, record)
    except InvalidInput as error:
        if isinstance(ending, Failed):
            raise
        # No server takes what the handler put out, now or later: that is how the attempt ended.
        ending = Failed(error_info(error), error)
        record = _ended(held.record, ending, bench.clock.now())
        revision = await _write(bench, message, held, record)
    if revision is None:
        # Not acknowledged: the message may be in somebody else's hands by now.
        _refuse(bench, message)
        return
    tell = bench.claims.tell if await attempt.context.told() else bench.claims.tell_all
    await tell(message, record, revision)
    await delivery.ack()
    report(bench, message, record, ending.cause if isinstance(ending, Failed) else None)


def report(
    bench: Workbench, message: StepMessage, record: StepRecord, cause: BaseException | None = None
) -> None:
    """Count and log how an attempt ended."""
    bench.metrics.attempts.labels(message.uses, record.outcome.lower()).inc()
    if record.outcome is Outcome.FAILED:
        bench.log.warning(
            "attempt failed", error=str(record.error), exc_info=cause, **_names(message)
        )
    else:
        bench.log.debug("attempt ended", outcome=record.outcome.value, **_names(message))


def _ended(claim: StepRecord, ending: Ending, now: float) -> StepRecord:
    over = {"lease_until": 0.0, "finished_at": now}
    match ending:
        case Completed():
            # A compensation keeps what the step put out, and has no output of its own.
            output = claim.output if claim.kind is Kind.COMPENSATE else ending.output
            return replace(claim, outcome=Outcome.COMPLETED, output=output, **over)
        case Failed():
            return replace(claim, outcome=Outcome.FAILED, error=ending.error, **over)
        case Stopped():
            return replace(claim, outcome=Outcome.CANCELLED, **over)
        case _:
            assert_never(ending)


async def _write(
    bench: Workbench, message: StepMessage, held: HeldClaim, record: StepRecord
) -> int | None:
    revision = await bench.heartbeats.release(held)
    left = held.record.lease_until - bench.clock.now()
    until = bench.clock.monotonic() + left
    return await bench.claims.write(message.queue, record, revision, until)


async def _give_back(
    bench: Workbench, attempt: Attempt, delivery: Delivery, held: HeldClaim
) -> None:
    message = attempt.message
    bench.metrics.attempts.labels(message.uses, "released").inc()
    bench.log.warning("attempt given back: the worker stops", **_names(message))
    if attempt.lingering is not None:
        await bench.heartbeats.release(held)
        await delivery.nak(max(held.record.lease_until - bench.clock.now(), 0.0))
    elif await _write(bench, message, held, replace(held.record, lease_until=0.0)) is not None:
        await delivery.nak()


def _refuse(bench: Workbench, message: StepMessage) -> None:
    bench.metrics.claims_lost.inc()
    bench.metrics.attempts.labels(message.uses, "lost").inc()
    bench.log.warning("refused: the claim was lost", worker=bench.worker, **_names(message))


def _names(message: StepMessage) -> dict[str, object]:
    return {
        "run": message.run,
        "step": message.step,
        "kind": message.kind.value,
        "attempt": message.attempt,
        "handler": message.uses,
    }
