"""What the parts of one worker share."""

from __future__ import annotations

__all__ = ["Resources"]

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowworker.handlers.resources import HandlerResources

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from flowworker.handlers.app import App
    from flowworker.ports import EventLog
    from flowworker.settings import Settings
    from flowworker.stores.payloads import PayloadStore
    from flowworker.stores.runs import RunStore
    from flowworker.telemetry.metrics import Metrics
    from flowworker.telemetry.tracing import Tracing


@dataclass(frozen=True, slots=True)
class Resources(HandlerResources):
    """Built once per worker, and handed to each of its parts.

    Attributes:
        worker: id of this worker; no other process ever has it.
        threads: for handlers that are plain functions.
    """

    worker: str
    namespace: str
    app: App
    settings: Settings
    metrics: Metrics
    tracing: Tracing
    runs: RunStore
    payloads: PayloadStore
    events: EventLog
    threads: Executor
