"""Labels of runs: from the start to the record, the event and the views."""

from __future__ import annotations

import pytest

from flowworker.core.model import Step, Workflow
from flowworker.core.status import RunStatus
from flowworker.errors import InvalidInput
from flowworker.testing.clock import settle
from tests.coordinator.resting import RUN, World

FLOW = Workflow("w", (Step("nap", sleep=1.0),))
LABELS = {"place": "Köln, 2", "team": "a"}


@pytest.fixture
async def world():
    async with World() as world:
        await world.client.register(FLOW)
        await world.coordinator()
        yield world


async def test_a_run_has_the_labels_of_its_start(world):
    await world.client.start("w", run_id=RUN, labels=LABELS)
    await world.client.start("w", run_id="r2")
    await settle()

    assert (await world.client.status(RUN)).labels == LABELS
    assert (await world.client.history(RUN))[0]["data"]["labels"] == LABELS
    assert (await world.client.status("r2")).labels == {}
    page = await world.client.find('label.team=a label.place="Köln, 2"')
    assert [(run.id, run.labels) for run in page.runs] == [(RUN, LABELS)]
    assert [run.id for run in (await world.client.find("label.team!=a")).runs] == ["r2"]


async def test_labels_that_are_none_start_nothing(world):
    with pytest.raises(InvalidInput, match="label team: expected a text"):
        await world.client.start("w", run_id=RUN, labels={"team": ""})
    with pytest.raises(InvalidInput, match="at most 16 labels"):
        await world.client.run("w", labels={f"n{number}": "x" for number in range(17)})

    await world.backend.commands.send("start.w", b"{}", {"Nats-Msg-Id": RUN, "Flow-Labels": "a"})
    await settle()

    with pytest.raises(InvalidInput, match="Flow-Labels: expected `name=value,name=value`"):
        await world.client.result(RUN)


async def test_a_run_that_begins_later_keeps_them_and_a_rerun_has_them(world):
    await world.client.start("w", run_id=RUN, labels=LABELS, delay=60)
    await settle()
    await world.pass_by(62.0)
    assert (await world.client.status(RUN)).status is RunStatus.COMPLETED
    assert (await world.client.status(RUN)).labels == LABELS

    await world.client.rerun(RUN, new_id="again")
    await settle()

    assert (await world.client.status("again")).labels == LABELS


async def test_a_child_has_none_of_its_parents(world):
    await world.client.register(Workflow("parent", (Step("call", workflow="w"),)))
    await world.client.start("parent", run_id=RUN, labels=LABELS)
    await settle()

    [child] = (await world.client.find(f"parent={RUN}")).runs
    assert child.labels == {}
