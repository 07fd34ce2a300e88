"""Moments as people write them."""

from __future__ import annotations

import pytest

from flowworker.definitions.moment import parse_moment
from flowworker.errors import InvalidInput


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0.0),
        ("2001-09-09T01:46:40Z", 1e9),
        ("2001-09-09t03:46:40.25+02:00", 1e9 + 0.25),
        ("2001-09-08 20:46:40-05:00", 1e9),
        (1e9, 1e9),
        (7, 7.0),
    ],
)
def test_a_moment(written, seconds):
    assert parse_moment(written) == seconds


@pytest.mark.parametrize(
    "written",
    [
        *("", "now", "2001-09-09", "2001-09-09T01:46:40", "2001-02-30T00:00:00Z"),
        *("2001-09-09T25:00:00Z", "1969-12-31T23:59:59Z", -1, 1e30, float("nan")),
    ],
)
def test_no_moment(written):
    with pytest.raises(InvalidInput, match="expected a moment"):
        parse_moment(written)
