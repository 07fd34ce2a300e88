"""What became of an attempt that waits for a limit or holds one, by the records."""

from __future__ import annotations

__all__ = ["StepStanding"]

from typing import TYPE_CHECKING

from flowworker.codec.json import UNREADABLE
from flowworker.codec.limits import Waiting
from flowworker.codec.messages import decode_step_message
from flowworker.coordinator.limits.verdict import Verdict
from flowworker.core.claim import Busy, Claim, GiveUp, Stale, judge
from flowworker.core.facts import AttemptFailed, Compensated, Iterated, StepCancelled, StepCompleted
from flowworker.core.limiting import Over
from flowworker.core.staleness import may_be_unseen
from flowworker.core.status import TERMINAL, Outcome

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.codec.limits import Entry
    from flowworker.core.facts import Fact
    from flowworker.core.graph import Plan
    from flowworker.core.limit import Holder
    from flowworker.stores.limits import Place
    from flowworker.stores.stores import Stores


class StepStanding:
    """Reads the records of runs and steps."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        """Read those of these stores."""
        self._stores = stores
        self._runs = stores.runs
        self._clock = clock

    async def of(self, place: Place, entry: Entry) -> Verdict:
        """Whether an attempt that waits may be let in."""
        if not isinstance(entry, Waiting):
            return Verdict.GONE
        now = self._clock.now()
        found = await self._runs.load(entry.run)
        if found is None:
            return Verdict.UNSEEN if may_be_unseen(place.since, now) else Verdict.GONE
        if found[0].status in TERMINAL or found[0].is_paused:
            return Verdict.GONE
        try:
            wanted = decode_step_message(entry.message).wanted()
        except UNREADABLE:
            return Verdict.GONE
        step = await self._runs.load_step(entry.queue, entry.run, entry.step)
        record, revision = step or (None, 0)
        match judge(wanted, record, revision, now):
            case Claim() | GiveUp():
                return Verdict.OPEN
            case Busy() if record is not None and record.attempt == wanted.attempt:
                return Verdict.OPEN  # it holds the limit, and this is for the end of its lease
            case Stale():
                return Verdict.UNSEEN
            case _:
                return Verdict.GONE

    async def pauses(self, run: str) -> bool:
        """Whether nothing of a run may begin."""
        found = await self._runs.load(run)
        return found is not None and found[0].is_paused

    async def is_over(self, holder: Holder) -> bool:
        """Whether an attempt is known to be over that was let in."""
        found = await self._runs.load(holder.run)
        if found is None:
            return not may_be_unseen(holder.since, self._clock.now())
        run = found[0]
        if run.status in TERMINAL or not may_be_unseen(holder.since, run.created_at):
            return True  # else it would be of an earlier run of this id
        plan = await self._stores.plan(run)
        if plan is None or not plan.knows(holder.step):
            return False
        ended = await self._ended(plan, holder.run, holder.step)
        return ended is not None and ended.attempt >= holder.attempt

    async def over(self, plan: Plan, run: str, fact: Fact) -> Over | None:
        """The attempt that is over by a fact, if that is about one, and its record says so."""
        match fact:
            case StepCompleted() | AttemptFailed() | Iterated() | StepCancelled() | Compensated():
                return await self._ended(plan, run, fact.step)
            case _:
                return None

    async def _ended(self, plan: Plan, run: str, step: str) -> Over | None:
        """The latest attempt, if it is over."""
        found = await self._runs.load_step(plan.step(step).keeper, run, step)
        if found is None or found[0].outcome is Outcome.RUNNING:
            return None
        return Over(run, step, found[0].attempt)
