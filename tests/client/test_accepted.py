"""Starts that were accepted while no coordinator lives."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from flowworker import wiring
from flowworker.client import Client, accepted, lookup
from flowworker.core.status import RunStatus
from flowworker.errors import ResultTimeout, RunNotFound, Unavailable
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from tests.support.waiting import WAIT_LIMIT, eventually

START = ("order.fulfil", {"order": 7})


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(lookup, "APPEARS", (0.0,))


@pytest.fixture
def other(client, backend):
    """One that did not start the run."""
    return Client(stores_of(backend))


@pytest.mark.parametrize("chosen", ["order-7", None])
async def test_its_status_is_that_it_waits(client, other, chosen):
    await client.start("w", run_id="another")
    run = await client.start(*START, run_id=chosen)

    for one in (client, other):
        view = await one.status(run)
        assert (view.id, view.workflow, view.status) == (run, "order.fulfil", RunStatus.PENDING)
        assert view.steps == ()
        assert "waiting for a coordinator" in view.problems[0]


async def test_so_is_that_of_a_bare_start(client, backend):
    first, second = [await backend.commands.send("start.w", b"{}", {}) for _ in range(2)]

    assert (await client.status(f"seq-{second:012d}")).status is RunStatus.PENDING
    assert (await client.status(f"seq-{first:012d}")).status is RunStatus.PENDING
    for number in (0, second + 1, 10**100):
        with pytest.raises(RunNotFound):
            await client.status(f"seq-{number:012d}")


async def test_a_wait_that_is_too_long_says_what_it_waited_for(client, other):
    run = await client.start(*START, run_id="order-7")

    for wait in (
        client.result(run, timeout=0.1),
        other.result(run, timeout=0.1),
        other.run(*START, timeout=0.2),
    ):
        with pytest.raises(ResultTimeout, match="accepted, and no coordinator has taken it in"):
            await wait


async def test_nothing_can_be_done_to_it_yet(client, other):
    run = await client.start(*START, run_id="order-7")

    for act in (client.cancel(run), other.terminate(run), other.history(run)):
        with pytest.raises(Unavailable, match="run order-7 is accepted, and waiting"):
            await act


async def test_it_is_waited_for_until_a_coordinator_comes(client, other, backend):
    run = await client.start(*START, run_id="order-7")
    waiting = asyncio.create_task(other.result(run, timeout=WAIT_LIMIT))
    with pytest.raises(ResultTimeout):
        await client.result(run, timeout=0.1)

    coordinator = wiring.make_coordinator(stores_of(backend), Metrics(CollectorRegistry()))
    await coordinator.start()

    async def begun():
        return (await other.status(run)).status is not RunStatus.PENDING

    await eventually(begun)
    await other.cancel(run)

    assert (await waiting).status is RunStatus.CANCELLED
    await coordinator.stop()


async def test_a_start_behind_very_many_is_not_found_by_its_id(client, other, monkeypatch):
    monkeypatch.setattr(accepted, "LOOKED_AT", 2)
    for number in range(3):
        await client.start("w", run_id=f"run-{number}")

    assert (await other.status("run-1")).status is RunStatus.PENDING
    with pytest.raises(RunNotFound, match="waits behind many others"):
        await other.status("run-2")
