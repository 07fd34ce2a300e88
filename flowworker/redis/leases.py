"""Leases as hashes that expire, by the server's clock.

Why no two hold a key at once: a lease is written by a script that looks first, and scripts run
alone; a holder counts its time from before it asked, the server from when it ran the script, so
the holder gives up first. Tokens come from the counter of all writes. Why it makes progress: an
unattended lease expires by itself, and waiters look again when that is due; one that is given up
is announced. What cannot be read, or has no end, is given one by the process that finds it. Nothing
is left behind.
"""

from __future__ import annotations

__all__ = ["RedisLeases"]

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from flowworker.errors import InvalidInput
from flowworker.ports import records as contract
from flowworker.redis import scripts
from flowworker.redis.keys import checked_key, lua_pattern, range_of
from flowworker.tasks import cancel_all
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowworker.clock import Clock
    from flowworker.redis.connection import Connection

RECONNECT_WAIT = 0.25
POLL = 5.0
UNREADABLE = -1


class RedisLeases:
    """Implements `ports.Leases`."""

    def __init__(self, connection: Connection, namespace: str, clock: Clock) -> None:
        """Keep the leases of a namespace."""
        self._connection = connection
        self._prefix = f"{{{namespace}}}:lease:"
        self._counter = f"{{{namespace}}}:revision"
        self._clock = clock
        self._watchers: dict[str, dict[object, Callable[[], None]]] = {}
        self._named: set[str] = set()
        self._listening: asyncio.Task[None] | None = None
        self._gate = asyncio.Lock()
        self._closing = False

    async def acquire(self, key: str, holder: str, ttl: int) -> int | None:
        """The token, or None if another holder has it."""
        unreadable = int(contract.UNREADABLE_LEASE * 1000)
        token = await self._run(scripts.ACQUIRE, key, holder, _milliseconds(ttl), unreadable)
        if token != UNREADABLE:
            self._named.discard(key)
            return token
        if key not in self._named:
            self._named.add(key)
            get_logger().warning(
                "a lease cannot be read, and is held until its time to live ends",
                key=f"{self._prefix}value:{key}",
            )
        return None

    async def renew(self, key: str, holder: str, ttl: int, token: int) -> int | None:
        """The next token, or None if the lease was lost."""
        return await self._run(scripts.RENEW, key, holder, _milliseconds(ttl), token)

    async def release(self, key: str, holder: str, token: int) -> None:
        """Give it up; does nothing if it is not held."""
        await self._run(scripts.RELEASE, key, holder, "", token)

    async def holders(self, pattern: str) -> dict[str, str]:
        """Holder by key, of all leases that match and hold."""
        range_of(pattern)  # refuses what is no pattern
        arguments = [self._prefix, lua_pattern(pattern)]
        found = (await self._connection.run(scripts.HOLDERS, [self._counter], arguments)).value
        names = [name.decode() for name in found]
        return dict(zip(names[::2], names[1::2], strict=True))

    async def remaining(self, key: str) -> float | None:
        """Seconds until it ends unless it is renewed; None if it is free."""
        name = f"{self._prefix}value:{checked_key(key)}"
        client = self._connection.client
        left = (await self._connection.ask(lambda: client.pttl(name))).value
        return None if left < 0 else left / 1000

    async def watch(self, key: str, on_free: Callable[[], None]) -> Callable[[], object]:
        """Call soon after it was given up."""
        async with self._gate:
            if self._listening is None or self._listening.done():
                self._listening = await self._listen()
        mark = object()
        self._watchers.setdefault(key, {})[mark] = on_free

        def end() -> None:
            watchers = self._watchers.get(key, {})
            watchers.pop(mark, None)
            if not watchers:
                self._watchers.pop(key, None)

        return end

    async def close(self) -> None:
        """Listen no more."""
        self._closing = True
        listening, self._listening = self._listening, None
        if listening is not None:
            await cancel_all([listening])

    async def _run(self, script: str, key: str, holder: str, *more: Any) -> int | None:
        arguments = [self._prefix, checked_key(key), holder, *more]
        answer = await self._connection.run(script, [self._counter], arguments)
        return int(answer.value) or None

    async def _listen(self) -> asyncio.Task[None]:
        """Subscribe to the releases of all leases of the namespace."""
        client = self._connection.client
        pubsub = client.pubsub(ignore_subscribe_messages=False)
        await self._connection.ask(lambda: pubsub.psubscribe(f"{self._prefix}free:*"))
        await self._connection.ask(lambda: pubsub.get_message(timeout=POLL))  # confirmed
        return asyncio.create_task(self._receive(pubsub), name="redis-leases")

    async def _receive(self, pubsub: Any) -> None:
        prefix = f"{self._prefix}free:".encode()
        try:
            while not self._closing:  # a cancellation may come out as an error of the connection
                try:
                    message = await pubsub.get_message(timeout=POLL)
                except (RedisError, OSError):  # it subscribes anew when it is connected again
                    await self._clock.sleep(RECONNECT_WAIT)
                    continue
                if message is not None and message["type"] == "pmessage":
                    key = bytes(message["channel"]).removeprefix(prefix).decode()
                    for on_free in tuple(self._watchers.get(key, {}).values()):
                        on_free()
        finally:
            with contextlib.suppress(RedisError, OSError):
                await pubsub.aclose()


def _milliseconds(ttl: int) -> int:
    if ttl < 1 or ttl != int(ttl):
        raise InvalidInput(f"a lease's time to live is whole seconds, at least 1, found {ttl!r}")
    return int(ttl) * 1000
