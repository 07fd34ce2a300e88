"""Records as one process has them, and the second way to them that its heartbeats have."""

from __future__ import annotations

__all__ = ["SimLink", "SimRecords", "SimRuns"]

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowworker.ports import Backend, Delivery, Records
    from flowworker.testing.simulation.gate import Gate
    from flowworker.testing.simulation.watch import Watch


class SimRecords:
    """The `Records` port."""

    def __init__(self, gate: Gate, records: Records, name: str) -> None:
        self._gate = gate
        self._records = records
        self._name = name

    async def read(self, key: str) -> tuple[bytes, int] | None:
        """Value and revision, or None."""
        return await self._gate.call(f"{self._name}.read", key, lambda: self._records.read(key))

    async def write(self, key: str, value: bytes, revision: int) -> int:
        """Compare-and-set: the new revision."""
        return await self._gate.call(
            f"{self._name}.write",
            f"{key} over {revision}",
            lambda: self._write(key, value, revision),
        )

    async def put(self, key: str, value: bytes) -> int:
        """Write whatever is there: the new revision."""
        return await self._gate.call(f"{self._name}.put", key, lambda: self._put(key, value))

    async def keys(self, pattern: str) -> list[str]:
        """Existing keys that match."""
        return await self._gate.call(
            f"{self._name}.keys", pattern, lambda: self._records.keys(pattern)
        )

    async def purge(self, pattern: str) -> None:
        """Remove all matching keys."""
        await self._gate.call(f"{self._name}.purge", pattern, lambda: self._records.purge(pattern))

    async def _write(self, key: str, value: bytes, revision: int) -> int:
        return await self._records.write(key, value, revision)

    async def _put(self, key: str, value: bytes) -> int:
        return await self._records.put(key, value)


class SimRuns(SimRecords):
    """Run and step records: every write is looked at."""

    def __init__(self, gate: Gate, backend: Backend, watch: Watch) -> None:
        super().__init__(gate, backend.runs, "runs")
        self._watch = watch

    async def purge(self, pattern: str) -> None:
        """Remove all matching keys."""

        async def effect() -> None:
            await self._records.purge(pattern)
            self._watch.purged(pattern)

        await self._gate.call("runs.purge", pattern, effect)

    async def _write(self, key: str, value: bytes, revision: int) -> int:
        written = await super()._write(key, value, revision)
        self._watch.written(self._gate.process, key, value, written)
        return written

    async def _put(self, key: str, value: bytes) -> int:
        written = await super()._put(key, value)
        self._watch.written(self._gate.process, key, value, written)
        return written


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
