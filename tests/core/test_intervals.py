"""Intervals that were evaluated with the attempt that failed."""

from __future__ import annotations

import pytest

from flowworker.core.attempt import Attempt
from flowworker.core.facts import AttemptFailed
from flowworker.core.model import RetryPolicy, Saga, Step
from flowworker.core.policy import Retry, delay_before, follow_up, intervals
from flowworker.core.records import ErrorInfo
from flowworker.core.status import Kind

GIVEN = RetryPolicy(max_attempts=3, interval="${input.pause}")
FIXED = RetryPolicy(max_attempts=3, interval=7.0, on=("Slow",))


def failed(*found, error="Broken", kind=Kind.RUN):
    attempt = Attempt(kind, 1, 1)
    return AttemptFailed("a", attempt, ErrorInfo(error, ""), 5, 100.0, intervals=found)


@pytest.mark.parametrize(
    ("retry", "fact", "delay"),
    [
        (GIVEN, failed(4.0), 4.0),
        (GIVEN, failed(), 0.1),  # by a worker of an older release
        ((FIXED, GIVEN), failed(7.0, 2.0), 2.0),
        ((FIXED, GIVEN), failed(7.0, 2.0, error="Slow"), 7.0),
    ],
)
def test_the_delay_is_that_of_the_attempt(retry, fact, delay):
    found = follow_up(Step("a", "h", retry=retry), fact, "seed")
    assert isinstance(found, Retry)
    assert found.delay == delay


def test_a_policy_alone_does_not_know_it():
    assert delay_before(GIVEN, 2, "seed") == 0.1


def test_which_are_to_be_evaluated():
    step = Step("a", "h", retry=(FIXED, GIVEN), saga=Saga("undo", retry=GIVEN))
    assert intervals(step, Kind.RUN) == (7.0, "${input.pause}")
    assert intervals(step, Kind.COMPENSATE) == ("${input.pause}",)
    assert intervals(step, Kind.FALLBACK) == ()
    assert intervals(Step("a", "h", retry=FIXED), Kind.RUN) == ()
