"""Ids of starts that were refused are used again, in whole fleets of one process."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from msgspec.structs import replace

from flowworker.client import Client
from flowworker.codec.event_data import EventData
from flowworker.coordinator.commands.addressing import publish_to_run
from flowworker.core.event_types import EventType
from flowworker.core.records import RunRecord
from flowworker.core.status import RunStatus
from flowworker.ports import Backend
from flowworker.stores.stores import stores_of
from tests.client.run_limits import Calls, fleet_of_runs
from tests.support.waiting import WAIT_LIMIT, eventually


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest_asyncio.fixture
async def fleet(
    client: Client, backend: Backend, coordinator: None, calls: Calls
) -> AsyncIterator[Client]:
    async with fleet_of_runs(client, backend, calls) as made:
        yield made


async def refused_beside(
    fleet: Client, calls: Calls, backend: Backend, refused: str = ""
) -> RunRecord:
    """The record of a second start, beside a first one that is at work."""
    first = await fleet.start("skips", run_id="first")
    await eventually(lambda: calls.begun == [first])
    found = await stores_of(backend).runs.load(first)
    assert found is not None
    assert found[0].admission is not None
    admission = replace(found[0].admission, admitted=False, refused=refused)
    origin, status = "1@1.000000", RunStatus.PENDING
    return replace(found[0], run="second", origin=origin, status=status, admission=admission)


async def test_the_id_of_a_start_that_was_refused_can_be_used(
    fleet: Client, calls: Calls, backend: Backend
) -> None:
    # Given a coordinator that died after it had refused a start and before it removed its record
    left = await refused_beside(fleet, calls, backend, "no place")
    await stores_of(backend).runs.save(left, 0)

    # Then nobody takes it for the run that is started under its id
    await fleet.start("two", run_id="second")
    await eventually(lambda: calls.begun == ["first", "second"])
    assert (await fleet.status("second")).workflow == "two"


async def test_a_cancel_that_crossed_a_rejection_does_not_stop_the_next_run_of_that_id(
    fleet: Client, calls: Calls, backend: Backend
) -> None:
    # Given a start that is refused while it is asked to stop
    refused = await refused_beside(fleet, calls, backend)
    data = EventData(id="second", name="skips", reason="no need", at=2.0)
    await publish_to_run(backend, refused, "", EventType.CANCEL_REQUESTED, data, "7")

    # When its id is used again
    await fleet.start("two", run_id="second")
    await eventually(lambda: calls.begun == ["first", "second"])
    calls.end()

    assert (await fleet.result("second", WAIT_LIMIT)).status == "COMPLETED"
