"""Steps that wait for a place under a limit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flowworker.core.attempt import Attempt
from flowworker.core.limit import Holder, LimitRecord
from flowworker.core.rate import Rate, microseconds
from flowworker.core.status import Kind
from flowworker.diagnosis import ReasonKind, diagnose
from flowworker.diagnosis.limits import Slot, awaited
from tests.diagnosis.scenes import ABSENT, NOW, A, Scene

ONE = Attempt(Kind.RUN, 1, 1)
FIRST, SECOND = Holder("r-7", 10.0, "pay", ONE), Holder("r-8", 20.0, "pay/3", ONE)


@pytest.mark.parametrize(
    ("record", "before", "text"),
    [
        (
            LimitRecord("named.api", concurrency=2, holders=(SECOND, FIRST)),
            3,
            "waits for limit 'api': 2 of 2 are at work, the first is pay of run r-7; "
            "3 wait before it",
        ),
        (
            LimitRecord("named.api", concurrency=1, holders=(SECOND,)),
            0,
            "waits for limit 'api': 1 of 1 are at work, the first is pay[3] of run r-8",
        ),
        (
            LimitRecord("own.abc", concurrency=1),
            0,
            "waits for a limit of its own: 0 of 1 are at work",
        ),
    ],
)
def test_who_holds_it_and_who_comes_first(record, before, text):
    reason = awaited(Slot(record, 5.0, before), NOW)

    assert (reason.kind, reason.text, reason.since) == (ReasonKind.LIMIT, text, 5.0)
    assert reason.remedy == ""


RATE = Rate(2, 60.0)


@pytest.mark.parametrize(
    ("record", "text", "until"),
    [
        (
            LimitRecord("named.api", rate=RATE, tat=microseconds(NOW + 20)),
            "waits for limit 'api': it lets in 2/m, the next one in 20 s; 3 wait before it",
            NOW + 20,
        ),
        (
            LimitRecord("own.abc", rate=RATE),
            "waits for a limit of its own: it lets in 2/m, the next one in 0.0 s; 3 wait before it",
            NOW,
        ),
        (
            LimitRecord("named.api", concurrency=1, holders=(FIRST,), rate=RATE),
            "waits for limit 'api': 1 of 1 are at work, the first is pay of run r-7; "
            "3 wait before it",
            0.0,
        ),
    ],
)
def test_when_its_rate_lets_in_the_next_one(record, text, until):
    reason = awaited(Slot(record, 5.0, 3), NOW)

    assert (reason.text, reason.until) == (text, until)


@pytest.mark.parametrize(
    ("before", "text"),
    [
        (0, "waits for its turn in queue 'gpu': 2 are at work or next"),
        (
            1234,
            "waits for its turn in queue 'gpu': 2 are at work or next; 1,234 come before it, by "
            "the shares of their keys",
        ),
    ],
)
def test_whose_turn_it_is(before, text):
    record = LimitRecord("fair.high-gpu", concurrency=2, holders=(FIRST, SECOND))

    reason = awaited(Slot(record, 5.0, before), NOW)

    assert (reason.kind, reason.text) == (ReasonKind.LIMIT, text)
    assert (reason.subjects, reason.since) == (("fair.high-gpu",), 5.0)


def test_a_limit_that_nobody_has_set():
    reason = awaited(Slot(LimitRecord("named.api"), 5.0, 0), NOW)

    assert (reason.text, reason.subjects) == ("waits for limit 'api', which is not set", ("api",))
    assert reason.remedy == "flowworker limits set api --concurrency N"


def test_a_step_that_waits_for_one_has_no_message():
    seen = Scene((A,), places=ABSENT).evidence
    slot = Slot(LimitRecord("named.api", concurrency=1, holders=(FIRST,)), NOW - 5, 0)

    [step] = diagnose(replace(seen, slots={"a": slot}), "").steps

    assert step.reasons == (awaited(slot, NOW),)
