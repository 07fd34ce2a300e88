"""Waiting for the end of a run.

Two things may tell of it, and either may get lost: the reply to the start message, and the run's
terminal event. They only wake the waiter early. The truth is the run's record, which is read at
once and then with growing pauses, so that the end is seen whatever was lost.
"""

from __future__ import annotations

__all__ = ["Results", "RunResult"]

import asyncio
import secrets
from collections import OrderedDict
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import msgspec

from flowworker.client.accepted import find_accepted
from flowworker.client.views import no_such_run
from flowworker.codec.json import UNREADABLE, decode_value
from flowworker.codec.messages import Result, ResultStatus, decode_result
from flowworker.codec.subjects import event_subject
from flowworker.core.event_types import ENDS, EventType
from flowworker.core.ids import event_id, partition_of
from flowworker.core.status import TERMINAL, RunStatus
from flowworker.errors import (
    InvalidInput,
    ResultTimeout,
    RunCancelled,
    RunFailed,
    RunIdTaken,
    Unavailable,
    WorkflowNotFound,
)
from flowworker.stores.payloads import input_digest
from flowworker.tasks import wait_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from flowworker.client.views import RunView, Views
    from flowworker.clock import Clock
    from flowworker.core.payload import Payload
    from flowworker.core.records import RunRecord
    from flowworker.stores.stores import Stores

SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
PATIENCE = 30.0
"""Seconds that a waiter bears with an outside that cannot be reached."""
REMEMBERED = 10_000
"""Started runs that a client remembers, to know that their records are yet to come."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended.

    Attributes:
        output: outputs of the steps on which nothing depends, by step id, as JSON values.
        error: one line, empty if COMPLETED.
        failed_compensations: steps that could not be undone.
        needs_attention: one of these was critical.
    """

    id: str
    workflow: str
    status: RunStatus
    output: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    failed_compensations: tuple[str, ...] = ()
    needs_attention: bool = False

    def raise_for_status(self) -> Self:
        """The result itself if the run COMPLETED; else RunFailed or RunCancelled."""
        if self.status is RunStatus.COMPLETED:
            return self
        error = RunCancelled if self.status is RunStatus.CANCELLED else RunFailed
        raise error(f"run {self.id} ({self.workflow}) ended {self.status}: {self.error}")


class _Waiter:
    """Woken by news; keeps the reply if that was it, and the digest of the input that it sent."""

    def __init__(self, digest: bytes) -> None:
        self.digest = digest
        self.news = asyncio.Event()
        self.reply: Result | None = None


