"""What follows a failed attempt, and after which delay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from flowworker.core.attempt import Attempt
from flowworker.core.facts import AttemptFailed
from flowworker.core.model import (
    MAX_SECONDS,
    Backoff,
    Escalation,
    Fallback,
    RetryPolicy,
    Saga,
    Step,
)
from flowworker.core.policy import (
    Escalate,
    Fail,
    FallBack,
    Retry,
    delay_before,
    follow_up,
)
from flowworker.core.records import ErrorInfo
from flowworker.core.status import Kind

BROKEN = ErrorInfo("Broken", "it broke")
DECLINED = ErrorInfo("CardDeclined", "no money")
HOPELESS = ErrorInfo("Broken", "for good", retryable=False)

TWICE = RetryPolicy(max_attempts=2, interval=0.5, non_retryable=("CardDeclined",))
BACKUP = Fallback("backup")
ASK = Escalation()


def failed(attempt: int, error: ErrorInfo, kind: Kind = Kind.RUN) -> AttemptFailed:
    return AttemptFailed("a", Attempt(kind, 1, attempt), error, 7, 1000.0)


BUSY = ErrorInfo("RetryAfter", "busy", retry_after=30.0)
RETRY = Retry(0.5)
FALLBACK = FallBack("backup")


@pytest.mark.parametrize(
    ("fallback", "escalation", "kind", "attempt", "error", "expected"),
    [
        # attempts are left
        (None, None, Kind.RUN, 1, BROKEN, RETRY),
        (BACKUP, ASK, Kind.RUN, 1, BROKEN, RETRY),
        # the handler says when
        (None, None, Kind.RUN, 1, BUSY, Retry(30.0)),
        (None, None, Kind.RUN, 2, BUSY, Fail()),
        # attempts are spent, or spared
        (None, None, Kind.RUN, 2, BROKEN, Fail()),
        (None, None, Kind.RUN, 1, DECLINED, Fail()),
        (None, None, Kind.RUN, 1, HOPELESS, Fail()),
        (None, None, Kind.RUN, 7, BROKEN, Fail()),
        # fallback before escalation
        (BACKUP, None, Kind.RUN, 2, BROKEN, FALLBACK),
        (BACKUP, ASK, Kind.RUN, 2, BROKEN, FALLBACK),
        (BACKUP, ASK, Kind.RUN, 1, DECLINED, FALLBACK),
        # a fallback is tried once
        (BACKUP, None, Kind.FALLBACK, 1, BROKEN, Fail()),
        (BACKUP, ASK, Kind.FALLBACK, 1, BROKEN, Escalate()),
        # escalation
        (None, ASK, Kind.RUN, 2, BROKEN, Escalate()),
        (None, ASK, Kind.RUN, 1, HOPELESS, Escalate()),
    ],
)
def test_what_follows_a_failed_attempt(fallback, escalation, kind, attempt, error, expected):
    step = Step("a", "h", retry=TWICE, fallback=fallback, escalation=escalation)

    assert follow_up(step, failed(attempt, error, kind), "seed") == expected


@pytest.mark.parametrize(
    ("saga", "attempt", "error", "expected"),
    [
        (Saga("undo", retry=TWICE), 1, BROKEN, RETRY),
        (Saga("undo", retry=TWICE), 2, BROKEN, Fail()),
        (Saga("undo", retry=TWICE), 1, DECLINED, Fail()),
        (Saga("undo"), 2, BROKEN, Retry(0.2)),
        (Saga("undo"), 3, BROKEN, Fail()),
        (None, 1, BROKEN, Fail()),
    ],
)
def test_a_compensation_has_its_own_retries_and_nothing_else(saga, attempt, error, expected):
    step = Step(
        "a", "h", retry=RetryPolicy(max_attempts=9), fallback=BACKUP, escalation=ASK, saga=saga
    )

    assert follow_up(step, failed(attempt, error, Kind.COMPENSATE), "seed") == expected


@pytest.mark.parametrize(
    ("attempts", "attempt", "error", "expected"),
    [
        (1, 1, BROKEN, False),
        (2, 1, BROKEN, True),
        (2, 2, BROKEN, False),
        (3, 2, BROKEN, True),
        (3, 1, DECLINED, False),
        (3, 1, HOPELESS, False),
    ],
)
def test_whether_another_attempt_is_made(attempts, attempt, error, expected):
    step = Step("a", "h", retry=RetryPolicy(attempts, non_retryable=("CardDeclined",)))

    follows = follow_up(step, failed(attempt, error), "seed")

    assert isinstance(follows, Retry if expected else Fail)


@pytest.mark.parametrize(
    ("policy", "delays"),
    [
        (RetryPolicy(), [0.1, 0.1, 0.1]),
        (RetryPolicy(interval=2.0), [2.0, 2.0, 2.0]),
        (RetryPolicy(interval=0.0, backoff=Backoff.EXPONENTIAL), [0.0, 0.0, 0.0]),
        (RetryPolicy(backoff=Backoff.EXPONENTIAL), [0.1, 0.2, 0.4]),
        (RetryPolicy(interval=3.0, backoff=Backoff.EXPONENTIAL, max_interval=10.0), [3, 6, 10]),
        (RetryPolicy(interval=3.0, max_interval=1.0), [1.0, 1.0, 1.0]),
        (RetryPolicy(backoff=Backoff.EXPONENTIAL, factor=1.0), [0.1, 0.1, 0.1]),
        (RetryPolicy(interval=2.0, backoff=Backoff.EXPONENTIAL, factor=1.5), [2.0, 3.0, 4.5]),
        (RetryPolicy(interval=2.0, backoff=Backoff.EXPONENTIAL, factor=10.0), [2.0, 20.0, 200.0]),
        (RetryPolicy(interval=2.0, factor=10.0), [2.0, 2.0, 2.0]),
        (
            RetryPolicy(interval=1.0, backoff=Backoff.EXPONENTIAL, factor=1.7e308),
            [1.0, MAX_SECONDS, MAX_SECONDS],
        ),
    ],
)
def test_delays_before_the_second_attempt_and_later_ones(policy, delays):
    assert [delay_before(policy, attempt, "s") for attempt in (2, 3, 4)] == delays


policies = st.builds(
    RetryPolicy,
    backoff=st.sampled_from(Backoff),
    interval=st.floats(0.0, 1e6),
    max_interval=st.none() | st.floats(0.0, 1e6),
    jitter=st.floats(0.0, 1.0),
    factor=st.floats(1.0, 1.7e308),
)


@given(policies, st.integers(2, 10**9), st.text())
def test_a_delay_is_finite_reproducible_and_within_its_jitter(policy, attempt, seed):
    delay = delay_before(policy, attempt, seed)

    middle = delay_before(replace(policy, jitter=0.0), attempt, seed)
    assert delay == delay_before(policy, attempt, seed)
    assert middle * (1 - policy.jitter) * 0.999 <= delay <= middle * (1 + policy.jitter) * 1.001
    assert delay <= 2 * MAX_SECONDS


@given(policies, st.integers(2, 1000))
def test_without_jitter_delays_do_not_shrink_and_stay_below_the_longest_one(policy, attempt):
    plain = replace(policy, jitter=0.0)
    before, after = (delay_before(plain, number, "s") for number in (attempt, attempt + 1))

    longest = MAX_SECONDS if policy.max_interval is None else policy.max_interval
    assert before <= after * 1.000001
    assert after <= longest


def test_jitter_spreads_attempts_that_failed_together():
    policy = RetryPolicy(interval=10.0, jitter=0.5)

    delays = [delay_before(policy, 2, f"run-{number}/a/run/1.2") for number in range(200)]

    assert min(delays) < 6.0
    assert max(delays) > 14.0
    assert 9.0 < sum(delays) / len(delays) < 11.0
