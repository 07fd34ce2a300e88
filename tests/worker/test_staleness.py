"""Messages that know more, or less, than the records that a worker sees."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from flowworker.core.status import Outcome, Priority
from flowworker.ports import Delivery, StepAddress
from flowworker.testing.clock import settle
from tests.worker.fleet import Fleet, running


async def queued(fleet, message):
    address = StepAddress(message.queue, message.priority, message.run, message.step)
    return len(await fleet.backend.steps.queued(address))


async def test_a_message_that_knows_more_than_the_records_waits_for_them(fleet, calls):
    await fleet.worker()

    message = await fleet.run("count", number=2, revision=await fleet.backend.runs.put("a", b""))
    await fleet.clock.advance(10.0)
    assert (calls, await queued(fleet, message)) == ([], 1)
    failed = replace(running(fleet.clock), outcome=Outcome.FAILED, lease_until=0.0)
    revision = await fleet.write(failed)
    await fleet.send(replace(message, revision=revision), again="!")
    await fleet.clock.advance(90.0)

    assert calls == [("s", 2)]
    assert await queued(fleet, message) == 0


async def test_it_is_offered_again_soon(fleet, calls):
    ahead = await fleet.backend.runs.put("a", b"") + 2  # behind the run's record
    await fleet.worker()
    await fleet.run("count", number=2, revision=ahead)
    assert calls == []

    failed = replace(running(fleet.clock), outcome=Outcome.FAILED, lease_until=0.0)
    assert await fleet.write(failed) == ahead
    await fleet.clock.advance(4.0)

    assert calls == [("s", 2)]


async def test_a_later_attempt_that_outlived_its_run_is_dropped(fleet, calls):
    await fleet.worker()

    message = await fleet.run("count", number=2, revision=99)
    await fleet.clock.advance(90.0)

    assert (calls, await queued(fleet, message)) == ([], 0)


@pytest.mark.parametrize("seen", [True, False])
async def test_a_run_that_is_not_found_may_only_be_unseen(fleet, calls, seen):
    # Given a message that comes again, of a run that the records do not show
    message = fleet.message("count")
    await fleet.send(message)
    deliveries: list[Delivery] = []
    other = await fleet.backend.steps.consume("default", Priority.NORMAL, deliveries.append)
    other.grant(1)
    await settle()
    await deliveries[0].nak()
    await other.stop()
    body, _ = await fleet.backend.runs.read("run.r1")
    await fleet.backend.runs.purge("run.r1")

    await fleet.worker()
    await fleet.clock.advance(20.0)
    assert (calls, await queued(fleet, message)) == ([], 1)
    if seen:
        await fleet.backend.runs.put("run.r1", body)
    await fleet.clock.advance(90.0)

    assert (calls, await queued(fleet, message)) == ([("s", 1)] if seen else [], 0)


async def test_a_steps_queue_is_in_its_key(settings):
    fleet = Fleet(settings)

    @fleet.app.step("x")
    async def x(ctx):
        return 1

    await fleet.worker(queues=("gpu",))
    await fleet.run("x", queue="gpu")

    assert (await fleet.record(queue="gpu")).outcome is Outcome.COMPLETED
    await fleet.close()
