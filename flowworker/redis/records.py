"""Records in hashes, their names in sorted sets, so that patterns are ranges and not scans."""

from __future__ import annotations

__all__ = ["RedisRecords"]

from typing import TYPE_CHECKING

from flowworker.errors import Conflict, CorruptRecord
from flowworker.redis import scripts
from flowworker.redis.keys import checked_key, filed_by_run, lua_pattern, range_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowworker.redis.connection import Connection


class RedisRecords:
    """Implements `ports.Records`. Revisions are counted over the whole namespace."""

    def __init__(self, connection: Connection, namespace: str, name: str) -> None:
        """Keep the map of that name."""
        self._connection = connection
        self._prefix = f"{{{namespace}}}:{name}:"
        self._counter = f"{{{namespace}}}:revision"

    async def read(self, key: str) -> tuple[bytes, int] | None:
        """Value and revision, or None."""
        name = f"{self._prefix}value:{checked_key(key)}"
        client = self._connection.client
        value, revision = (await self._connection.ask(lambda: client.hmget(name, "v", "r"))).value
        if value is None and revision is None:
            return None
        if value is None or revision is None or not revision.isdigit():
            raise CorruptRecord(key, value or b"", f"its revision is {revision!r}")
        return value, int(revision)

    async def write(self, key: str, value: bytes, revision: int) -> int:
        """Compare-and-set: the new revision."""
        done, found, repeated = await self._write(key, value, str(revision))
        if done:
            return found
        if repeated and found > revision:
            present = await self.read(key)
            if present == (value, found):
                return found  # the first attempt had been executed
        raise Conflict(f"{key}: expected revision {revision}, found {found}; read it again")

    async def put(self, key: str, value: bytes, *, ttl: int = 0) -> int:
        """Write whatever is there: the new revision."""
        _, revision, _ = await self._write(key, value, "", ttl)
        return revision

    async def keys(self, pattern: str) -> list[str]:
        """Existing keys that match, in no order."""
        where = range_of(pattern)
        if where.exact:
            return [] if await self.read(pattern) is None else [pattern]
        found = await self._select(scripts.FIND, pattern)
        return [name.decode() for name in found]

    async def few(self, patterns: Sequence[str], most: int) -> dict[str, tuple[bytes, int]] | None:
        """Value and revision by key of all that match, or None for more than that."""
        keys: set[str] = set()
        for pattern in patterns:
            keys.update(await self.keys(pattern))
            if len(keys) > most:
                return None
        found = {key: await self.read(key) for key in keys}
        return {key: entry for key, entry in found.items() if entry is not None}

    async def purge(self, pattern: str, through: int = 0) -> None:
        """Remove all matching keys and every trace of them."""
        await self._select(scripts.PURGE, pattern, through)

    async def expire(self, pattern: str, at: float) -> None:
        """Have the server remove all matching keys at that time, epoch seconds."""
        await self._select(scripts.EXPIRE, pattern, int(at * 1000))

    async def _write(
        self, key: str, value: bytes, expected: str, ttl: int = 0
    ) -> tuple[bool, int, bool]:
        name, by_run = checked_key(key), filed_by_run(key)
        arguments = [self._prefix, name, by_run, value, expected, ttl * 1000]
        answer = await self._connection.run(scripts.WRITE, [self._counter], arguments)
        done, revision = answer.value
        return bool(done), int(revision), answer.repeated

    async def _select(self, script: str, pattern: str, *more: object) -> list[bytes]:
        where = range_of(pattern)
        by_run = "1" if where.by_run else "0"
        arguments = [self._prefix, where.prefix, by_run, lua_pattern(pattern), *more]
        answer = await self._connection.run(script, [self._counter], arguments)
        return answer.value if isinstance(answer.value, list) else []
