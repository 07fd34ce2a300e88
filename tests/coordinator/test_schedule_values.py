"""What schedules give to their runs: labels, and input with the time in it."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from flowworker.codec.json import decode_value
from flowworker.core.model import Step, Workflow
from flowworker.core.occurrence import OccurrenceState
from flowworker.core.schedule import Schedule, run_of_time
from flowworker.errors import DefinitionError, InvalidInput
from flowworker.stores.sealing import INPUT
from flowworker.testing.clock import settle
from tests.coordinator.resting import World
from tests.coordinator.scheduling import FIRST, act, created

INPUT_GIVEN = {"until": "${schedule.time}", "of": ["run of ${schedule.id}"]}
INPUT_FOUND = {"until": "2001-09-09T01:47:00Z", "of": ["run of s"]}
LABELS = {"day": "${schedule.time.substring(0, 10)}", "team": "b"}
FLOW = Workflow(
    "labelled",
    (Step("nap", sleep=5.0),),
    labels={"team": "a", "until": "${input.until}"},
)
FIRST_RUN = run_of_time("s", FIRST)


@pytest.fixture(params=["plain", "sealed"])
async def world(request, tmp_path):
    settings = {}
    if request.param == "sealed":
        keys = tmp_path / "keys"
        keys.write_text(f"k {base64.b64encode(b'k' * 32).decode()}\n")
        settings = {"payload_keys": str(keys)}
    async with World(**settings) as world:
        await world.client.register(FLOW)
        await world.coordinator()
        yield world


async def first_run(world):
    """The run of the first time, and its input."""
    await world.pass_by(FIRST + 1.0 - world.clock.now())
    record, _ = await world.stores.runs.load(FIRST_RUN)
    data = await world.stores.payloads.load(record.input, FIRST_RUN, INPUT)
    return record, decode_value("input", data)


async def test_a_time_begins_a_run_with_what_it_comes_to(world):
    await created(world, "labelled", input=INPUT_GIVEN, labels=LABELS)
    found, _ = await world.stores.schedules.load("s")
    sealed = bool(world.stores.settings.payload_keys)
    assert (found.sealed is not None, found.schedule.input is None) == (sealed, sealed)

    record, value = await first_run(world)

    assert value == INPUT_FOUND
    assert record.labels == {"day": "2001-09-09", "team": "b", "until": INPUT_FOUND["until"]}
    assert (await world.client.schedule("s")).labels == LABELS
    [run] = (await world.client.find("label.day=2001-09-09")).runs
    assert run.id == FIRST_RUN


async def test_a_run_that_is_asked_for_has_the_time_at_which_it_was(world):
    await created(world, "labelled", input={"until": "${schedule.time}"})
    found = await act(world, world.client.trigger_schedule("s"))

    labels = (await world.client.status(found.run)).labels
    assert labels["until"].startswith("2001-09-09T01:46:40.")
    assert labels["until"].endswith("Z")


async def test_one_of_a_definition_gives_the_same(world):
    schedule = Schedule("s", cron="* * * * *", input=INPUT_GIVEN, labels=LABELS)
    again = Workflow(
        **{name: getattr(FLOW, name) for name in ("name", "steps")}, schedules=(schedule,)
    )
    await world.client.register(again)
    await settle()

    record, value = await first_run(world)

    assert value == INPUT_FOUND
    assert record.labels == {"day": "2001-09-09", "team": "b"}


async def test_labels_that_are_none_are_refused_with_the_time(world):
    schema: dict[str, Any] = {"properties": {"text": {}}}
    labels = {"text": "${input.text}"}
    await world.client.register(Workflow("labelled", FLOW.steps))
    await created(world, "labelled", input={"text": ["no text"]})
    await world.client.register(
        Workflow("labelled", FLOW.steps, labels=labels, input_schema=schema)
    )
    await world.pass_by(FIRST + 1.0 - world.clock.now())

    [one] = (await world.client.schedule("s")).recent
    assert (one.run, one.state) == (FIRST_RUN, OccurrenceState.REJECTED)
    assert "label text: expected a text of 1 to 256 printable characters" in one.reason
    assert await world.stores.runs.load(FIRST_RUN) is None


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"n": "1"}, r"input does not satisfy input_schema: \$\.n: "),
        ({"m": 1}, r"input does not satisfy input_schema: \$: "),
        ({"n": 1, "text": ["no text"]}, "label text: expected a text of 1 to 256 printable"),
    ],
)
async def test_what_could_begin_no_run_is_refused_when_it_is_created(world, said, expected):
    schema: dict[str, Any] = {
        "properties": {"n": {"type": "integer"}, "text": {}},
        "required": ["n"],
    }
    labels = {"text": "${'text' in input ? input.text : 'none'}"}
    await world.client.register(Workflow("strict", FLOW.steps, labels=labels, input_schema=schema))

    with pytest.raises(
        InvalidInput, match=f"^schedule 's' could begin no run of 'strict': {expected}"
    ):
        await created(world, "strict", input=said)

    assert await world.stores.schedules.load("s") is None
    await created(world, "strict", input={"n": 1, "text": "${schedule.time}"})
    assert (await first_run(world))[0].labels == {"text": "2001-09-09T01:47:00Z"}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"input": {"a": "${schedul.time}"}}, "nothing is called 'schedul'"),
        ({"labels": {"a": "${input.b}"}}, "nothing is called 'input'"),
        ({"labels": {"": "b"}}, "expected a name of 1 to 63 letters"),
    ],
)
async def test_what_is_wrong_is_said_before_it_is_sent(world, said, expected):
    with pytest.raises(DefinitionError, match=expected):
        await world.client.create_schedule("s", "labelled", every=60, **said)
    assert await world.client.schedules() == []
