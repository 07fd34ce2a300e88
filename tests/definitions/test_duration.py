from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowworker.core.model import MAX_SECONDS
from flowworker.definitions.duration import format_duration, parse_duration
from flowworker.errors import InvalidInput


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("100ms", 0.1),
        ("1h30m", 5400),
        ("2.5s", 2.5),
        (".5s", 0.5),
        ("1.s", 1),
        ("250us", 0.00025),
        ("250\u00b5s", 0.00025),
        ("250\u03bcs", 0.00025),
        ("5ns", 5e-9),
        ("2d", 172_800),
        ("1w", 604_800),
        ("1m1m", 120),
        ("0", 0),
        ("0s", 0),
        (30, 30),
        (0.25, 0.25),
        ("1000d", MAX_SECONDS),
    ],
)
def test_durations_are_read_as_seconds(written, seconds):
    parsed = parse_duration(written)
    assert parsed == seconds
    assert isinstance(parsed, float)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "30",
        "5 minutes",
        "1h 30m",
        "-1s",
        "1H",
        "s",
        ".s",
        "1..5s",
        "1s\n",
        "\u0661s",
        "inf",
        "1e3s",
    ],
)
def test_other_texts_are_refused_with_examples(written):
    with pytest.raises(InvalidInput, match=r"such as 500ms, 30s or 1h30m, found '"):
        parse_duration(written)


@pytest.mark.parametrize(
    "absurd",
    [-1, -0.001, float("nan"), float("inf"), 100_000_000, 10**400, "1001d", "9" * 5000 + "h"],
)
def test_durations_out_of_range_are_refused(absurd):
    # 100,000,000 is what the Go package's library calls 100 ms.
    with pytest.raises(InvalidInput, match=r"from 0 to 1000d, .*without a unit are seconds"):
        parse_duration(absurd)


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "0s"),
        (0.1, "100ms"),
        (0.0005, "500us"),
        (1e-9, "1ns"),
        (1e-12, "0.001ns"),
        (2.5, "2.5s"),
        (10, "10s"),
        (60, "1m"),
        (5400, "1h30m"),
        (3600.25, "1h0.25s"),
        (1_209_600, "14d"),
    ],
)
def test_durations_are_written_as_people_would(seconds, written):
    assert format_duration(seconds) == written


@given(st.floats(min_value=0, max_value=MAX_SECONDS))
@settings(deadline=None)
def test_what_is_written_is_read_as_the_same(seconds):
    assert parse_duration(format_duration(seconds)) == seconds
