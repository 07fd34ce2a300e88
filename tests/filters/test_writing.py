"""A filter as text means the same later on."""

from __future__ import annotations

import pytest

from flowworker.filters import Condition, Filter, Operator, parse_filter, write_filter

NOW = 1_795_824_000.0  # 2026-11-28T00:00:00Z


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("", ""),
        ("state=failed workflow=order.fulfil", "state=FAILED workflow=order.fulfil"),
        ("state!=failed,cancelled", "state!=FAILED,CANCELLED"),
        ('parent="" error="No Money",Timeout', 'parent="" error="No Money",Timeout'),
        ("started>-2h", "started>2026-11-27T22:00:00Z"),
        ("ended<=2026-11-01", "ended<=2026-11-01T00:00:00Z"),
        ("started>=2026-11-01T08:00:00.25+01:00", "started>=2026-11-01T07:00:00.250000Z"),
    ],
)
def test_times_are_those_of_now_and_the_rest_is_as_it_was(text, written):
    wanted = parse_filter(text, NOW)

    assert write_filter(wanted) == written
    assert parse_filter(written, NOW + 1e6) == wanted


@pytest.mark.parametrize("at", [NOW + 0.1234567, NOW + 1 / 3, 1_700_000_000.987654321])
def test_what_was_created_at_that_moment_was_not_created_after_it(at):
    written = write_filter(Filter((Condition("started", Operator.UP_TO, moment=at),)))

    [read] = parse_filter(written, NOW).conditions
    assert at <= read.moment < at + 2e-6
