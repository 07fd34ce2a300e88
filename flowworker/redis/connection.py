"""Asking a server: once, and again while it cannot be reached.

Every script is either idempotent or a compare-and-set, so that repeating is safe. The answer to a
compare-and-set says whether an earlier try may have had its effect; then the caller looks.
"""

from __future__ import annotations

__all__ = ["Answer", "Connection"]

import asyncio
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import redis.asyncio as aioredis
from redis import exceptions as failures
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from flowworker.errors import CorruptRecord, InvalidInput, Unavailable
from flowworker.retrying import retry_unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flowworker.clock import Clock

RETRY_LIMIT = 5.0
"""Seconds for which a server that cannot be reached is asked again."""
RETRY_PAUSES = 0.02, 0.5
"""Seconds between two tries, as in `retry_unavailable`."""
CONNECTIONS = 16
ANSWER_TIMEOUT = 5.0

_UNREACHABLE = (
    failures.ConnectionError,  # also: loading its data
    failures.TimeoutError,
    failures.ReadOnlyError,  # a primary that has just become a replica
    failures.MasterDownError,
    OSError,
)


class Answer(NamedTuple):
    """What the server said; `repeated` if an earlier attempt may have had its effect."""

    value: Any
    repeated: bool


class Connection:
    """A client with a small pool. Everything that it raises is of our own tree."""

    def __init__(self, url: str, clock: Clock) -> None:
        """Not connected yet."""
        self.url = re.sub(r"//[^@/]*@", "//***@", url)
        self._clock = clock
        self._turns = asyncio.Semaphore(CONNECTIONS)
        try:
            pool = aioredis.BlockingConnectionPool.from_url(
                url,
                max_connections=CONNECTIONS,
                timeout=int(RETRY_LIMIT),
                socket_timeout=ANSWER_TIMEOUT,
                socket_connect_timeout=ANSWER_TIMEOUT,
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError as error:
            example = "redis://127.0.0.1:6379/0"
            raise InvalidInput(f"expected a URL such as {example}, found {self.url!r}") from error
        self.client = aioredis.Redis.from_pool(pool)

    async def run(self, script: str, keys: list[str], arguments: list[Any]) -> Answer:
        """Run a script; it is sent once and known by its digest from then on."""
        registered = self.client.register_script(script)
        return await self.ask(lambda: registered(keys=keys, args=arguments))

    async def ask(self, command: Callable[[], Awaitable[Any]]) -> Answer:
        """The answer to a command, which has its turn after those that were there before.

        Raises:
            Unavailable: no answer came in time. To wait for the turn is no part of that.
        """
        async with self._turns:
            return await self._ask(command)

    async def _ask(self, command: Callable[[], Awaitable[Any]]) -> Answer:
        tries = 0

        async def ask() -> Any:
            nonlocal tries
            tries += 1
            try:
                return await command()
            except (*_UNREACHABLE, failures.RedisError) as error:
                if str(error).startswith("WRONGTYPE"):
                    raise CorruptRecord(self.url, b"", str(error)) from error
                text = str(error) or type(error).__name__
                raise Unavailable(f"Redis at {self.url}: {text}") from error

        until = self._clock.monotonic() + RETRY_LIMIT
        value = await retry_unavailable(
            self._clock, until, ask, may_pass=_is_unreachable, pauses=RETRY_PAUSES
        )
        return Answer(value, repeated=tries > 1)

    async def close(self) -> None:
        """Close it; harmless when it was."""
        await self.client.aclose()


def _is_unreachable(error: Unavailable) -> bool:
    return isinstance(error.__cause__, _UNREACHABLE)
