"""One delivery, a straight line: decode, claim, start, call, settle, report, acknowledge.

The order of effects is the contract:

    claim -> event started (in the background) -> handler -> outcome in the record
          -> event of the outcome (awaited) -> acknowledgement

Safety: each effect is durable before the next one, and each can be repeated. After a crash at any
point the message comes again, and the record says what is left to do (`core.claim`): nothing,
publish the outcome again, or run the attempt. A message is acknowledged only when its outcome is
durable and published; by a worker that lost its claim never, for that would delete the delivery of
another worker.

Liveness: whatever goes wrong, the delivery is put back or comes back by itself. A message that can
never be understood is logged and acknowledged, so that it does not circle for ever.
"""

from __future__ import annotations

__all__ = ["Executor"]

from functools import partial
from typing import TYPE_CHECKING, assert_never

from flowworker.codec.keys import step_key
from flowworker.codec.messages import StepMessage
from flowworker.core.claim import Claim, Drop, GiveUp, Repair
from flowworker.core.records import ErrorInfo
from flowworker.core.status import Kind
from flowworker.errors import (
    CorruptRecord,
    NewerRelease,
    PayloadKeyMissing,
    PayloadTooLarge,
    Unavailable,
)
from flowworker.handlers.context import StepContext
from flowworker.retrying import retry_unavailable
from flowworker.stores.sealing import output_place
from flowworker.telemetry.context import attempt_in_logs
from flowworker.telemetry.conventions import Result
from flowworker.worker.attempt import Failed, Halt, InflightAttempt, Returned, Stopped
from flowworker.worker.claims import Claimed, Claims, GivenUp, PutBack
from flowworker.worker.decoding import MESSAGE_VERSION, Malformed, Newer, decode
from flowworker.worker.failures import error_info
from flowworker.worker.inputs import StepInputs
from flowworker.worker.reporting import Reporter
from flowworker.worker.settling import (
    Completed,
    Ending,
    GivenBack,
    Lost,
    Settled,
    Settler,
    Unopened,
)
from flowworker.worker.unserved import Unserved

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future
    from typing import Any

    from flowworker.ports import Delivery
    from flowworker.worker.heartbeat import Heartbeats
    from flowworker.worker.inflight import InflightAttempts
    from flowworker.worker.resources import Resources
    from flowworker.worker.step_records import StepRecords

_UNAVAILABLE = 1.0
"""Seconds, at most, after which a message is offered again that met an unavailable server."""

_UNTIL_REPAIRED = 300.0
"""The same for one whose step has a record that only a person can repair."""

_NAMED = 20
"""Handlers that an error message names."""

_BETWEEN_WARNINGS = 60.0
"""Seconds until the next warning that messages of a newer release wait."""


