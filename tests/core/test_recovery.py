"""After a loss everything that may be missing is done again, and nothing else."""

from __future__ import annotations

import pytest

from flowworker.core.attempt import Attempt
from flowworker.core.effects import Dispatch, Emit, Fence, Finish
from flowworker.core.event_types import EventType
from flowworker.core.status import HumanAction, Kind, Outcome, RunStatus
from tests.core.dsl import NOW, Run, step


def test_before_the_start_it_starts():
    rebuilt = Run(step("a"), step("b", "a"), timeout=60.0).rebuilt()

    assert rebuilt.dispatched == ["a"]
    assert rebuilt.alarms == [NOW + 60.0]


def test_what_is_in_flight_is_dispatched_again():
    run = Run(step("a", attempts=2), step("b"), timeout=60.0).starts().fails("a")

    rebuilt = run.rebuilt()

    assert rebuilt.alarms == [NOW + 60.0]
    assert rebuilt.dispatched == ["b", "a#2"]
    (again,) = (c for c in rebuilt.effects if isinstance(c, Dispatch) and c.step == "a")
    assert (again.revision, again.due, again.lost) == (run.records["a"][1], NOW + 0.1, 0)
    assert rebuilt.state.inflight == run.state.inflight


def test_while_a_human_is_awaited_there_is_nothing_to_do():
    run = Run(step("a", human=True)).starts().fails("a")

    assert run.rebuilt().rest == []


def test_while_stopping_what_is_in_flight_is_fenced_again():
    run = Run(step("a"), step("b"), timeout=60.0).starts().is_cancelled().is_fenced("a")

    assert run.rebuilt().rest == [Fence("b", Attempt(Kind.RUN, 1, 1))]


def test_while_terminating_it_is_fenced_with_force():
    run = Run(step("a")).starts().is_terminated()

    assert run.rebuilt().fenced == ["a!"]


def test_during_the_saga_the_compensation_is_dispatched_again():
    run = Run(step("a", undo=True), step("b", "a")).starts().completes("a").fails("b")

    assert run.rebuilt().rest == [
        Dispatch("a", Attempt(Kind.COMPENSATE, 1, 1), run.records["a"][1])
    ]


def test_while_terminating_the_saga_its_compensation_is_fenced_again():
    run = Run(step("a", undo=True), step("b", "a")).starts().completes("a").fails("b")

    assert run.is_terminated().rebuilt().fenced == ["undo a!"]


@pytest.mark.parametrize(
    ("end", "event_type"),
    [
        (lambda run: run.completes("a"), EventType.COMPLETED),
        (lambda run: run.fails("a"), EventType.FAILED),
        (lambda run: run.is_cancelled().is_fenced("a"), EventType.CANCELLED),
    ],
)
def test_after_the_end_it_is_reported_again(end, event_type):
    run = Run(step("a")).starts()
    end(run)

    rebuilt = run.rebuilt()

    assert rebuilt.emits[-1] == Emit(event_type, error=run.state.record.error)
    assert rebuilt.rest == [Finish()]
    assert not rebuilt.saved


# Claims


def test_a_claim_whose_lease_holds_is_left_alone():
    run = Run(step("a")).starts().claims("a", lease=30.0)

    assert run.rebuilt().effects == ()
    run.now += 30.0
    assert run.rebuilt().effects == (
        Dispatch("a", Attempt(Kind.RUN, 1, 1), run.records["a"][1], lost=1),
    )


def test_losses_are_counted_on():
    run = Run(step("a")).starts().claims("a", lost=2, lease=-1.0)

    assert run.rebuilt().effects == (
        Dispatch("a", Attempt(Kind.RUN, 1, 1), run.records["a"][1], lost=3),
    )


def test_a_claim_that_was_given_back_cost_no_worker():
    run = Run(step("a")).starts()
    run.write("a", Outcome.RUNNING, lost=1)

    assert run.rebuilt().effects == (
        Dispatch("a", Attempt(Kind.RUN, 1, 1), run.records["a"][1], lost=1),
    )


def test_if_nobody_executes_anything_leases_do_not_count():
    run = Run(step("a"), step("b")).starts().claims("a", lease=1e6)

    rebuilt = run.rebuilt(abandoned=True)

    assert rebuilt.dispatched == ["b", "a"]
    assert run.rebuilt().dispatched == ["b"]


def test_if_nobody_executes_anything_a_fence_need_not_wait():
    run = Run(step("a")).starts().claims("a", lease=1e6).is_cancelled()

    assert run.rebuilt(abandoned=True).fenced == ["a!"]
    assert run.rebuilt().fenced == ["a"]


def test_a_compensations_claim_is_taken_over_too():
    run = Run(step("a", undo=True), step("b", "a")).starts().completes("a").fails("b")
    run.claims("a", lease=-1.0)

    assert run.rebuilt().effects[-1] == Dispatch(
        "a", Attempt(Kind.COMPENSATE, 1, 1), run.records["a"][1], lost=1
    )


def test_a_decision_whose_effects_were_lost_is_followed():
    run = Run(step("a", human=True)).starts().fails("a").is_answered(HumanAction.RETRY)

    rebuilt = run.rebuilt()

    assert rebuilt.status is RunStatus.RUNNING
    assert rebuilt.dispatched == ["a@2"]
    assert rebuilt.published == []
