"""The whole failure policy on a real fleet."""

from __future__ import annotations

import asyncio

import pytest

from flowworker.core.status import RunStatus
from integration.fleet.fleet import Fleet
from tests.support.waiting import WAIT_LIMIT

RUN = "run-1"


async def test_a_chain_completes_and_tells_its_story_in_order(standing_fleet: Fleet, run: str):
    result = await standing_fleet.client.run("chain", {"order": 7}, run_id=run, timeout=WAIT_LIMIT)

    assert result.status == "COMPLETED"
    assert result.output == {
        "c": {"seen": ["_workflow_id", "a", "a_done", "b", "from", "input", "order", "thread"]}
    }
    assert await standing_fleet.types(run) == [
        "started",
        *["step.started", "step.completed"] * 3,
        "completed",
    ]
    assert standing_fleet.count(run) == {"a": 1, "b": 1, "c": 1}


async def test_branches_of_a_diamond_meet_once(standing_fleet: Fleet):
    results = await asyncio.gather(
        *(
            standing_fleet.client.run("diamond", run_id=f"d-{n}", timeout=WAIT_LIMIT)
            for n in range(20)
        )
    )

    assert {result.status for result in results} == {"COMPLETED"}
    for n in range(20):
        assert standing_fleet.count(f"d-{n}") == {"top": 1, "left": 1, "right": 1, "bottom": 1}


async def test_a_step_is_retried_until_it_succeeds(standing_fleet: Fleet, run: str):
    result = await standing_fleet.client.run(
        "retried", {"failures": 2}, run_id=run, timeout=WAIT_LIMIT
    )

    assert result.output == {"try": {"attempts": 3}}
    assert await standing_fleet.types(run) == [
        "started",
        "step.started",
        "step.attempt_failed",
        "step.retrying",
        "step.attempt_failed",
        "step.retrying",
        "step.completed",
        "completed",
    ]


async def test_a_long_delay_is_a_timer_of_the_server(fleet: Fleet):
    """Longer than the short delay: nobody has to live for the retry to come."""
    await fleet.client.start("retried.late", {"failures": 1}, run_id=RUN)
    await fleet.until(lambda: fleet.shows(RUN, "try", "RETRYING"))
    for process in fleet.processes:
        process.kill()
        process.wait()

    fleet.start("coordinator")
    fleet.start("worker")

    assert (await fleet.client.result(RUN, WAIT_LIMIT)).output == {"try": {"attempts": 2}}


async def test_attempts_spent_lead_to_the_fallback(standing_fleet: Fleet, run: str):
    result = await standing_fleet.client.run("fallen", run_id=run, timeout=WAIT_LIMIT)

    assert result.output == {"pay": {"from": "pay", "pay_done": True}}
    assert "step.fallback" in await standing_fleet.types(run)
    assert standing_fleet.count(run) == {"pay": 3}


async def test_a_non_retryable_error_is_not_retried(standing_fleet: Fleet, run: str):
    result = await standing_fleet.client.run("declined", run_id=run, timeout=WAIT_LIMIT)

    assert (result.status, standing_fleet.count(run)) == ("FAILED", {"pay": 1})
    assert "card declined" in result.error


@pytest.mark.parametrize(
    ("action", "status", "output"),
    [
        ("retry", "COMPLETED", {"seen": True}),
        ("skip", "COMPLETED", {"seen": False}),
        ("complete", "COMPLETED", {"seen": True}),
        ("cancel", "FAILED", {}),
    ],
)
async def test_a_human_decides(
    standing_fleet: Fleet, run: str, action: str, status: str, output: dict
):
    await standing_fleet.client.start("human", run_id=run)
    await standing_fleet.until(lambda: standing_fleet.shows(run, "ask", "WAITING_HUMAN"))

    async def is_listed():  # the index follows the record
        listed = await standing_fleet.client.list(RunStatus.WAITING_HUMAN)
        return [view.id for view in listed] == [run]

    await standing_fleet.until(is_listed)
    (standing_fleet.trace / f"{run}.permission").touch()

    await standing_fleet.client.resume(
        run, action, output={"allowed": 1} if action == "complete" else None
    )
    result = await standing_fleet.client.result(run, WAIT_LIMIT)

    assert result.status == status
    if output:
        assert ("allowed" in result.output["after"]["seen"]) == output["seen"]
    assert standing_fleet.count(run, "undo") == ({"before": 1} if status == "FAILED" else {})

    async def is_listed_no_more():
        return await standing_fleet.client.list(RunStatus.WAITING_HUMAN) == []

    await standing_fleet.until(is_listed_no_more)


async def test_a_waiting_run_survives_a_restart_of_everything(fleet: Fleet):
    await fleet.client.start("human", run_id=RUN)
    await fleet.until(lambda: fleet.shows(RUN, "ask", "WAITING_HUMAN"))
    for process in fleet.processes:
        process.kill()
        process.wait()
    (fleet.trace / f"{RUN}.permission").touch()

    fleet.start("coordinator")
    fleet.start("worker")
    await fleet.client.resume(RUN, "retry")

    assert (await fleet.client.result(RUN, WAIT_LIMIT)).status == "COMPLETED"
    assert fleet.count(RUN)["before"] == 1


