"""What must hold for loops: each instance once, with its own item, and all before the end."""

from __future__ import annotations

__all__ = ["check_begun", "check_loop_write"]

from typing import TYPE_CHECKING

from flowworker.core.ids import defined_id, index_of, instance_id
from flowworker.core.status import Kind, Outcome
from simulation.airflow import Resolution
from simulation.conditions import check_condition, check_refused
from simulation.expecting import UNKNOWN, expect
from simulation.sayings import Senseless, has_unknown, items_of, outcome_of, read_payload

if TYPE_CHECKING:
    from flowworker.core.records import StepRecord
    from simulation.truth import Truth

_TOO_LARGE = {"InvalidInput", "PayloadTooLarge"}


def check_loop_write(truth: Truth, record: StepRecord, before: StepRecord | None) -> None:
    """The record of a loop as a whole is written: it begins, or all is over that it has begun."""
    where, loop = f"{truth.run} {record.step}", truth.plan.loop(record.step)
    if record.outcome is Outcome.RUNNING:
        expect(before is None, "a loop began twice", where)
        expect(truth.ready(record.step), "a loop begins before what it depends on", where)
        items = items_of(truth, record.step)
        same = items is UNKNOWN or record.count == len(items)
        expect(same, "a loop over something else", f"{where}: {items}")
        check_condition(truth, record.step, where)
        return
    if before is None:
        refused = record.outcome is Outcome.FAILED
        expect(refused, "a loop ends that did not begin", where)
        if _has_items(truth, record.step):
            check_refused(truth, record, where)
        return
    expect(before.outcome is Outcome.RUNNING, "a loop ends twice", where)
    ones = [instance_id(record.step, index) for index in range(before.count)]
    failed = [one for one in ones if truth.resolution(one) is Resolution.FAILED]
    if record.outcome is Outcome.FAILED and record.error is not None:
        if record.error.type in _TOO_LARGE:
            return
        enough = len(failed) > loop.tolerates(before.count)
        expect(enough, "a loop failed that may go on", f"{where}: {failed}")
        return
    expect(record.outcome is Outcome.COMPLETED, "a loop ends otherwise", where)
    left = [one for one in ones if truth.resolution(one) is None]
    expect(not left, "a loop ends before its instances", f"{where}: {left}")
    expect(
        len(failed) <= loop.tolerates(before.count),
        "a loop goes on in spite of its failures",
        where,
    )
    expected = [outcome_of(truth, one) for one in ones]
    found = read_payload(truth, record.output)
    same = found is UNKNOWN or UNKNOWN in expected or found == expected
    expect(same, "a loop puts out something else", f"{where}: {found}, not {expected}")


def _has_items(truth: Truth, step: str) -> bool:
    """Whether it is known that there is something to loop over."""
    try:
        items = items_of(truth, step)
    except Senseless:
        return False
    return isinstance(items, list) and not has_unknown(items)


def check_begun(truth: Truth, record: StepRecord, before: StepRecord | None, where: str) -> None:
    """The first attempt of an instance is claimed: its loop goes on, and has a place for it."""
    index = index_of(record.step)
    if index is None or before is not None or record.kind is not Kind.RUN:
        return
    whole = defined_id(record.step)
    loop, _ = truth.steps.get(whole, (None, 0))
    begun = loop is not None and index < loop.count and loop.outcome is not Outcome.COMPLETED
    expect(begun, "an instance of a loop that has none left", where)
    limit = truth.plan.loop(whole).max_parallel
    at_work = [
        one
        for one in truth.steps
        if one != whole and defined_id(one) == whole and truth.resolution(one) is None
    ]
    expect(limit is None or len(at_work) < limit, "too many instances", f"{where}: {at_work}")
