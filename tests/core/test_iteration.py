"""A step that is a loop: what is said of the whole, and of each instance."""

from __future__ import annotations

import pytest

from flowworker.core.for_each import ForEach
from flowworker.core.iteration import as_instance
from flowworker.core.model import Fallback, Saga, Step
from tests.core.dsl import step
from tests.core.looping import Looping, loop


def test_what_an_instance_and_its_other_handlers_are_given():
    plan = Looping(loop("l", fallback=True, undo=True), loop("m")).plan
    one = plan.step("l/0")
    given = {"item": "${item}", "index": "${index}"}

    assert one.with_ == given
    assert one.fallback is not None
    assert one.fallback.with_ == given
    assert one.saga is not None
    assert one.saga.with_ == {**given, "output": '${steps["l"].output}'}
    assert (plan.step("l").with_, plan.step("l").saga) == (None, None)
    said = Step("n", "do", with_={"x": 1}, fallback=Fallback("f", {}), saga=Saga("s", with_={}))
    other = as_instance(said, ForEach("input"))
    assert (other.with_, other.fallback, other.saga) == (said.with_, said.fallback, said.saga)
    assert as_instance(Step("s", sleep=1.0), ForEach("input")).with_ is None


def test_which_steps_there_are():
    plan = Looping(loop("l"), step("a")).plan

    assert [plan.knows(one) for one in ("l", "l/3", "a", "a/3", "l/x", "b")] == [
        *(True, True, True, False, False, False)
    ]


@pytest.mark.parametrize(
    ("said", "count", "may_fail"),
    [(0, 10, 0), (3, 10, 3), ("5%", 100, 5), ("5%", 19, 0), ("12.5%", 80, 10), ("100%", 7, 7)],
)
def test_how_many_may_fail(said, count, may_fail):
    assert ForEach("x", tolerated_failures=said).tolerates(count) == may_fail
