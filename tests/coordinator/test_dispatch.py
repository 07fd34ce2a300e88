"""What a step message says of its attempt, and what it says of a compensation alone."""

from __future__ import annotations

import pytest

from flowworker.codec.messages import decode_step_message
from flowworker.core.attempt import Attempt
from flowworker.core.effects import Dispatch, Withdraw
from flowworker.core.model import Saga, Step, Workflow
from flowworker.core.payload import EMPTY, inline
from flowworker.core.records import RunRecord
from flowworker.core.state import initial
from flowworker.core.status import Kind, Priority, RunStatus
from flowworker.definitions.content import plan_of
from flowworker.ports import StepAddress
from flowworker.stores.stores import stores_of
from flowworker.testing import ManualClock
from tests.coordinator.support import parts_of

RUN = "r1"
FIRST = Attempt(Kind.RUN, 1, 1)
OUTPUT = inline(b'{"booked":1}')


@pytest.mark.parametrize(
    ("kind", "saga", "expected"),
    [
        (Kind.RUN, Saga("undo", timeout=7.0), ("do", 5.0, 700.0, 0, None)),
        (Kind.COMPENSATE, Saga("undo", timeout=7.0), ("undo", 7.0, 0.0, 9, OUTPUT)),
        (Kind.COMPENSATE, Saga("undo"), ("undo", 0.0, 0.0, 9, OUTPUT)),
    ],
)
async def test_a_compensation_has_limits_of_its_own_and_is_given_what_it_undoes(
    backend, kind, saga, expected
):
    plan = plan_of(Workflow("one", (Step("a", "do", timeout=5.0, saga=saga),), timeout=600.0))
    state = initial(plan, RunRecord(RUN, "one", plan.hash, RunStatus.RUNNING, EMPTY, 100.0), 1)
    state = state.with_step("a", output=OUTPUT, completed=9)
    dispatcher = parts_of(stores_of(backend), ManualClock()).dispatcher

    await dispatcher.enqueue(plan, state, Dispatch("a", Attempt(kind, 1, 1), 0), 0.0)

    [raw] = await backend.steps.queued(StepAddress("default", Priority.NORMAL, RUN, "a"))
    found = decode_step_message(raw)
    assert (found.uses, found.timeout, found.deadline, found.completed, found.output) == expected


async def test_what_was_withdrawn_comes_again_within_the_same_millisecond(backend):
    plan = plan_of(Workflow("one", (Step("a", "do"),)))
    record = RunRecord(RUN, "one", plan.hash, RunStatus.RUNNING, EMPTY, 100.0)
    parts, wanted = parts_of(stores_of(backend), ManualClock()), Dispatch("a", FIRST, 0)
    address = StepAddress("default", Priority.NORMAL, RUN, "a")
    await parts.dispatcher.restore(plan, initial(plan, record, 1), wanted)

    # When a pause takes back what a recovery has enqueued, and the run goes on at once
    await parts.dispatcher.withdraw(plan, initial(plan, record, 2), Withdraw())
    assert await backend.steps.queued(address) == []
    for _ in range(2):
        await parts.dispatcher.restore(plan, initial(plan, record, 3), wanted)

    assert len(await backend.steps.queued(address)) == 1
