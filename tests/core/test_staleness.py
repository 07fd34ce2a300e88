"""For how long an answer may lack what was written before it."""

from __future__ import annotations

import pytest

from flowworker.core.staleness import may_be_unseen

NOW = 1_000_000.0


@pytest.mark.parametrize(
    ("at", "may"),
    [
        (NOW + 40.0, True),  # by a clock that is ahead of ours
        (NOW, True),
        (NOW - 59.9, True),
        (NOW - 60.0, False),
        (0.0, False),
    ],
)
def test_what_was_written_lately_may_be_missing_in_an_answer(at, may):
    assert may_be_unseen(at, NOW) is may
