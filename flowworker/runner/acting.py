"""What may be done from outside to executions, and to limits, by a `Runner` as by a client."""

from __future__ import annotations

__all__ = ["Acting"]

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowworker.client import LimitView, RunResult
    from flowworker.runner.engine import Engine


class Acting(ABC):
    """Answers, signals, reruns and limits; arguments and errors are those of `Client`."""

    @abstractmethod
    async def running(self) -> Engine:
        """The engine, started unless it is."""

    async def signal(self, run_id: str, name: str, payload: Any = None) -> None:
        """Send a signal: one step that waits for it takes it."""
        await (await self.running()).client.signal(run_id, name, payload)

    async def approve(
        self, run_id: str, step: str = "", output: Any = None, *, reason: str = "", actor: str = ""
    ) -> None:
        """Approve what a step asks; `output` becomes the step's."""
        client = (await self.running()).client
        await client.approve(run_id, step, output, reason=reason, actor=actor)

    async def reject(self, run_id: str, reason: str, step: str = "", *, actor: str = "") -> None:
        """Reject what a step asks: it fails with `Rejected`."""
        await (await self.running()).client.reject(run_id, reason, step, actor=actor)

    async def rerun(self, run_id: str, **options: Any) -> str:
        """Start a new execution that goes on from what an ended one has completed; its id."""
        engine = await self.running()
        run = await engine.client.rerun(run_id, **options)
        engine.own.add(run)
        return run

    async def retry(self, run_id: str) -> str:
        """Do again what an execution has not completed: `rerun` with `failed`."""
        return await self.rerun(run_id, failed=True)

    async def result(self, run_id: str) -> RunResult:
        """Wait for the end of an execution, however it ends: what `Client.result` returns."""
        engine = await self.running()
        result = await engine.client.result(run_id)
        engine.own.discard(run_id)  # it may have ended before it was added
        return result

    async def set_limit(
        self, name: str, concurrency: int | None = None, *, rate: str = "", burst: int | None = None
    ) -> LimitView:
        """Say how many steps with that name in `limits` may be at work, and how often one begins.

        With a `NATSStore` that is the fleet's, with a `RedisStore` that of all processes of its
        namespace, and it stays. Otherwise it holds for all runners of the store.
        """
        return await (await self.running()).client.set_limit(
            name, concurrency, rate=rate, burst=burst
        )
