"""A step that is repeated, on a real fleet whose processes are killed between two iterations."""

from __future__ import annotations

from flowworker import parse
from flowworker.core.status import RunStatus
from integration.fleet.fleet import Fleet
from tests.support.waiting import WAIT_LIMIT

POLLED = parse(
    """
name: polled
output: {looked: "${steps.poll.iterations}", last: "${steps.last.output.from}"}
steps:
- {id: poll, uses: ok, repeat: {until: iterations == 4 && output.poll_done, interval: 2s}}
- {id: last, uses: ok, depends_on: [poll]}
"""
)


async def test_it_is_repeated_whatever_is_killed(empty_fleet: Fleet, run: str):
    fleet = empty_fleet
    await fleet.client.register(POLLED)
    coordinator, worker = fleet.start("coordinator"), fleet.start("worker")
    await fleet.client.start("polled", {}, run_id=run)
    await fleet.until(lambda: fleet.shows(run, "poll", "REPEATING"))

    for process in (coordinator, worker):
        process.kill()
        process.wait()
    fleet.start("coordinator")
    fleet.start("worker")

    result = await fleet.client.result(run, WAIT_LIMIT)
    assert result.status is RunStatus.COMPLETED
    assert result.output == {"looked": 4, "last": "last"}
    assert fleet.count(run) == {"poll": 4, "last": 1}
    kinds = await fleet.types(run)
    assert kinds.count("step.iterated") == 4
    assert kinds.count("step.completed") == 2


async def test_a_run_that_waits_between_two_iterations_is_cancelled(
    standing_fleet: Fleet, run: str
):
    fleet = standing_fleet
    endless = parse(
        "name: endless.poll\n"
        "steps: [{id: poll, uses: ok, saga: undo, repeat: {until: 1 > 2, interval: 1h}}]\n"
    )
    await fleet.client.register(endless)
    await fleet.client.start("endless.poll", {}, run_id=run)
    await fleet.until(lambda: fleet.shows(run, "poll", "REPEATING"))

    await fleet.client.cancel(run)

    assert (await fleet.client.result(run, WAIT_LIMIT)).status is RunStatus.CANCELLED
    assert fleet.count(run) == {"poll": 1}
