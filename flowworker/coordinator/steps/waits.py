"""Steps that wait: for a moment, for a signal, or for a human.

Such a step's record is RUNNING once it has begun, with the moment at which it wakes, which is
decided once and read from then on. It ends by compare-and-set of the record: when its timer has
gone off, at whichever coordinator, or when what it waits for is there. The record stands where no
worker may write.

Safety: begin and end are writes over a known revision, so that of all coordinators one succeeds;
the others find what it wrote. A fence competes for the same record.

Liveness: a step that has begun has a timer, and each look at it (a dispatch that is repeated, a
timer that goes off early) sets it again. It counts as a message of the step, so recovery finds a
run whose timer is lost as it finds one whose step messages are.
"""

from __future__ import annotations

__all__ = ["Waits"]

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict, replace

from flowworker.codec.keys import step_timer
from flowworker.coordinator.steps.attempts import Attempts, final
from flowworker.core.error_types import REJECTED, TIMEOUT
from flowworker.core.ids import COORDINATOR
from flowworker.core.payload import EMPTY
from flowworker.core.records import ErrorInfo, StepRecord, shortened
from flowworker.core.status import Outcome
from flowworker.core.waiting import EARLY, GUARD
from flowworker.errors import Conflict, ExpressionError, InvalidInput, Unavailable

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.coordinator.steps.refusals import Refusals
    from flowworker.coordinator.steps.taking import Taking
    from flowworker.core.effects import Answer, Dispatch
    from flowworker.core.graph import Plan
    from flowworker.core.model import Step
    from flowworker.core.records import RunRecord
    from flowworker.core.state import RunState
    from flowworker.evaluation.terms import Terms
    from flowworker.stores.stores import Stores

_ROUNDING = 1e-6
"""Seconds by which sums of times differ."""


