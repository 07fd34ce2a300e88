"""Waiting for the end of a run.

Two messages may announce it, and either may get lost: the reply to the start, and the run's last
event. They only wake the waiter early. What decides is the run's record, which is read at once and
then with growing pauses, so that the end is seen even if both messages are lost.
"""

from __future__ import annotations

__all__ = ["Waiting"]

import asyncio
import secrets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from flowworker.client.results import Results
from flowworker.codec.json import UNREADABLE
from flowworker.codec.messages import Result, decode_result
from flowworker.codec.subjects import event_subject
from flowworker.core.event_types import ENDS, EventType
from flowworker.core.ids import COORDINATOR, partition_of
from flowworker.core.status import TERMINAL
from flowworker.errors import PayloadKeyMissing, ResultTimeout, Unavailable
from flowworker.tasks import wait_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from flowworker.client.lookup import Lookup
    from flowworker.client.results import RunResult
    from flowworker.client.views import Views
    from flowworker.clock import Clock
    from flowworker.core.records import RunRecord
    from flowworker.stores.stores import Stores

SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
UNAVAILABLE_LIMIT = 30.0
"""Seconds for which the record may be unavailable before the waiter raises that."""

_AWAITED = (*ENDS, EventType.REJECTED)


class _Waiter:
    """One who waits for a run: woken by an event or a reply, which it keeps.

    Attributes:
        digest: of the input that was sent, empty if any fits.
    """

    def __init__(self, digest: bytes) -> None:
        self.digest = digest
        self.woken = asyncio.Event()
        self.reply: Result | None = None


class Waiting:
    """Waits for ends of runs, for one client."""

    def __init__(self, stores: Stores, clock: Clock, views: Views, lookup: Lookup) -> None:
        self._backend = stores.backend
        self._clock = clock
        self._views = views
        self._lookup = lookup
        self._results = Results(stores.payloads, views)
        prefixes, own = stores.settings.reply_prefixes, f"{stores.backend.inbox}."
        prefix = own if own.startswith(prefixes) else next(iter(prefixes), "")
        self._inbox = f"{prefix}{secrets.token_hex(11)}" if prefix else ""
        self._unsubscribe: Callable[[], object] | None = None
        self._subscribing = asyncio.Lock()
        self._waiters: dict[str, set[_Waiter]] = {}

    async def reply_to(self, run: str) -> str:
        """The subject for the reply to a start, subscribed to; empty if replies are not allowed."""
        if self._inbox and self._unsubscribe is None:
            async with self._subscribing:
                if self._unsubscribe is None:  # no other task has while this one waited
                    self._unsubscribe = await self._backend.notifier.subscribe(
                        f"{self._inbox}.*", self._on_reply
                    )
        return f"{self._inbox}.{run}" if self._inbox else ""

    def close(self) -> None:
        """Unsubscribe."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    @asynccontextmanager
    async def listen(self, run: str) -> AsyncIterator[_Waiter]:
        """A waiter that gets the run's reply from here on."""
        waiter = _Waiter(self._lookup.digest(run))
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
                event_subject(self._backend.namespace, partition, run, COORDINATOR, "workflow.*"),
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
        self._lookup.forget(run)
        return result

    async def _end(
        self, waiter: _Waiter, run: str, timeout: float | None, *, fresh: bool
    ) -> RunResult:
        now = self._clock.monotonic()
        deadline = None if timeout is None else now + timeout
        pause, reached, seen, accepted = SHORTEST_PAUSE, now, False, False
        if fresh:
            first = pause if timeout is None else min(pause, timeout)
            await wait_for(waiter.woken, first, self._clock)
        while waiter.reply is None:
            waiter.woken.clear()
            accepted = False
            try:
                record = await self._lookup.record_to_come(run, seen=seen)
                accepted = record is None
                reached = self._clock.monotonic()
                if record is not None and not seen:
                    await self._lookup.compare(record, waiter.digest)
                    seen = not _may_be_refused(record)
                if record is not None and record.status in TERMINAL:
                    return await self._results.of_record(record)
            except PayloadKeyMissing:
                raise  # it will not come
            except Unavailable:
                if self._clock.monotonic() - reached > UNAVAILABLE_LIMIT:
                    raise
            left = LONGEST_PAUSE if deadline is None else deadline - self._clock.monotonic()
            if left <= 0:
                raise ResultTimeout(_too_late(run, timeout or 0.0, accepted=accepted))
            await wait_for(waiter.woken, min(pause, left), self._clock)
            pause = min(pause * 2, LONGEST_PAUSE)
        if not seen and not fresh and (record := await self._views.record(run)) is not None:
            await self._lookup.compare(record, waiter.digest)
        return await self._results.of_reply(waiter.reply)

    def _on_reply(self, subject: str, data: bytes) -> None:
        try:
            reply = decode_result(data)
        except UNREADABLE:
            return  # not from a coordinator; the record decides
        for waiter in self._waiters.get(subject.rpartition(".")[2], ()):
            waiter.reply = None if reply.partial else reply
            waiter.woken.set()


def _too_late(run: str, timeout: float, *, accepted: bool) -> str:
    if accepted:
        return (
            f"run {run} was accepted, and no coordinator has taken it in within {timeout:g} s; is "
            "one running? It begins when one does"
        )
    return f"run {run} did not end within {timeout:g} s; it goes on"


def _wake(waiter: _Waiter, subject: str) -> None:
    if subject.endswith(_AWAITED):
        waiter.woken.set()


def _may_be_refused(record: RunRecord) -> bool:
    """Whether its limits may have yet to say that the run is not to be.

    Then its record is removed before it is published that its start is rejected.
    """
    return record.admission is not None and not record.admission.admitted
