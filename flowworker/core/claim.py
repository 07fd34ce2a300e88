"""May this worker run this attempt, may this fence end it? Behind "concurrently never twice".

A claim is a compare-and-set of the step's record from the revision that the dispatch names. Safety:
of all workers that hold a message for one attempt, at most one write succeeds; a result is a
compare-and-set from the revision that the claim returned, so a worker that lost its claim cannot
write one (the revision is the fencing token). Liveness: a claim whose lease ran out may be
taken over, at most `MAX_LOST` times, after which the attempt fails instead of killing workers for
ever.

The first write is tried without reading. Only if it loses is the record read, and then this
module says what the message means.

A fence competes for the same records: CANCELLED over a revision refuses every claim or completion
from that revision. It never overwrites the end of an attempt whose event may not be published; that
is published again, and what follows from it is fenced in turn.
"""

from __future__ import annotations

__all__ = [
    "MAX_LOST",
    "Busy",
    "Claim",
    "Drop",
    "GiveUp",
    "Repair",
    "Revoke",
    "Stale",
    "Verdict",
    "first_try",
    "judge",
    "judge_fence",
    "refused",
    "skipped",
    "succeeded",
]

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import asdict, replace

from flowworker.core.records import StepRecord
from flowworker.core.status import Kind, Outcome, SkipReason

if TYPE_CHECKING:
    from flowworker.core.attempt import Attempt
    from flowworker.core.effects import Dispatch, Fence, Judge
    from flowworker.core.records import ErrorInfo
    from flowworker.core.state import StepState

MAX_LOST = 3
"""Workers that one attempt may lose before it is failed."""

_TRIED = frozenset({Outcome.FAILED, Outcome.ITERATED})
"""Ends of attempts that others of the same step may follow."""


class Claim(Struct, frozen=True):
    """Write RUNNING over `revision` (0: nothing is there), then run the handler.

    Attributes:
        free: seconds since the lease of the claim before ran out; 0 if that was not read.
        since: of the claim before, to be carried on (`StepRecord.since`); 0 likewise.
    """

    revision: int
    lost: int
    free: float = 0.0
    since: float = 0.0

    @property
    def is_last(self) -> bool:
        """Whether it fails if it loses its worker once more.

        It is not known which of the steps in a process killed it: all of them lost their worker,
        and all of them may come to the same next one. So a worker runs one last claim at a time,
        unless that takes too long, and a step that kills at once does not take those with it that
        were only beside it.
        """
        return self.lost == MAX_LOST - 1


class GiveUp(Struct, frozen=True):
    """Write FAILED over `revision`: this attempt has killed too many workers."""

    revision: int
    lost: int


class Busy(Struct, frozen=True):
    """Another worker runs it: come back when the lease has ended."""

    until: float


class Stale(Struct, frozen=True):
    """The answer is older than what the message, or the fence, knows: ask again in a while."""


class Repair(Struct, frozen=True):
    """The attempt has ended but its event may be lost: publish it again, then acknowledge."""

    record: StepRecord
    revision: int


class Drop(Struct, frozen=True):
    """The message, or the fence, is out of date: be done with it and do nothing."""


class Revoke(Struct, frozen=True):
    """Write `record`, which is CANCELLED, over `revision`; then publish that it is cancelled."""

    record: StepRecord
    revision: int


Verdict = Claim | GiveUp | Busy | Stale | Repair | Drop


def first_try(wanted: Dispatch) -> Claim | GiveUp:
    """What to write before anything was read."""
    return _claim(wanted.revision, wanted.lost)


def judge(wanted: Dispatch, record: StepRecord | None, revision: int, now: float) -> Verdict:
    """What a message means, given the step's record as the leader has it.

    Args:
        wanted: the attempt that the message asks for.
        record: the step's record, or None.
        revision: of that record; 0 for None.
        now: seconds since the Unix epoch.
    """
    if revision < wanted.revision:
        return Stale()
    if record is None:
        return _claim(0, wanted.lost)
    if wanted.attempt < record.attempt or record.outcome is Outcome.SKIPPED:
        return Drop()
    if wanted.attempt == record.attempt:
        return _same_attempt(record, revision, now)
    if record.outcome is Outcome.RUNNING:
        return Busy(record.lease_until)
    if record.outcome is Outcome.CANCELLED or revision != wanted.revision:
        return Drop()
    return _claim(revision, wanted.lost)


