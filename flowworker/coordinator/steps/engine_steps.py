"""Steps that coordinators settle themselves, each by its kind.

They have records as any others, and begin where others are enqueued: there is nobody to send them
to. Who is asked to begin one that has begun goes on with it, and of one that has ended it
publishes the end again.
"""

from __future__ import annotations

__all__ = ["EngineSteps"]

from typing import TYPE_CHECKING

from flowworker.coordinator.steps.attempts import Attempts
from flowworker.core.status import Outcome
from flowworker.core.waiting import EARLY

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.coordinator.limits.slots import Slots
    from flowworker.coordinator.steps.child_steps import ChildSteps
    from flowworker.coordinator.steps.ends import Ends
    from flowworker.coordinator.steps.waits import Waits
    from flowworker.core.effects import Dispatch
    from flowworker.core.graph import Plan
    from flowworker.core.records import RunRecord
    from flowworker.core.state import RunState
    from flowworker.stores.stores import Stores


class EngineSteps:
    """Begins and wakes them; one for all runs of a coordinator."""

    def __init__(
        self,
        stores: Stores,
        ends: Ends,
        waits: Waits,
        child_steps: ChildSteps,
        slots: Slots,
        clock: Clock,
    ) -> None:
        """Leave to each of these the steps of its kind."""
        self._stores = stores
        self._ends = ends
        self._waits = waits
        self._child_steps = child_steps
        self._slots = slots
        self._attempts = Attempts(stores, clock)
        self._clock = clock

    async def begin(self, plan: Plan, state: RunState, wanted: Dispatch) -> None:
        """Begin an attempt, unless it has begun; see to it that it ends. May be repeated.

        One that is wanted only if it has `begun` is not begun.

        Raises:
            Conflict: another coordinator does the same.
            Unavailable: what was read of it is stale.
        """
        step, run = plan.step(wanted.step), state.record
        if step.end is not None:
            await self._ends.settle(plan, state, wanted, step.end)
            return
        found = await self._attempts.open(step.keeper, run, wanted)
        if found is None:
            return
        record, revision = found
        match record:
            case None if wanted.begun:
                pass
            case None if step.has_child:
                await self._child_steps.begin(plan, state, wanted, revision)
            case None:
                await self._waits.begin(plan, state, wanted, revision)
            case _ if step.has_child:
                await self._child_steps.go_on(plan, state, record, revision)
            case _:
                await self._waits.go_on(plan, state, run, record, revision)

    async def wake(self, run: RunRecord, step: str) -> bool:
        """The step's timer went off; nothing if it waits no more, or not yet.

        False if what was read may be stale: no record of it or of its child is there, or it does
        not wait, though a timer is set after that. Or the timer is that of an earlier run of this
        id, or was left by what ended the wait.
        """
        plan = await self._stores.plan(run)
        if plan is None or not plan.knows(step):
            return True
        if plan.step(step).uses:  # of those, none waits for a time but for a limit
            return await self._slots.wake(run.run, step)
        found = await self._stores.runs.load_step(plan.step(step).keeper, run.run, step)
        if found is None:
            return False
        record, revision = found
        if record.outcome is not Outcome.RUNNING:
            await self._attempts.settled(run, record, revision)
            return False
        if record.wakes_at - self._clock.now() > EARLY:
            # By the timer's clock it is time. Set to then it would go off at once, again and again.
            await self._clock.sleep(EARLY)
        if plan.step(step).has_child:
            return await self._child_steps.wake(plan, run, record, revision)
        await self._waits.go_on(plan, None, run, record, revision)
        return True
