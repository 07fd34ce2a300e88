"""Steps, and runs, that wait for a place under a limit."""

from __future__ import annotations

__all__ = ["Slot", "awaited"]

from dataclasses import dataclass

from flowworker.core.fairness import is_gate, queue_of_gate
from flowworker.core.ids import shown_id
from flowworker.core.limit import NAMED, OF_RUNS, Holder, LimitRecord
from flowworker.diagnosis.reasons import Reason, ReasonKind
from flowworker.diagnosis.sentences import within

_OWN = {"own": "a limit of its own", OF_RUNS: "a limit of its workflow"}


@dataclass(frozen=True, slots=True)
class Slot:
    """For what a step waits, or a run.

    Attributes:
        since: from when on, epoch seconds.
        before: how many have waited longer.
    """

    record: LimitRecord
    since: float
    before: int


def awaited(slot: Slot, now: float) -> Reason:
    """Who holds the limit, or when it lets in the next one, and how many come first."""
    record = slot.record
    if is_gate(record.id):
        return _turn(slot)
    kind, _, name = record.id.partition(".")
    is_named = kind == NAMED
    about = _OWN.get(kind, f"limit {name!r}")
    subjects = (name if is_named else record.id,)
    if is_named and not record.is_set:
        text, remedy = f"waits for {about}, which is not set", f"flowworker limits set {name}"
        return Reason(
            ReasonKind.LIMIT, text, subjects, slot.since, remedy=f"{remedy} --concurrency N"
        )
    opens_at = record.opens_at(now)
    if record.rate is not None and opens_at:
        text = f"waits for {about}: it lets in {record.rate}, the next one{within(opens_at, now)}"
    else:
        text = f"waits for {about}: {len(record.holders):,} of {record.concurrency:,} are at work"
    if not opens_at and record.holders:
        text += f", the first is {_shown(min(record.holders, key=lambda one: one.since))}"
    if slot.before:
        text += f"; {slot.before:,} wait before it"
    return Reason(ReasonKind.LIMIT, text, subjects, slot.since, until=opens_at)


def _shown(holder: Holder) -> str:
    whose = f"{shown_id(holder.step)} of " if holder.step else ""
    return f"{whose}run {holder.run}"


def _turn(slot: Slot) -> Reason:
    """How many come first in its queue."""
    queue = queue_of_gate(slot.record.id)
    at_work = len(slot.record.holders)
    text = f"waits for its turn in queue {queue!r}: {at_work:,} are at work or next"
    if slot.before:
        text += f"; {slot.before:,} come before it, by the shares of their keys"
    return Reason(ReasonKind.LIMIT, text, (slot.record.id,), slot.since)
