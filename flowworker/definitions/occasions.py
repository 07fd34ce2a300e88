"""What a schedule gives to the run of one of its times: its input and its labels.

Texts in them may have expressions, which are evaluated when the time begins its run. What they can
name is known beforehand but for the time, so they are tried when they are checked.
"""

from __future__ import annotations

__all__ = ["SOME_TIME", "check_given", "input_at", "labels_at"]

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flowworker.core.labels import check_labels
from flowworker.definitions.labels import check_labels as check_expressions
from flowworker.definitions.labels import compiled, evaluated
from flowworker.definitions.places import add_problem
from flowworker.definitions.tree import node_at, quoted
from flowworker.errors import ExpressionError, InvalidInput
from flowworker.expressions import Scope, Template, compile_template

if TYPE_CHECKING:
    from flowworker.core.schedule import Schedule
    from flowworker.definitions.problems import Report
    from flowworker.definitions.section import Section

_SCOPE = Scope(
    base=(),
    extra={"schedule": {"properties": {"id": {"type": "string"}, "time": {"type": "string"}}}},
)
SOME_TIME = 1_896_076_800.0
"""2030-01-31T08:00:00Z."""


def input_at(schedule: str, given: dict[str, Any], time: float) -> dict[str, Any]:
    """The input of the run that a time begins.

    Args:
        schedule: its id.
        given: the input that it says.
        time: which, epoch seconds.

    Raises:
        InvalidInput: an expression in it has no value.
    """
    template = compile_template(given, _SCOPE)
    if isinstance(template, list):
        # It was created by a release that knew another language.
        raise InvalidInput(f"input: {template[0][1].message}")
    try:
        found: dict[str, Any] = template.evaluate(_values(schedule, time))
    except ExpressionError as error:
        raise InvalidInput(f"input: {error}") from error
    return found


def labels_at(schedule: Schedule, time: float) -> dict[str, str]:
    """The labels that the run of a time gets from its schedule.

    Raises:
        InvalidInput: one has no value, or is no label.
    """
    values, found = _values(schedule.id, time), {}
    for name, text in (schedule.labels or {}).items():
        label = evaluated(name, compiled(name, text, _SCOPE), values)
        if label not in (None, ""):
            found[name] = label
    return check_labels(found)


def _values(schedule: str, time: float) -> dict[str, Any]:
    return {"schedule": {"id": schedule, "time": _moment(time)}}


def _moment(time: float) -> str:
    """As people write it: to the second, but for one at which somebody has asked for a run."""
    return datetime.fromtimestamp(time, UTC).isoformat().replace("+00:00", "Z")


def check_given(section: Section, schedule: Schedule, report: Report) -> None:
    """Report what is wrong with a schedule's input and labels, and what they cannot come to."""
    before, node = len(report.problems), section.node("input")
    if node is not None and schedule.input is not None:
        place = f"{quoted('input')} of {section.title}"
        template = compile_template(schedule.input, _SCOPE)
        for path, problem in [] if isinstance(template, Template) else template:
            add_problem(report, node_at(node, path), place, problem)
    check_expressions(section.node("labels"), schedule.labels, _SCOPE, report, section.title)
    if len(report.problems) > before:
        return
    key = "input"
    try:
        input_at(schedule.id, schedule.input or {}, SOME_TIME)
        key = "labels"
        labels_at(schedule, SOME_TIME)
    except InvalidInput as error:
        report.add(section.mark_of(key), f"{section.title}: {error}")
