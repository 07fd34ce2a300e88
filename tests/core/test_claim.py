"""What a step message means, and what ends an attempt, given the step's record."""

from __future__ import annotations

import itertools

import pytest
from msgspec.structs import replace

from flowworker.core.attempt import Attempt
from flowworker.core.claim import (
    MAX_LOST,
    Busy,
    Claim,
    Drop,
    GiveUp,
    Repair,
    Revoke,
    Stale,
    first_try,
    judge,
    judge_fence,
    refused,
    skipped,
)
from flowworker.core.effects import Dispatch, Fence, Judge
from flowworker.core.payload import inline
from flowworker.core.records import ErrorInfo, StepRecord
from flowworker.core.state import StepState
from flowworker.core.status import Kind, Outcome

NOW = 100.0
RUN, FALLBACK, UNDO = Kind.RUN, Kind.FALLBACK, Kind.COMPENSATE
RUNNING, COMPLETED, FAILED, CANCELLED, SKIPPED, ITERATED = Outcome


def record(
    outcome: Outcome,
    kind: Kind = RUN,
    turn: int = 1,
    attempt: int = 1,
    *,
    lease: float = 0.0,
    lost: int = 0,
) -> StepRecord:
    return StepRecord("r", "a", kind, turn, attempt, outcome, lease_until=lease, lost=lost)


def wanted(
    kind: Kind = RUN, turn: int = 1, attempt: int = 1, *, revision: int = 0, lost: int = 0
) -> Dispatch:
    return Dispatch("a", Attempt(kind, turn, attempt), revision, lost)


@pytest.mark.parametrize(
    ("dispatch", "verdict"),
    [
        (wanted(), Claim(0, 0)),
        (wanted(attempt=2, revision=7), Claim(7, 0)),
        (wanted(revision=7, lost=MAX_LOST - 1), Claim(7, MAX_LOST - 1)),
        (wanted(revision=7, lost=MAX_LOST), GiveUp(7, MAX_LOST)),
    ],
)
def test_the_first_write_is_tried_without_reading(dispatch, verdict):
    assert first_try(dispatch) == verdict


@pytest.mark.parametrize(("lost", "last"), [(0, False), (MAX_LOST - 1, True), (MAX_LOST, False)])
def test_the_last_claim_is_the_one_before_giving_up(lost, last):
    assert Claim(7, lost).is_last is last


HELD = record(RUNNING, lease=NOW + 5)
OVER = record(RUNNING, lease=NOW - 5, lost=1)
GIVEN_BACK = record(RUNNING, lease=0.0, lost=1)
HOPELESS = record(RUNNING, lease=NOW - 5, lost=MAX_LOST - 1)


@pytest.mark.parametrize(
    ("dispatch", "found", "revision", "verdict"),
    [
        # nothing is there
        (wanted(), None, 0, Claim(0, 0)),
        (wanted(lost=MAX_LOST), None, 0, GiveUp(0, MAX_LOST)),
        # the answer is older than the message
        (wanted(attempt=2, revision=7), None, 0, Stale()),
        (wanted(attempt=2, revision=9), record(RUNNING, lease=NOW + 5), 7, Stale()),
        # this very attempt is there
        (wanted(), HELD, 9, Busy(NOW + 5)),
        (wanted(), OVER, 9, Claim(9, 2, free=5.0)),
        (wanted(), record(RUNNING, lease=NOW), 9, Claim(9, 1)),
        (wanted(), GIVEN_BACK, 9, Claim(9, 1)),
        (wanted(), HOPELESS, 9, GiveUp(9, MAX_LOST)),
        (wanted(), record(COMPLETED), 9, Repair(record(COMPLETED), 9)),
        (wanted(), record(FAILED), 9, Repair(record(FAILED), 9)),
        (wanted(), record(CANCELLED), 9, Repair(record(CANCELLED), 9)),
        (wanted(UNDO), record(FAILED, UNDO), 9, Repair(record(FAILED, UNDO), 9)),
        # a later attempt is there
        (wanted(), record(RUNNING, attempt=2, lease=NOW + 5), 9, Drop()),
        (wanted(attempt=3), record(FAILED, FALLBACK), 9, Drop()),
        (wanted(FALLBACK), record(COMPLETED, turn=2), 9, Drop()),
        (wanted(turn=2), record(COMPLETED, UNDO), 9, Drop()),
        # an earlier attempt is there
        (wanted(attempt=2, revision=9), record(FAILED), 9, Claim(9, 0)),
        (wanted(FALLBACK, revision=9), record(FAILED, attempt=3), 9, Claim(9, 0)),
        (wanted(turn=2, revision=9), record(FAILED, FALLBACK), 9, Claim(9, 0)),
        (wanted(UNDO, revision=9), record(COMPLETED, turn=2), 9, Claim(9, 0)),
        (wanted(attempt=2, revision=9, lost=MAX_LOST), record(FAILED), 9, GiveUp(9, MAX_LOST)),
        (wanted(attempt=2, revision=7), record(FAILED), 9, Drop()),
        (wanted(attempt=2, revision=9), record(CANCELLED), 9, Drop()),
        (wanted(attempt=2, revision=7), HELD, 9, Busy(NOW + 5)),
        # its condition was false when it was judged
        (wanted(), record(SKIPPED), 9, Drop()),
        (wanted(attempt=2, revision=9), record(SKIPPED), 9, Drop()),
    ],
)
def test_what_a_message_means(dispatch, found, revision, verdict):
    assert judge(dispatch, found, revision, NOW) == verdict