class Results:
    """Ends of runs, as one client waits for them."""

    def __init__(self, stores: Stores, clock: Clock, views: Views) -> None:
        self._backend = stores.backend
        self._clock = clock
        self._views = views
        self._payloads = stores.payloads
        prefix = next(iter(stores.settings.reply_prefixes), "")
        self._inbox = f"{prefix}{secrets.token_hex(11)}" if prefix else ""
        self._unsubscribe: Callable[[], object] | None = None
        self._subscribing = asyncio.Lock()
        self._started: OrderedDict[str, tuple[int, bytes]] = OrderedDict()
        self._waiters: dict[str, set[_Waiter]] = {}

    async def reply_to(self, run: str) -> str:
        """The subject for the reply to a start, listened to; empty if replies are not allowed."""
        if self._inbox and self._unsubscribe is None:
            async with self._subscribing:
                if self._unsubscribe is None:  # nobody did while this waited
                    self._unsubscribe = await self._backend.notifier.subscribe(
                        f"{self._inbox}.*", self._on_reply
                    )
        return f"{self._inbox}.{run}" if self._inbox else ""

    def started(self, run: str, sequence: int, digest: bytes) -> None:
        """This client started that run, by that command: it exists, or will, or is rejected.

        With a digest of the input, of which nobody can say whether it was the first of that id.
        """
        self._started[run] = sequence, digest
        if len(self._started) > REMEMBERED:
            self._started.popitem(last=False)

    def is_expected(self, run: str) -> bool:
        """Whether this client started it, so that it may be on its way."""
        return run in self._started

    def close(self) -> None:
        """Listen no more."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    @asynccontextmanager
    async def listen(self, run: str) -> AsyncIterator[_Waiter]:
        """A waiter that hears of the run's reply from here on."""
        waiter = _Waiter(self._started.get(run, (0, b""))[1])
        self._waiters.setdefault(run, set()).add(waiter)
        try:
            yield waiter
        finally:
            self._waiters[run].discard(waiter)
            if not self._waiters[run]:
                del self._waiters[run]

    async def wait(self, run: str, timeout: float | None) -> RunResult:
        """The end of a run; see `Client.result`."""
        async with self.listen(run) as waiter:
            partition = partition_of(run, self._backend.events.partitions)
            unsubscribe = await self._backend.notifier.subscribe(
                event_subject(self._backend.namespace, partition, run, "workflow.*"),
                lambda subject, _: _wake(waiter, subject),
            )
            try:
                return await self.wait_with(waiter, run, timeout)
            finally:
                unsubscribe()

    async def wait_with(
        self, waiter: _Waiter, run: str, timeout: float | None, *, fresh: bool = False
    ) -> RunResult:
        """The same for a waiter that listens already; a fresh run is not looked for at once."""
        result = await self._end(waiter, run, timeout, fresh=fresh)
        self._started.pop(run, None)
        return result

    async def _end(
        self, waiter: _Waiter, run: str, timeout: float | None, *, fresh: bool
    ) -> RunResult:
        now = self._clock.monotonic()
        deadline = None if timeout is None else now + timeout
        pause, reached, seen, waits = SHORTEST_PAUSE, now, False, False
        if fresh:
            first = pause if timeout is None else min(pause, timeout)
            await wait_for(waiter.news, first, self._clock)
        while waiter.reply is None:
            waiter.news.clear()
            waits = False
            try:
                record = await self._record(run, seen=seen)
                waits = record is None
                reached = self._clock.monotonic()
                if record is not None and not seen:
                    await self.compare(record, waiter.digest)
                    seen = True
                if record is not None and record.status in TERMINAL:
                    return await self._of_record(record)
            except Unavailable:
                if self._clock.monotonic() - reached > PATIENCE:
                    raise
            left = LONGEST_PAUSE if deadline is None else deadline - self._clock.monotonic()
            if left <= 0:
                raise ResultTimeout(_too_late(run, timeout or 0.0, waits=waits))
            await wait_for(waiter.news, min(pause, left), self._clock)
            pause = min(pause * 2, LONGEST_PAUSE)
        if not seen and not fresh and (record := await self._views.record(run)) is not None:
            await self.compare(record, waiter.digest)
        return await self._of_reply(waiter.reply)

    async def compare(self, record: RunRecord, digest: bytes) -> None:
        """Raise RunIdTaken if the run was started with another input; no digest fits all."""
        if digest and input_digest(await self._payloads.load(record.input)) != digest:
            raise RunIdTaken(
                f"run id {record.run} is taken by a run with another input; choose another id"
            )

    async def _record(self, run: str, *, seen: bool) -> RunRecord | None:
        """The run's record; None if it may be on its way; an error if there will be none."""
        record = await self.look(run)
        if record is not None:
            return record
        if not seen and (self.is_expected(run) or await self.accepted(run)):
            return None
        record = None if seen else await self.look(run)  # taken in between the two looks
        if record is None:
            raise no_such_run(run)
        return record

    async def look(self, run: str) -> RunRecord | None:
        """The run's record, if there is one; an error if its start was rejected."""
        record = await self._views.record(run)
        if record is None and (reason := await self.rejection(run)) is not None:
            raise reason
        return record

    async def accepted(self, run: str) -> RunView | None:
        """A run without a record whose start waits for a coordinator."""
        sequence, _ = self._started.get(run, (0, b""))
        return await find_accepted(self._backend.commands, run, sequence)

    async def rejection(self, run: str) -> InvalidInput | WorkflowNotFound | None:
        """Why the start of a run was rejected, if it was and that is still known."""
        command, _ = self._started.get(run, (None, b""))
        for raw in reversed(await self._backend.events.history(run)):
            try:
                event = msgspec.json.decode(raw, type=_Rejected)
            except UNREADABLE:
                continue
            # A rejected command to a run is about no workflow, an earlier start not about ours.
            ours = command is None or event.id == event_id(run, event.type, str(command))
            if event.type == EventType.REJECTED and event.data.get("name") and ours:
                return _rejected(
                    run, str(event.data.get("reason")), str(event.data.get("error_type"))
                )
        return None

    async def _of_record(self, record: RunRecord) -> RunResult:
        completed = record.status is RunStatus.COMPLETED
        output = await self._views.output(record.run) if completed else {}
        return RunResult(
            id=record.run,
            workflow=record.workflow,
            status=record.status,
            output=await self._values(output),
            error=record.error,
            failed_compensations=record.failed_compensations,
            needs_attention=record.needs_attention,
        )

    async def _of_reply(self, reply: Result) -> RunResult:
        if reply.status is ResultStatus.REJECTED:
            raise _rejected(reply.id, reply.error, reply.error_type)
        return RunResult(
            id=reply.id,
            workflow=reply.workflow,
            status=RunStatus(reply.status),
            output=await self._values(reply.output),
            error=reply.error,
            failed_compensations=reply.failed_compensations,
            needs_attention=reply.needs_attention,
        )

    async def _values(self, output: Mapping[str, Payload]) -> dict[str, Any]:
        values = {}
        for step, payload in output.items():
            raw = await self._payloads.load(payload)
            values[step] = decode_value(f"output of {step}", raw)
        return values

    def _on_reply(self, subject: str, data: bytes) -> None:
        try:
            reply = decode_result(data)
        except UNREADABLE:
            return  # not from a coordinator; the record tells
        for waiter in self._waiters.get(subject.rpartition(".")[2], ()):
            waiter.reply = None if reply.partial else reply
            waiter.news.set()


def _too_late(run: str, timeout: float, *, waits: bool) -> str:
    if waits:
        return (
            f"run {run} was accepted, and no coordinator has taken it in within {timeout:g} s; is "
            "one running? It begins when one does"
        )
    return f"run {run} did not end within {timeout:g} s; it goes on"


class _Rejected(msgspec.Struct):
    id: str
    type: str
    data: dict[str, Any] = {}


_NEWS = (*ENDS, EventType.REJECTED)


def _wake(waiter: _Waiter, subject: str) -> None:
    if subject.endswith(_NEWS):
        waiter.news.set()


def _rejected(run: str, reason: str, error_type: str) -> InvalidInput | WorkflowNotFound:
    known = {kind.__name__: kind for kind in (WorkflowNotFound, RunIdTaken)}
    kind = known.get(error_type, InvalidInput)
    return kind(f"run {run} was not started: {reason}")
