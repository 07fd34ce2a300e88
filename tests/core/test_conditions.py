"""Steps that run, or do not, depending on how others ended."""

from __future__ import annotations

from random import Random

import pytest
from msgspec.structs import replace

from flowworker.core.effects import Fence
from flowworker.core.facts import StepCompleted
from flowworker.core.model import Step, TriggerRule
from flowworker.core.status import TERMINAL, HumanAction, RunStatus, SkipReason, StepStatus
from tests.core.dsl import BROKEN, Run, out, step

CANCELLED, COMPLETED, FAILED, PENDING, RUNNING, SKIPPED = (
    StepStatus.CANCELLED,
    StepStatus.COMPLETED,
    StepStatus.FAILED,
    StepStatus.PENDING,
    StepStatus.RUNNING,
    StepStatus.SKIPPED,
)


def optional(id_: str, *after: str, **policy) -> Step:
    """A step whose failure the run passes over."""
    return replace(step(id_, *after, **policy), continue_on_error=True)


def ruled(id_: str, rule: str, *after: str) -> Step:
    return replace(step(id_, *after), trigger_rule=TriggerRule(rule))


def skipped(run: Run) -> dict[str, str]:
    return {id_: at.skipped for id_, at in run.state.steps.items() if at.skipped}


def test_a_run_goes_on_after_a_failure_that_it_passes_over():
    run = Run(optional("a", undo=True), step("b"), step("c", "b")).starts().fails("a")

    assert run.published == ["step.failed a"]
    assert run.status is RunStatus.RUNNING
    assert not run.saved

    run.completes("b").completes("c")

    assert run.published == ["completed"]
    assert run.statuses() == {"a": FAILED, "b": COMPLETED, "c": COMPLETED}
    assert run.state.record.error == ""
    assert run.rebuilt().state == run.state


def test_all_of_its_policy_is_spent_before():
    run = Run(optional("a", attempts=2, fallback=True, human=True)).starts()

    assert run.fails("a").dispatched == ["a#2"]
    assert run.fails("a").dispatched == ["else a"]
    assert run.fails("a").status is RunStatus.WAITING_HUMAN
    assert run.is_answered(HumanAction.CANCEL).published == ["step.failed a", "completed"]


def test_what_failed_and_was_passed_over_is_not_undone():
    run = Run(optional("a", undo=True), step("b", undo=True), step("c", "b"))
    run.starts().fails("a").completes("b").fails("c")

    assert run.dispatched == ["undo b"]
    assert run.is_undone("b").status is RunStatus.FAILED


def test_steps_behind_a_failure_are_skipped_and_those_behind_them():
    run = Run(optional("a"), step("b", "a"), step("c", "b"), step("d")).starts().fails("a")

    assert run.published == ["step.failed a", "step.skipped b", "step.skipped c"]
    assert [emit.reason for emit in run.emits] == ["", "upstream_failed", "upstream_failed"]
    assert skipped(run) == dict.fromkeys("bc", SkipReason.UPSTREAM_FAILED)
    assert not run.saved
    assert run.completes("d").published == ["completed"]


def test_the_other_path_on_failure():
    def begun() -> Run:
        return Run(
            optional("pay"),
            step("ship", "pay"),
            ruled("refuse", "one_failed", "pay"),
            ruled("tell", "one_success", "ship", "refuse"),
        ).starts()

    run = begun().fails("pay")
    assert run.dispatched == ["refuse"]
    assert run.completes("refuse").dispatched == ["tell"]
    assert run.completes("tell").status is RunStatus.COMPLETED

    run = begun().completes("pay")
    assert run.dispatched == ["ship"]
    assert run.published == ["step.skipped refuse"]
    assert [emit.reason for emit in run.emits] == ["upstream"]
    assert run.completes("ship").completes("tell").status is RunStatus.COMPLETED


def test_a_step_that_an_operator_skips_counts_as_a_success():
    run = Run(step("a", human=True), step("b", "a"), ruled("c", "none_skipped", "a"))
    run.starts().fails("a").is_answered(HumanAction.SKIP)

    assert run.dispatched == ["b", "c"]
    assert skipped(run) == {}


def test_a_step_that_has_begun_early_is_not_touched_by_what_comes_later():
    run = Run(optional("a"), optional("b"), ruled("c", "one_success", "a", "b")).starts()

    assert run.completes("a").dispatched == ["c"]
    assert run.fails("b").effects[1:] == ()
    assert run.is_at("c") is RUNNING
    assert run.completes("c").status is RunStatus.COMPLETED


def test_always_begins_with_the_run():
    run = Run(step("a"), ruled("b", "always", "a")).starts()

    assert run.dispatched == ["a", "b"]
    assert run.completes("b").completes("a").status is RunStatus.COMPLETED


def test_what_is_skipped_because_of_others_is_so_also_in_a_run_that_stops():
    run = Run(optional("a"), step("b", "a"), step("c"), step("d", "c")).starts()
    run.is_cancelled().fails("a")

    assert run.published == ["step.failed a", "step.skipped b"]
    assert run.rebuilt().state == run.state
    run.is_fenced("c")
    assert run.statuses() == {"a": FAILED, "b": SKIPPED, "c": CANCELLED, "d": CANCELLED}
    assert run.viewed() == run.statuses()


