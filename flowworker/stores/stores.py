"""All that is kept of runs in one backend, for those who need more than one view of it."""

from __future__ import annotations

__all__ = ["Stores"]

from typing import TYPE_CHECKING

from flowworker.errors import DefinitionError, WorkflowNotFound
from flowworker.stores.definitions import DefinitionStore
from flowworker.stores.payloads import PayloadStore
from flowworker.stores.runs import RunStore

if TYPE_CHECKING:
    from flowworker.core.graph import Plan
    from flowworker.core.records import RunRecord
    from flowworker.ports import Backend
    from flowworker.settings import Settings


class Stores:
    """The stores of a backend."""

    def __init__(self, backend: Backend, settings: Settings) -> None:
        """View that backend."""
        self.backend = backend
        self.runs = RunStore(backend.runs)
        self.payloads = PayloadStore(backend.payloads, settings)
        self.definitions = DefinitionStore(backend.definitions)

    async def plan(self, record: RunRecord) -> Plan | None:
        """What the run is pinned to; None if nothing, or if it cannot be read."""
        if not record.definition:
            return None
        try:
            return await self.definitions.by_hash(record.definition)
        except (WorkflowNotFound, DefinitionError):
            return None

    async def remove(self, record: RunRecord) -> None:
        """Forget a run and all that belongs to it; the record goes last."""
        await self.payloads.purge(record.run)
        await self.backend.events.drop(record.run)
        await self.runs.purge(record)
