"""Trace contexts, and the ids that all processes compute alike."""

from __future__ import annotations

import pytest

from flowworker.codec.trace import (
    MAX_STATE,
    TraceContext,
    attempt_span,
    new_trace,
    parse_trace,
    run_span,
    state_of,
    trace_of,
)
from flowworker.core.attempt import Attempt
from flowworker.core.status import Kind

ID, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("text", "sampled"),
    [
        (f"00-{ID}-{SPAN}-01", True),
        (f"00-{ID}-{SPAN}-00", False),
        (f"00-{ID}-{SPAN}-03", True),
        (f"cc-{ID}-{SPAN}-01-what-comes-later", True),
    ],
)
def test_a_traceparent_is_read(text, sampled):
    assert parse_trace(text) == TraceContext(ID, SPAN, sampled)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00-1-2-01",
        f"00-{ID.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{ID}-{'0' * 16}-01",
        f"ff-{ID}-{SPAN}-01",
        f"00-{ID}-{SPAN}-01-more",
        f"00-{ID}-{SPAN}-01\r\nother: header",
        f"cc-{ID}-{SPAN}-01-{'a' * 300}",
    ],
)
def test_what_is_no_traceparent_is_none(text):
    assert parse_trace(text) is None


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("vendor=a, other=b", "vendor=a, other=b"),
        ("", ""),
        ("a\r\nb: c", ""),
        ("a" * (MAX_STATE + 1), ""),
    ],
)
def test_a_tracestate_is_passed_on_if_it_can_be(text, kept):
    assert state_of(text) == kept


def test_a_trace_of_its_own_is_like_any_other_and_differs_from_those():
    own = new_trace("flowworker", "r1", "7@1.0")

    assert parse_trace(str(own)) == own
    assert own.is_of("r1")
    assert not own.is_of("r2")
    assert not TraceContext(ID, SPAN, sampled=True).is_of("r1")


def test_each_start_begins_another_trace():
    starts = [
        ("a", "r1", "1@1.0"),
        ("b", "r1", "1@1.0"),
        ("a", "r2", "1@1.0"),
        ("a", "r1", "2@2.0"),
    ]

    assert len({new_trace(*start).trace_id for start in starts}) == len(starts)
    assert new_trace(*starts[0]) == new_trace(*starts[0])


def test_the_trace_of_a_run():
    given = f"00-{ID}-{SPAN}-01"

    assert str(trace_of(given, "flowworker", "r1")) == given
    # A run of an older release, or of a state store, has none: all processes name the same.
    assert trace_of("", "flowworker", "r1") == new_trace("flowworker", "r1", "")


def test_spans_have_ids_of_their_own():
    attempts = [
        Attempt(Kind.RUN, 1, 1),
        Attempt(Kind.RUN, 1, 2),
        Attempt(Kind.RUN, 2, 1),
        Attempt(Kind.FALLBACK, 1, 1),
        Attempt(Kind.COMPENSATE, 1, 1),
    ]
    ids = {attempt_span(ID, "r1", step, attempt) for step in ("a", "b") for attempt in attempts}
    ids |= {run_span(ID, "r1"), run_span(ID, "r2"), run_span(ID[::-1], "r1")}

    assert len(ids) == 2 * len(attempts) + 3
    assert all(len(each) == len(SPAN) for each in ids)