class Waits:
    """Begins and ends such steps."""

    def __init__(
        self, stores: Stores, terms: Terms, taking: Taking, refusals: Refusals, clock: Clock
    ) -> None:
        """Write to the stores' records, and publish to the backend."""
        self._runs = stores.runs
        self._timers = stores.backend.timers
        self._attempts = Attempts(stores, clock)
        self._terms = terms
        self._secrets = stores.secrets
        self._taking = taking
        self._refusals = refusals
        self._clock = clock

    async def begin(self, plan: Plan, state: RunState, wanted: Dispatch, revision: int) -> None:
        """Begin an attempt over a revision of its step's record, and see to it that it ends."""
        run, now = state.record, self._clock.now()
        try:
            record = await self._begun(plan, state, wanted, now)
        except (ExpressionError, InvalidInput) as error:
            await self._refusals.refuse(plan, state, wanted, error)
            return
        revision = await self._runs.save_step(COORDINATOR, record, revision)
        await self._attempts.started(run, record, revision)
        await self.go_on(plan, state, run, record, revision)

    async def go_on(
        self,
        plan: Plan,
        state: RunState | None,
        run: RunRecord,
        record: StepRecord,
        revision: int,
    ) -> None:
        """End it if that is due, else see to it that it wakes.

        Without a state nothing is known of values, and no signal is judged.
        """
        try:
            signal = await self._taking.take(plan, state, run.run, record)
        except ExpressionError as error:
            why = await final(error, run, self._secrets)
            await self._end(run, record, revision, outcome=Outcome.FAILED, error=why)
            return
        if signal is not None:
            ended = await self._end(
                run,
                record,
                revision,
                outcome=Outcome.COMPLETED,
                output=signal.payload,
                signal=signal.id,
            )
            if ended.signal != signal.id:
                await self._taking.give_back(run, record, signal)
            return
        wakes_at = record.wakes_at or self._clock.now() + GUARD
        left = wakes_at - self._clock.now()
        if left > EARLY:
            await self._timers.set(run.run, step_timer(record.step), wakes_at)
            return
        while left > _ROUNDING:  # event loops wake up to a millisecond early
            await self._clock.sleep(left)
            left = wakes_at - self._clock.now()
        missing = _missing(plan.step(record.step))
        if not missing:
            over: dict[str, Any] = {"outcome": Outcome.COMPLETED, "output": EMPTY}
        else:
            late = ErrorInfo(TIMEOUT, f"{missing} in time", retryable=False)
            over = {"outcome": Outcome.FAILED, "error": late}
        await self._end(run, record, revision, is_due=True, **over)

    async def answer(self, state: RunState, wanted: Answer) -> None:
        """End an attempt that asks a human, unless it has ended. May be repeated.

        Raises:
            Unavailable: it has not begun yet, or what was read of it is stale.
        """
        run = state.record
        found = await self._runs.load_step(COORDINATOR, run.run, wanted.step)
        if found is None or found[0].attempt < wanted.attempt:
            raise Unavailable(f"step {wanted.step!r} of {run.run} has not asked yet")
        record, revision = found
        if record.outcome is not Outcome.RUNNING:
            await self._attempts.settled(run, record, revision)
            return
        said: dict[str, Any] = {"actor": wanted.actor, "reason": wanted.reason}
        if wanted.approved:
            output = wanted.output or EMPTY
            await self._end(run, record, revision, outcome=Outcome.COMPLETED, output=output, **said)
        else:
            why = ErrorInfo(REJECTED, _rejected_by(wanted), retryable=False)
            await self._end(run, record, revision, outcome=Outcome.FAILED, error=why, **said)

    async def asked(self, plan: Plan, state: RunState, step: str, why: str) -> str:
        """Why a step waits for a human; of an approval its prompt with values in it.

        If these cannot be had the prompt is as it was written: its attempt fails then.
        """
        approval = plan.step(step).approval
        if approval is None or approval.prompt != why:
            return why
        with suppress(ExpressionError):
            return await self._prompt(plan, state, step)
        return why

    async def _begun(self, plan: Plan, state: RunState, wanted: Dispatch, now: float) -> StepRecord:
        return StepRecord(
            state.record.run,
            wanted.step,
            **asdict(wanted.attempt),
            outcome=Outcome.RUNNING,
            started_at=now,
            wakes_at=await self._terms.wakes_at(plan, state, wanted.step, now),
            prompt=await self._prompt(plan, state, wanted.step),
        )

    async def _prompt(self, plan: Plan, state: RunState, step: str) -> str:
        """What a step asks, for all to see."""
        prompt = await self._terms.prompt(plan, state, step)
        return shortened(await self._secrets.hide(state.record, prompt))

    async def _end(
        self,
        run: RunRecord,
        record: StepRecord,
        revision: int,
        *,
        is_due: bool = False,
        **changes: Any,
    ) -> StepRecord:
        """Write how the attempt ended, unless it has ended, and publish it: how it did end.

        If its time is over (`is_due`) its timer is gone, or is about to be.
        """
        ended = replace(record, finished_at=self._clock.now(), **changes)
        try:
            revision = await self._runs.save_step(COORDINATOR, ended, revision)
        except Conflict:
            found = await self._runs.load_step(COORDINATOR, run.run, record.step)
            if found is None:  # the run is gone
                return ended
            if found[0].outcome is Outcome.RUNNING:
                raise
            ended, revision = found
        else:
            if not is_due:  # before the event: the attempt that follows from it sets another timer
                await self._timers.clear(run.run, step_timer(record.step))
        await self._attempts.settled(run, ended, revision)
        return ended


def _missing(step: Step) -> str:
    """What did not happen if its time is over; empty if time is all that it waits for."""
    if step.wait_for is not None:
        return f"no signal {step.wait_for.signal!r} came"
    return "" if step.approval is None else "nobody answered"


def _rejected_by(answer: Answer) -> str:
    who = f"by {answer.actor}" if answer.actor else ""
    return ": ".join(part for part in (who, answer.reason) if part) or "rejected"