def test_attempts_of_a_step_have_an_order():
    in_order = [
        record(FAILED, *at)
        for at in [
            (RUN, 1, 1),
            (RUN, 1, 2),
            (FALLBACK, 1, 1),
            (RUN, 2, 1),
            (RUN, 2, 10),
            (FALLBACK, 2, 1),
            (UNDO, 1, 1),
            (UNDO, 1, 2),
        ]
    ]

    ranks = [each.attempt for each in in_order]

    assert ranks == sorted(ranks)
    assert len(set(ranks)) == len(ranks)


def fence(kind: Kind = RUN, turn: int = 1, attempt: int = 1, *, force: bool = False) -> Fence:
    return Fence("a", Attempt(kind, turn, attempt), force)


def cancelled(kind: Kind = RUN, turn: int = 1, attempt: int = 1, **changes: object) -> StepRecord:
    return replace(record(CANCELLED, kind, turn, attempt), finished_at=NOW, **changes)


BROKEN = ErrorInfo("Broken", "it broke")


@pytest.mark.parametrize(
    ("wish", "found", "revision", "verdict"),
    [
        # nobody has claimed the attempt
        (fence(), None, 0, Revoke(cancelled(), 0)),
        (fence(attempt=2), record(FAILED), 9, Revoke(cancelled(attempt=2), 9)),
        (fence(FALLBACK), record(FAILED, attempt=3), 9, Revoke(cancelled(FALLBACK), 9)),
        (fence(turn=2), record(FAILED, FALLBACK), 9, Revoke(cancelled(turn=2), 9)),
        # somebody has
        (fence(), HELD, 9, Busy(NOW + 5)),
        (replace(fence(), revision=9), HELD, 9, Busy(NOW + 5)),
        (replace(fence(), revision=10), HELD, 9, Stale()),
        (replace(fence(force=True), revision=10), record(FAILED), 9, Stale()),
        (replace(fence(), revision=10), None, 0, Revoke(cancelled(), 0)),  # refused if it is there
        (fence(force=True), HELD, 9, Revoke(cancelled(), 9)),
        (fence(), OVER, 9, Revoke(cancelled(lost=1), 9)),
        (fence(), GIVEN_BACK, 9, Revoke(cancelled(lost=1), 9)),
        (fence(), record(RUNNING, attempt=2, lease=NOW + 5), 9, Busy(NOW + 5)),
        (fence(), record(RUNNING, attempt=2), 9, Revoke(cancelled(attempt=2), 9)),
        # it is over so long since that it is being undone
        (fence(), record(RUNNING, UNDO), 9, Drop()),
        (fence(force=True), record(RUNNING, UNDO), 9, Drop()),
        # it is over, and the events may be lost
        (fence(), record(COMPLETED), 9, Repair(record(COMPLETED), 9)),
        (fence(force=True), record(COMPLETED), 9, Repair(record(COMPLETED), 9)),
        (fence(attempt=2), record(COMPLETED), 9, Repair(record(COMPLETED), 9)),
        (fence(), record(FAILED), 9, Repair(record(FAILED), 9)),
        (fence(), record(FAILED, attempt=2), 9, Repair(record(FAILED, attempt=2), 9)),
        (fence(), record(CANCELLED), 9, Repair(record(CANCELLED), 9)),
        (fence(attempt=2), record(CANCELLED), 9, Repair(record(CANCELLED), 9)),
        (fence(), record(FAILED, UNDO), 9, Repair(record(FAILED, UNDO), 9)),
        (fence(), record(SKIPPED), 9, Repair(record(SKIPPED), 9)),
        # compensations, which only a terminate fences
        (
            fence(UNDO, force=True),
            record(COMPLETED, turn=2),
            9,
            Revoke(cancelled(UNDO, completed=9), 9),
        ),
        (fence(UNDO, force=True), record(FAILED), 9, Revoke(cancelled(UNDO, completed=9), 9)),
        (
            fence(UNDO, force=True),
            record(COMPLETED, UNDO),
            9,
            Repair(record(COMPLETED, UNDO), 9),
        ),
        (
            fence(UNDO, attempt=2, force=True),
            replace(record(FAILED, UNDO), completed=5),
            9,
            Revoke(cancelled(UNDO, attempt=2, completed=5), 9),
        ),
    ],
)
def test_how_an_attempt_is_ended(wish, found, revision, verdict):
    assert judge_fence("r", wish, found, revision, NOW) == verdict


