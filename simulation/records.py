"""Records as one process has them, and the second way to them that its heartbeats have."""

from __future__ import annotations

__all__ = ["SimLink", "SimPayloads", "SimRecords", "SimRuns"]

from typing import TYPE_CHECKING, TypeAlias, TypeVar

from flowworker.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from typing import Any

    from flowworker.ports import Backend, Delivery, Records
    from simulation.gate import Gate
    from simulation.stale_reads import Archive, StaleRecords
    from simulation.watch import Watch


T = TypeVar("T")

_Later: TypeAlias = "Coroutine[Any, Any, T]"


class SimRecords:
    """The `Records` port."""

    def __init__(self, gate: Gate, records: Records, name: str) -> None:
        self._gate = gate
        self._records = records
        self._name = name

    def read(self, key: str) -> _Later[tuple[bytes, int] | None]:
        """Value and revision, or None."""
        return self._gate.call(f"{self._name}.read", key, self._read, key)

    def write(self, key: str, value: bytes, revision: int) -> _Later[int]:
        """Compare-and-set: the new revision."""
        about = f"{key} over {revision}"
        return self._gate.call(f"{self._name}.write", about, self._write, key, value, revision)

    def put(self, key: str, value: bytes, *, ttl: int = 0) -> _Later[int]:
        """Write whatever is there: the new revision."""
        return self._gate.call(f"{self._name}.put", key, self._put, key, value, ttl)

    def keys(self, pattern: str) -> _Later[list[str]]:
        """Existing keys that match."""
        return self._gate.call(f"{self._name}.keys", pattern, self._keys, pattern)

    def few(
        self, patterns: Sequence[str], most: int
    ) -> _Later[dict[str, tuple[bytes, int]] | None]:
        """Value and revision by key of all that match, or None for more than that."""
        return self._gate.call(f"{self._name}.few", patterns[0], self._few, patterns, most)

    def purge(self, pattern: str, through: int = 0) -> _Later[None]:
        """Remove all matching keys, or those that have no later revision."""
        about = f"{pattern} through {through}" if through else pattern
        return self._gate.call(f"{self._name}.purge", about, self._purge, pattern, through)

    async def _read(self, key: str) -> tuple[bytes, int] | None:
        return await self._records.read(key)

    async def _keys(self, pattern: str) -> list[str]:
        return await self._records.keys(pattern)

    async def _few(self, patterns: Sequence[str], most: int) -> dict[str, tuple[bytes, int]] | None:
        return await self._records.few(patterns, most)

    async def _write(self, key: str, value: bytes, revision: int) -> int:
        return await self._records.write(key, value, revision)

    async def _put(self, key: str, value: bytes, ttl: int) -> int:
        return await self._records.put(key, value, ttl=ttl)

    async def _purge(self, pattern: str, through: int) -> None:
        await self._records.purge(pattern, through)


class SimPayloads(SimRecords):
    """Inputs and outputs: all of a run go when it is removed, before its history does."""

    def __init__(self, gate: Gate, backend: Backend, watch: Watch) -> None:
        super().__init__(gate, backend.payloads, "payloads")
        self._watch = watch

    async def _purge(self, pattern: str, through: int) -> None:
        await super()._purge(pattern, through)
        run, _, rest = pattern.partition(".")
        if rest == ">":
            self._watch.forgotten(run)


class SimRuns(SimRecords):
    """Run and step records: every write is looked at, and reads may be stale.

    Where no step has limits the list of who waits for them is empty, and is not asked for. So is
    that of what pauses, where nothing ever did.
    """

    def __init__(self, gate: Gate, backend: Backend, watch: Watch, archive: Archive) -> None:
        super().__init__(gate, backend.runs, "runs")
        self._watch = watch
        self._archive = archive

    def keys(self, pattern: str) -> _Later[list[str]]:
        """Existing keys that match."""
        waiting, pauses = pattern.startswith("waiting."), pattern.startswith("pause.")
        if (waiting and not self._watch.limits.wanted) or (pauses and not self._archive.pauses):
            return super()._keys(pattern)
        return super().keys(pattern)

    async def _read(self, key: str) -> tuple[bytes, int] | None:
        stale = self._stale_of(key)
        return await super()._read(key) if stale is None else stale.read(key)

    async def _keys(self, pattern: str) -> list[str]:
        stale = self._stale_of(pattern)
        return await super()._keys(pattern) if stale is None else stale.keys(pattern)

    async def _write(self, key: str, value: bytes, revision: int) -> int:
        self._check()
        written = await super()._write(key, value, revision)
        self._archive.record(key, (value, written))
        self._watch.written(self._gate.process, key, value, written)
        return written

    async def _put(self, key: str, value: bytes, ttl: int) -> int:
        self._check()
        written = await super()._put(key, value, ttl)
        self._archive.record(key, (value, written))
        self._watch.written(self._gate.process, key, value, written)
        return written

    async def _purge(self, pattern: str, through: int) -> None:
        self._check()
        before = await super()._keys(pattern)
        await super()._purge(pattern, through)
        gone = {*before}.difference(await super()._keys(pattern))
        for key in gone:
            self._archive.record(key, None)
        if gone or not through:
            self._watch.purged(pattern)

    def _stale_of(self, key: str) -> StaleRecords | None:
        stale = self._stale()
        if stale is not None and key.startswith(("run.", "step.")):  # run.<run>, step.<queue>.<run>
            run = key.split(".")[1 if key.startswith("run.") else 2]
            self._watch.replays.stale_record_read(self._gate.process, run)
        return stale

    def _stale(self) -> StaleRecords | None:
        stale = self._gate.process.stale_view()
        return None if stale is None else stale.records

    def _check(self) -> None:
        if self._stale() is not None:
            raise Unavailable("simulated: a node without its peers")


class SimLink:
    """The heartbeats' way out."""

    def __init__(self, runs: SimRuns) -> None:
        self._runs = runs

    async def write(self, key: str, value: bytes, revision: int) -> int:
        """Compare-and-set: the new revision."""
        return await self._runs.write(key, value, revision)

    async def in_progress(self, delivery: Delivery) -> None:
        """As `Delivery.in_progress`."""
        await delivery.in_progress()

    async def close(self) -> None:
        """There is nothing to let go of."""
