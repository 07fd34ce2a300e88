"""Keeps claims alive, whatever handlers do to the main event loop.

A thread with an event loop and a connection of its own renews every claim that has been held for a
third of a lease, and from then on every third. Short attempts end before that and cost one entry in
a dict. The thread starts with the first claim, because a handler may block the main loop as soon as
it is called; the connection is opened for the first renewal.

Safety: a renewal is a compare-and-set from the claim's present revision, like the outcome itself,
so it can neither take back a claim that was taken over nor overtake its outcome: `release` waits
for the renewal in flight, and after it the revision does not change any more. What both threads
use is guarded by one lock, held for a few instructions. A renewal whose answer got lost leaves the
revision unknown; the next one then meets a Conflict, as if the claim were lost. The main loop reads
the record to find out which it is (`on_conflict`, then `resume`).

Liveness: a renewal that fails is tried again well before the lease ends, over a new connection if
need be; if it fails until the lease ends, another worker takes over and this one's outcome is
refused.
"""

from __future__ import annotations

__all__ = ["Heartbeats", "HeldClaim"]

import asyncio
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.codec.json import encode
from flowworker.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from structlog.typing import FilteringBoundLogger

    from flowworker.clock import Clock
    from flowworker.core.records import StepRecord
    from flowworker.ports import Delivery, HeartbeatLink
    from flowworker.worker.heartbeat_thread import HeartbeatThread
    from flowworker.worker.lag import LagProbe

_LONGEST_TICK = 0.25
"""Seconds between two checks of what is due."""


@dataclass(slots=True, eq=False)
class HeldClaim:
    """A claim that is kept alive, and its delivery. `Heartbeats` guards it.

    Attributes:
        due: when to renew next, by the clock's `monotonic`.
        key: of the step's record.
        record: as it was written last, RUNNING.
        revision: of that record: the fencing token.
        on_conflict: called on the main loop when a renewal met another revision.
        held: not released, nor in doubt.
    """

    delivery: Delivery
    due: float
    key: str
    record: StepRecord
    revision: int
    on_conflict: Callable[[HeldClaim], None]
    held: bool = field(default=True, init=False)
    renewing: bool = field(default=False, init=False)
    waiter: asyncio.Future[None] | None = field(default=None, init=False)


class Heartbeats:
    """The claims of one worker, and the thread that renews them."""

    def __init__(
        self,
        open_link: Callable[[], Awaitable[HeartbeatLink]],
        clock: Clock,
        lease: float,
        probe: LagProbe,
        log: FilteringBoundLogger,
        make_thread: type[HeartbeatThread],
    ) -> None:
        """Renew over a link of `open_link`; ask `probe` how late the main loop is at every tick."""
        self._make_thread = make_thread
        self._open_link = open_link
        self._clock = clock
        self._lease = lease
        self._interval = lease / 3
        self._tick = min(_LONGEST_TICK, lease / 12)
        self._probe = probe
        self._log = log
        self._lock = threading.Lock()
        self._held: dict[HeldClaim, None] = {}  # the oldest first
        self._thread: HeartbeatThread | None = None

    def hold(
        self,
        delivery: Delivery,
        key: str,
        record: StepRecord,
        revision: int,
        on_conflict: Callable[[HeldClaim], None],
    ) -> HeldClaim:
        """Keep a claim alive from now on."""
        due = self._clock.monotonic() + self._interval
        claim = HeldClaim(delivery, due, key, record, revision, on_conflict)
        with self._lock:
            self._held[claim] = None
        if self._thread is None:
            self._thread = self._make_thread(self._beat, self._tick, self._open_link, self._log)
        return claim

    def drop(self, claim: HeldClaim) -> None:
        """Stop renewing it; nothing if it was released."""
        with self._lock:
            self._held.pop(claim, None)
            claim.held = False

    async def release(self, claim: HeldClaim) -> int:
        """Stop renewing it, and wait for a renewal in flight: the final revision."""
        with self._lock:
            self._held.pop(claim, None)
            claim.held = False
            if not claim.renewing:
                return claim.revision
            waiter = claim.waiter = asyncio.get_running_loop().create_future()
        await waiter
        return claim.revision

    def resume(self, claim: HeldClaim, record: StepRecord, revision: int) -> None:
        """The record is still this claim's: go on with it from there."""
        with self._lock:
            if claim in self._held:
                claim.record, claim.revision = record, revision
                claim.due = self._clock.monotonic() + self._tick
                claim.held = True

    async def stop(self) -> None:
        """End the thread; the leases of claims that are still held end by themselves."""
        thread, self._thread = self._thread, None
        if thread is not None:
            await thread.stop()

    def _beat(self, thread: HeartbeatThread) -> None:
        """On the thread, once per tick."""
        self._probe.ask(thread.main)
        now = self._clock.monotonic()
        with self._lock:
            due = [claim for claim in self._held if _is_due(claim, now)]
            for claim in due:
                claim.renewing = True
        for claim in due:
            thread.start(self._renew(claim, thread))

    async def _renew(self, claim: HeldClaim, thread: HeartbeatThread) -> None:
        pause = self._interval / 4
        try:
            async with asyncio.timeout(self._interval):
                await self._write(claim, thread)
                await thread.over_link(lambda link: link.in_progress(claim.delivery))
            pause = self._interval
        except Conflict:
            self._doubt(claim, thread)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is tried again
            record = claim.record
            self._log.warning(
                "renewal failed, will try again",
                run=record.run,
                step=record.step,
                kind=record.kind.value,
                turn=record.turn,
                attempt=record.number,
                worker=record.worker,
                error=repr(error),
            )
        finally:
            with self._lock:
                claim.renewing = False
                claim.due = self._clock.monotonic() + pause
                waiter, claim.waiter = claim.waiter, None
            if waiter is not None:
                thread.on_main(_resolve, waiter)

    async def _write(self, claim: HeldClaim, thread: HeartbeatThread) -> None:
        record = replace(claim.record, lease_until=self._clock.now() + self._lease)
        value = encode(record)
        revision = await thread.over_link(lambda link: link.write(claim.key, value, claim.revision))
        with self._lock:
            claim.record, claim.revision = record, revision

    def _doubt(self, claim: HeldClaim, thread: HeartbeatThread) -> None:
        with self._lock:
            in_doubt = claim.held
            claim.held = False
        if in_doubt:
            thread.on_main(claim.on_conflict, claim)


def _is_due(claim: HeldClaim, now: float) -> bool:
    return claim.held and not claim.renewing and claim.due <= now


def _resolve(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