def test_a_fence_keeps_what_the_record_knows():
    found = replace(
        record(COMPLETED), output=inline(b"1"), error=BROKEN, worker="w", started_at=5.0
    )

    verdict = judge_fence("r", fence(UNDO, force=True), found, 9, NOW)

    assert isinstance(verdict, Revoke)
    assert verdict.record.output == found.output
    assert verdict.record.error == BROKEN
    assert verdict.record.worker == "w"
    assert verdict.record.started_at == 5.0


def test_what_is_fenced_before_it_is_claimed_has_not_started():
    found = replace(record(FAILED), started_at=5.0, wakes_at=7.0)

    assert judge_fence("r", fence(turn=2), found, 9, NOW) == Revoke(cancelled(turn=2), 9)


RECORDS = [None] + [
    record(outcome, kind, turn, attempt, lease=lease)
    for outcome, kind, turn, attempt, lease in itertools.product(
        Outcome, Kind, (1, 2), (1, 2), (0.0, NOW + 5)
    )
]
ATTEMPTS = list(itertools.product(Kind, (1, 2), (1, 2)))


@pytest.mark.parametrize("found", RECORDS, ids=str)
def test_nobody_takes_what_is_held_and_nobody_undoes_an_end(found):
    revision = 0 if found is None else 9
    for (kind, turn, attempt), known, force in itertools.product(
        ATTEMPTS, (0, 7, 9), (False, True)
    ):
        verdict = judge(wanted(kind, turn, attempt, revision=known), found, revision, NOW)
        ending = judge_fence("r", fence(kind, turn, attempt, force=force), found, revision, NOW)

        if found is None:
            # Nothing is there to be taken: only whether it was there before matters
            assert verdict == (Stale() if known else Claim(0, 0))
            assert isinstance(ending, Revoke)
            assert ending.revision == 0
            assert ending.record.outcome is CANCELLED
            continue
        held = found.outcome is RUNNING and found.lease_until > NOW
        if isinstance(verdict, Claim | GiveUp):
            assert verdict.revision == revision
            assert not held
            assert found.outcome is not CANCELLED
            assert found.outcome is not COMPLETED or kind is UNDO or known == revision
        if isinstance(ending, Revoke):
            assert ending.revision == revision
            assert force or not held
            assert found.outcome is not CANCELLED
            assert found.outcome is not COMPLETED or (kind is UNDO and found.kind is not UNDO)
            assert ending.record.attempt >= found.attempt


def test_a_skipped_step_has_a_record_without_a_worker():
    asked = Judge("a", Attempt(RUN, 2, 1), 7)

    record = skipped("r", asked, NOW)

    assert record == StepRecord("r", "a", RUN, 2, 1, SKIPPED, finished_at=NOW, reason="when")


REFUSAL = ErrorInfo("PayloadTooLarge", "too much", retryable=False)


def test_a_refused_attempt_has_failed_without_a_worker():
    at = StepState(output=inline(b"1"), completed=5)

    record = refused("r", wanted(attempt=2, revision=7), Claim(7, 1), at, REFUSAL, NOW)

    assert record == StepRecord("r", "a", RUN, 1, 2, FAILED, lost=1, finished_at=NOW, error=REFUSAL)


def test_a_refused_compensation_keeps_what_the_step_put_out():
    at = StepState(output=inline(b"1"), completed=5)

    record = refused("r", wanted(UNDO, revision=7), GiveUp(7, 3), at, REFUSAL, NOW)

    assert (record.output, record.completed, record.outcome) == (inline(b"1"), 5, FAILED)


def test_a_lease_is_over_at_the_moment_that_it_names():
    found = record(RUNNING, lease=NOW)

    assert isinstance(judge_fence("r", fence(RUN), found, 9, NOW), Revoke)
