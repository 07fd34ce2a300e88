"""Coordinators for tests, and waiting for what they do."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry

from flowworker import wiring
from flowworker.clock import Clock, SystemClock
from flowworker.coordinator import Coordinator
from flowworker.coordinator.commands.starts import Starts
from flowworker.coordinator.expressions.evaluation import Evaluation
from flowworker.coordinator.expressions.items import Items
from flowworker.coordinator.expressions.terms import Terms
from flowworker.coordinator.expressions.values import Values
from flowworker.coordinator.steps.answers import Answers
from flowworker.coordinator.steps.child_results import ChildResults
from flowworker.coordinator.steps.child_steps import ChildSteps
from flowworker.coordinator.steps.children import Children
from flowworker.coordinator.steps.judging import Judging
from flowworker.coordinator.steps.loops import Loops
from flowworker.coordinator.steps.refusals import Refusals
from flowworker.coordinator.steps.repeating import Repeating
from flowworker.ports import Backend
from flowworker.settings import Settings
from flowworker.stores.stores import Stores, stores_of
from flowworker.telemetry.metrics import Metrics


def make(backend: Backend, **settings: Any) -> Coordinator:
    return wiring.make_coordinator(
        stores_of(backend, Settings(**settings)), Metrics(CollectorRegistry())
    )


async def coordinated(backend: Backend, **settings: Any) -> Coordinator:
    coordinator = make(backend, **settings)
    await coordinator.start()
    return coordinator


def evaluation_of(stores: Stores) -> Evaluation:
    """Expressions over what these stores keep."""
    limit = stores.settings.payload_limit
    return Evaluation(values_of(stores), Items(stores.payloads, limit))


def values_of(stores: Stores) -> Values:
    """What these stores keep."""
    return Values(stores.payloads, stores.settings.payload_limit)


def answers_of(stores: Stores) -> Answers:
    """Answers from what these stores keep."""
    values, clock = values_of(stores), SystemClock()
    evaluation = evaluation_of(stores)
    metrics = Metrics(CollectorRegistry())
    refusals = Refusals(stores, clock)
    judging = Judging(stores, evaluation, refusals, clock, metrics)
    loops = Loops(stores, evaluation, refusals, clock)
    repeating = Repeating(stores, evaluation, values, Terms(evaluation))
    return Answers(evaluation, stores.payloads, judging, loops, repeating)


def child_steps_of(stores: Stores, clock: Clock) -> ChildSteps:
    """Steps whose attempts are runs of what these stores keep."""
    evaluation, metrics = evaluation_of(stores), Metrics(CollectorRegistry())
    terms, starts = Terms(evaluation), Starts(stores, clock, metrics)
    children = Children(stores, starts, evaluation, terms, clock, metrics)
    results = ChildResults(stores.payloads)
    return ChildSteps(stores, children, terms, Refusals(stores, clock), results, clock)
