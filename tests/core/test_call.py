"""What an attempt calls follows from its definition and its kind."""

from __future__ import annotations

import pytest

from flowworker.core.call import Call
from flowworker.core.for_each import ForEach
from flowworker.core.graph import Plan
from flowworker.core.ids import instance_id
from flowworker.core.model import Fallback, RetryPolicy, Saga, Step, Workflow
from flowworker.core.status import Kind
from flowworker.errors import InvalidInput

PATIENT = RetryPolicy(max_attempts=3, interval="${input.pause}", max_duration=60.0)


def plan(**said):
    return Plan(Workflow("w", (Step("a", **said),)), "hash")


def test_each_kind_has_its_own():
    undo = Saga("undo", timeout="${input.undo}", with_={"id": 1})
    other = Fallback("other", with_={"id": 2})
    found = plan(uses="h", timeout=3.0, retry=PATIENT, fallback=other, saga=undo)

    assert [found.call("a", kind) for kind in Kind] == [
        Call("h", None, 3.0, ("${input.pause}",), asks_for_time=True),
        Call("other", {"id": 2}, 3.0, (), asks_for_time=False),
        Call("undo", {"id": 1}, "${input.undo}", (), asks_for_time=False),
    ]


def test_what_is_not_said_has_no_limit():
    found = plan(uses="h", saga=Saga("undo"))

    assert {found.call("a", kind).timeout for kind in (Kind.RUN, Kind.COMPENSATE)} == {0.0}


def test_an_instance_calls_what_its_loop_says():
    found = plan(uses="h", with_={"item": "${item}"}, for_each=ForEach("input.items"))

    assert found.call(instance_id("a", 7), Kind.RUN).with_ == {"item": "${item}"}


@pytest.mark.parametrize("kind", [Kind.FALLBACK, Kind.COMPENSATE])
def test_what_has_no_definition_does_not_call_the_step_itself(kind):
    with pytest.raises(InvalidInput, match=f"step 'a': its definition has nothing for '{kind}'"):
        plan(uses="h").call("a", kind)
