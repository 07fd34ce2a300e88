"""What is asked of a server, counted: by what was asked for, and what it was answered with."""

from __future__ import annotations

__all__ = ["ASKED_FOR", "OTHER", "PAGE", "Counting"]

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from flowworker.clock import Clock
    from flowworker.telemetry.metrics import Metrics

ASKED_FOR = "flowworker.endpoint"
"""Where the one who answers a request notes in its scope what was asked for."""

PAGE = "page"
"""A file of the dashboard."""

OTHER = "other"
"""What nobody has noted: no such path, or refused before it was looked at. Paths are made by who
asks, so they are no labels."""


class Counting:
    """Around an application."""

    def __init__(self, inner: ASGIApp, metrics: Metrics, clock: Clock) -> None:
        """Count what it answers."""
        self._inner = inner
        self._metrics = metrics
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        since = self._clock.monotonic()

        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                asked_for = str(scope.get(ASKED_FOR, OTHER))
                self._metrics.http_requests[asked_for, str(message["status"])].inc()
                self._metrics.http_seconds[asked_for].observe(self._clock.monotonic() - since)
            await send(message)

        await self._inner(scope, receive, send_counted)
