"""Child runs: what an attempt of a step starts, and how that is asked to stop.

A child is started like any run, but without a message: by the coordinator that begins the attempt,
with an id that follows from it. So starting it twice is starting it once, and a refusal is known
at once.
"""

from __future__ import annotations

__all__ = ["Children", "Order"]

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import asdict, replace

from flowworker.codec.cloudevents import EventData, cloud_event
from flowworker.codec.json import encode, encode_sorted
from flowworker.codec.messages import StepInput, StepMessage
from flowworker.codec.trace import TraceContext, attempt_span, parse_trace
from flowworker.coordinator.commands.inputs import forget_input, input_name
from flowworker.coordinator.commands.rejection import Rejected
from flowworker.coordinator.commands.run_limits import limited
from flowworker.core.admission import Admission
from flowworker.core.children import MAX_DEPTH, group_of
from flowworker.core.event_types import EventType
from flowworker.core.graph import Plan
from flowworker.core.ids import COORDINATOR
from flowworker.core.parent import Parent
from flowworker.core.payload import EMPTY, Payload
from flowworker.core.records import RunRecord, Stop, StopReason, shortened
from flowworker.core.status import Kind, Priority, RunStatus
from flowworker.definitions import content_hash
from flowworker.errors import Conflict, InvalidInput
from flowworker.telemetry.tracing import NO_TRACING

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.coordinator.commands.starts import Starts
    from flowworker.core.records import StepRecord
    from flowworker.core.state import RunState
    from flowworker.evaluation.evaluation import Evaluation
    from flowworker.evaluation.terms import Terms
    from flowworker.stores.stores import Stores
    from flowworker.telemetry.metrics import Metrics
    from flowworker.telemetry.tracing import Tracing

_NAME = input_name("")


class ChildLimit(InvalidInput):
    """A run is not made, since it would be too many runs below the first one."""


class Order(Struct, frozen=True):
    """What an attempt starts, checked: a run of `plan` with that input."""

    plan: Plan
    input: bytes
    priority: Priority
    labels: dict[str, str]
    admission: Admission | None


