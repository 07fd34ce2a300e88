"""Where a run's history may begin otherwise than with its start."""

from __future__ import annotations

import pytest

from bench.chaos import causality
from bench.chaos.case import Case
from tests.chaos.history import RUN


@pytest.mark.parametrize(
    ("admission", "found"),
    [
        (None, ["begins with ['workflow.cancelled']"]),
        ({"uses": [], "admitted": True}, ["begins with ['workflow.cancelled']"]),
        ({"uses": []}, []),
    ],
)
def test_only_a_run_that_waits_for_limits_is_cancelled_before_it_begins(admission, found):
    ended = {"id": f"{RUN}/workflow.cancelled", "type": "workflow.cancelled", "data": {}, "_seq": 1}
    record = {"status": "CANCELLED", "stop": {"reason": "cancelled"}, "admission": admission}
    case = Case(RUN, record, {}, {}, [ended], [], ["CANCELLED"], [])

    assert list(causality._edges(case)) == found
