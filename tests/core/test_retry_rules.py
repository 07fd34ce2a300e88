"""Several retry rules: which one counts, what it counts, until when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from flowworker.core.attempt import Attempt
from flowworker.core.facts import AttemptFailed
from flowworker.core.model import (
    MAX_ATTEMPTS,
    Backoff,
    Escalation,
    Fallback,
    RetryPolicy,
    Saga,
    Step,
)
from flowworker.core.policy import (
    Escalate,
    FallBack,
    Retry,
    asks_for_time,
    fits,
    follow_up,
    next_try,
)
from flowworker.core.records import ErrorInfo
from flowworker.core.status import Kind

NOW = 1000.0
TIMEOUT = ErrorInfo("Timeout", "too long", bases=("Exception",))
BEAT = ErrorInfo("HeartbeatTimeout", "silent", bases=("Timeout", "Exception"))
HTTP = ErrorInfo("HttpError", "bad gateway", bases=("OSError", "Exception"))
NOT_FOUND = ErrorInfo("NotFound", "404", bases=("HttpError", "OSError", "Exception"))
OTHER = ErrorInfo("ValueError", "no", bases=("Exception",))
HOPELESS = ErrorInfo("WorkerLost", "three", retryable=False)
BUSY = ErrorInfo("RetryAfter", "busy", retry_after=30.0, bases=("FlowworkerError", "Exception"))
OF_OLD = ErrorInfo("NotFound", "404")
"""As an older release wrote it: without its bases."""


def failure(error, number=1, spent=(), since=0.0, at=NOW, kind=Kind.RUN):
    return AttemptFailed("a", Attempt(kind, 1, number), error, 7, at, since, spent)


def spent_by(rules, *errors):
    """What follows each of the errors, one after the other: the delay, or None at the end."""
    delays: list[float | None] = []
    spent: tuple[int, ...] = ()
    for number, error in enumerate(errors, 1):
        again = next_try(rules, failure(error, number, spent), "s")
        delays.append(None if again is None else again.delay)
        if again is None:
            break
        spent = again.spent
    return delays


@pytest.mark.parametrize(
    ("on", "error", "expected"),
    [
        ((), OTHER, True),
        (("ValueError",), OTHER, True),
        (("KeyError",), OTHER, False),
        (("KeyError", "ValueError"), OTHER, True),
        (("HttpError",), NOT_FOUND, True),
        (("OSError",), NOT_FOUND, True),
        (("NotFound",), HTTP, False),
        (("Exception",), TIMEOUT, True),
        (("Timeout",), BEAT, True),
        (("HeartbeatTimeout",), TIMEOUT, False),
        (("HttpError",), OF_OLD, False),
        (("NotFound",), OF_OLD, True),
    ],
)
def test_which_errors_a_rule_fits(on, error, expected):
    assert fits(RetryPolicy(on=on), error) is expected


FAST = RetryPolicy(max_attempts=3, interval=1.0, on=("Timeout",))
SLOW = RetryPolicy(
    max_attempts=3, interval=10.0, backoff=Backoff.EXPONENTIAL, on=("HttpError", "RetryAfter")
)
REST = RetryPolicy(max_attempts=2, interval=0.5)


@pytest.mark.parametrize(
    ("rules", "errors", "delays"),
    [
        # the first that fits counts
        ((FAST, SLOW), [TIMEOUT], [1.0]),
        ((FAST, SLOW), [HTTP], [10.0]),
        ((FAST, SLOW), [OTHER], [None]),
        ((FAST, SLOW, REST), [OTHER], [0.5]),
        ((REST, FAST), [TIMEOUT, TIMEOUT], [0.5, None]),
        # each counts what it fitted, and its delays grow with that alone
        ((FAST,), [TIMEOUT, TIMEOUT, TIMEOUT], [1.0, 1.0, None]),
        ((FAST, SLOW), [TIMEOUT, TIMEOUT, TIMEOUT], [1.0, 1.0, None]),
        ((FAST, SLOW), [TIMEOUT, HTTP, TIMEOUT, HTTP, HTTP], [1.0, 10.0, 1.0, 20.0, None]),
        ((FAST, SLOW), [HTTP, HTTP, TIMEOUT, TIMEOUT, TIMEOUT], [10.0, 20.0, 1.0, 1.0, None]),
        # one that is spent ends it, although a later one fits too
        ((FAST, REST), [TIMEOUT, TIMEOUT, TIMEOUT], [1.0, 1.0, None]),
        # the example of the Amazon States Language's specification
        (
            (
                RetryPolicy(3, Backoff.EXPONENTIAL, 1.0, on=("ErrorA", "ErrorB")),
                RetryPolicy(4, interval=5.0, on=("ErrorC",)),
            ),
            [ErrorInfo(f"Error{letter}", "") for letter in "ABCB"],
            [1.0, 2.0, 5.0, None],
        ),
        # what a handler says about the delay does not change what is counted
        ((FAST, SLOW), [BUSY, HTTP, BUSY], [30.0, 20.0, None]),
        ((FAST, REST), [BUSY, BUSY], [30.0, None]),
        ((FAST,), [BUSY], [None]),
        # what is never tried again
        ((FAST, replace(REST, on=("WorkerLost",))), [HOPELESS], [None]),
        ((replace(SLOW, non_retryable=("NotFound",)), REST), [HTTP, NOT_FOUND], [10.0, None]),
        ((replace(REST, non_retryable=("HttpError",)),), [NOT_FOUND], [None]),
        ((replace(REST, non_retryable=("RetryAfter",)),), [BUSY], [None]),
        ((replace(FAST, max_attempts=1), REST), [TIMEOUT], [None]),
    ],
)
def test_what_the_rules_make_of_errors(rules, errors, delays):
    assert spent_by(rules, *errors) == delays


def test_what_is_counted_is_carried_on_only_where_it_cannot_be_derived():
    assert next_try((REST,), failure(OTHER), "s") == Retry(0.5)
    assert next_try((FAST, REST), failure(OTHER), "s") == Retry(0.5, (0, 1))


@pytest.mark.parametrize("spent", [(), (2,), (1, 0), (0, 3, 0), (5, 5)])
def test_failures_that_do_not_add_up_are_all_of_the_rule_that_fits_now(spent):
    rules = (replace(FAST, max_attempts=4), SLOW)

    assert next_try(rules, failure(TIMEOUT, 3, spent), "s") == Retry(1.0, (3, 0))
    assert next_try(rules, failure(HTTP, 3, spent), "s") is None


@pytest.mark.parametrize(
    ("since", "delay", "expected"),
    [
        (NOW - 50.0, 10.0, Retry(10.0)),
        (NOW - 51.0, 10.0, None),
        (NOW - 999.0, 10.0, None),
        (NOW, 60.0, Retry(60.0)),
        (NOW, 61.0, None),
        (0.0, 60.0, Retry(60.0)),
        (0.0, 61.0, None),
    ],
)
@pytest.mark.parametrize("is_asked", [False, True])
def test_no_attempt_begins_beyond_the_longest_duration(since, delay, expected, is_asked):
    interval = 0.1 if is_asked else delay
    error = replace(BUSY, retry_after=delay) if is_asked else OTHER
    rule = RetryPolicy(max_attempts=9, interval=interval, max_duration=60.0)

    assert next_try((rule,), failure(error, since=since), "s") == expected


def test_each_rule_has_a_duration_of_its_own_from_the_first_attempt_on():
    rules = (replace(FAST, max_duration=60.0), replace(REST, max_duration=600.0))

    assert next_try(rules, failure(TIMEOUT, since=NOW - 100.0), "s") is None
    assert next_try(rules, failure(OTHER, since=NOW - 100.0), "s") == Retry(0.5, (0, 1))


def test_an_attempt_is_the_last_whatever_the_rules_say():
    rules = tuple(RetryPolicy(MAX_ATTEMPTS, on=(f"E{n}",)) for n in range(3))
    spent = (400, 400, MAX_ATTEMPTS - 801)

    before_last = failure(ErrorInfo("E0", ""), MAX_ATTEMPTS - 1, (*spent[:2], spent[2] - 1))
    last = failure(ErrorInfo("E0", ""), MAX_ATTEMPTS, spent)

    assert isinstance(next_try(rules, before_last, "s"), Retry)
    assert next_try(rules, last, "s") is None


def test_what_follows_when_the_rules_allow_no_retry():
    step = Step("a", "h", retry=(FAST, SLOW), fallback=Fallback("b"), escalation=Escalation())

    assert follow_up(step, failure(OTHER), "s") == FallBack("b")
    assert follow_up(step, failure(OTHER, kind=Kind.FALLBACK), "s") == Escalate()


def test_a_compensation_may_have_rules_too():
    step = Step("a", "h", saga=Saga("undo", retry=(FAST, REST)))

    assert follow_up(step, failure(TIMEOUT, kind=Kind.COMPENSATE), "s") == Retry(1.0, (1, 0))


@pytest.mark.parametrize(
    ("step", "kinds"),
    [
        (Step("a", "h"), set()),
        (Step("a", "h", retry=replace(REST, max_duration=1.0)), {Kind.RUN}),
        (Step("a", "h", retry=(FAST, replace(REST, max_duration=1.0))), {Kind.RUN}),
        (Step("a", "h", saga=Saga("u", retry=replace(REST, max_duration=1.0))), {Kind.COMPENSATE}),
        (Step("a", "h", saga=Saga("u")), set()),
    ],
)
def test_of_which_attempts_the_first_beginning_matters(step, kinds):
    assert {kind for kind in Kind if asks_for_time(step, kind)} == kinds


names = st.sampled_from(["A", "B", "C", "D"])
rule_lists = st.lists(
    st.builds(
        RetryPolicy,
        max_attempts=st.integers(1, 5),
        interval=st.floats(0.0, 100.0),
        on=st.lists(names, unique=True, max_size=2).map(tuple),
        max_duration=st.none() | st.floats(0.0, 200.0),
    ),
    min_size=1,
    max_size=4,
).map(tuple)


@given(rule_lists, st.lists(names, min_size=25, max_size=25), st.booleans())
def test_attempts_end_and_no_rule_allows_more_than_it_says(rules, errors, forgetful):
    """Also if workers of an older release forget at random what was counted."""
    now, allowed = NOW, [0] * len(rules)
    spent: tuple[int, ...] = ()
    for number, name in enumerate(errors, 1):
        error = ErrorInfo(name, "")
        again = next_try(rules, failure(error, number, spent, NOW, now), f"{number}")
        if again is None:
            break
        index = next(n for n, rule in enumerate(rules) if fits(rule, error))
        allowed[index] += 1
        limit = rules[index].max_duration
        now, spent = now + again.delay, () if forgetful else again.spent
        assert limit is None or now <= NOW + limit
    else:
        pytest.fail("it goes on for ever")
    assert all(count < rule.max_attempts for count, rule in zip(allowed, rules, strict=True))
