"""Labels that a definition gives to its runs, from their input."""

from __future__ import annotations

import pytest

from flowworker.core.model import Step, Workflow
from flowworker.core.status import RunStatus
from flowworker.errors import InvalidInput
from flowworker.testing.clock import settle
from tests.coordinator.resting import RUN, World

STEPS = (Step("nap", sleep=1.0),)
LABELS = {
    "team": "shipping",
    "customer": "${input.customer}",
    "late": "${input.late}",
    "place": "in ${input.city}",
    "hint": "${has(input.hint) ? input.hint : ''}",
    "none": "${input.none}",
}
SCHEMA = {
    "properties": {
        "customer": {},
        "late": {"type": "boolean"},
        "city": {"type": "string", "default": "Köln"},
        "none": {"default": None},
        "hint": {"type": "string"},
        "pin": {"secret": True},
    }
}
FLOW = Workflow("w", STEPS, labels=LABELS, input_schema=SCHEMA)
INPUT = {"customer": 7, "late": False}
FOUND = {"team": "shipping", "customer": "7", "late": "false", "place": "in Köln"}


@pytest.fixture
async def world():
    async with World() as world:
        await world.client.register(FLOW)
        await world.coordinator()
        yield world


async def labels_of(world, run=RUN):
    return (await world.client.status(run)).labels


async def refused(world, workflow="w", value=INPUT, run_id="refused", **options):
    """Why a start is refused."""
    run = await world.client.start(workflow, value, run_id=run_id, **options)
    await settle()
    with pytest.raises(InvalidInput) as failure:
        await world.client.result(run)
    return str(failure.value)


async def test_a_run_has_the_labels_of_its_definition(world):
    await world.client.start("w", INPUT, run_id=RUN)
    await settle()

    assert await labels_of(world) == FOUND
    assert (await world.client.history(RUN))[0]["data"]["labels"] == FOUND
    page = await world.client.find('label.customer=7 label.place="in Köln"')
    assert [run.id for run in page.runs] == [RUN]


async def test_those_of_its_start_go_before_and_are_not_evaluated(world):
    labels = {"customer": "own", "team": "b", "late": "no", "more": "x"}
    await world.client.start("w", {"city": "Ulm"}, run_id=RUN, labels=labels)
    await settle()

    assert await labels_of(world) == {"place": "in Ulm", **labels}


async def test_they_are_there_before_it_begins_and_stay(world):
    await world.client.start("w", INPUT, run_id=RUN, delay=60)
    await settle()
    assert (await world.client.status(RUN)).status is RunStatus.PENDING
    assert await labels_of(world) == FOUND

    await world.client.register(Workflow("w", STEPS, labels={"team": "other"}))
    await world.pass_by(62.0)

    assert (await world.client.status(RUN)).status is RunStatus.COMPLETED
    assert await labels_of(world) == FOUND


async def test_expressions_of_a_run_see_its_labels(world):
    output = {"of": "${run.labels.customer} ${run.labels.own}"}
    labels = {"customer": "${input.customer}"}
    await world.client.register(Workflow("w", STEPS, labels=labels, output=output))
    await world.client.start("w", INPUT, run_id=RUN, labels={"own": "b"})
    await settle()
    await world.pass_by(2.0)

    assert (await world.client.result(RUN)).output == {"of": "7 b"}


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("${input.gone}", "label x: 'input.gone': input has no 'gone'"),
        ("${input.list}", "label x: expected a text of 1 to 256 printable characters"),
        ("${input.text}", "label x: expected a text of 1 to 256 printable characters"),
        ('a"${input.list}', "label x: expected a text of 1 to 256 printable characters"),
    ],
)
async def test_one_that_comes_to_no_label_refuses_the_start(world, label, said):
    await world.client.register(Workflow("v", STEPS, labels={"x": label}))

    assert said in await refused(world, "v", {"list": [1], "text": "x" * 257})
    assert await world.stores.runs.load("refused") is None


async def test_there_are_few_together_with_those_of_the_start(world):
    many = {f"n{number}": "x" for number in range(13)}

    assert "expected at most 16 labels, found 17" in await refused(world, labels=many)


async def test_a_secret_is_not_shown_by_one_nor_by_why_it_is_refused(world):
    both = {"a": "${input.a}", "b": "${int(input.b)}"}
    schema = {"properties": {"pin": {"secret": True}}, "additionalProperties": True}
    await world.client.register(Workflow("v", STEPS, labels=both, input_schema=schema))

    said = await refused(world, "v", {"pin": "swordfish", "a": "is swordfish", "b": 1})
    assert "label a would show what is secret" in said
    said = await refused(world, "v", {"pin": "swordfish", "a": "b", "b": "swordfish"}, "other")
    assert "label b: " in said
    assert "swordfish" not in said


async def test_a_child_has_those_of_its_own_definition(world):
    call = Step("call", workflow="w", with_=INPUT)
    group = Step("group", steps=STEPS, with_=INPUT)
    await world.client.register(Workflow("parent", (call, group), labels={"of": "parent"}))
    await world.client.start("parent", run_id=RUN)
    await settle()

    found = (await world.client.find(f"parent={RUN}")).runs
    assert {run.workflow: run.labels for run in found} == {"w": FOUND, "parent.group": {}}
    assert await labels_of(world) == {"of": "parent"}


async def test_a_child_whose_labels_are_none_fails_its_step(world):
    call = Step("call", workflow="w", with_={"customer": 7})
    await world.client.register(Workflow("parent", (call,)))
    await world.client.start("parent", run_id=RUN)
    await settle()

    result = await world.client.result(RUN)
    assert "workflow 'w' refuses its input: label late: 'input.late'" in result.error


class TestReruns:
    """One is labelled as a start with its input would be, and what the first start gave."""

    @pytest.fixture
    async def ended(self, world):
        labels = {"team": "own", "more": "x"}
        await world.client.start("w", {**INPUT, "hint": "h"}, run_id=RUN, labels=labels)
        await settle()
        await world.pass_by(2.0)
        assert await labels_of(world) == {**FOUND, "hint": "h", **labels}

    async def again(self, world, **options):
        run = await world.client.rerun(RUN, new_id="again", **options)
        await settle()
        return await labels_of(world, run)

    async def test_with_the_same_input(self, world, ended):
        assert await self.again(world) == await labels_of(world)

    async def test_with_another_input(self, world, ended):
        found = await self.again(world, input={"customer": 8, "late": True})

        assert found == {**FOUND, "customer": "8", "late": "true", "team": "own", "more": "x"}

    async def test_with_an_input_that_has_no_labels(self, world, ended):
        run = await world.client.rerun(RUN, new_id="again", input={"customer": 8})
        await settle()

        with pytest.raises(InvalidInput, match=r"label late: 'input\.late': input has no 'late'"):
            await world.client.result(run)

    async def test_with_another_definition(self, world, ended):
        await world.client.register(Workflow("w", STEPS, labels={"new": "${input.customer}"}))

        assert await self.again(world, latest=True) == {"new": "7", "team": "own", "more": "x"}

    async def test_with_a_definition_that_has_none(self, world, ended):
        await world.client.register(Workflow("w", STEPS))

        assert await self.again(world, latest=True) == {"team": "own", "more": "x"}
