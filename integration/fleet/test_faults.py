"""Processes killed for real."""

from __future__ import annotations

import asyncio
import signal

from flowworker.jetstream.topology.options import DEFAULT_PARTITIONS
from integration.fleet.fleet import Fleet
from tests.support.waiting import WAIT_LIMIT

RUN = "run-1"


async def test_a_worker_killed_in_the_middle_of_a_step_is_replaced(fleet: Fleet):
    await fleet.client.start("taken.over", run_id=RUN)
    (first,) = await fleet.until(lambda: [note for note in fleet.notes(RUN) if note[1] == "block"])
    victim = next(p for p in fleet.processes if p.pid == int(first[3]))

    victim.send_signal(signal.SIGKILL)
    result = await fleet.client.result(RUN, 40)

    assert result.status == "COMPLETED"
    assert fleet.count(RUN) == {"first": 1, "block": 2, "last": 1}


async def test_the_late_result_of_a_hung_worker_is_refused(fleet: Fleet):
    await fleet.client.start("taken.over", run_id=RUN)
    (first,) = await fleet.until(lambda: [note for note in fleet.notes(RUN) if note[1] == "block"])
    hung = next(p for p in fleet.processes if p.pid == int(first[3]))
    hung.send_signal(signal.SIGSTOP)
    result = await fleet.client.result(RUN, 40)
    view = await fleet.client.status(RUN)

    hung.send_signal(signal.SIGCONT)
    hung.terminate()  # while it drains it finds that its claim is gone
    await asyncio.to_thread(hung.wait, 20)

    assert result.status == "COMPLETED"
    assert await fleet.client.status(RUN) == view
    assert (await fleet.types(RUN)).count("step.completed") == 3


async def test_a_coordinator_killed_in_the_middle_of_runs_is_replaced(fleet: Fleet):
    coordinator = fleet.processes[0]
    runs = [f"r-{n}" for n in range(100)]
    for run in runs:
        await fleet.client.start("diamond", run_id=run)
    await fleet.until(lambda: fleet.count(runs[0])["top"])

    coordinator.kill()
    coordinator.wait()
    fleet.start("coordinator")
    results = await asyncio.gather(*(fleet.client.result(run, 50) for run in runs))

    assert {result.status for result in results} == {"COMPLETED"}
    for run in runs:
        assert fleet.count(run) == {"top": 1, "left": 1, "right": 1, "bottom": 1}
        types = await fleet.types(run)
        assert (types[0], types[-1], types.count("completed")) == ("started", "completed", 1)


async def test_two_coordinators_share_and_one_inherits(fleet: Fleet):
    both = (fleet.processes[0], fleet.start("coordinator"))
    await fleet.until_owned(dict.fromkeys(both, DEFAULT_PARTITIONS // 2))
    runs = [f"r-{n}" for n in range(60)]
    for run in runs:
        await fleet.client.start("retried", {"failures": 2}, run_id=run)

    fleet.processes[0].kill()
    results = await asyncio.gather(*(fleet.client.result(run, 50) for run in runs))

    assert {result.status for result in results} == {"COMPLETED"}
    for run in runs:
        assert fleet.count(run) == {"try": 3}


async def test_a_step_that_kills_its_worker_fails_in_the_end(empty_fleet: Fleet):
    empty_fleet.start("coordinator")
    for _ in range(4):
        empty_fleet.start("worker")

    result = await empty_fleet.client.run("killer", run_id=RUN, timeout=WAIT_LIMIT)

    assert result.status == "FAILED"
    assert "WorkerLost" in result.error
    assert empty_fleet.count(RUN) == {"kill": 3}


async def test_sigterm_drains(fleet: Fleet):
    await fleet.client.start("slow", {"seconds": 2}, run_id=RUN)
    (first,) = await fleet.until(lambda: [n for n in fleet.notes(RUN) if n[1] == "wait"])
    worker = next(p for p in fleet.processes if p.pid == int(first[3]))

    worker.terminate()
    code = await asyncio.to_thread(worker.wait, 20)

    assert code == 0
    assert (await fleet.client.result(RUN, WAIT_LIMIT)).status == "COMPLETED"
    assert fleet.count(RUN)["wait"] == 1


async def test_a_server_killed_and_restarted_loses_nothing(fleet: Fleet):
    runs = [f"r-{n}" for n in range(50)]
    for run in runs:
        await fleet.client.start("chain", run_id=run)

    await asyncio.to_thread(fleet.server.kill)
    await asyncio.to_thread(fleet.server.restart)
    results = await asyncio.gather(*(fleet.client.result(run, 60) for run in runs))

    assert {result.status for result in results} == {"COMPLETED"}
