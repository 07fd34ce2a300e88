"""The end of an attempt says when it began, and nothing else does."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from flowworker.codec.cloudevents import attempt_events
from flowworker.codec.json import encode
from flowworker.core.status import Outcome
from tests.codec.test_cloudevents import STEP, settled


@pytest.mark.parametrize("outcome", [one for one in Outcome if one is not Outcome.RUNNING])
def test_the_end_of_an_attempt_says_when_it_began(outcome):
    ended = settled(outcome=outcome)

    assert ended is not None
    assert ended.data.started_at == 6.0


def test_only_an_end_says_when_the_attempt_began():
    begun, _ = attempt_events("ns", "orders.ship", "v2", replace(STEP, number=1), 9)
    kept = settled(number=0, kept_from="r0")

    assert (begun.data.at, begun.data.started_at) == (6.0, 0.0)
    assert b"started_at" not in encode(begun)  # only the default itself is left out
    assert kept is not None
    assert kept.data.started_at == 0.0
