"""A run that pauses: what would begin is held, what ends is followed."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from flowworker.core import facts
from flowworker.core.attempt import Attempt
from flowworker.core.effects import Dispatch, Expand, Save, Withdraw
from flowworker.core.for_each import ForEach
from flowworker.core.model import Approval, Step, WaitFor
from flowworker.core.paused import Paused
from flowworker.core.status import HumanAction, Kind, RunStatus, StepStatus
from tests.core.dsl import NOW, Run, step

PAUSE = facts.Steered(pauses=True, at=NOW + 1, reason="the bank is down", actor="ops")
UNPAUSE = facts.Steered(pauses=False, at=NOW + 2)
HOLD = facts.Steered(True, NOW + 3, "a defect", "ops", of_workflow=True)
RELEASE = facts.Steered(pauses=False, at=NOW + 4, of_workflow=True)
FIRST = Attempt(Kind.RUN, 1, 1)


def paused(*steps, **options) -> Run:
    return Run(*steps, **options).starts().happens(PAUSE)


def test_a_pause_is_written_and_takes_back_what_is_enqueued():
    run = paused(step("a", attempts=2), step("b"))

    assert run.effects == (Save(), Withdraw())
    assert run.state.record.paused == Paused("the bank is down", "ops")
    assert run.state.record.steered == NOW + 1
    assert run.status is RunStatus.RUNNING


def test_what_waits_for_its_time_is_taken_back_as_well_unless_it_is_a_coordinators():
    run = Run(step("a", attempts=2), step("b", attempts=2, fallback=True), step("c")).starts()

    assert run.fails("a").happens(PAUSE).rest == [Withdraw(("a",))]


def test_a_run_that_is_to_begin_later_has_nothing_to_take_back():
    run = Run(step("a"))
    later = replace(run.state.record, begins_at=NOW + 60)
    run.state = replace(run.state, record=later)

    assert run.happens(PAUSE).effects == (Save(),)


def test_outcomes_are_followed_and_nothing_begins():
    run = paused(step("a"), step("b", "a"), step("c", attempts=2), step("d", fallback=True))

    assert run.completes("a").effects == ()
    assert run.fails("c").dispatched == []
    assert run.fails("d").dispatched == []
    assert run.is_at("b") is StepStatus.RUNNING
    assert run.published == ["step.fallback d"]


def test_it_goes_on_with_all_that_was_held():
    run = paused(step("a"), step("b", "a"), step("c", attempts=2), step("d"))
    run.completes("a").fails("c").happens(UNPAUSE)

    assert run.effects == (
        Save(),
        Dispatch("b", FIRST, 0, again=True),
        Dispatch("c", Attempt(Kind.RUN, 1, 2), 4, due=NOW + 0.1, again=True),
        Dispatch("d", FIRST, 0, again=True),
    )
    assert run.state.record.paused is None


@pytest.mark.parametrize("order", [(PAUSE, UNPAUSE), (UNPAUSE, PAUSE)])
def test_of_several_requests_the_last_one_counts_whatever_comes_first(order):
    run = Run(step("a")).starts()
    for request in order:
        run.happens(request)

    assert (run.state.record.paused, run.state.record.steered) == (None, NOW + 2)
    assert run.happens(PAUSE).effects == ()
    assert run.rebuilt(*order).effects == run.rebuilt().effects


def test_an_unpause_of_a_run_that_goes_on_is_noted_alone():
    assert Run(step("a")).starts().happens(UNPAUSE).effects == (Save(),)


def test_a_run_that_fails_is_undone_when_it_goes_on():
    run = paused(step("a", undo=True), step("b"), step("c")).completes("a").fails("b")
    assert run.fenced == ["c"]

    assert run.is_fenced("c").dispatched == []
    assert run.status is RunStatus.COMPENSATING
    assert run.rebuilt().dispatched == []
    assert run.happens(UNPAUSE).dispatched == ["undo a"]


def test_a_terminate_ends_it_at_once():
    run = paused(step("a", undo=True), step("b")).completes("a").is_terminated().is_fenced("b")

    assert run.status is RunStatus.CANCELLED
    assert run.state.record.paused is None
    assert run.rebuilt(UNPAUSE).state.record.steered == NOW + 1


def test_a_run_of_which_nothing_is_left_ends():
    assert paused(step("a")).completes("a").status is RunStatus.COMPLETED


def test_it_asks_nobody_before_it_goes_on():
    asks = Step("b", depends_on=("a",), approval=Approval("sure?"))
    run = paused(step("a"), asks).completes("a")
    assert (run.effects, run.rebuilt().published) == ((), [])

    run.happens(UNPAUSE)
    assert (run.published, run.status) == (["waiting_human b"], RunStatus.WAITING_HUMAN)


def test_who_was_asked_before_is_waited_for():
    run = Run(Step("b", approval=Approval("sure?"))).starts().claims("b", lease=0.0)
    run.happens(PAUSE)

    assert run.rebuilt().state.waiting == {"b"}
    assert [type(effect).__name__ for effect in run.is_answered(HumanAction.APPROVE).rest] == [
        "Answer"
    ]


def test_what_waits_for_a_signal_hears_it_and_what_has_not_begun_does_not_begin():
    run = paused(Step("b", wait_for=WaitFor("paid"))).happens(facts.Signalled("paid"))

    assert run.effects == (Dispatch("b", FIRST, 0, begun=True),)


def test_a_loop_is_not_opened():
    run = paused(step("a"), Step("b", "do.b", ("a",), for_each=ForEach("${input.things}")))

    assert run.completes("a").effects == ()
    assert run.happens(UNPAUSE).rest == [Expand("b", FIRST, 0)]


def test_who_takes_it_over_holds_it_and_takes_back_what_may_be_left():
    run = paused(step("a", attempts=2), step("b")).fails("a")

    again = run.rebuilt()
    assert again.rest == [Withdraw(("a",))]
    assert again.state.inflight == run.state.inflight


def test_a_pause_that_nobody_has_followed_holds_from_the_beginning():
    run = Run(Step("a", approval=Approval("sure?"))).starts()
    run.stored = (replace(run.state.record, status=RunStatus.RUNNING), 1)

    again = run.rebuilt(PAUSE)
    assert (again.published, again.dispatched, again.saved) == ([], [], True)


def test_a_claim_whose_message_may_be_gone_is_taken_over_when_its_lease_ends():
    run = Run(step("a")).starts().claims("a", lease=30.0)
    assert run.rebuilt().dispatched == []

    run.happens(PAUSE).happens(UNPAUSE)
    assert run.rebuilt().rest == [Dispatch("a", FIRST, 0, due=NOW + 30, again=True)]
    run.now += 31
    assert run.rebuilt().rest == [Dispatch("a", FIRST, 2, lost=1, again=True)]


def test_what_may_have_a_message_for_the_end_of_its_lease_is_taken_back_as_well():
    run = Run(step("a"), step("b")).starts().claims("a", lease=30.0)
    run.happens(PAUSE).happens(UNPAUSE)

    run = run.rebuilt().happens(replace(PAUSE, at=NOW + 3))
    assert run.rest == [Withdraw(("a",))]


def test_a_workflow_that_pauses_holds_a_run_as_it_is_held_by_itself():
    run = Run(step("a", attempts=2), step("b", "a")).starts().happens(HOLD)
    assert run.effects == (Save(), Withdraw())
    record = run.state.record
    assert (record.held, record.held_at) == (Paused("a defect", "ops"), NOW + 3)
    assert (record.paused, record.steered, record.is_paused) == (None, 0.0, True)

    assert run.completes("a").effects == ()
    assert run.happens(RELEASE).effects == (Save(), Dispatch("b", FIRST, 0, again=True))
    assert (run.state.record.held, run.state.record.held_at) == (None, NOW + 4)


@pytest.mark.parametrize(
    ("first", "second"), [(UNPAUSE, RELEASE), (RELEASE, UNPAUSE)], ids=["run", "workflow"]
)
def test_a_run_and_its_workflow_each_go_on_by_themselves(first, second):
    run = paused(step("a")).happens(HOLD)
    assert run.effects == (Save(), Withdraw())

    assert run.happens(first).dispatched == []
    assert run.rebuilt().dispatched == []
    assert run.happens(second).dispatched == ["a"]


@pytest.mark.parametrize("order", [(HOLD, RELEASE), (RELEASE, HOLD)])
def test_of_what_was_said_of_its_workflow_the_last_counts(order):
    run = Run(step("a")).starts()
    for request in order:
        run.happens(request)

    assert (run.state.record.held, run.state.record.held_at) == (None, NOW + 4)
    assert run.happens(HOLD).effects == ()
    assert run.rebuilt(*order).effects == run.rebuilt().effects


def test_a_claim_of_a_run_whose_workflow_went_on_is_taken_over_when_its_lease_ends():
    run = Run(step("a")).starts().claims("a", lease=30.0).happens(HOLD).happens(RELEASE)

    assert run.rebuilt().rest == [Dispatch("a", FIRST, 0, due=NOW + 30, again=True)]


def test_a_run_that_ends_is_held_no_more():
    run = Run(step("a")).starts().happens(HOLD).is_terminated().is_fenced("a")

    assert (run.status, run.state.record.held) == (RunStatus.CANCELLED, None)
