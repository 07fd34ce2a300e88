"""Steps whose attempts are runs: begun here, and settled by the first that sees such a run ended.

Usually that is the coordinator that ends it: to finish a child is, first of all, to settle its
parent's step, so that recovery finds a child until its parent knows. One that looks at the step
meanwhile, since its run is recovered or stops, reads the child's record and does the same.

Safety: the step's record changes by compare-and-set, and its child is made under an id that follows
from the attempt, so that however many look there is one child and one end of the attempt. A fence
writes nothing before the child has ended.

Liveness: see `docs/decisions/0055-children-are-settled-where-they-end.md`, write by write.
"""

from __future__ import annotations

__all__ = ["ChildSteps"]

from typing import TYPE_CHECKING

from msgspec.structs import asdict, replace

from flowworker.codec.keys import step_timer
from flowworker.coordinator.steps.attempts import Attempts, final
from flowworker.core.children import is_stopping, settled
from flowworker.core.error_types import OF_TIMEOUT, TIMEOUT
from flowworker.core.ids import COORDINATOR, child_run_id, defined_id, index_of
from flowworker.core.records import ErrorInfo, StepRecord, StopReason
from flowworker.core.status import TERMINAL, Kind, Outcome, RunStatus
from flowworker.core.waiting import EARLY, GUARD
from flowworker.errors import (
    Conflict,
    DefinitionError,
    ExpressionError,
    InvalidInput,
    Unavailable,
    WorkflowNotFound,
)
from flowworker.stores.reruns import load_past

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.coordinator.steps.child_results import ChildResults
    from flowworker.coordinator.steps.children import Children, Order
    from flowworker.coordinator.steps.refusals import Refusals
    from flowworker.core.effects import Dispatch
    from flowworker.core.graph import Plan
    from flowworker.core.records import RunRecord
    from flowworker.core.state import RunState
    from flowworker.evaluation.terms import Terms
    from flowworker.stores.stores import Stores

_REFUSED = (ExpressionError, InvalidInput, WorkflowNotFound, DefinitionError)


