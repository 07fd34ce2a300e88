"""Acting on many runs while the server goes and comes back."""

from __future__ import annotations

import asyncio

import pytest

from bench.ports import free_port
from flowworker.acts import Acted, Cancel, Outcome, Retry
from flowworker.core.status import RunStatus
from flowworker.embedded import EmbeddedServer
from flowworker.errors import Unavailable
from tests.support.waiting import WAIT_LIMIT, eventually

pytestmark = pytest.mark.chaos


async def act_on_all(fleet, runs, act, on_first=None):
    """What became of each in the end, called again as long as the server is away."""
    found: dict[str, Acted] = {}
    while len(found) < len(runs):
        try:
            async for one in fleet.client.act_on(runs, act, rate=25):
                found[one.id] = one
                if on_first is not None:
                    on_first, begun = None, on_first
                    await begun()
        except Unavailable:
            continue
    return found


async def test_what_a_lost_server_interrupts_goes_on(open_fleet):
    with EmbeddedServer(port=free_port()) as server:
        async with open_fleet(server) as fleet:
            # Given many runs that wait for a worker
            fleet.start("coordinator")
            runs = [f"r-{number}" for number in range(25)]
            for run in runs:
                await fleet.client.start("taken.over", run_id=run)
                await fleet.client.status(run)

            # When the server is killed while they are cancelled
            async def restart():
                await asyncio.to_thread(server.kill)
                await asyncio.to_thread(server.start)

            cancelled = await act_on_all(fleet, runs, Cancel(), restart)

            # Then all of them are, and each was asked once
            assert {one.outcome for one in cancelled.values()} <= {"requested", "already"}
            for run in runs:
                result = await fleet.client.result(run, timeout=WAIT_LIMIT)
                assert result.status is RunStatus.CANCELLED
                assert (await fleet.types(run)).count("cancel_requested") == 1

            # And when that happens while they are retried, then there is one retry of each
            retried = await act_on_all(fleet, runs, Retry(), restart)
            again = [one async for one in fleet.client.act_on(runs, Retry())]
            assert {one.new_id for one in again} == {one.new_id for one in retried.values()}

            async def listed():
                of = [one.rerun_of for one in await fleet.client.list(limit=100) if one.rerun_of]
                return sorted(of) == sorted(runs)

            await eventually(listed)
            assert Outcome.REFUSED not in {one.outcome for one in (*again, *retried.values())}
