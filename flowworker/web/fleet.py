"""The connection to the fleet. It is made when the server is there, and made again if it ends."""

from __future__ import annotations

__all__ = ["FleetLink"]

import asyncio
from typing import TYPE_CHECKING

from flowworker.client import Client
from flowworker.errors import (
    FlowworkerError,
    NotFound,
    PermissionDenied,
    ServerUnavailable,
    TopologyMismatch,
    Unavailable,
)
from flowworker.ports import Finding
from flowworker.stores.measured import measured
from flowworker.stores.stores import stores_of
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from flowworker.clock import Clock
    from flowworker.ports import Backend
    from flowworker.settings import Settings
    from flowworker.stores.stores import Stores
    from flowworker.telemetry.metrics import Metrics

PAUSE = 2.0
"""Seconds between two times that it is tried to connect."""

EXAMINED = 5.0
"""Seconds for which findings are shown to others, too: they cost the server many requests."""


class FleetLink:
    """The `Fleet` of endpoints, as long as `run` runs."""

    def __init__(
        self,
        connect: Callable[[], AbstractAsyncContextManager[Backend]],
        examine: Callable[[], AsyncIterator[Finding]],
        settings: Settings,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """Reach it by `connect`, and check it by `examine`; what goes wrong is counted."""
        self._connect = connect
        self._examine = examine
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._reached: tuple[Backend, Stores, Client] | None = None
        self._reason = "it has not been tried yet"
        self._findings: tuple[float, list[Finding]] | None = None
        self._examining = asyncio.Lock()

    async def run(self) -> None:
        """Be connected, until cancelled.

        Raises:
            InvalidInput: what says how to connect is of no use.
        """
        while True:
            try:
                async with self._connect() as backend:
                    stores = stores_of(measured(backend, self._metrics), self._settings)
                    client = Client(stores)
                    self._reached = backend, stores, client
                    try:
                        await asyncio.Event().wait()
                    finally:
                        self._reached = None
                        client.close()
            except (Unavailable, NotFound, TopologyMismatch) as error:
                self._complain(error)
            await self._clock.sleep(PAUSE)

    def _complain(self, error: FlowworkerError) -> None:
        if str(error) != self._reason:
            get_logger().warning("the fleet cannot be reached; trying again", error=str(error))
        self._reason = str(error)

    def ready(self) -> bool:
        """Whether it can be reached at this moment."""
        return self._reached is not None and self._reached[0].ready()

    def alive(self) -> bool:
        """False if only a restart can help."""
        return self._reached is None or self._reached[0].alive()

    def _now(self) -> tuple[Backend, Stores, Client]:
        if self._reached is None:
            raise ServerUnavailable(f"the fleet cannot be reached: {self._reason}")
        if not self._reached[0].ready():
            raise ServerUnavailable("the connection to NATS is lost; it is being made again")
        return self._reached

    @property
    def client(self) -> Client:
        """Its remote control; raises ServerUnavailable."""
        return self._now()[2]

    @property
    def stores(self) -> Stores:
        """What it keeps; raises ServerUnavailable."""
        return self._now()[1]

    async def examined(self) -> list[Finding]:
        """What `flowworker doctor` finds, or has found shortly before."""
        async with self._examining:
            now = self._clock.monotonic()
            if self._findings is None or now - self._findings[0] > EXAMINED:
                found = []
                try:
                    async for finding in self._examine():
                        found += [finding]  # those before a refusal stay
                except PermissionDenied as error:
                    found.append(_forbidden(error))
                self._findings = self._clock.monotonic(), found
            return self._findings[1]


def _forbidden(error: PermissionDenied) -> Finding:
    """In place of what this server may not look at."""
    advice = "the rest is not known here; an administrator gets it by `flowworker doctor`"
    return Finding("rights", ok=False, found=str(error), advice=advice)
