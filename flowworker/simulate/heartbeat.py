"""Heartbeats without a thread: they beat on the one loop there is."""

from __future__ import annotations

__all__ = ["LoopHeartbeat"]

import asyncio

from flowworker.worker.heartbeat_thread import HeartbeatThread


class LoopHeartbeat(HeartbeatThread):
    """A `HeartbeatThread` on the main loop. What blocks that loop is not simulated."""

    def _begin(self) -> None:
        self.start(self._beat_here())

    async def _beat_here(self) -> None:
        try:
            while not self._stopping.is_set():
                self._beat(self)
                await asyncio.sleep(2 * self._tick)
        finally:
            self._ended.set()
