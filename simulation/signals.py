"""What must hold for signals: each is taken by one step at most, the oldest first."""

from __future__ import annotations

__all__ = ["check_signal", "check_taken", "decode_signal", "free"]

from typing import TYPE_CHECKING, Any

import msgspec

from flowworker.core.records import SignalRecord
from flowworker.core.status import Outcome
from flowworker.simulate.clock import EPOCH
from simulation.expecting import UNKNOWN, expect
from simulation.sayings import Senseless, holds, read_payload

if TYPE_CHECKING:
    from flowworker.core.model import WaitFor
    from flowworker.core.records import StepRecord
    from simulation.truth import Truth

_LOOKED_AT = 90.0
"""Seconds after which nobody can have overlooked a signal, whatever goes wrong."""

_AT_ONCE, _HEARD = 0.5, 3.0
"""The same where nothing does, and after which a step that waits for one has it."""


decode_signal = msgspec.json.Decoder(SignalRecord).decode


def check_signal(truth: Truth, record: SignalRecord, moment: float, *, quiet: bool) -> None:
    """A signal's record was written."""
    where = f"{record.run} {record.name} {record.id}"
    before = truth.signals.kept.get(record.id)
    truth.signals.kept[record.id] = record
    truth.signals.since.setdefault(record.id, moment)
    if before is None:
        expect(not record.taken_by, "a signal was taken before it was kept", where)
        return
    same = (record.payload, record.name) == (before.payload, before.name)
    expect(same, "a signal became another one", where)
    expect(record.taken_by, "a signal was given back in its record", where)
    free = not before.taken_by or _was_left(truth, before)
    expect(free, "a signal was taken by two", f"{where}: {before.taken_by}, {record.taken_by}")
    if quiet and not before.taken_by:
        begun = truth.steps[_taker(record)[0]][0].started_at - EPOCH
        late = moment - max(begun, truth.signals.since[record.id])
        expect(late < _HEARD, "a signal was heard of late", where)
    step = truth.plan.step(_taker(record)[0]).wait_for
    if step is not None:
        older = _older(truth, record, step, moment - (_AT_ONCE if quiet else _LOOKED_AT))
        expect(not older, "a signal was taken before an older one", f"{where}: {older}")


def check_taken(truth: Truth, record: StepRecord, where: str) -> None:
    """A step completes with a signal."""
    signal = truth.signals.kept.get(record.signal)
    expect(signal is not None, "completed with a signal that is not there", where)
    wait = truth.plan.step(record.step).wait_for
    if signal is None or wait is None:
        return
    attempt = f"{record.step}/{record.attempt}"
    expect(signal.taken_by == attempt, "completed with a signal of somebody else", where)
    expect(signal.name == wait.signal, "completed with another signal", where)
    expect(record.output == signal.payload, "a signal says something else", where)
    expect(_fits(truth, signal, wait) is not False, "a signal that was not meant", where)
    other = truth.signals.completed.setdefault(record.signal, attempt)
    expect(other == attempt, "a signal was taken by two", f"{where}: {other}")


def free(truth: Truth, wait: WaitFor) -> list[str]:
    """Ids of those that nobody has and that such a step would take, the oldest first."""
    return [
        one.id
        for one in sorted(truth.signals.kept.values(), key=lambda signal: signal.id)
        if one.name == wait.signal
        and (not one.taken_by or _was_left(truth, one))
        and _fits(truth, one, wait) is True
    ]


def _older(truth: Truth, taken: SignalRecord, wait: WaitFor, limit: float) -> list[str]:
    """Those before it that were there for long, and that nobody ever had."""
    book = truth.signals
    known = [one for one in free(truth, wait) if one < taken.id and book.since[one] < limit]
    return [one for one in known if not book.kept[one].taken_by]


def _fits(truth: Truth, signal: SignalRecord, wait: WaitFor) -> bool | None:
    """Whether it is meant; None if that makes no sense."""
    if wait.match is None:
        return True
    try:
        found: Any = holds(truth, wait.match, signal=read_payload(truth, signal.payload))
    except Senseless:
        return None
    return found is UNKNOWN or bool(found)


def _taker(signal: SignalRecord) -> tuple[str, str]:
    """The step that has it, which may be an instance, and the attempt."""
    step, kind, number = signal.taken_by.rsplit("/", 2)
    return step, f"{kind}/{number}"


def _was_left(truth: Truth, signal: SignalRecord) -> bool:
    """Whether the attempt that took it has ended without it."""
    step, attempt = _taker(signal)
    record, _ = truth.steps.get(step, (None, 0))
    if record is None:
        return False
    if str(record.attempt) != attempt:
        return True
    return record.outcome is not Outcome.RUNNING and record.signal != signal.id
