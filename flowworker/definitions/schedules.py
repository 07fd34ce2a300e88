"""Schedules of a document, and those that stand alone."""

from __future__ import annotations

__all__ = ["MAX_INPUT", "schedule_from", "schedules_of"]

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from flowworker.core.ids import MAX_NAME
from flowworker.core.schedule import SCHEDULE_ID, Overlap, Schedule
from flowworker.core.status import Priority
from flowworker.definitions.labels import labels_of
from flowworker.definitions.moment import parse_moment
from flowworker.definitions.occasions import check_given
from flowworker.definitions.problems import Report
from flowworker.definitions.schedule_document import MAX_SCHEDULES, ScheduleDocument
from flowworker.definitions.section import Section, given
from flowworker.definitions.tree import (
    MappingNode,
    ScalarNode,
    SequenceNode,
    described,
    quoted,
    tree_of,
)
from flowworker.definitions.values import mapping_of
from flowworker.errors import DefinitionError, InvalidInput
from flowworker.schedules import check_cron, times_of, zone_of

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_INPUT = 64 * 1024
"""Bytes of a schedule's input, which stands in its record."""

_LONGEST_ID = 100
_LEAST_EVERY = 1.0
_LEAST_WINDOW = 10.0
_MOST_RUNS = 1_000_000_000


def schedule_from(value: Mapping[str, Any]) -> Schedule:
    """The schedule that a mapping describes, with keys as in a document.

    Raises:
        DefinitionError: with every problem.
    """
    report = Report("")
    try:
        node = tree_of(dict(value))
    except ValueError as error:
        raise DefinitionError([f"the schedule: {error}"]) from error
    assert isinstance(node, MappingNode)
    found = _schedule(Section(node, ScheduleDocument, "the schedule", report), report)
    if problems := report.problems:
        raise DefinitionError(problems, has_more=report.is_full)
    return found


def schedules_of(workflow: Section, report: Report) -> tuple[Schedule, ...]:
    """Those of a workflow; what is wrong is reported."""
    node = workflow.node("schedules")
    if node is None:
        return ()
    if not isinstance(node, SequenceNode):
        hint = "a schedule begins with '- id:'" if isinstance(node, MappingNode) else ""
        workflow.wrong("schedules", node, "a list of schedules", hint)
        return ()
    if len(node.items) > MAX_SCHEDULES:
        message = f"a workflow has at most {MAX_SCHEDULES} schedules, found {len(node.items):,}"
        report.add(node.mark, message)
        return ()
    found: dict[str, Schedule] = {}
    for number, item in enumerate(node.items, 1):
        if not isinstance(item, MappingNode):
            report.add(item.mark, f"schedule {number}: expected a mapping, found {described(item)}")
            continue
        section = Section(item, ScheduleDocument, f"schedule {number}", report)
        schedule = _schedule(section, report)
        if schedule.id in found and schedule.id:
            report.add(section.mark_of("id"), f"two schedules are called {quoted(schedule.id)}")
        found[schedule.id] = schedule
    return tuple(found.values())


def _schedule(section: Section, report: Report) -> Schedule:
    name = _id(section)
    if name:
        section.title = f"schedule {quoted(name)}"
    stated = given(
        cron=_cron(section, report),
        every=_every(section),
        timezone=_timezone(section, report),
        start_at=_moment(section, "start_at", report),
        end_at=_moment(section, "end_at", report),
        jitter=section.duration("jitter", positive=False),
        overlap=section.choice("overlap", Overlap),
        catchup_window=_window(section),
        pause_on_failure=section.flag("pause_on_failure"),
        max_runs=section.integer("max_runs", 1, _MOST_RUNS),
        priority=section.choice("priority", Priority),
        input=_input(section),
        labels=labels_of(section, report),
    )
    schedule = replace(Schedule(name), **stated)
    check_given(section, schedule, report)
    _check_times(section, schedule, report)
    return schedule


def _id(section: Section) -> str:
    node = section.node("id")
    if node is None:
        section.missing("id", "a name")
        return ""
    text = node.text if isinstance(node, ScalarNode) else ""
    if SCHEDULE_ID.fullmatch(text):
        return text
    expected = f"at most {_LONGEST_ID} letters, digits, '_' and '-'"
    section.wrong("id", node, f"{expected}: the ids of its runs begin with it")
    return ""


def _cron(section: Section, report: Report) -> str | None:
    node, text = section.node("cron"), section.text("cron", MAX_NAME)
    if node is None or text is None:
        return None
    try:
        check_cron(text)
    except InvalidInput as error:
        report.add(node.mark, f"{quoted('cron')} of {section.title}: {error}")
        return None
    return " ".join(text.split())


def _every(section: Section) -> float | None:
    every = section.duration("every")
    node = section.node("every")
    if every is None or node is None or every >= _LEAST_EVERY:
        return every
    section.wrong("every", node, "a duration of at least 1s")
    return None


def _window(section: Section) -> float | None:
    window = section.duration("catchup_window", positive=False)
    node = section.node("catchup_window")
    if window is None or node is None or window >= _LEAST_WINDOW:
        return window
    section.wrong("catchup_window", node, "a duration of at least 10s: clocks differ by some")
    return None


def _timezone(section: Section, report: Report) -> str | None:
    node, name = section.node("timezone"), section.text("timezone", MAX_NAME)
    if node is None or name is None:
        return None
    try:
        zone_of(name)
    except InvalidInput as error:
        report.add(node.mark, f"{quoted('timezone')} of {section.title}: {error}")
        return None
    return name


def _moment(section: Section, key: str, report: Report) -> float | None:
    node = section.node(key)
    if node is None:
        return None
    value = node.value if isinstance(node, ScalarNode) else None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        section.wrong(key, node, "a moment such as 2030-01-31T08:00:00Z")
        return None
    try:
        return parse_moment(value)
    except InvalidInput as error:
        report.add(node.mark, f"{quoted(key)} of {section.title}: {error}")
        return None


def _input(section: Section) -> dict[str, Any] | None:
    found, node = mapping_of(section, "input"), section.node("input")
    if found is None or node is None:
        return None
    size = len(msgspec.json.encode(found))
    if size > MAX_INPUT:
        section.wrong("input", node, f"at most {MAX_INPUT:,} bytes of JSON, not {size:,}")
        return None
    return found


def _check_times(section: Section, schedule: Schedule, report: Report) -> None:
    """Report what contradicts itself, and a schedule that has no time."""
    has_cron, has_every = section.node("cron") is not None, section.node("every") is not None
    if has_cron and has_every:
        message = f"{section.title} has both {quoted('cron')} and {quoted('every')}: expected one"
        report.add(section.mark_of("every"), message)
    if not has_cron and not has_every:
        report.add(section.mark, f"{section.title} needs {quoted('cron')} or {quoted('every')}")
    if has_every and section.node("timezone") is not None:
        message = f"{quoted('timezone')} of {section.title} goes with {quoted('cron')}"
        report.add(
            section.mark_of("timezone"), f"{message}: {quoted('every')} counts time as it passes"
        )
    if not (schedule.end_at and (schedule.cron or schedule.every)) or report.problems:
        return
    if next(times_of(schedule, 0.0), None) is None:
        between = f"between its {quoted('start_at')} and {quoted('end_at')}"
        report.add(section.mark_of("end_at"), f"{section.title} has no time {between}")
