"""The attempts in flight in this process: found by their run or claim, and stopped."""

from __future__ import annotations

__all__ = ["InflightAttempts"]

from typing import TYPE_CHECKING

from flowworker.core.status import Kind
from flowworker.errors import FlowworkerError
from flowworker.tasks import TaskSet
from flowworker.worker.attempt import Halt
from flowworker.worker.step_records import own_claim

if TYPE_CHECKING:
    import asyncio

    from flowworker.worker.attempt import AttemptId, InflightAttempt
    from flowworker.worker.heartbeat import Heartbeats, HeldClaim
    from flowworker.worker.resources import Resources
    from flowworker.worker.step_records import StepRecords

_SECOND_LOOK = 0.25
"""Seconds between a cancel notice and the look at the record, which is written after it."""


class InflightAttempts:
    """Each attempt at most once, even if its message is delivered twice."""

    def __init__(self, resources: Resources, records: StepRecords, heartbeats: Heartbeats) -> None:
        """Start without any."""
        self._resources = resources
        self._records = records
        self._heartbeats = heartbeats
        self._attempts: dict[AttemptId, InflightAttempt] = {}
        self._checks = TaskSet()

    def enter(self, attempt: InflightAttempt) -> bool:
        """Add it; False if it is in flight already."""
        if attempt.id in self._attempts:
            return False
        self._attempts[attempt.id] = attempt
        return True

    def leave(self, attempt: InflightAttempt) -> None:
        """Remove it."""
        del self._attempts[attempt.id]

    def has_last_claim_beside(self, attempt: InflightAttempt) -> bool:
        """Whether another attempt has its last claim (`core.claim.Claim.is_last`)."""
        return any(one.on_last_claim and one is not attempt for one in self._attempts.values())

    def cancel(self, run: str, step: str = "") -> None:
        """Stop those of a run, or of one step of it.

        Only a terminate stops a compensation, and it fences the record as well. A notice for the
        step itself may come late, during its compensation: so then the record decides.
        """
        for attempt in tuple(self._attempts.values()):
            message = attempt.message
            if message.run == run and step in ("", message.step):
                if message.kind is Kind.COMPENSATE:
                    self._check(attempt, _SECOND_LOOK)
                else:
                    attempt.stop(Halt.CANCELLED)

    def drain(self) -> None:
        """Stop all of them."""
        for attempt in tuple(self._attempts.values()):
            attempt.stop(Halt.DRAINED)

    def doubt(self, claim: HeldClaim) -> None:
        """A renewal of that claim met a Conflict: find out whose the record is."""
        for attempt in tuple(self._attempts.values()):
            if attempt.claim is claim:
                self._check(attempt)

    def running_handlers(self, task: asyncio.Task[object] | None) -> list[str]:
        """Names of the async handlers that run; of that task's alone if it runs one."""
        attempts = tuple(self._attempts.values())
        found = [a for a in attempts if task is not None and a.runs_in(task)]
        return sorted({a.message.uses for a in found or attempts if a.on_loop})

    async def close(self) -> None:
        """End all checks."""
        await self._checks.close()

    def _check(self, attempt: InflightAttempt, delay: float = 0.0) -> None:
        self._checks.spawn(self._verify(attempt, delay))

    async def _verify(self, attempt: InflightAttempt, delay: float) -> None:
        clock = self._resources.clock
        if delay:
            await clock.sleep(delay)
        message, claim = attempt.message, attempt.claim
        until = clock.monotonic() + self._resources.settings.lease
        try:
            found = await self._records.read(message.queue, message.run, message.step, until)
        except FlowworkerError as error:
            self._resources.log.warning("a claim in doubt cannot be read", error=str(error))
            return
        if claim is None:
            return
        if found is not None and own_claim(found[0], claim.record):
            self._heartbeats.resume(claim, *found)
        else:
            attempt.stop(Halt.LOST)