async def test_the_saga_undoes_in_reverse_order_and_goes_on_after_a_failure(
    standing_fleet: Fleet, run: str
):
    result = await standing_fleet.client.run("saga", run_id=run, timeout=WAIT_LIMIT)

    assert (result.status, result.needs_attention) == ("FAILED", True)
    assert result.failed_compensations == ("two",)
    undone = [note[1] for note in standing_fleet.notes(run) if note[0] == "undo"]
    assert undone == ["three", "two", "two", "one"]
    types = await standing_fleet.types(run)
    assert types[-1] == "failed"
    assert types.index("compensating") < types.index("step.compensated")
    assert types.count("step.compensation_failed") == 1


@pytest.mark.parametrize("workflow", ["slow", "slow.thread"])
async def test_cancel_stops_the_handler_and_compensates(
    standing_fleet: Fleet, run: str, workflow: str
):
    await standing_fleet.client.start(workflow, run_id=run)
    await standing_fleet.until(lambda: standing_fleet.count(run)["wait"])

    await standing_fleet.client.cancel(run, "changed my mind")
    result = await standing_fleet.client.result(run, WAIT_LIMIT)

    assert (result.status, result.error) == ("CANCELLED", "changed my mind")
    assert standing_fleet.count(run, "cancelled") == {"wait": 1}
    assert standing_fleet.count(run, "undo") == {"first": 1}
    assert (await standing_fleet.types(run))[-1] == "cancelled"


async def test_terminate_ends_at_once_without_compensation(standing_fleet: Fleet, run: str):
    await standing_fleet.client.start("slow", run_id=run)
    await standing_fleet.until(lambda: standing_fleet.count(run)["wait"])

    await standing_fleet.client.terminate(run)
    result = await standing_fleet.client.result(run, WAIT_LIMIT)

    assert result.status == "CANCELLED"
    await standing_fleet.until(lambda: standing_fleet.count(run, "cancelled") == {"wait": 1})
    assert standing_fleet.count(run, "undo") == {}


async def test_a_failure_stops_what_runs_beside_it(standing_fleet: Fleet, run: str):
    result = await standing_fleet.client.run("fails.beside.slow", run_id=run, timeout=WAIT_LIMIT)

    assert result.status == "FAILED"
    assert standing_fleet.count(run, "cancelled").keys() <= {"slow"}
    assert standing_fleet.count(run, "undo") == {"done": 1}


async def test_a_step_has_a_timeout(standing_fleet: Fleet, run: str):
    result = await standing_fleet.client.run("step.timeout", run_id=run, timeout=WAIT_LIMIT)

    assert (result.status, standing_fleet.count(run)) == ("FAILED", {"wait": 2})
    assert "Timeout" in result.error


async def test_a_run_has_a_timeout(standing_fleet: Fleet, run: str):
    result = await standing_fleet.client.run("run.timeout", run_id=run, timeout=WAIT_LIMIT)

    assert (result.status, result.error) == ("FAILED", "workflow timed out after 1 s")
    assert standing_fleet.count(run, "undo") == {"first": 1}


async def test_outputs_that_fit_no_message_are_offloaded(standing_fleet: Fleet, run: str):
    size = 3_000_000
    result = await standing_fleet.client.run(
        "offloaded", {"size": size}, run_id=run, timeout=WAIT_LIMIT
    )

    assert result.output == {"measure": {"size": size}}


async def test_queues_keep_workers_apart(fleet: Fleet):
    await fleet.client.start("elsewhere", run_id=RUN)
    await fleet.until(lambda: fleet.shows(RUN, "here", "COMPLETED"))
    other = fleet.start("worker", "--queue", "other")

    assert (await fleet.client.result(RUN, WAIT_LIMIT)).status == "COMPLETED"
    processes = {note[1]: int(note[3]) for note in fleet.notes(RUN)}
    assert processes["there"] == other.pid != processes["here"]


async def test_steps_of_every_priority_pass_a_busy_worker_by(empty_fleet: Fleet):
    # Given two workers with one slot each, one of which is busy
    fleet = empty_fleet
    fleet.start("coordinator")
    fleet.start("worker", "--concurrency", "1")
    fleet.start("worker", "--concurrency", "1")
    await fleet.client.start("slow", {"seconds": 600}, run_id=RUN)
    await fleet.until(lambda: fleet.count(RUN)["wait"])
    busy = next(note[3] for note in fleet.notes(RUN) if note[1] == "wait")

    # When runs of every priority come, then the other one takes all their steps
    for priority in ("high", "low", "normal"):
        for n in range(5):
            run = f"{priority}-{n}"
            await fleet.client.run("chain", run_id=run, priority=priority, timeout=WAIT_LIMIT)
            assert busy not in {note[3] for note in fleet.notes(run)}
    await fleet.client.terminate(RUN)
