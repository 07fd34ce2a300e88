"""Leases on a bucket with a time to live per message.

A lease is one message: its subject is the key, its sequence the token, its value the holder. All
changes compare and set.

Why no two hold a key at once: a holder counts its time from before it asked, the server from when
it stored the message, so the holder gives up first, provided that both clocks run equally fast.
No holder removes another's message, but for one case: an expired message may reappear when a server
is killed. Another holder therefore takes over a message that it has itself watched, unchanged, for
longer than its time to live; every renewal changes the sequence, and so restarts the watch. No two
machines' clocks are ever compared for that. A value that cannot be read says neither who holds the
key nor for how long: its holder is unknown, and it is taken over, compared and set as all else,
once it is older than `UNREADABLE_LEASE` and than the hold that is asked for, by the clock of the
servers that stamped it. Release writes a marker over the holder's own message, compared and set as
all else, so that it spares whatever came since; and needs no right but that to write the key.

Why it makes progress: an unattended message expires; one that reappeared is taken over after one
more time to live; one that cannot be read when it is old enough. Nothing is left behind: a marker
goes after a second, and until then the key is taken over it. Nobody may follow the bucket's
subjects, so a release is announced (`announcements`).
"""

from __future__ import annotations

__all__ = ["BucketLeases"]

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from flowworker.codec.json import UNREADABLE
from flowworker.errors import Conflict, InvalidInput
from flowworker.jetstream.client import headers
from flowworker.jetstream.client.publisher import UncertainConflict
from flowworker.jetstream.records import is_marker
from flowworker.ports import records as contract
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowworker.clock import Clock
    from flowworker.jetstream.announcements import Announcements
    from flowworker.jetstream.client.api import Api, StoredMessage
    from flowworker.jetstream.client.publisher import Publisher
    from flowworker.jetstream.records import BucketRecords
    from flowworker.jetstream.shards import Bucket

GRACE = 2.0
"""Seconds beyond the time to live: the server removes what expired once a second or so."""
REMOVAL = 0.5
"""Seconds that the server takes to remove what expired, on average."""
SKEW = 60.0
"""Seconds by which clocks may differ before a lease that reappeared is listed as held."""
WATCHED_LIMIT = 10_000
ATTEMPTS = 3
PARALLEL = 16

NOT_ENOUGH = "a lease's time to live is whole seconds, at least 1"


class _Lease(Struct, frozen=True):
    """The value. `until` (epoch seconds, by the holder's clock) is for people and listings."""

    holder: str
    ttl: int
    until: float
    v: int = 1


_decode = msgspec.json.Decoder(_Lease).decode
_encode = msgspec.json.Encoder().encode


