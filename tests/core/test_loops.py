"""Loops: each instance is counted once, whatever comes twice, late, or from records."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from flowworker.core import facts
from flowworker.core.effects import Dispatch, Fence
from flowworker.core.for_each import ForEach
from flowworker.core.model import Approval, Step
from flowworker.core.status import HumanAction, Kind, Outcome, RunStatus, StepStatus
from tests.core.dsl import BROKEN, out, step
from tests.core.looping import ITEMS, Looping, known, loop


def test_a_loop_begins_with_as_many_instances_as_may_be_at_work():
    run = Looping(loop("l", most=2)).starts()

    assert run.wants_items
    assert run.dispatched == []
    assert run.expands(5).dispatched == ["l/0", "l/1"]
    assert not run.wants_outputs


def test_the_place_of_an_instance_is_taken_at_once():
    run = Looping(loop("l", most=2)).starts().expands(5)

    assert run.completes("l/1").dispatched == ["l/2"]
    assert run.completes("l/0").dispatched == ["l/3"]
    assert run.state.loops["l"].at_work == 2


def test_what_is_behind_a_loop_runs_when_it_has_its_output():
    run = Looping(loop("l"), step("join", "l")).starts().expands(3)

    run.completes("l/2", "l/0")
    assert not run.wants_outputs
    run.completes("l/1")
    assert run.wants_outputs
    assert run.gathers().dispatched == ["join"]
    assert run.completes("join").status is RunStatus.COMPLETED


def test_a_loop_without_items_is_over_at_once():
    run = Looping(loop("l"), step("join", "l")).starts().expands(0)

    assert run.wants_outputs
    assert run.gathers().dispatched == ["join"]


def test_a_condition_is_judged_once_for_all():
    run = Looping(loop("l", when="input.all != []"), step("b", "l")).starts()

    assert run.asked == ["l"]
    assert run.is_judged("l", holds=True).wants_items
    other = Looping(loop("l", when="false"), step("b", "l")).starts().is_judged("l", holds=False)
    assert other.statuses() == {"l": StepStatus.SKIPPED, "b": StepStatus.SKIPPED}


def test_instances_have_the_policy_of_their_step():
    run = Looping(loop("l", attempts=2, fallback=True)).starts().expands(2)

    assert run.fails("l/1").dispatched == ["l/1#2"]
    assert run.fails("l/1").dispatched == ["else l/1"]
    run.completes("l/1", "l/0")
    assert run.wants_outputs


def test_a_failure_that_is_tolerated_is_passed_over():
    run = Looping(loop("l", tolerated=1)).starts().expands(3).fails("l/0").completes("l/1", "l/2")

    assert run.gathers().status is RunStatus.COMPLETED
    assert run.is_at("l/0") is StepStatus.FAILED


def test_one_failure_more_stops_the_others_once_that_is_written():
    run = Looping(loop("l", most=3, tolerated=1), step("b", "l")).starts().expands(9)
    run.fails("l/0").fails("l/1")

    assert run.wants_outputs
    assert run.state.loops["l"].first == "l/0"
    assert (run.dispatched, run.fenced) == ([], [])
    run.gathers()
    # Two places are free, and a coordinator that knows less may have given them away.
    assert run.fenced == ["l/2", "l/3", "l/4"]
    assert run.completes("l/2").fenced == ["l/5"]
    run.is_fenced("l/3", "l/4")
    assert run.is_at("l") is StepStatus.RUNNING
    run.is_fenced("l/5")
    assert run.status is RunStatus.FAILED
    assert run.state.record.error == "step 'l' failed: TooManyFailures: some"


def test_a_loop_that_failed_and_was_undone_is_rebuilt_from_its_records():
    run = Looping(loop("l", most=1, undo=True)).starts().expands(5)
    run.completes("l/0", "l/1").fails("l/2").gathers()

    assert run.fenced == ["l/3"]
    run.is_fenced("l/3").is_undone("l/1", "l/0")
    assert run.status is RunStatus.FAILED
    assert known(run.rebuilt().state) == known(run.state)


def test_a_loop_that_may_fail_is_passed_over():
    run = Looping(loop("l", go_on=True), step("b", "l"), step("c")).starts().completes("c")
    run.expands(1).fails("l/0").gathers()

    assert run.statuses()["l"] is StepStatus.FAILED
    assert run.statuses()["b"] is StepStatus.SKIPPED
    assert run.status is RunStatus.COMPLETED


def test_an_attempt_that_fails_while_its_loop_stops_is_not_tried_again():
    run = Looping(loop("l", attempts=2)).starts().expands(2)
    run.fails("l/0").fails("l/0").gathers()

    assert run.fails("l/1").fenced == ["l/1#2"]


def test_a_failure_of_a_loop_that_is_heard_of_twice_stops_its_instances_once():
    run = Looping(loop("l")).starts().expands(3).fails("l/0").gathers()
    record, revision = run.records["l"]
    assert run.fenced == ["l/1", "l/2"]

    assert run.happens(facts.failure_in(record, revision)).effects == ()


def test_who_waits_for_a_human_is_not_waited_for_when_its_loop_stops():
    run = Looping(loop("l", human=True)).starts().expands(3).fails("l/0", "l/1")
    run.is_answered(HumanAction.CANCEL, "l/0").gathers()

    assert run.is_at("l/1") is StepStatus.CANCELLED
    assert run.fails("l/2").is_at("l/2") is StepStatus.CANCELLED
    assert run.status is RunStatus.FAILED


def test_a_loop_of_which_all_others_wait_for_a_human_is_over_when_it_stops():
    run = Looping(loop("l", human=True)).starts().expands(2).fails("l/0", "l/1")
    run.is_answered(HumanAction.CANCEL, "l/0").gathers()

    assert run.status is RunStatus.FAILED
    assert run.is_at("l") is StepStatus.FAILED


def test_an_instance_that_asks_is_fenced_when_its_loop_stops():
    asks = Step("l", approval=Approval(), for_each=ForEach("input.all"))
    run = Looping(asks).starts().expands(2).fails("l/0").gathers()

    assert run.fenced == ["l/1"]
    assert run.is_fenced("l/1").status is RunStatus.FAILED


def test_a_human_may_complete_or_skip_an_instance():
    run = Looping(loop("l", human=True)).starts().expands(2).fails("l/0", "l/1")
    run.is_answered(HumanAction.COMPLETE, "l/1", out("mine"))
    run.is_answered(HumanAction.SKIP, "l/0")

    assert run.wants_outputs
    assert run.state.steps["l/1"].output == out("mine")


def test_a_run_that_stops_fences_the_loop_and_its_instances():
    run = Looping(loop("l", most=2)).starts().expands(4).is_cancelled()

    assert run.fenced == ["l", "l/0", "l/1"]
    run.is_fenced("l").completes("l/1")
    assert run.fenced == ["l/2"]
    assert run.is_fenced("l/0", "l/2").status is RunStatus.CANCELLED


def test_completed_instances_are_undone_in_reverse_order_of_completion():
    run = Looping(loop("l", undo=True), step("b", undo=True), step("c", "l", "b"))
    run.starts().expands(2).completes("l/1", "b", "l/0")
    run.gathers().fails("c")

    assert run.state.saga == ("l/0", "b", "l/1")
    run.is_undone("l/0", "b", "l/1")
    assert run.status is RunStatus.FAILED


def test_a_loop_in_finally_runs_when_all_else_is_over():
    run = Looping(step("a"), closing=(loop("l", tolerated=1),)).starts().fails("a")

    assert run.wants_items
    assert run.expands(2).dispatched == ["l/0", "l/1"]
    assert known(run.rebuilt().state) == known(run.state)
    run.completes("l/0").fails("l/1").gathers()
    assert run.status is RunStatus.FAILED
    assert run.viewed() == run.statuses()


def test_a_loop_that_has_not_begun_is_asked_for_again():
    assert Looping(loop("l")).starts().rebuilt().effects == Looping(loop("l")).starts().effects


def test_a_loop_whose_record_has_no_items_is_asked_for_them():
    run = Looping(loop("l")).starts()
    run.write("l", Outcome.RUNNING)

    assert run.rebuilt().wants_items


def test_a_loop_that_is_over_is_asked_for_again():
    run = Looping(loop("l")).starts().expands(1).completes("l/0")

    assert run.rebuilt().rest == run.rest


def test_items_that_are_reported_twice_are_taken_once():
    run = Looping(loop("l")).starts().expands(1)
    before = run.state

    assert run.happens(facts.Expanded("l", ITEMS, 1, 2)).state is before


def test_records_that_no_loop_has_made_are_left_alone():
    run = Looping(loop("l")).starts().expands(1)
    stray, _ = run.records["l"]
    for name in ("l/1", "l/7", "nobody/1", "l/x"):
        run.records[name] = (stray, 90)

    assert known(run.rebuilt().state) == known(run.state)


def test_a_checkpoint_of_an_instance_is_none_of_its_attempts():
    run = Looping(loop("l", most=1)).starts().expands(3)
    run.write("l/0", Outcome.FAILED)
    checkpoint = replace(run.records["l/0"][0], number=0)
    run.records["l/2"] = (replace(checkpoint, step="l/2"), 90)

    assert run.rebuilt().state.loops["l"].begun == 1


def _may_happen(run: Looping) -> list[str]:
    """Steps in flight of which something may be reported; the loop, if it is to be gathered."""
    loop_, at = run.state.loops["l"], run.is_at("l")
    asked = (loop_.is_over or loop_.is_lost) and not loop_.failing and run.state.record.stop is None
    gathers = asked and at is StepStatus.RUNNING
    return sorted(one for one in run.state.inflight if one != "l" or gathers)


def _happens(run: Looping, name: str, how: str) -> facts.Fact | None:
    """One of them ends somehow; the fact is one that may come again."""
    at, stops = run.state.steps[name].attempt, run.state.loops["l"].failing
    if name == "l":
        run.gathers()
    elif how == "fails":
        run.fails(name)
        return facts.AttemptFailed(name, at, BROKEN, run.records[name][1], run.now)
    elif how == "is fenced" and (stops or run.state.record.stop is not None):
        run.is_fenced(name)
    elif at.kind is Kind.COMPENSATE:
        run.is_undone(name)
    else:
        run.completes(name)
        return facts.StepCompleted(name, at, out(name), run.records[name][1])
    return None


@given(st.data())
def test_in_whatever_order_instances_end_each_is_counted_once(data):
    most = data.draw(st.sampled_from([None, 1, 2, 3]))
    tolerated, count = data.draw(st.integers(0, 3)), data.draw(st.integers(0, 6))
    attempts, undo = data.draw(st.integers(1, 2)), data.draw(st.booleans())
    looped = loop("l", most=most, tolerated=tolerated, attempts=attempts, undo=undo)
    run = Looping(looped, step("b", "l")).starts().expands(count)
    earlier: list[facts.Fact] = []
    while acts := _may_happen(run):
        fact = _happens(
            run,
            data.draw(st.sampled_from(acts)),
            data.draw(st.sampled_from(["completes", "is fenced", "fails"])),
        )
        earlier += [] if fact is None else [fact]
        before = run.state
        for one in earlier:
            run.happens(one)
        assert run.state == before
        assert known(run.rebuilt().state) == known(run.state)

    counted = run.state.loops["l"]
    ended = [at.status for one, at in run.state.steps.items() if one.startswith("l/")]
    assert run.status in {RunStatus.COMPLETED, RunStatus.FAILED}
    assert counted.begun == len(ended) == counted.done + counted.dropped
    assert undo or counted.failed == ended.count(StepStatus.FAILED)


def test_never_more_are_at_work_than_may_be():
    run = Looping(loop("l", most=3)).starts().expands(20)
    begun = sum(isinstance(effect, Dispatch) for effect in run.effects)
    for index in range(20):
        run.completes(f"l/{index}")
        begun += sum(isinstance(effect, Dispatch) for effect in run.effects)
        assert run.state.loops["l"].at_work <= 3
    assert begun == 20
    assert not any(isinstance(effect, Fence) for effect in run.effects)
