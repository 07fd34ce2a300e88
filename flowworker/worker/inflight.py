"""The attempts that are under way in this process: found to be cancelled, or to be blamed."""

from __future__ import annotations

__all__ = ["InflightAttempts"]

import asyncio
from typing import TYPE_CHECKING

from flowworker.core.status import Kind
from flowworker.errors import FlowworkerError
from flowworker.worker.attempt import Halt
from flowworker.worker.claims import own_claim

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from flowworker.clock import Clock
    from flowworker.codec.messages import StepMessage
    from flowworker.worker.attempt import Attempt
    from flowworker.worker.claims import Claims
    from flowworker.worker.heartbeat import Heartbeats, HeldClaim

AttemptId = tuple[str, str, Kind, int, int]

_SECOND_LOOK = 0.25
"""Seconds between a notice and the look at what became of the record: it is told, then written."""


class InflightAttempts:
    """At most one of each attempt, whatever is delivered twice."""

    def __init__(
        self,
        claims: Claims,
        heartbeats: Heartbeats,
        clock: Clock,
        lease: float,
        log: FilteringBoundLogger,
    ) -> None:
        """Start without any."""
        self._claims = claims
        self._heartbeats = heartbeats
        self._clock = clock
        self._lease = lease
        self._log = log
        self._attempts: dict[AttemptId, Attempt] = {}
        self._last: Attempt | None = None
        self._checks: set[asyncio.Task[None]] = set()

    def enter(self, attempt: Attempt) -> bool:
        """Whether it is new here."""
        key = _id(attempt.message)
        if key in self._attempts:
            return False
        self._attempts[key] = attempt
        return True

    def leave(self, attempt: Attempt) -> None:
        """It is over."""
        del self._attempts[_id(attempt.message)]
        if self._last is attempt:
            self._last = None

    def may_be_last(self, attempt: Attempt) -> bool:
        """Whether no other one runs on its last claim; from now on this one does."""
        if self._last is None:
            self._last = attempt
        return self._last is attempt

    def cancel(self, run: str, step: str = "") -> None:
        """Stop those of a run, or of one step of it.

        Only a terminate stops a compensation, and it takes the record away as well. A notice that
        was meant for the step itself may come late: so the record decides.
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

    def blame(self, task: asyncio.Task[object] | None) -> list[str]:
        """Names of the async handlers under way; of that task's alone if it runs one."""
        attempts = tuple(self._attempts.values())
        found = [a for a in attempts if task is not None and a.runs_in(task)]
        return sorted({a.message.uses for a in found or attempts if a.on_loop})

    async def close(self) -> None:
        """Look no further."""
        for check in tuple(self._checks):
            check.cancel()
        await asyncio.gather(*self._checks, return_exceptions=True)

    def _check(self, attempt: Attempt, delay: float = 0.0) -> None:
        task = asyncio.create_task(self._verify(attempt, delay))
        self._checks.add(task)
        task.add_done_callback(self._checks.discard)

    async def _verify(self, attempt: Attempt, delay: float) -> None:
        if delay:
            await self._clock.sleep(delay)
        message, claim = attempt.message, attempt.claim
        until = self._clock.monotonic() + self._lease
        try:
            found = await self._claims.read(message.queue, message.run, message.step, until)
        except FlowworkerError as error:
            self._log.warning("a claim in doubt cannot be read", error=str(error))
            return
        if claim is None:
            return
        if found is not None and own_claim(found[0], claim.record):
            self._heartbeats.resume(claim, *found)
        else:
            attempt.stop(Halt.LOST)


def _id(message: StepMessage) -> AttemptId:
    return (message.run, message.step, message.kind, message.turn, message.attempt)
