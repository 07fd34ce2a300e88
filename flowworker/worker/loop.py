"""The worker: takes step messages off its queues and executes them, until it is drained.

Drain: it takes no more, puts back what waits in hand, and waits for running handlers. Those that are
not done in time are cancelled, and their claims given back with a lease that is over, so that
another worker can go on at once. A plain function that cannot be stopped keeps its claim until the
lease runs out by itself, since until this process ends it still runs.
"""

from __future__ import annotations

__all__ = ["Worker"]

import asyncio
import os
import secrets
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import msgspec
from prometheus_client import CollectorRegistry

from flowworker.errors import InvalidInput
from flowworker.stores.payloads import PayloadStore
from flowworker.stores.runs import RunStore
from flowworker.telemetry.log import get_logger
from flowworker.telemetry.metrics import Metrics
from flowworker.worker.attempts import Attempts
from flowworker.worker.bench import Workbench
from flowworker.worker.claims import Claims
from flowworker.worker.context import StepServices
from flowworker.worker.emits import Emitter
from flowworker.worker.execute import Executor
from flowworker.worker.heartbeat import Heartbeats
from flowworker.worker.lag import LagProbe
from flowworker.worker.lanes import Lanes

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from flowworker.clock import Clock
    from flowworker.ports import Backend, Delivery
    from flowworker.settings import Settings
    from flowworker.worker.registry import App

_PARTING = 5.0
"""Seconds that cancelled handlers get, on top of the drain, to clean up and be given back."""


class CancelNotice(msgspec.Struct):
    """Body of `<ns>.cancel.<run>`: which step is to stop; empty for all of them."""

    step: str = ""


_decode_notice = msgspec.json.Decoder(CancelNotice).decode


class Worker:
    """Runs handlers for the steps of some queues.

    Attributes:
        id: of this worker; no other process ever has it.
        running: whether it takes steps.
        last_activity: when it last took or ended one, by the clock's `monotonic`.
    """

    def __init__(
        self,
        backend: Backend,
        app: App,
        settings: Settings,
        clock: Clock,
        *,
        queues: tuple[str, ...] = ("default",),
        concurrency: int | None = None,
        worker_id: str = "",
        metrics: Metrics | None = None,
    ) -> None:
        """Describe it; `start` begins.

        Raises:
            InvalidInput: no queue, or no slot.
        """
        self._slots = settings.concurrency if concurrency is None else concurrency
        if self._slots < 1 or not queues:
            raise InvalidInput(
                f"worker: expected at least one queue and one slot, "
                f"found {len(queues)} and {self._slots}"
            )
        self.id = worker_id or f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self.running = False
        self.last_activity = clock.monotonic()
        self._backend = backend
        self._app = app
        self._settings = settings
        self._clock = clock
        self._queues = tuple(dict.fromkeys(queues))
        self._metrics = metrics or Metrics(CollectorRegistry())
        self._log = get_logger()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()
        self._parts: _Parts | None = None

    async def start(self) -> None:
        """Take steps from now on.

        Raises:
            InvalidInput: a handler's annotations cannot be found.
        """
        for handler in self._app.handlers.values():
            handler.resolve()