class Executor:
    """Executes deliveries, each in a task of its own."""

    def __init__(
        self,
        resources: Resources,
        records: StepRecords,
        heartbeats: Heartbeats,
        inflight: InflightAttempts,
    ) -> None:
        """Execute with `resources`; attempts are found in `inflight` meanwhile."""
        self._resources = resources
        self._heartbeats = heartbeats
        self._inflight = inflight
        self._claims = Claims(resources, records, inflight)
        limit, names = resources.settings.payload_limit, resources.settings.redact
        self._inputs = StepInputs(resources.payloads, limit, names)
        self._settler = Settler(resources, records, heartbeats)
        self._reporter = Reporter(resources)
        self._unserved = Unserved(resources, self._reporter)
        self._left_behind: set[asyncio.Task[Any]] = set()
        self._warn_newer_at: dict[int, float] = {}

    async def execute(self, delivery: Delivery) -> Future[Any] | None:
        """Deal with one delivery, whatever it is; the thread that it leaves running, if any."""
        log = self._resources.log
        try:
            message = decode(delivery.data)
            if isinstance(message, StepMessage):
                return await self._execute(delivery, message)
            await self._refuse(delivery, message)
        except Unavailable as error:
            log.warning("delivery put back", subject=delivery.subject, error=str(error))
            await self._put_back(delivery, _UNAVAILABLE)
        except NewerRelease as error:
            log.warning("delivery left for a newer release", error=str(error))
            await self._put_back(delivery, self._resources.settings.lease)
        except CorruptRecord as error:
            # Until the record is repaired, or the run removed.
            log.error("the record of a step cannot be read", error=str(error))  # noqa: TRY400 - where is said
            await self._put_back(delivery, _UNTIL_REPAIRED)
        except Exception:  # one bad delivery must not stop the others
            log.exception("delivery put back", subject=delivery.subject)
            await self._put_back(delivery, self._resources.settings.lease)
        return None

    async def _execute(self, delivery: Delivery, message: StepMessage) -> Future[Any] | None:
        resources = self._resources
        attempt_in_logs(message, resources.worker, resources.namespace)
        handler = resources.app.handlers.get(message.uses)
        if handler is None and not self._unserved.is_overdue(message):
            await self._leave_to_others(delivery, message)
            return None
        attempt = InflightAttempt(message, handler, StepContext(message, resources))
        if not self._inflight.enter(attempt):
            # The same attempt was delivered twice, and runs in this process.
            await delivery.nak(resources.settings.lease / 3)
            return None
        try:
            claim = await self._claims.claim(delivery, attempt)
            if isinstance(claim, Claimed):
                await self._perform(delivery, attempt, claim)
            else:
                await self._finish_unclaimed(delivery, message, claim)
        finally:
            self._inflight.leave(attempt)
            if (task := attempt.unfinished) is not None:
                self._leave_behind(task)
        return attempt.lingering

    async def _perform(self, delivery: Delivery, attempt: InflightAttempt, claim: Claimed) -> None:
        """Start, call, settle, report, acknowledge."""
        message, record, revision = attempt.message, claim.record, claim.revision
        key = step_key(message.queue, message.run, message.step)
        held = self._heartbeats.hold(delivery, key, record, revision, self._inflight.doubt)
        attempt.claim = held
        trace = self._resources.tracing.attempt(message, record)
        attempt.context.trace = trace.span
        try:
            self._reporter.began(delivery, message, record)
            if record.kind is Kind.RUN and record.number == 1:
                # Also after a takeover: the worker before may have died without publishing it.
                started = self._reporter.begin_started(message, record, revision)
                attempt.context.publish_after(started)
            ending = await self._call(attempt)
            settled = await self._settler.settle(attempt, held, ending)
            match settled:
                case Settled(record=record, revision=revision):
                    trace.settled(record, settled.cause)
                    if await attempt.context.is_start_published():
                        await self._reporter.outcome(message, record, revision)
                    else:
                        await self._reporter.start_and_outcome(message, record, revision)
                    await delivery.ack()
                    self._reporter.ended(delivery, message, record, settled.cause)
                case GivenBack():
                    self._reporter.given_back(message)
                    await delivery.nak(settled.seconds)
                case Lost():
                    self._reporter.lost(message)
                    trace.interrupted(Result.LOST)
                case _:
                    assert_never(settled)
        finally:
            trace.interrupted(Result.RELEASED)  # unless it has ended
            self._heartbeats.drop(held)

    async def _call(self, attempt: InflightAttempt) -> Ending:
        """Load the input, call the handler, keep the output."""
        resources, message, handler = self._resources, attempt.message, attempt.handler
        clock, lease = resources.clock, resources.settings.lease
        if handler is None:
            return Failed(_no_handler(message.uses, sorted(resources.app.handlers)))
        attempt.context.load = partial(self._inputs.output, message)
        try:
            load = partial(self._inputs.of, message)
            until = clock.monotonic() + lease
            attempt.context.input = await retry_unavailable(
                clock, until, load, may_pass=lambda error: not isinstance(error, PayloadKeyMissing)
            )
        except PayloadKeyMissing as error:
            resources.log.error("a step waits for a key", step=message.step, error=str(error))  # noqa: TRY400 - says all
            return Unopened()
        except Unavailable:
            raise
        except PayloadTooLarge as error:
            attempt.context.refuse_input(error)
        except Exception as error:  # noqa: BLE001  # whatever it is, the attempt cannot be made
            return Failed(error_info(error), error)
        if attempt.claim is not None and attempt.claim.record.lease_until <= clock.now():
            return Stopped(Halt.LOST)  # before it began, as in a process that was suspended
        begun = clock.monotonic()
        middleware = resources.app.middleware_of(message.uses)
        ending = await attempt.run(handler, resources.threads, clock, middleware)
        resources.metrics.handler_seconds[handler.name].observe(clock.monotonic() - begun)
        if not isinstance(ending, Returned):
            return ending
        try:
            name, pack = output_place(message.step), resources.payloads.pack
            pack = partial(pack, place=name, private=message.secrets is not None)
            pack = partial(pack, message.run, message.queue, name, ending.output)
            return Completed(await retry_unavailable(clock, clock.monotonic() + lease, pack))
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001  # too large, for one
            return Failed(error_info(error), error)

    async def _leave_to_others(self, delivery: Delivery, message: StepMessage) -> None:
        """This worker lacks the handler: put the message back, unless nobody needs it any more."""
        verdict = await self._claims.judge(delivery, message)
        if isinstance(verdict, Claim | GiveUp):
            await self._unserved.put_back(delivery, message)
        else:
            await self._finish_unclaimed(delivery, message, verdict)

    async def _finish_unclaimed(
        self, delivery: Delivery, message: StepMessage, found: GivenUp | Repair | Drop | PutBack
    ) -> None:
        match found:
            case GivenUp():
                await self._reporter.start_and_outcome(message, found.record, found.revision)
                await delivery.ack()
                self._reporter.ended(delivery, message, found.record)
                self._resources.tracing.recorded(message, found.record)
            case Repair():
                await self._reporter.start_and_outcome(message, found.record, found.revision)
                await delivery.ack()
                self._resources.tracing.recorded(message, found.record)
            case Drop():
                await delivery.ack()
            case PutBack():
                await delivery.nak(found.seconds)
            case _:
                assert_never(found)

    async def _refuse(self, delivery: Delivery, problem: Newer | Malformed) -> None:
        log, subject = self._resources.log, delivery.subject
        match problem:
            case Newer(version=version):
                now = self._resources.clock.monotonic()
                if now >= self._warn_newer_at.get(version, now):
                    self._warn_newer_at[version] = now + _BETWEEN_WARNINGS
                    log.warning(
                        "step messages of a newer release wait for its workers",
                        subject=subject,
                        version=version,
                        known=MESSAGE_VERSION,
                    )
                await self._put_back(delivery, self._resources.settings.lease)
            case Malformed(error=error):
                size = len(delivery.data)  # what it says may be secret
                log.error("not a step message, dropped", subject=subject, error=error, size=size)
                await delivery.ack()
            case _:
                assert_never(problem)

    async def _put_back(self, delivery: Delivery, longest: float) -> None:
        delay = 0.25 * 2 ** min(delivery.delivered, 10)
        try:
            await delivery.nak(min(delay, longest))
        except Exception as error:  # noqa: BLE001  # then it comes back by itself
            self._resources.log.warning("nak failed", subject=delivery.subject, error=repr(error))

    def _leave_behind(self, task: asyncio.Task[Any]) -> None:
        """A handler was abandoned and goes on; what it returns is discarded."""
        gauge = self._resources.metrics.left_behind
        gauge.inc()
        self._left_behind.add(task)
        task.add_done_callback(self._left_behind.discard)
        task.add_done_callback(lambda _: gauge.dec())


def _no_handler(name: str, known: list[str]) -> ErrorInfo:
    more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    has = ", ".join(known[:_NAMED]) or "none"
    text = f"no step handler found: {name!r} (this worker has: {has}{more})"
    return ErrorInfo("HandlerNotFound", text, retryable=False)
