"""One delivery, from claim to acknowledgement.

The order of effects is the contract:

    claim -> event started (pipelined) -> handler -> record settled -> event (awaited) -> ack

Safety: each effect is durable before the next one, and each can be repeated. After a crash at any
point the message comes again, and the record says what is left to do (`core.claim`): nothing, tell
the outcome again, or run the attempt. A message is acknowledged only when its outcome is durable
and told; by a worker that lost its claim never, for that would delete somebody else's delivery.

Liveness: whatever goes wrong, the delivery is put back or comes back by itself. A message that can
never be understood is logged and acknowledged, so that it does not circle for ever.
"""

from __future__ import annotations

__all__ = ["Executor"]

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from flowworker.codec.json import UNREADABLE
from flowworker.codec.keys import step_key
from flowworker.codec.messages import StepMessage, decode_step_message
from flowworker.core.ids import DOTTED_NAME, RUN_ID, TOKEN
from flowworker.core.records import ErrorInfo
from flowworker.core.status import Kind, Outcome
from flowworker.errors import CorruptRecord, PayloadTooLarge, Unavailable
from flowworker.handlers.context import StepContext
from flowworker.retrying import retry_unavailable
from flowworker.worker.attempt import Attempt, Failed, Halt, Returned, Stopped, error_info
from flowworker.worker.inputs import StepInputs
from flowworker.worker.settling import Completed, Ending, report, settle
from flowworker.worker.unserved import Unserved

if TYPE_CHECKING:
    from concurrent.futures import Future
    from typing import Any

    from flowworker.core.records import StepRecord
    from flowworker.ports import Delivery
    from flowworker.worker.inflight import InflightAttempts
    from flowworker.worker.workbench import Workbench

MESSAGE_VERSION = 1
"""Step messages that this release understands."""

_ELSEWHERE = 1.0
"""Seconds after which a message that this worker cannot serve is offered again."""

_UNTIL_MENDED = 300.0
"""The same, at most, for one whose step has a record that only a person can mend."""

_SHOWN = 200
"""Bytes of a message that nobody understands which go into the log."""

_NAMED = 20
"""Handlers that an error message names."""

_SILENCE = 60.0
"""Seconds until it is said again that messages of a newer release wait."""


class _Versioned(msgspec.Struct):
    v: int = 1


_decode_version = msgspec.json.Decoder(_Versioned).decode


