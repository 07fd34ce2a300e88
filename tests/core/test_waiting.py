"""Steps that wait for signals: those that wait for this one look again, and nothing else."""

from __future__ import annotations

from flowworker.core import facts
from flowworker.core.attempt import Attempt
from flowworker.core.effects import Dispatch
from flowworker.core.ids import COORDINATOR
from flowworker.core.model import Step, WaitFor
from flowworker.core.status import Kind
from tests.core.dsl import Run, step

FIRST = Attempt(Kind.RUN, 1, 1)


def waits(id_: str, *after: str, signal: str = "paid") -> Step:
    return Step(id_, depends_on=after, wait_for=WaitFor(signal))


def test_steps_that_wait_for_a_signal_look_again():
    run = Run(waits("a"), waits("b"), waits("c", signal="sent"), waits("d", "a"), step("e"))

    run.starts().happens(facts.Signalled("paid"))

    assert run.effects == (Dispatch("a", FIRST, 0), Dispatch("b", FIRST, 0))


def test_a_signal_for_which_nobody_waits_changes_nothing():
    run = Run(waits("a"), step("b")).starts().completes("a")

    assert run.happens(facts.Signalled("paid")).effects == ()


def test_nobody_looks_any_more_when_the_run_stops():
    run = Run(waits("a")).starts().is_cancelled()

    assert run.happens(facts.Signalled("paid")).effects == ()


def test_the_record_of_a_step_that_waits_is_the_coordinators():
    assert waits("a").keeper == COORDINATOR
    assert step("b").keeper == "default"
