"""Limits that a step states that its attempts fall under."""

from __future__ import annotations

__all__ = ["limits_of", "numbered", "rated"]

from typing import TYPE_CHECKING, Any, TypeVar

from flowworker.core.admission import RateLimit
from flowworker.core.fairness import GREATEST_WEIGHT, LEAST_WEIGHT, WEIGHTS, Fairness
from flowworker.core.limit import LIMIT_NAME, MAX_CONCURRENCY, MAX_LIMITS, Concurrency, Throttle
from flowworker.core.rate import MAX_BURST, problem_of
from flowworker.definitions.limit_document import (
    ConcurrencyDocument,
    FairnessDocument,
    ThrottleDocument,
)
from flowworker.definitions.section import Section, given
from flowworker.definitions.tree import MappingNode, ScalarNode, SequenceNode, described, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from msgspec import Struct

    from flowworker.definitions.problems import Report

_Rated = TypeVar("_Rated", Throttle, RateLimit)

_KEYS = ("limits", "concurrency", "throttle", "fairness")
_MOST = 1_000_000_000


def limits_of(step: Section, report: Report, *, has_handler: bool) -> dict[str, Any]:
    """The fields of the step that are about limits, as far as they are stated."""
    stated = [key for key in _KEYS if step.node(key) is not None]
    if stated and not has_handler:
        message = f"{quoted(stated[0])} of {step.title} is about a handler, and it has none"
        hint = "a step that no worker executes has no limits; those of a group stand in its steps"
        report.add(step.mark_of(stated[0]), message, hint)
        return {}
    named = step.names("limits")
    names = tuple(name for name, _ in named)
    for name, mark in named:
        if not LIMIT_NAME.fullmatch(name):
            message = f"'limits' of {step.title}: {quoted(name)} is no name of a limit"
            report.add(mark, message, "at most 100 letters, digits, '_' and '-'")
    own = tuple(_own(step, report))
    throttle = step.section("throttle", ThrottleDocument)
    fairness = step.section("fairness", FairnessDocument)
    count = len(names) + len(own) + (throttle is not None) + (fairness is not None)
    if count > MAX_LIMITS:
        message = f"{step.title} falls under {count} limits"
        report.add(step.mark_of(stated[0]), f"{message}: at most {MAX_LIMITS} are possible")
    rate = rated(throttle, Throttle, report)
    share = None if fairness is None else _fairness(fairness)
    return given(limits=names or None, concurrency=own or None, throttle=rate, fairness=share)


def rated(section: Section | None, kind: type[_Rated], report: Report) -> _Rated | None:
    """How often something may begin; None if that is not stated, or wrong."""
    if section is None:
        return None
    for key, expected in (("limit", "a whole number from 1"), ("period", "a duration such as 1s")):
        if section.node(key) is None:
            section.missing(key, expected)
    limit = section.integer("limit", 1, _MOST)
    period = section.duration("period")
    burst = section.integer("burst", 1, MAX_BURST)
    if limit is None or period is None:
        return None
    found = kind(limit, period, burst or 0, section.text("key") or "")
    if problem := problem_of(found.rate):
        report.add(section.mark_of("limit"), f"{section.title}: {problem}")
    return found


def _fairness(section: Section) -> Fairness | None:
    key, node = section.text("key"), section.node("weight")
    if section.node("key") is None:
        section.missing("key", "an expression")
    weight: Any = 1.0
    if node is not None:
        weight = node.value if isinstance(node, ScalarNode) else None
        is_number = isinstance(weight, int | float) and not isinstance(weight, bool)
        is_known = is_number and LEAST_WEIGHT <= weight <= GREATEST_WEIGHT
        if not (is_known or isinstance(weight, str)):
            section.wrong("weight", node, f"{WEIGHTS}, or an expression")
            return None
    return (
        None if key is None else Fairness(key, weight if isinstance(weight, str) else float(weight))
    )


def numbered(
    section: Section, shape: type[Struct], report: Report
) -> Iterator[tuple[Section, int | None]]:
    """What `concurrency` lists, each with how many it allows; None if that is not known."""
    node = section.node("concurrency")
    if node is None:
        return
    if not isinstance(node, SequenceNode):
        section.wrong("concurrency", node, "a list, each with a 'limit' and perhaps a 'key'")
        return
    for number, item in enumerate(node.items, 1):
        title = f"concurrency {number} of {section.title}"
        if not isinstance(item, MappingNode):
            report.add(item.mark, f"{title}: expected a mapping, found {described(item)}")
            continue
        one = Section(item, shape, title, report)
        if one.node("limit") is None:
            one.missing("limit", f"a whole number from 1 to {MAX_CONCURRENCY:,}")
        yield one, one.integer("limit", 1, MAX_CONCURRENCY)


def _own(step: Section, report: Report) -> Iterator[Concurrency]:
    for one, limit in numbered(step, ConcurrencyDocument, report):
        if limit is not None:
            yield Concurrency(limit, one.text("key") or "")