def test_what_may_run_though_the_run_stops_is_fenced():
    run = Run(optional("a"), ruled("b", "one_failed", "a")).starts().is_cancelled()

    assert run.fails("a").fenced == ["b"]
    assert run.is_fenced("b").status is RunStatus.CANCELLED


def test_a_skipped_step_is_past_every_attempt():
    run = Run(optional("a"), step("b", "a"), step("c")).starts()
    attempt = run.state.steps["b"].attempt
    run.fails("a")

    assert run.happens(StepCompleted("b", attempt.next, out("b"), 99)).effects == ()


def test_thousands_of_dependencies_are_counted_and_not_looked_through():
    many = [f"s{n}" for n in range(10_000)]
    run = Run(*(optional(id_) for id_ in many), ruled("join", "all_done", *many)).starts()
    touched = _Counted(run.state.steps)
    run.state = replace(run.state, steps=touched)

    run.completes("s0").fails("s1")

    assert run.state.tallies["join"] == (1, 1, 0, 0)
    assert touched.reads < 40


class _Counted:
    """A map of steps that counts how often it is read, replaced ones included."""

    def __init__(self, steps, reads: list[int] | None = None) -> None:
        self._steps = steps
        self._reads = [] if reads is None else reads

    @property
    def reads(self) -> int:
        return len(self._reads)

    def __getitem__(self, id_: str):
        self._reads.append(1)
        return self._steps[id_]

    def __contains__(self, id_: object) -> bool:
        return id_ in self._steps

    def get(self, id_: str):
        self._reads.append(1)
        return self._steps.get(id_)

    def set(self, id_: str, state) -> _Counted:
        return _Counted(self._steps.set(id_, state), self._reads)


def test_ten_thousand_skipped_steps_in_a_row_are_no_recursion():
    chain = [step(f"s{n}", f"s{n - 1}") for n in range(1, 10_000)]
    run = Run(optional("s0"), *chain).starts().fails("s0")

    assert len(run.emits) == 10_001
    assert run.status is RunStatus.COMPLETED


def any_run(random: Random) -> Run:
    """A graph with any rules, in which some failures stop the run."""
    steps: list[Step] = []
    for number in range(random.randint(2, 7)):
        before = [one.id for one in steps]
        after = random.sample(before, min(len(before), random.choice((0, 1, 2, 2, 3))))
        one = step(f"s{number}", *after, human=random.random() < 0.1, undo=random.random() < 0.3)
        steps.append(
            replace(
                one,
                trigger_rule=random.choice(list(TriggerRule)),
                continue_on_error=random.random() < 0.9,
            )
        )
    closing = [
        step(f"f{number}", *([f"f{number - 1}"] if number and random.random() < 0.5 else []))
        for number in range(random.choice((0, 0, 1, 2, 3)))
    ]
    return Run(*steps, closing=tuple(closing))


def lives(
    run: Run, random: Random, fates: dict[str, str], *, check: bool, stops: float = 0.0
) -> Run:
    """Attempts end in any order, as it is fated; the records say the same at any time."""
    run.starts()
    fenced: set[str] = set()
    for _ in range(100):
        fenced.update(effect.step for effect in run.effects if isinstance(effect, Fence))
        if check:
            rebuilt = run.rebuilt()
            assert rebuilt.state == run.state
            assert not rebuilt.saved
        if run.status in TERMINAL:
            return run
        if run.state.waiting:
            run.is_answered(
                random.choice((HumanAction.SKIP, HumanAction.CANCEL)), min(run.state.waiting)
            )
            continue
        if random.random() < stops:
            random.choice((run.is_cancelled, run.is_terminated, run.times_out))()
            continue
        id_ = random.choice(sorted(run.state.inflight))
        if id_ in fenced and random.random() < 0.5:
            run.is_fenced(id_)
            continue
        if run.is_at(id_) is StepStatus.COMPENSATING:
            run.is_undone(id_)
        elif fates[id_] == "fails":
            run.fails(id_, error=BROKEN)
        else:
            run.completes(id_)
    raise AssertionError("a run that never ends")


@pytest.mark.parametrize("seed", range(40))
def test_every_run_ends_and_its_records_say_the_same_in_any_order(seed):
    random = Random(seed)
    for _ in range(15):
        run = any_run(random)
        fates = {id_: random.choice(("fails", "completes")) for id_ in run.plan.order}

        lives(run, random, fates, check=True, stops=random.choice((0.0, 0.1)))


@pytest.mark.parametrize("seed", range(20))
def test_what_becomes_of_steps_does_not_depend_on_the_order_in_which_others_end(seed):
    random = Random(seed)
    for _ in range(15):
        drawn = any_run(random)
        steps = [
            replace(one, continue_on_error=True, escalation=None)
            for one in drawn.plan.workflow.steps
        ]
        fates = {one.id: random.choice(("fails", "completes")) for one in steps}

        ends = [lives(Run(*steps), random, fates, check=False) for _ in range(4)]

        assert len({tuple(end.statuses().items()) for end in ends}) == 1
        assert len({tuple(sorted(skipped(end).items())) for end in ends}) == 1
        assert {end.status for end in ends} == {RunStatus.COMPLETED}
