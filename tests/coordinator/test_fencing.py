"""An attempt is fenced off: at once if nobody has it, else its worker is asked until it is over."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from flowworker.coordinator.performing.fencing import Fences
from flowworker.core.attempt import Attempt
from flowworker.core.effects import Fence
from flowworker.core.model import Step, Workflow
from flowworker.core.payload import EMPTY
from flowworker.core.records import RunRecord, StepRecord
from flowworker.core.state import initial
from flowworker.core.status import Kind, Outcome, RunStatus
from flowworker.definitions.content import plan_of
from flowworker.errors import Unavailable
from flowworker.settings import Settings
from flowworker.stores.runs import RunStore
from flowworker.stores.stores import stores_of
from flowworker.testing import ManualClock
from tests.coordinator.support import parts_of
from tests.support.faults import Flaky
from tests.support.histories import bodies

RUN = "r1"
LEASE = 30.0
PLAN = plan_of(Workflow("one", (Step("a", "any"),)))
STATE = initial(PLAN, RunRecord(RUN, "one", PLAN.hash, RunStatus.RUNNING, EMPTY, 0.0), 1)
WANTED = Fence("a", Attempt(Kind.RUN, 1, 1))


@dataclass
class Scene:
    """Fences, what they act upon, and what they asked and published."""

    fences: Fences
    clock: ManualClock
    runs: RunStore
    records: Flaky
    notifier: Flaky
    backend: Any

    async def save(self, revision: int = 0, kind: Kind = Kind.RUN, **fields: Any) -> int:
        record = StepRecord(RUN, "a", kind, 1, 1, **fields)
        return await self.runs.save_step("default", record, revision)

    async def claimed(self, lease: float = 1000 * LEASE, **fields: Any) -> int:
        until = self.clock.now() + lease
        return await self.save(outcome=Outcome.RUNNING, lease_until=until, **fields)

    async def outcome(self) -> Outcome:
        found = await self.runs.load_step("default", RUN, "a")
        assert found is not None
        return found[0].outcome

    def asked(self) -> int:
        return len(self.notifier.calls)

    async def published(self) -> list[bytes]:
        return await bodies(self.backend.events, RUN)


@pytest.fixture
async def scene(backend):
    clock, records, notifier = ManualClock(), Flaky(backend.runs), Flaky(backend.notifier)
    stores = stores_of(replace(backend, runs=records, notifier=notifier), Settings(lease=LEASE))
    made = parts_of(stores, clock).fences
    yield Scene(made, clock, RunStore(backend.runs), records, notifier, backend)
    await made.stop()


async def test_an_attempt_that_nobody_has_is_over_at_once(scene):
    await scene.fences.fence(PLAN, STATE, WANTED)
    looks = len(scene.records.calls)
    await scene.clock.advance(2 * LEASE)

    assert await scene.outcome() is Outcome.CANCELLED
    assert [b"step.cancelled" in event for event in await scene.published()] == [True]
    assert scene.asked() == 0
    assert len(scene.records.calls) == looks  # and nobody comes back to it


async def test_a_worker_is_asked_until_its_attempt_is_over(scene):
    revision = await scene.claimed()

    await scene.fences.fence(PLAN, STATE, WANTED)
    await scene.fences.fence(PLAN, STATE, WANTED)  # an event that came twice
    assert scene.asked() == 2
    await scene.clock.advance(LEASE / 3)
    assert scene.asked() == 3  # one of them asks on
    await scene.save(revision, outcome=Outcome.COMPLETED)
    await scene.clock.advance(LEASE / 3)
    assert [b"step.completed" in event for event in await scene.published()] == [True]
    looks = len(scene.records.calls)
    await scene.clock.advance(2 * LEASE)

    assert scene.asked() == 3
    assert len(scene.records.calls) == looks


@pytest.mark.parametrize("error", [Unavailable("no answer"), ZeroDivisionError()])
async def test_what_goes_wrong_meanwhile_does_not_end_the_asking(scene, error):
    await scene.claimed()
    await scene.fences.fence(PLAN, STATE, WANTED)
    scene.notifier.scripts["publish"] = [error]

    await scene.clock.advance(LEASE / 3)
    await scene.clock.advance(LEASE / 3)

    assert scene.asked() == 3


async def test_a_claim_whose_lease_ran_out_is_taken_away(scene):
    await scene.claimed(lease=LEASE / 2)

    await scene.fences.fence(PLAN, STATE, WANTED)
    assert await scene.outcome() is Outcome.RUNNING
    await scene.clock.advance(LEASE)

    assert await scene.outcome() is Outcome.CANCELLED


async def test_a_step_that_is_undone_already_is_let_be(scene):
    await scene.claimed(kind=Kind.COMPENSATE)

    await scene.fences.fence(PLAN, STATE, WANTED)
    await scene.clock.advance(2 * LEASE)

    assert scene.asked() == 0
    assert await scene.outcome() is Outcome.RUNNING


async def test_an_answer_older_than_the_fence_is_not_believed(scene):
    revision = await scene.claimed()

    with pytest.raises(Unavailable, match="stale"):
        await scene.fences.fence(
            PLAN, STATE, Fence("a", Attempt(Kind.RUN, 1, 1), revision=revision + 1)
        )

    assert await scene.outcome() is Outcome.RUNNING


async def test_one_who_claims_the_attempt_in_the_last_moment_is_asked(scene):
    async def claim(*_: object) -> None:
        await scene.claimed()

    # Given nobody who has it when the fence looks, and somebody when it writes
    scene.records.scripts["write"] = [claim]

    await scene.fences.fence(PLAN, STATE, WANTED)

    assert scene.asked() == 1
    assert await scene.outcome() is Outcome.RUNNING
