"""The parts of a coordinator that serve all its runs, put together."""

from __future__ import annotations

__all__ = ["Parts", "assemble"]

from typing import TYPE_CHECKING, NamedTuple

from flowworker.coordinator.alarms import Alarms
from flowworker.coordinator.beginning import Beginning
from flowworker.coordinator.commands.controls import Controls
from flowworker.coordinator.commands.intake import Intake, OtherCommands
from flowworker.coordinator.commands.limits import LimitCommands
from flowworker.coordinator.commands.pauses import PauseCommands
from flowworker.coordinator.commands.rejection import Rejections
from flowworker.coordinator.commands.reruns import Reruns
from flowworker.coordinator.commands.schedules import ScheduleCommands
from flowworker.coordinator.commands.signals import Signals
from flowworker.coordinator.commands.starts import Starts
from flowworker.coordinator.limits.backlog import Backlog
from flowworker.coordinator.limits.gate import Gate
from flowworker.coordinator.limits.slots import Slots
from flowworker.coordinator.performing.closing import Closing
from flowworker.coordinator.performing.dispatch import Dispatcher
from flowworker.coordinator.performing.fencing import Fences
from flowworker.coordinator.performing.given import Given
from flowworker.coordinator.performing.outputs import Outputs
from flowworker.coordinator.performing.performer import Performer
from flowworker.coordinator.retention import Retention
from flowworker.coordinator.schedules.runs import ScheduledRuns
from flowworker.coordinator.schedules.turns import Schedules
from flowworker.coordinator.steps.answers import Answers
from flowworker.coordinator.steps.child_results import ChildResults
from flowworker.coordinator.steps.child_steps import ChildSteps
from flowworker.coordinator.steps.children import Children
from flowworker.coordinator.steps.ends import Ends
from flowworker.coordinator.steps.engine_steps import EngineSteps
from flowworker.coordinator.steps.judging import Judging
from flowworker.coordinator.steps.loops import Loops
from flowworker.coordinator.steps.refusals import Refusals
from flowworker.coordinator.steps.repeating import Repeating
from flowworker.coordinator.steps.taking import Taking
from flowworker.coordinator.steps.waits import Waits
from flowworker.evaluation.evaluation import Evaluation
from flowworker.evaluation.terms import Terms
from flowworker.evaluation.values import Values

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowworker.clock import Clock
    from flowworker.stores.stores import Stores
    from flowworker.telemetry.metrics import Metrics
    from flowworker.telemetry.tracing import Tracing


class Parts(NamedTuple):
    """What commands, alarms and the events of runs are handed to."""

    intake: Intake
    alarms: Alarms
    answers: Answers
    child_steps: ChildSteps
    dispatcher: Dispatcher
    fences: Fences
    performer: Performer
    retention: Retention
    schedules: Schedules
    slots: Slots
    gate: Gate
    backlog: Backlog


def assemble(
    stores: Stores,
    clock: Clock,
    metrics: Metrics,
    tracing: Tracing,
    on_pause: Callable[[], None],
) -> Parts:
    """Put them together, each from those that it needs; nothing happens yet.

    `on_pause` is called when a workflow is to pause, or to go on.
    """
    backend, payloads, settings = stores.backend, stores.payloads, stores.settings
    retention = Retention(stores, clock)
    # What definitions say
    values = Values(payloads, 2 * settings.payload_limit)
    evaluation = Evaluation(values)
    terms = Terms(evaluation)
    refusals = Refusals(stores, clock)
    # Who has to wait
    slots = Slots(stores, terms, refusals.refuse_message, clock)
    beginning = Beginning(stores, clock)
    gate = Gate(stores, beginning, clock)
    # What users send
    starts = Starts(stores, gate, clock, metrics)
    scheduled = ScheduledRuns(stores, starts, clock, metrics)
    intake = Intake(
        backend.commands,
        starts,
        Reruns(stores, starts, retention, clock, metrics),
        Controls(stores, clock),
        Signals(stores, clock),
        OtherCommands(
            ScheduleCommands(stores, clock, scheduled.check),
            PauseCommands(stores, on_pause),
            LimitCommands(stores, slots, clock),
        ),
        Rejections(stores, clock, metrics),
        clock,
    )
    # Steps that no worker executes
    children = Children(stores, starts, evaluation, terms, clock, metrics, tracing)
    results = ChildResults(payloads)
    child_steps = ChildSteps(stores, children, terms, refusals, results, clock)
    waits = Waits(stores, terms, Taking(stores, evaluation, clock), refusals, clock)
    ends = Ends(stores, evaluation, refusals, clock)
    engine_steps = EngineSteps(stores, ends, waits, child_steps, slots, clock)
    answers = Answers(
        evaluation,
        stores,
        Judging(stores, evaluation, refusals, clock, metrics),
        Loops(stores, evaluation, refusals, clock),
        Repeating(stores, evaluation, values, terms, clock),
    )
    # What was decided
    dispatcher = Dispatcher(
        backend.steps,
        Outputs(payloads, settings.message_limit),
        Given(evaluation, payloads, settings.message_limit),
        terms,
        refusals,
        engine_steps,
        slots,
        clock,
        tracing,
    )
    fences = Fences(stores, child_steps, clock)
    closing = Closing(gate, child_steps, retention, tracing)
    performer = Performer(stores, dispatcher, waits, fences, closing, gate, clock, metrics)
    # What comes with time
    schedules = Schedules(stores, scheduled, clock, metrics)
    alarms = Alarms(
        stores,
        retention,
        engine_steps,
        child_steps,
        schedules,
        beginning,
        gate,
        starts.debouncing,
        clock,
    )
    return Parts(
        intake,
        alarms,
        answers,
        child_steps,
        dispatcher,
        fences,
        performer,
        retention,
        schedules,
        slots,
        gate,
        Backlog(stores, slots.desks, gate.desks, clock, metrics),
    )