class ChildSteps:
    """Begins, stops and settles them; one for all runs of a coordinator."""

    def __init__(
        self,
        stores: Stores,
        children: Children,
        terms: Terms,
        refusals: Refusals,
        results: ChildResults,
        clock: Clock,
    ) -> None:
        """Write to the stores' records, and publish to the backend."""
        self._stores = stores
        self._runs = stores.runs
        self._attempts = Attempts(stores, clock)
        self._timers = stores.backend.timers
        self._children = children
        self._terms = terms
        self._refusals = refusals
        self._results = results
        self._clock = clock

    async def begin(self, plan: Plan, state: RunState, wanted: Dispatch, revision: int) -> None:
        """Begin an attempt over a revision of its step's record.

        Raises:
            Conflict: another coordinator does the same.
        """
        run, step, now = state.record, plan.step(wanted.step), self._clock.now()
        try:
            order = await self._children.order(plan, state, wanted.step)
            call = plan.call(wanted.step, wanted.attempt.kind)
            timeout = await self._terms.timeout(plan, state, wanted)
            intervals = await self._terms.intervals(plan, state, wanted)
        except _REFUSED as error:
            await self._refusals.refuse(plan, state, wanted, error)
            return
        at, begins = state.steps[wanted.step], max(now, wanted.due)
        record = StepRecord(
            run.run,
            wanted.step,
            **asdict(wanted.attempt),
            outcome=Outcome.RUNNING,
            started_at=begins,
            wakes_at=begins + timeout if timeout else 0.0,
            since=(at.since or begins) if call.asks_for_time else 0.0,
            spent=at.spent,
            intervals=intervals,
            child=child_run_id(run.run, run.created_at, wanted.step, wanted.attempt),
        )
        revision = await self._runs.save_step(step.keeper, record, revision)
        await self._announce(run, record, revision)
        await self._start(plan, run, record, revision, order)

    async def go_on(self, plan: Plan, state: RunState, record: StepRecord, revision: int) -> None:
        """See to it that an attempt ends which has begun; settle it, if its run has ended."""
        run = state.record
        child = await self._runs.load(record.child)
        if child is None:
            await self._announce(run, record, revision)
            try:
                order = await self._children.order(plan, state, record.step)
            except _REFUSED as error:  # it was fine before: the workflow was registered anew
                await self._refuse(plan, run, record, revision, error)
                return
            await self._start(plan, run, record, revision, order)
        elif child[0].status in TERMINAL:
            await self._settle(plan, run, record, revision, child[0])
        else:
            await self._children.announce(child[0])
            await self._watch(run, record, child[0])

    async def wake(self, plan: Plan, run: RunRecord, record: StepRecord, revision: int) -> bool:
        """The step's timer went off: its time is over, or its child was not heard of for long.

        False if the child is not there, though a timer is set after it: what was read is stale, or
        the timer is that of an earlier run of this id.
        """
        child = await self._runs.load(record.child)
        if child is None:  # nobody knows what it would be given; who recovers the step does
            return False
        if child[0].status in TERMINAL:
            await self._settle(plan, run, record, revision, child[0])
            return True
        left = record.wakes_at - self._clock.now()
        if record.wakes_at and record.error is None and left <= EARLY:
            if left > 0.0:
                await self._clock.sleep(left)
            text = f"the run took longer than {record.wakes_at - record.started_at:g} s"
            record = replace(record, error=ErrorInfo(TIMEOUT, text, bases=OF_TIMEOUT))
            await self._runs.save_step(plan.step(record.step).keeper, record, revision)
        await self._watch(run, record, child[0])
        return True

    async def fence(self, plan: Plan, state: RunState, record: StepRecord, revision: int) -> bool:
        """Stop the run that an attempt is; whether it has ended, and the attempt is settled."""
        run = state.record
        child = await self._runs.load(record.child)
        if child is None:
            await self._announce(run, record, revision)
            try:
                await self._children.start_stopped(plan, run, record)
            except _REFUSED:  # nobody can start it either
                await self._children.forget(record)
                await self._end(plan, run, replace(record, outcome=Outcome.CANCELLED), revision)
                return True
            return False
        if child[0].status in TERMINAL:
            await self._settle(plan, run, record, revision, child[0])
            return True
        terminate = run.stop is not None and run.stop.reason is StopReason.TERMINATED
        await self._children.cancel(child[0], f"its parent {run.run} stops", terminate=terminate)
        return False

    async def ended(self, child: RunRecord, known: tuple[Plan, RunState] | None = None) -> None:
        """A run has ended: settle the step of another one that it is an attempt of, if it is.

        May be repeated. `known` is what is known of it; None to read it.
        """
        if child.parent is None:
            return
        found = await self._runs.load(child.parent.run)
        parent_plan = None if found is None else await self._stores.plan(found[0])
        if found is None or parent_plan is None or not parent_plan.knows(child.parent.step):
            return
        run, step = found[0], parent_plan.step(child.parent.step)
        at = await self._runs.load_step(step.keeper, run.run, child.parent.step)
        if at is None or at[0].child != child.run or at[0].kind is not Kind.RUN:
            return
        if at[0].outcome is Outcome.RUNNING:
            await self._settle(parent_plan, run, *at, child, known)
        else:
            await self._attempts.settled(run, *at)

    async def _announce(self, run: RunRecord, record: StepRecord, revision: int) -> None:
        """That a step has begun: before its child is there, which may so be taken to show it."""
        if record.number == 1:
            await self._attempts.started(run, record, revision)

    async def _start(
        self, plan: Plan, run: RunRecord, record: StepRecord, revision: int, order: Order
    ) -> None:
        try:
            await self._children.start(run, record, order, record.started_at)
        except InvalidInput as error:
            await self._refuse(plan, run, record, revision, error)
        else:
            await self._set_timer(run, record)

    async def _refuse(
        self, plan: Plan, run: RunRecord, record: StepRecord, revision: int, error: Exception
    ) -> None:
        """An attempt has begun whose run cannot be made."""
        why = await final(error, run, self._stores.secrets)
        failed = replace(record, outcome=Outcome.FAILED, error=why)
        await self._children.forget(record)  # first: once the attempt has ended nobody comes by
        await self._end(plan, run, failed, revision)

    async def _watch(self, run: RunRecord, record: StepRecord, child: RunRecord) -> None:
        """See to it that the step is looked at again; stop the child if its time is over."""
        if record.error is not None:
            await self._children.cancel(child, record.error.message, terminate=False)
        await self._set_timer(run, record)

    async def _set_timer(self, run: RunRecord, record: StepRecord) -> None:
        over = record.error is not None or not record.wakes_at
        at = self._clock.now() + GUARD if over else record.wakes_at
        await self._timers.set(run.run, step_timer(record.step), at)

    async def _settle(
        self,
        plan: Plan,
        run: RunRecord,
        record: StepRecord,
        revision: int,
        child: RunRecord,
        known: tuple[Plan, RunState] | None = None,
    ) -> None:
        """Write how the attempt's run ended as its own end, and publish that."""
        output = None
        if known is None:
            past = await load_past(self._stores, child.run, self._clock.now())
            known = None if past is None else (past.plan, past.state)
        if known is None:
            raise Unavailable(f"what was read of run {child.run} is stale")
        try:
            if child.status is RunStatus.COMPLETED:
                output = await self._results.to(run, record.step, *known)
        except InvalidInput as error:
            why = await final(error, run, self._stores.secrets)
            ended = replace(record, outcome=Outcome.FAILED, error=why)
        else:
            failed = child.stop.step if child.stop is not None else ""
            cause = known[1].steps[failed].error if failed in known[1].steps else None
            now, stopping = self._clock.now(), await self._is_stopping(run, record.step)
            ended = settled(record, child, output, cause, now, stopping=stopping)
        await self._end(plan, run, ended, revision)
        self._children.traced(run, ended, child.workflow)

    async def _is_stopping(self, run: RunRecord, step: str) -> bool:
        """Whether the run stops, or the loop of which the step is an instance has failed."""
        if is_stopping(run):
            return True
        if index_of(step) is None:
            return False
        found = await self._runs.load_step(COORDINATOR, run.run, defined_id(step))
        return found is not None and found[0].outcome is Outcome.FAILED

    async def _end(self, plan: Plan, run: RunRecord, ended: StepRecord, revision: int) -> None:
        keeper = plan.step(ended.step).keeper
        ended = replace(ended, finished_at=self._clock.now())
        try:
            revision = await self._runs.save_step(keeper, ended, revision)
        except Conflict:
            found = await self._runs.load_step(keeper, run.run, ended.step)
            if found is None:  # the run is gone
                return
            if found[0].outcome is Outcome.RUNNING:
                raise
            ended, revision = found
        else:  # before the event: the attempt that follows from it sets another timer
            await self._timers.clear(run.run, step_timer(ended.step))
        await self._attempts.settled(run, ended, revision)
