"""How late the main event loop is, and which handlers run on it."""

from __future__ import annotations

__all__ = ["LagProbe"]

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import Gauge
    from structlog.typing import FilteringBoundLogger

    from flowworker.clock import Clock

BLOCKED = 1.0
"""Seconds without an answer after which the log says so."""


class LagProbe:
    """Asks the main loop for an answer, from another thread."""

    def __init__(
        self,
        clock: Clock,
        suspects: Callable[[asyncio.Task[object] | None], list[str]],
        gauge: Gauge,
        log: FilteringBoundLogger,
    ) -> None:
        """Ask nothing yet.

        Args:
            clock: measures.
            suspects: the async handlers that run at this moment; only that of the given task if
                it is one of them. Called on the asking thread.
            gauge: gets the lag in seconds.
            log: gets a warning when the loop is blocked.
        """
        self._clock = clock
        self._suspects = suspects
        self._gauge = gauge
        self._log = log
        self._asked: float | None = None
        self._warned = False

    def ask(self, main: asyncio.AbstractEventLoop) -> None:
        """Once per tick: ask the main loop, or see how long the answer takes."""
        now = self._clock.monotonic()
        if self._asked is None:
            self._asked = now
            with suppress(RuntimeError):
                main.call_soon_threadsafe(self._answer, now)
            return
        lag = now - self._asked
        self._gauge.set(lag)
        if lag > BLOCKED and not self._warned:
            self._warned = True
            self._log.warning(
                "the event loop is blocked: a plain `def` handler would run in a thread",
                seconds=round(lag, 2),
                handlers=self._suspects(asyncio.current_task(main)),
            )

    def _answer(self, asked: float) -> None:
        self._gauge.set(self._clock.monotonic() - asked)
        self._warned = False
        self._asked = None