def judge_fence(
    run: str, wanted: Fence, record: StepRecord | None, revision: int, now: float
) -> Revoke | Busy | Stale | Repair | Drop:
    """How to end an attempt, given the step's record as the leader has it.

    `Busy` means: ask the worker to stop, and come back until the attempt has ended; `Drop`, that it
    had ended when the run went on to its saga. Arguments as in `judge`; the record written must be
    the one judged, else judge again.
    """
    if record is None:
        record = StepRecord(run, wanted.step, **asdict(wanted.attempt), outcome=Outcome.CANCELLED)
    elif revision < wanted.revision:
        return Stale()
    elif record.outcome is Outcome.RUNNING:
        if record.kind is Kind.COMPENSATE is not wanted.attempt.kind:
            return Drop()  # the attempt ended long since: this is what undoes it
        if record.lease_until > now and not wanted.force:
            return Busy(record.lease_until)
    elif _precedes(record, wanted):
        record = replace(
            record,
            **asdict(wanted.attempt),
            started_at=0.0 if _is_first(wanted.attempt) else record.started_at,
            wakes_at=0.0,
            completed=(record.completed or revision)
            if wanted.attempt.kind is Kind.COMPENSATE
            else 0,
        )
    else:
        return Repair(record, revision)
    ended = replace(record, outcome=Outcome.CANCELLED, lease_until=0.0, finished_at=now)
    return Revoke(ended, revision)


def refused(
    run: str, wanted: Dispatch, claim: Claim | GiveUp, at: StepState, error: ErrorInfo, now: float
) -> StepRecord:
    """What to write over `claim.revision` instead of a claim, for an attempt that cannot be made.

    It competes with claims as a fence does, and what follows from it is the step's policy, as for
    any attempt that failed. `at` is the step as known, whose output a compensation keeps.
    """
    undo = wanted.attempt.kind is Kind.COMPENSATE
    return StepRecord(
        run,
        wanted.step,
        **asdict(wanted.attempt),
        outcome=Outcome.FAILED,
        lost=claim.lost,
        finished_at=now,
        output=at.output if undo else None,
        error=error,
        completed=at.completed if undo else 0,
    )


def skipped(run: str, wanted: Judge, now: float) -> StepRecord:
    """What to write over `wanted.revision` instead of a claim, for a step that shall not run."""
    return StepRecord(
        run,
        wanted.step,
        **asdict(wanted.attempt),
        outcome=Outcome.SKIPPED,
        finished_at=now,
        reason=SkipReason.WHEN,
    )


def succeeded(claim: StepRecord) -> Outcome:
    """How an attempt stands that succeeded. One of a fallback ends what is repeated."""
    again = claim.kind is Kind.RUN and claim.iteration > 0
    return Outcome.ITERATED if again else Outcome.COMPLETED


def _is_first(attempt: Attempt) -> bool:
    """Whether a claim of it says that the step has started: nothing else may."""
    return attempt.kind is Kind.RUN and attempt.number == 1


def _precedes(record: StepRecord, wanted: Fence) -> bool:
    """Whether the record is what the attempt's claim would be written over."""
    if record.outcome in _TRIED:
        return record.attempt < wanted.attempt
    undo = wanted.attempt.kind is Kind.COMPENSATE and record.kind is not Kind.COMPENSATE
    return undo and record.outcome is Outcome.COMPLETED


def _same_attempt(record: StepRecord, revision: int, now: float) -> Verdict:
    if record.outcome is not Outcome.RUNNING:
        return Repair(record, revision)
    if record.lease_until > now:
        return Busy(record.lease_until)
    # A lease of 0 was given back by a worker that stopped in good order: no process died.
    died = record.lease_until > 0.0
    free = now - record.lease_until if died else 0.0
    return _claim(revision, record.lost + died, free, record.since)


def _claim(revision: int, lost: int, free: float = 0.0, since: float = 0.0) -> Claim | GiveUp:
    return GiveUp(revision, lost) if lost >= MAX_LOST else Claim(revision, lost, free, since)