class Executor:
    """Executes deliveries, each in a task of its own."""

    def __init__(self, bench: Workbench, attempts: InflightAttempts) -> None:
        """Work at `bench`, and be found in `attempts` meanwhile."""
        self._bench = bench
        self._attempts = attempts
        self._inputs = StepInputs(bench.payloads, bench.settings.payload_limit)
        self._left_behind: set[asyncio.Task[Any]] = set()
        self._unserved = Unserved(bench)
        self._newer: dict[int, float] = {}

    async def execute(self, delivery: Delivery) -> Future[Any] | None:
        """Deal with one delivery, whatever it is; the thread that it leaves running, if any."""
        log = self._bench.log
        try:
            return await self._execute(delivery)
        except Unavailable as error:
            log.warning("delivery put back", subject=delivery.subject, error=str(error))
            await self._put_back(delivery, _ELSEWHERE)
        except CorruptRecord as error:
            # Whoever mends the record, or removes the run, ends this.
            log.error("the record of a step cannot be read", error=str(error))  # noqa: TRY400 - where is said
            await self._put_back(delivery, _UNTIL_MENDED)
        except Exception:  # one bad delivery must not stop the others
            log.exception("delivery put back", subject=delivery.subject)
            await self._put_back(delivery, self._bench.settings.lease)
        return None

    async def _execute(self, delivery: Delivery) -> Future[Any] | None:
        message = await self._decode(delivery)
        if message is None:
            return None
        bench = self._bench
        handler = bench.app.handlers.get(message.uses)
        if handler is None and await self._unserved.put_back(delivery, message):
            return None
        attempt = Attempt(message, handler, StepContext(message, bench.services))
        if not self._attempts.enter(attempt):
            # It came a second time while it is being executed right here.
            await delivery.nak(bench.settings.lease / 3)
            return None
        try:
            may_be_last = partial(self._attempts.may_be_last, attempt)
            claimed = await bench.claims.claim(delivery, message, may_be_last)
            if claimed is not None:
                await self._perform(attempt, delivery, *claimed)
        finally:
            self._attempts.leave(attempt)
            if (task := attempt.unfinished) is not None:
                self._leave_behind(task)
        return attempt.lingering

    def _leave_behind(self, task: asyncio.Task[Any]) -> None:
        """A handler was given up and goes on; nobody waits for what it returns."""
        gauge = self._bench.metrics.left_behind
        gauge.inc()
        self._left_behind.add(task)
        task.add_done_callback(self._left_behind.discard)
        task.add_done_callback(lambda _: gauge.dec())

    async def _perform(
        self, attempt: Attempt, delivery: Delivery, record: StepRecord, revision: int
    ) -> None:
        bench, message = self._bench, attempt.message
        if record.outcome is not Outcome.RUNNING:  # given up
            await bench.claims.tell_all(message, record, revision)
            await delivery.ack()
            report(bench, message, record)
            return
        key = step_key(message.queue, message.run, message.step)
        held = bench.heartbeats.hold(delivery, key, record, revision, self._attempts.doubt)
        attempt.claim = held
        bench.log.debug("attempt started", run=record.run, step=record.step, handler=message.uses)
        try:
            self._tell_started(attempt, record, revision)
            ending = await self._run(attempt)
            await settle(bench, attempt, delivery, held, ending)
        finally:
            bench.heartbeats.drop(held)

    def _tell_started(self, attempt: Attempt, record: StepRecord, revision: int) -> None:
        # Also after a takeover: the one before may have died without telling. It has one id.
        if record.kind is Kind.RUN and record.attempt == 1:
            news = asyncio.create_task(self._started(attempt.message, record, revision))
            news.add_done_callback(self._note)
            attempt.context.tell_after(news)

    async def _started(self, message: StepMessage, record: StepRecord, revision: int) -> None:
        # A turn of the loop later, to be sent together with the outcome if the handler returns at
        # once: two writes to the server would cost a step a tenth of its time.
        await asyncio.sleep(0)
        await self._bench.claims.tell_started(message, record, revision)

    def _note(self, news: asyncio.Task[None]) -> None:
        if not news.cancelled() and (error := news.exception()) is not None:
            self._bench.log.warning("a step's start was not told", error=repr(error))

    async def _run(self, attempt: Attempt) -> Ending:
        bench, message, handler = self._bench, attempt.message, attempt.handler
        if handler is None:
            return Failed(_no_handler(message.uses, sorted(bench.app.handlers)))
        until = bench.clock.monotonic() + bench.settings.lease
        attempt.context.load = partial(self._inputs.output, message)
        try:
            attempt.context.input = await retry_unavailable(
                bench.clock, until, partial(self._inputs.of, message)
            )
        except Unavailable:
            raise
        except PayloadTooLarge as error:
            attempt.context.refuse_input(error)
        except Exception as error:  # noqa: BLE001  # whatever it is, the attempt cannot be made
            return Failed(error_info(error), error)
        if _is_over(attempt, bench.clock.now()):
            return Stopped(Halt.LOST)
        begun = bench.clock.monotonic()
        around = bench.app.middleware_of(message.uses)
        ending = await attempt.run(handler, bench.pool, bench.clock, around)
        took = bench.clock.monotonic() - begun
        bench.metrics.handler_seconds.labels(handler.name).observe(took)
        return await self._keep(message, ending)

    async def _keep(self, message: StepMessage, ending: Returned | Failed | Stopped) -> Ending:
        if not isinstance(ending, Returned):
            return ending
        bench = self._bench
        until = bench.clock.monotonic() + bench.settings.lease
        pack = partial(bench.payloads.pack, message.run, f"output.{message.step}", ending.output)
        try:
            return Completed(await retry_unavailable(bench.clock, until, pack))
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001  # too large, for one
            return Failed(error_info(error), error)

    async def _decode(self, delivery: Delivery) -> StepMessage | None:
        """The message; None if it is dealt with."""
        try:
            message = decode_step_message(delivery.data)
            problem = _problem(message)
        except UNREADABLE as error:
            message, problem = None, str(error)
        if message is not None and not problem:
            return message
        if (version := _version(delivery.data)) > MESSAGE_VERSION:
            self._tell_newer(delivery.subject, version)
            await self._put_back(delivery, self._bench.settings.lease)
            return None
        self._bench.log.error(
            "not a step message, dropped",
            subject=delivery.subject,
            error=problem,
            raw=delivery.data[:_SHOWN],
        )
        await delivery.ack()
        return None

    def _tell_newer(self, subject: str, version: int) -> None:
        """Say that messages wait for workers of a newer release: of each version, now and then."""
        now = self._bench.clock.monotonic()
        if now >= self._newer.get(version, now):
            self._newer[version] = now + _SILENCE
            self._bench.log.warning(
                "step messages of a newer release wait for its workers",
                subject=subject,
                version=version,
                known=MESSAGE_VERSION,
            )

    async def _put_back(self, delivery: Delivery, longest: float) -> None:
        delay = 0.25 * 2 ** min(delivery.delivered, 10)
        try:
            await delivery.nak(min(delay, longest))
        except Exception as error:  # noqa: BLE001  # then it comes back by itself
            self._bench.log.warning("nak failed", subject=delivery.subject, error=repr(error))


def _is_over(attempt: Attempt, now: float) -> bool:
    """Whether the claim ran out before its handler began, as in a process that was stopped."""
    return attempt.claim is not None and attempt.claim.record.lease_until <= now


def _no_handler(name: str, known: list[str]) -> ErrorInfo:
    more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    has = ", ".join(known[:_NAMED]) or "none"
    text = f"no step handler found: {name!r} (this worker has: {has}{more})"
    return ErrorInfo("HandlerNotFound", text, retryable=False)


def _problem(message: StepMessage) -> str:
    """What is wrong with a message that decodes, or nothing."""
    if message.v > MESSAGE_VERSION:
        return f"version {message.v}, this release reads {MESSAGE_VERSION}"
    if not RUN_ID.fullmatch(message.run):
        return f"bad run id {message.run!r}"
    if not DOTTED_NAME.fullmatch(message.step):
        return f"bad step id {message.step!r}"
    return "" if TOKEN.fullmatch(message.queue) else f"bad queue {message.queue!r}"


def _version(raw: bytes) -> int:
    try:
        return _decode_version(raw).v
    except UNREADABLE:
        return 0
