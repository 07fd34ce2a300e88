"""The stores of one backend, which everything that a process runs on it shares."""

from __future__ import annotations

__all__ = ["Stores", "stores_of"]

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flowworker.agreement import joined, seals
from flowworker.encryption import codec_from
from flowworker.errors import DefinitionError, WorkflowNotFound
from flowworker.settings import Settings
from flowworker.stores.debounces import DebounceStore
from flowworker.stores.definitions import DefinitionStore
from flowworker.stores.limits import LimitStore
from flowworker.stores.outbox import Outbox, OutboxLog
from flowworker.stores.pauses import PauseStore
from flowworker.stores.payloads import PayloadStore
from flowworker.stores.runs import RunStore
from flowworker.stores.schedules import ScheduleStore
from flowworker.stores.sealing import Sealing
from flowworker.stores.secrets import RunSecrets
from flowworker.stores.signals import SignalStore

if TYPE_CHECKING:
    from flowworker.core.graph import Plan
    from flowworker.core.records import RunRecord
    from flowworker.ports import Backend


@dataclass(frozen=True, slots=True)
class Stores:
    """A backend, the settings that hold on it, and the stores that are made of both.

    Attributes:
        settings: also what the fleet adds to those of this process.
    """

    backend: Backend
    settings: Settings
    runs: RunStore
    payloads: PayloadStore
    definitions: DefinitionStore
    signals: SignalStore
    secrets: RunSecrets
    schedules: ScheduleStore
    pauses: PauseStore
    limits: LimitStore
    debounces: DebounceStore
    outbox: Outbox

    async def plan(self, record: RunRecord) -> Plan | None:
        """What the run is pinned to; None if nothing, or if it cannot be read."""
        if not record.definition:
            return None
        try:
            return await self.definitions.by_hash(record.definition)
        except (WorkflowNotFound, DefinitionError):
            return None


def stores_of(backend: Backend, settings: Settings | None = None) -> Stores:
    """Build the stores of a backend.

    Where its events may be lost, what these stores have as its event log keeps what nothing else
    tells of.

    Raises:
        InvalidInput: payloads are to be sealed, and the keys cannot be used.
    """
    settings = joined(backend.agreed, settings or Settings())
    sealing = Sealing(
        codec_from(settings),
        backend.namespace,
        required=settings.require_sealed,
        expected=seals(backend.agreed),
    )
    payloads = PayloadStore(backend.payloads, settings, sealing)
    if backend.tail is not None:
        backend = replace(backend, events=OutboxLog(backend, backend.tail))
    return Stores(
        backend,
        settings,
        RunStore(backend.runs),
        payloads,
        DefinitionStore(backend.definitions),
        SignalStore(backend.runs),
        RunSecrets(payloads, settings.redact),
        ScheduleStore(backend.runs),
        PauseStore(backend.runs),
        LimitStore(backend.runs),
        DebounceStore(backend.runs),
        Outbox(backend.runs, backend.tail),
    )
