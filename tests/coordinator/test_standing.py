"""What is to become of an attempt that waits for a limit, by the records."""

from __future__ import annotations

import pytest
from msgspec import Raw

from flowworker.codec.json import encode
from flowworker.codec.limits import Waiting
from flowworker.codec.messages import StepInput, StepMessage
from flowworker.coordinator.limits.standing import StepStanding
from flowworker.coordinator.limits.verdict import Verdict
from flowworker.core.attempt import Attempt
from flowworker.core.limit import Use, named_limit
from flowworker.core.model import Step, Workflow
from flowworker.core.payload import EMPTY
from flowworker.core.records import RunRecord, StepRecord
from flowworker.core.status import Kind, Outcome, Priority, RunStatus
from flowworker.definitions.content import plan_of
from flowworker.stores.limits import Place
from flowworker.stores.stores import stores_of
from flowworker.testing import ManualClock

RUN = "r1"
FIRST, SECOND = (Attempt(Kind.RUN, 1, number) for number in (1, 2))
PLAN = plan_of(Workflow("one", (Step("a", "do", limits=("l",)),)))


def waits(attempt: Attempt, revision: int) -> Waiting:
    message = StepMessage(
        run=RUN,
        workflow="one",
        step="a",
        uses="do",
        kind=attempt.kind,
        turn=attempt.turn,
        number=attempt.number,
        input=StepInput(EMPTY),
        idempotency_key="",
        revision=revision,
    )
    where = ("default", Priority.NORMAL, (Use(named_limit("l")),), "id", Raw(encode(message)))
    return Waiting(RUN, "a", attempt, *where)


@pytest.mark.parametrize(
    ("wanted", "outcome", "attempt", "expected"),
    [
        pytest.param(FIRST, None, FIRST, Verdict.OPEN, id="nobody has begun it"),
        pytest.param(FIRST, Outcome.RUNNING, FIRST, Verdict.OPEN, id="a worker that may be lost"),
        pytest.param(FIRST, Outcome.COMPLETED, FIRST, Verdict.GONE, id="it is over"),
        pytest.param(FIRST, Outcome.RUNNING, SECOND, Verdict.GONE, id="a later one has begun"),
        pytest.param(
            SECOND, Outcome.RUNNING, FIRST, Verdict.GONE, id="an earlier one has not ended"
        ),
        pytest.param(SECOND, Outcome.FAILED, FIRST, Verdict.OPEN, id="an earlier one has failed"),
    ],
)
async def test_an_attempt_may_be_let_in_that_is_to_begin_or_to_be_taken_over(
    backend, wanted, outcome, attempt, expected
):
    stores, clock = stores_of(backend), ManualClock()
    now, revision = clock.now(), 0
    await stores.runs.save(RunRecord(RUN, "one", PLAN.hash, RunStatus.RUNNING, EMPTY, now), 0)
    if outcome is not None:
        lease = now + 30.0 if outcome is Outcome.RUNNING else 0.0
        at = {"kind": attempt.kind, "turn": attempt.turn, "number": attempt.number}
        record = StepRecord(RUN, "a", **at, outcome=outcome, lease_until=lease)
        revision = await stores.runs.save_step("default", record, 0)

    entry = waits(wanted, revision)
    place = Place(named_limit("l"), "1-1", RUN, "a")
    assert await StepStanding(stores, clock).of(place, entry) is expected
