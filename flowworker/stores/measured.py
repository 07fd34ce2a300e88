"""A backend that is counted: bytes of payloads, and what goes wrong with its server."""

from __future__ import annotations

__all__ = ["measured"]

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowworker.ports import Backend, Records
    from flowworker.telemetry.metrics import Metrics


def measured(backend: Backend, metrics: Metrics) -> Backend:
    """The same backend; what happens on it is counted."""
    backend.on_incident.append(metrics.count_incident)
    return replace(backend, payloads=_MeasuredRecords(backend.payloads, metrics))


class _MeasuredRecords:
    """Implements `ports.Records` by others, whose values it measures."""

    def __init__(self, records: Records, metrics: Metrics) -> None:
        self._records = records
        self._stored = metrics.payload_bytes["stored"]
        self._loaded = metrics.payload_bytes["loaded"]
        self.keys = records.keys
        self.few = records.few
        self.purge = records.purge

    async def read(self, key: str) -> tuple[bytes, int] | None:
        found = await self._records.read(key)
        if found is not None:
            self._loaded.inc(len(found[0]))
        return found

    async def write(self, key: str, value: bytes, revision: int) -> int:
        written = await self._records.write(key, value, revision)
        self._stored.inc(len(value))
        return written

    async def put(self, key: str, value: bytes, *, ttl: int = 0) -> int:
        written = await self._records.put(key, value, ttl=ttl)
        self._stored.inc(len(value))
        return written