class BucketLeases:
    """Implements `ports.Leases`."""

    def __init__(
        self,
        publisher: Publisher,
        api: Api,
        bucket: Bucket,
        records: BucketRecords,
        clock: Clock,
        announcements: Announcements | None = None,
    ) -> None:
        """Keep everything in `bucket`, of which `records` is the other view.

        Without announcements a release wakes no waiter; each finds it at its next look.
        """
        self._publisher = publisher
        self._api = api
        self._bucket = bucket
        self._records = records
        self._clock = clock
        self._announcements = announcements
        self._watched: dict[str, tuple[int, float]] = {}
        self._named: dict[str, int] = {}

    async def acquire(self, key: str, holder: str, ttl: int) -> int | None:
        """The token, or None if another holder has it."""
        over = 0
        for _ in range(ATTEMPTS):
            token = await self._write(key, holder, ttl, over)
            if token is not None:
                self._watched.pop(key, None)
                return token
            message = await self._last(key)
            if message is None:
                over = 0
            elif await self._mine_or_dead(key, holder, ttl, message):
                over = message.seq
            else:
                return None
        return None

    async def renew(self, key: str, holder: str, ttl: int, token: int) -> int | None:
        """The next token, or None if the lease was lost."""
        return await self._write(key, holder, ttl, token)

    async def release(self, key: str, holder: str, token: int) -> None:  # noqa: ARG002 - the token is the holder's alone
        """Give it up; does nothing if it is not held."""
        subject = self._bucket.subject(key)
        block = headers.encode({headers.EXPECTED: str(token), **headers.GIVEN_UP})
        try:
            await self._publisher.publish(subject, b"", block)
        except UncertainConflict:
            pass  # perhaps with its own first attempt: then it is to be announced
        except Conflict:
            return
        if self._announcements is not None:
            await self._announcements.announce(key)

    async def holders(self, pattern: str) -> dict[str, str]:
        """Holder by key, of all leases that match and hold."""
        keys = await self._records.keys(pattern)
        gate = asyncio.Semaphore(PARALLEL)

        async def look(key: str) -> tuple[str, str | None]:
            async with gate:
                message = await self._last(key)
            return key, None if message is None else self._listed(key, message)

        found = await asyncio.gather(*(look(key) for key in keys))
        return {key: holder for key, holder in found if holder is not None}

    async def remaining(self, key: str) -> float | None:
        """Seconds until it ends, about: `until` is by the holder's clock."""
        message = await self._last(key)
        if message is None or is_marker(message):
            return None
        lease = self._lease_of(key, message)
        if lease is None:
            left = contract.UNREADABLE_LEASE - await self._age(message)
            return max(left, 0.0) + GRACE
        return min(max(lease.until - self._clock.now(), 0.0), lease.ttl) + REMOVAL

    async def watch(self, key: str, on_free: Callable[[], None]) -> Callable[[], object]:
        """Call soon after it was given up."""
        if self._announcements is None:
            return lambda: None
        return await self._announcements.listen(key, on_free)

    async def _write(self, key: str, holder: str, ttl: int, over: int) -> int | None:
        if ttl < 1 or ttl != int(ttl):
            raise InvalidInput(f"{NOT_ENOUGH}, found {ttl!r}")
        subject = self._bucket.subject(key)
        value = _encode(_Lease(holder, int(ttl), self._clock.now() + ttl))
        block = headers.encode({headers.EXPECTED: str(over), headers.TTL: f"{int(ttl)}s"})
        try:
            return (await self._publisher.publish(subject, value, block)).seq
        except UncertainConflict:
            message = await self._last(key)
            if message is not None and message.seq > over and message.data == value:
                return message.seq  # the first attempt had been stored
            return None
        except Conflict:
            return None

    async def _mine_or_dead(self, key: str, holder: str, ttl: int, message: StoredMessage) -> bool:
        if is_marker(message):
            return True
        lease = self._lease_of(key, message)
        if lease is None:
            return await self._age(message) > max(contract.UNREADABLE_LEASE, ttl) + GRACE
        return lease.holder == holder or self._outlived(key, message.seq, lease)

    def _listed(self, key: str, message: StoredMessage) -> str | None:
        lease = None if is_marker(message) else self._lease_of(key, message)
        if lease is None or self._outlived(key, message.seq, lease):
            return None
        return None if lease.until + SKEW < self._clock.now() else lease.holder

    def _lease_of(self, key: str, message: StoredMessage) -> _Lease | None:
        """What a message says; None, and a warning, if it cannot be read."""
        try:
            return _decode(message.data)
        except UNREADABLE as error:
            if self._named.get(key) != message.seq:
                if len(self._named) >= WATCHED_LIMIT:
                    self._named.clear()
                self._named[key] = message.seq
                get_logger().warning(
                    "a lease cannot be read, and is held until it is old enough to be taken over",
                    bucket=self._bucket.name,
                    key=key,
                    error=str(error),
                    found=repr(message.data[:80]),
                )
            return None

    async def _age(self, message: StoredMessage) -> float:
        """Seconds since it was stored. Both times are the servers'."""
        info = await self._api.call(f"STREAM.INFO.{self._bucket.stream}")
        now, stored = (datetime.fromisoformat(time) for time in (info["ts"], message.time))
        return (now - stored).total_seconds()

    def _outlived(self, key: str, sequence: int, lease: _Lease) -> bool:
        """Whether we have watched this very message for longer than it may live."""
        now = self._clock.monotonic()
        seen, since = self._watched.get(key, (0, now))
        if seen == sequence:
            return now - since > lease.ttl + GRACE
        if len(self._watched) >= WATCHED_LIMIT:
            self._watched.clear()  # costs a watch begun anew, no safety
        self._watched[key] = (sequence, now)
        return False

    async def _last(self, key: str) -> StoredMessage | None:
        return await self._api.last(self._bucket.stream, self._bucket.subject(key))