class Children:
    """Starts and stops child runs; one for all runs of a coordinator."""

    def __init__(
        self,
        stores: Stores,
        starts: Starts,
        evaluation: Evaluation,
        terms: Terms,
        clock: Clock,
        metrics: Metrics,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        """Start as `starts` does."""
        self._stores = stores
        self._backend = stores.backend
        self._runs = stores.runs
        self._payloads = stores.payloads
        self._starts = starts
        self._evaluation = evaluation
        self._terms = terms
        self._clock = clock
        self._metrics = metrics
        self._tracing = tracing

    async def order(self, plan: Plan, state: RunState, step: str) -> Order:
        """What an attempt of the step starts.

        Raises:
            ChildLimit, ExpressionError, InvalidInput: it cannot be started.
            WorkflowNotFound, DefinitionError: there is no such workflow, or it cannot be read.
        """
        if state.record.depth >= MAX_DEPTH:
            raise ChildLimit(
                f"step {step!r}: a run is at most {MAX_DEPTH} runs below the first one; do the "
                "workflows call each other in a circle?"
            )
        child = await self._plan(plan, step)
        value = await self._evaluation.given(plan, state, step, Kind.RUN)
        try:
            data = await self._starts.inputs.checked(child, encode_sorted(value or {}))
            labels = await self._starts.labels.of(child.workflow, data, above=state.record)
            admission = self._starts.limits.of(child.workflow, data, labels)
        except Rejected as rejected:
            name = child.workflow.name
            raise InvalidInput(f"workflow {name!r} refuses its input: {rejected}") from rejected
        priority = await self._terms.priority(plan, state, step)
        return Order(child, data, priority, labels, admission)

    async def start(
        self, run: RunRecord, step: StepRecord, order: Order, begins_at: float = 0.0
    ) -> None:
        """Start the run that an attempt is, unless it was started.

        Args:
            run: whose step it is.
            step: its record, RUNNING.
            order: as `order` gave it.
            begins_at: not before.
        """
        plan, data = order.plan, order.input
        payload, secrets = await self._starts.inputs.keep(plan, step.child, _NAME, data, run)
        record = self._record(run, step, plan, payload, order.priority)
        record = replace(record, secrets=secrets, labels=order.labels)
        if begins_at > record.created_at:
            record = replace(record, status=RunStatus.PENDING, begins_at=begins_at)
        await self._create(limited(record, order.admission))

    async def start_stopped(self, plan: Plan, run: RunRecord, step: StepRecord) -> None:
        """Take the child's id for a run that does nothing, since its parent's stops.

        Raises: as `order`, if its workflow is not there.
        """
        child = await self._plan(plan, step.step)
        record = self._record(run, step, child, EMPTY, run.priority)
        await self._create(replace(record, stop=_stop(run)))

    async def forget(self, step: StepRecord) -> None:
        """Drop what was kept for a child that is not made: no removal of a run would find it."""
        await forget_input(self._payloads, step.child, _NAME)

    async def announce(self, child: RunRecord) -> None:
        """List and announce a child that has not ended: its parent's coordinator may have died."""
        if child.status in {RunStatus.RUNNING, RunStatus.PENDING}:
            await self._starts.entrance.announce(child, 0)

    async def cancel(self, child: RunRecord, reason: str, *, terminate: bool) -> None:
        """Ask it to stop, unless it does. May be repeated."""
        # One that stops from the first may not have been announced by its maker.
        await self.announce(child)
        if child.stop is not None and (not terminate or child.stop.reason is StopReason.TERMINATED):
            return
        now = self._clock.now()
        data = EventData(
            id=child.run,
            name=child.workflow,
            version=child.version,
            reason=shortened(reason),
            terminate=terminate,
            at=now,
        )
        detail = "parent/terminate" if terminate else "parent"
        namespace = self._backend.namespace
        event = cloud_event(namespace, EventType.CANCEL_REQUESTED, data, now, detail)
        await self._backend.events.publish_before_end(
            child.run, event.type, encode(event), event.id
        )

    async def _plan(self, plan: Plan, step: str) -> Plan:
        definition = plan.step(step)
        if definition.workflow is not None:
            return await self._stores.definitions.latest(definition.workflow)
        group = group_of(plan.workflow, definition)
        return await self._stores.definitions.by_hash(content_hash(group))

    def traced(self, run: RunRecord, step: StepRecord, child: str) -> None:
        """An attempt has ended: its span is above that of the run that it was, of workflow `child`.

        To say so twice is to say it once.
        """
        if not self._tracing.on:
            return
        message = StepMessage(
            run.run,
            run.workflow,
            step.step,
            child,
            **asdict(step.attempt),
            input=StepInput(EMPTY),
            idempotency_key="",
            version=run.version,
            queue=COORDINATOR,
            trace=run.trace,
            trace_state=run.trace_state,
        )
        self._tracing.recorded(message, step)

    def _record(
        self, run: RunRecord, step: StepRecord, plan: Plan, payload: Payload, priority: Priority
    ) -> RunRecord:
        trace = parse_trace(run.trace)
        if trace is not None:
            span = attempt_span(trace.trace_id, run.run, step.step, step.attempt)
            trace = TraceContext(trace.trace_id, span, self._tracing.samples(trace, run))
        return RunRecord(
            run=step.child,
            workflow=plan.workflow.name,
            definition=plan.hash,
            version=plan.workflow.version,
            status=RunStatus.RUNNING,
            input=payload,
            created_at=self._clock.now(),
            priority=priority,
            trace="" if trace is None else str(trace),
            trace_state=run.trace_state,
            parent=Parent(run.run, step.step, step.turn, step.number),
            depth=run.depth + 1,
        )

    async def _create(self, record: RunRecord) -> None:
        try:
            revision = await self._runs.save(record, 0)
        except Conflict:
            found = await self._runs.load(record.run)
            if found is not None:
                await self.announce(found[0])
            return
        self._metrics.runs_started[record.workflow].inc()
        await self._starts.entrance.announce(record, 0 if record.stop is not None else revision)


def _stop(run: RunRecord) -> Stop:
    stop = run.stop
    terminated = stop is not None and stop.reason is StopReason.TERMINATED
    reason = StopReason.TERMINATED if terminated else StopReason.CANCELLED
    return Stop(reason, f"run {run.run} stopped before this run began")
