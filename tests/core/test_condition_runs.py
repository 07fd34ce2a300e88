"""Runs with any conditions: all of them end, and records say what was lived; also large ones."""

from __future__ import annotations

from random import Random

import pytest
from msgspec.structs import replace

from flowworker.core.effects import Fence
from flowworker.core.model import End, EndStatus, Step, TriggerRule
from flowworker.core.status import TERMINAL, HumanAction, RunStatus, StepStatus
from tests.core.dsl import BROKEN, Run, step
from tests.core.test_conditions import PENDING, optional, ruled, skipped


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


FATES = ("fails", "completes", "completes", "is skipped")


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
                when="it holds" if random.random() < 0.4 else None,
                continue_on_error=random.random() < 0.9,
            )
        )
    needed = {dependency for one in steps for dependency in one.depends_on}
    if steps[-1].id not in needed and random.random() < 0.3:
        steps[-1] = replace(steps[-1], end=End(random.choice(list(EndStatus))), saga=None)
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
            _is_rebuilt(run)
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
        if run.is_at(id_) is PENDING:
            run.is_judged(id_, holds=fates[id_] != "is skipped")
        elif run.is_at(id_) is StepStatus.COMPENSATING:
            run.is_undone(id_)
        elif fates[id_] == "fails":
            run.fails(id_, error=BROKEN)
        else:
            run.completes(id_)
    raise AssertionError("a run that never ends")


def _is_rebuilt(run: Run) -> None:
    """A condition that held stands in no record: it is judged again, and holds again."""
    rebuilt = run.rebuilt()
    assert not rebuilt.saved
    for id_ in rebuilt.state.inflight:
        if rebuilt.is_at(id_) is PENDING is not run.is_at(id_):
            rebuilt.is_judged(id_, holds=True)
    assert rebuilt.state == run.state


@pytest.mark.parametrize("seed", range(40))
def test_every_run_ends_and_its_records_say_the_same_in_any_order(seed):
    random = Random(seed)
    for _ in range(15):
        run = any_run(random)
        fates = {id_: random.choice(FATES) for id_ in run.plan.order}

        lives(run, random, fates, check=True, stops=random.choice((0.0, 0.1)))


@pytest.mark.parametrize("seed", range(20))
def test_what_becomes_of_steps_does_not_depend_on_the_order_in_which_others_end(seed):
    random = Random(seed)
    for _ in range(15):
        drawn = any_run(random)
        steps = [
            replace(one, continue_on_error=True, escalation=None, end=None)
            for one in drawn.plan.workflow.steps
        ]
        fates = {one.id: random.choice(FATES) for one in steps}

        ends = [lives(Run(*steps), random, fates, check=False) for _ in range(4)]

        assert len({tuple(end.statuses().items()) for end in ends}) == 1
        assert len({tuple(sorted(skipped(end).items())) for end in ends}) == 1
        assert {end.status for end in ends} == {RunStatus.COMPLETED}
