"""Loops in reruns: kept with their instances, where these can be undone."""

from __future__ import annotations

from flowworker.core.payload import EMPTY
from flowworker.core.records import Rerun, RunRecord
from flowworker.core.rerun import kept_instances, kept_record
from flowworker.core.status import RunStatus
from tests.core.dsl import NOW, step
from tests.core.looping import Looping, loop
from tests.core.rerunning import FAILED, ended, kept, planned, why


def failed(*, undo: bool, fail: bool = True) -> Looping:
    """A loop, and a step behind it that fails."""
    run = Looping(loop("l", tolerated=1, undo=undo), step("b", "l")).starts().expands(3)
    run.completes("l/1", "l/0").fails("l/2").gathers()
    return run.fails("b") if fail else run.completes("b")


def test_a_loop_without_compensation_is_kept_as_it_is():
    run = failed(undo=False)

    assert kept(planned(run, FAILED)) == ["l"]
    assert kept_instances(run.plan, ended(run), "l") == []
    assert kept_instances(run.plan, ended(run), "b") == []


def test_a_loop_of_which_something_was_undone_runs_again():
    run = failed(undo=True).is_undone("l/0")

    assert why(planned(run, FAILED))["l"] == "l[0] was compensated"


def test_what_is_kept_of_a_loop_is_undone_if_the_rerun_fails():
    before = failed(undo=True, fail=False)
    state, wanted = ended(before), Rerun("b")
    kept_ids = kept(planned(before, wanted))
    run = Looping(*before.plan.workflow.steps)
    run.revision = before.revision
    for id_ in [*kept_ids, *kept_instances(before.plan, state, "l")]:
        run.revision += 1
        found = kept_record("r2", "r1", state, id_, before.records[id_][0])
        run.records[id_] = (found, run.revision)
    record = RunRecord("r2", "w", "h", RunStatus.RUNNING, EMPTY, NOW, rerun_of="r1", rerun=wanted)
    run.stored = (record, run.revision + 1)
    again = run.rebuilt()

    assert again.dispatched == ["b"]
    again.fails("b")
    assert again.state.saga == ("l/0", "l/1")
    again.is_undone("l/0", "l/1")
    assert again.status is RunStatus.FAILED
