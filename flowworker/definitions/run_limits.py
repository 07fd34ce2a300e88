"""Limits that a workflow states that its runs fall under."""

from __future__ import annotations

__all__ = ["KEY_SCOPE", "Stated", "check_nesting", "run_limits_of", "stated"]

from typing import TYPE_CHECKING, Any, NamedTuple

from flowworker.core.admission import RateLimit, RunConcurrency, Singleton, SingletonMode
from flowworker.core.debounce import Debounce
from flowworker.core.limit import MAX_LIMITS, Strategy, Throttle
from flowworker.definitions.labels import OF_INPUT
from flowworker.definitions.limit_document import (
    DebounceDocument,
    RunConcurrencyDocument,
    RunThrottleDocument,
    SingletonDocument,
)
from flowworker.definitions.limits import numbered, rated
from flowworker.definitions.section import Section, given
from flowworker.definitions.tree import MappingNode, mappings_at, quoted
from flowworker.expressions import Scope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowworker.core.model import Workflow
    from flowworker.core.rate import Rate
    from flowworker.definitions.problems import Report

KEY_SCOPE = Scope(base=OF_INPUT, extra={"labels": None})
"""What a key may name: what is there before anything else of a run is."""

_SINGLE = -1
"""The number of the limit that a singleton is, among those that are counted from 0."""

_RATE_LIMIT, _THROTTLE = -2, -3
"""Likewise."""


class Stated(NamedTuple):
    """A limit that runs of a workflow fall under, whichever way it is stated.

    Attributes:
        number: its place among those of the workflow.
        title: what it is, for messages.
        limit: how many; None if it has a rate.
    """

    number: int
    title: str
    limit: int | None
    key: str
    strategy: Strategy
    rate: Rate | None = None


def stated(workflow: Workflow) -> Iterator[Stated]:
    """All limits that runs of a workflow fall under."""
    single = workflow.singleton
    if single is not None:
        yield Stated(_SINGLE, "singleton", 1, single.key, single.strategy)
    for number, one in enumerate(workflow.concurrency):
        yield Stated(number, f"concurrency {number + 1}", one.limit, one.key, one.strategy)
    if (most := workflow.rate_limit) is not None:
        yield Stated(_RATE_LIMIT, "rate_limit", None, most.key, Strategy.SKIP, most.rate)
    if (often := workflow.throttle) is not None:
        yield Stated(_THROTTLE, "throttle", None, often.key, Strategy.QUEUE, often.rate)


def run_limits_of(section: Section, report: Report) -> dict[str, Any]:
    """The fields of the workflow that are about limits, as far as they are stated."""
    own = tuple(_own(section, report))
    single = _single(section, report)
    throttle = rated(section.section("throttle", RunThrottleDocument), Throttle, report)
    most = rated(section.section("rate_limit", RunThrottleDocument), RateLimit, report)
    count = len(own) + sum(one is not None for one in (single, throttle, most))
    if count > MAX_LIMITS:
        message = f"runs of {section.title} fall under {count} limits"
        report.add(section.mark_of("concurrency"), f"{message}: at most {MAX_LIMITS} are possible")
    debounce = _debounce(section.section("debounce", DebounceDocument), report)
    return given(
        debounce=debounce,
        concurrency=own or None,
        singleton=single,
        throttle=throttle,
        rate_limit=most,
    )


def _own(section: Section, report: Report) -> Iterator[RunConcurrency]:
    for one, limit in numbered(section, RunConcurrencyDocument, report):
        strategy = one.choice("strategy", Strategy)
        if limit is not None:
            yield RunConcurrency(limit, one.text("key") or "", strategy or Strategy.QUEUE)


def _debounce(section: Section | None, report: Report) -> Debounce | None:
    if section is None:
        return None
    if section.node("period") is None:
        section.missing("period", "a duration such as 5s")
    period, timeout = section.duration("period"), section.duration("timeout")
    if period is None:
        return None
    if timeout is not None and timeout < period:
        message = f"'timeout' of {section.title} is shorter than its 'period'"
        report.add(section.mark_of("timeout"), f"{message}: no start would ever wait for so long")
    return Debounce(period, **given(timeout=timeout, key=section.text("key")))


def _single(section: Section, report: Report) -> Singleton | None:
    node = section.node("singleton")
    if node is None:
        return None
    if not isinstance(node, MappingNode):
        section.wrong("singleton", node, "a mapping with a 'mode' and perhaps a 'key'")
        return None
    one = Section(node, SingletonDocument, f"singleton of {section.title}", report)
    mode = one.choice("mode", SingletonMode)
    return Singleton(one.text("key") or "", mode or SingletonMode.SKIP)


def check_nesting(document: MappingNode, workflow: Workflow, report: Report) -> None:
    """Report steps that are runs of their own workflow, while there is a limit of all its runs."""
    shared = [one.title for one in stated(workflow) if not one.key and one.rate is None]
    if not shared:
        return
    for key, steps in (("steps", workflow.steps), ("finally", workflow.finally_)):
        for step, node in zip(steps, mappings_at(document, key), strict=False):
            if step.workflow == workflow.name:
                message = f"step {quoted(step.id)} is a run of its own workflow, and would need"
                hint = "give the limit a 'key' that differs, or leave the limit out"
                report.add(node.mark, f"{message} a second place under {shared[0]}", hint)
