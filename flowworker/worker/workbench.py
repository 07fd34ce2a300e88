"""What the parts of one worker share."""

from __future__ import annotations

__all__ = ["Workbench"]

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from structlog.typing import FilteringBoundLogger

    from flowworker.clock import Clock
    from flowworker.handlers.app import App
    from flowworker.handlers.context import StepServices
    from flowworker.settings import Settings
    from flowworker.stores.payloads import PayloadStore
    from flowworker.telemetry.metrics import Metrics
    from flowworker.worker.claims import Claims
    from flowworker.worker.heartbeat import Heartbeats


@dataclass(frozen=True, slots=True)
class Workbench:
    """Composed once, when the worker starts.

    Attributes:
        worker: id of this worker; no other process ever has it.
        services: what handlers reach through their context.
        pool: threads for handlers that are plain functions.
    """

    worker: str
    app: App
    settings: Settings
    clock: Clock
    claims: Claims
    payloads: PayloadStore
    heartbeats: Heartbeats
    services: StepServices
    pool: ThreadPoolExecutor
    metrics: Metrics
    log: FilteringBoundLogger
