"""A namespace of another release: brought to what this one makes of it, or left alone."""

from __future__ import annotations

import pytest

from flowworker.core.status import Priority
from flowworker.errors import TopologyMismatch
from flowworker.jetstream.client.api import ApiError
from flowworker.jetstream.names import PARTITIONS, TOPOLOGY
from flowworker.jetstream.topology.migration import Migration
from flowworker.jetstream.topology.options import TopologyOptions
from flowworker.jetstream.topology.specs import TOPOLOGY_VERSION, consumer_specs, stream_specs
from flowworker.jetstream.topology.streams import Topology
from flowworker.settings import Settings

NEWER = str(TOPOLOGY_VERSION + 1)
ANY = TopologyOptions()


def migration(api, names, options=ANY, **settings):
    return Migration(api, names, options, Settings(**settings), ["default"])


async def config(api, stream):
    return (await api.call(f"STREAM.INFO.{stream}"))["config"]


async def change(api, stream, **settings):
    await api.call(f"STREAM.UPDATE.{stream}", {**await config(api, stream), **settings})


async def everything(api, names):
    """All configurations of streams and consumers, by name."""
    found = {}
    for spec in stream_specs(names, ANY):
        found[spec.name] = await config(api, spec.name)
        for one in (await api.call(f"CONSUMER.LIST.{spec.name}"))["consumers"] or []:
            found[f"{spec.name} {one['name']}"] = one["config"]
    return found


async def test_what_is_missing_is_planned_and_made(api, names):
    options = TopologyOptions(storage="memory", partitions=2)
    planned = await migration(api, names, options).plan()

    assert [one.kind for one in planned].count("stream") == 7
    assert [one.kind for one in planned].count("consumer") == 2 + 1 + 2 + 3
    with pytest.raises(ApiError):
        await config(api, names.first.events)  # so far it was a plan

    await migration(api, names, options).carry_out(planned)
    assert await migration(api, names, options).plan() == []


async def test_streams_without_a_version_get_one(api, names, topology):
    before = await config(api, names.first.events)
    ours = {"ours": "yes", PARTITIONS: before["metadata"][PARTITIONS]}
    await change(api, names.first.events, metadata=ours)
    await topology.ensure()  # which no process needs

    planned = await migration(api, names).plan()
    [found] = [one for one in planned if one.differences]
    assert [(one.setting, one.found, one.wanted) for one in found.differences] == [
        ("metadata", None, {TOPOLOGY: str(TOPOLOGY_VERSION)})
    ]
    await migration(api, names).carry_out(planned)

    after = (await config(api, names.first.events))["metadata"]
    assert {name: after.get(name) for name in (*ours, TOPOLOGY)} == {
        **ours,
        TOPOLOGY: str(TOPOLOGY_VERSION),
    }


@pytest.mark.parametrize(
    ("stream", "settings"),
    [
        ("commands", {"subjects": ["{ns}.start.>"]}),
        ("commands", {"max_age": 10**12}),
        ("commands", {"discard": "old"}),
        ("steps", {"max_msgs": 10}),
        ("events", {"republish": None}),
        ("events", {"no_ack": True}),
        ("events", {"subject_transform": {"src": "a", "dest": "b"}}),
    ],
)
async def test_a_setting_with_which_nothing_works_is_mended(api, names, topology, stream, settings):
    name = names.commands if stream == "commands" else getattr(names.first, stream)
    if "subjects" in settings:
        settings = {"subjects": [one.format(ns=names.namespace) for one in settings["subjects"]]}
    before = await everything(api, names)
    await change(api, name, **settings)
    with pytest.raises(TopologyMismatch, match="let `flowworker setup` change it"):
        await topology.ensure()

    planned = [one for one in await migration(api, names).plan() if one.differences]
    assert [(one.name, [each.setting for each in one.differences]) for one in planned] == [
        (name, list(settings))
    ]
    await migration(api, names).carry_out(planned)

    assert await everything(api, names) == before
    assert not [one for one in await migration(api, names).plan() if one.differences]


async def test_what_is_the_operators_stays(api, names, topology):
    await change(api, names.commands, description="ours", max_bytes=10**9)
    await change(api, names.first.events, max_age=10**15)
    before = await everything(api, names)

    await migration(api, names).carry_out(await migration(api, names).plan())

    after = await everything(api, names)
    assert {name: after[name] for name in before} == before


async def test_what_is_asked_for_is_set(api, names, topology):
    options = TopologyOptions(events_age=3600.0)

    await migration(api, names, options).carry_out(await migration(api, names, options).plan())

    assert (await config(api, names.first.events))["max_age"] == 3600 * 10**9


@pytest.mark.parametrize(
    ("asked", "settings", "text"),
    [
        (TopologyOptions(storage="file"), {}, "storage must be 'file', found 'memory'; no server"),
        (ANY, {"deny_purge": True}, "deny_purge must be unset, found True; no server changes that"),
        (ANY, {"sealed": True}, "sealed must be unset, found True; no server changes that"),
    ],
)
async def test_what_no_server_changes_is_refused_before_anything_is_changed(
    api, names, topology, asked, settings, text
):
    await change(api, names.commands, description="first in the plan", max_age=10**12)
    await change(api, names.first.events, **settings)
    before = await everything(api, names)

    with pytest.raises(TopologyMismatch) as caught:
        await migration(api, names, asked).carry_out(await migration(api, names, asked).plan())

    assert text in str(caught.value)
    assert "\n" not in str(caught.value)
    assert await everything(api, names) == before


async def test_the_number_of_partitions_is_refused(api, names, topology):
    with pytest.raises(TopologyMismatch, match="3 partitions are asked for, found 16"):
        await migration(api, names, TopologyOptions(partitions=3)).plan()


async def test_consumers_are_changed_as_well(api, names, topology):
    await migration(api, names).carry_out(await migration(api, names).plan())
    lane = consumer_specs.lane(names.first, Settings(), "gpu", Priority.HIGH)
    for priority in Priority:
        await topology.consumer(consumer_specs.lane(names.first, Settings(), "gpu", priority))
    scheduler = consumer_specs.scheduler(names, Settings(), 3)
    fewer = {**scheduler.config, "filter_subjects": scheduler.config["filter_subjects"][:1]}
    await topology.update_consumer(scheduler, fewer)

    planned = await migration(api, names, lease=60.0).plan()
    assert {(one.name, *(each.setting for each in one.differences)) for one in planned} == {
        ("scheduler-3", "filter_subjects"),
        *(
            (f"step-{queue}-{each}", "ack_wait")
            for queue in ("default", "gpu")
            for each in Priority
        ),
    }
    await migration(api, names, lease=60.0).carry_out(planned)

    assert await migration(api, names, lease=60.0).plan() == []
    await topology.consumer(scheduler)
    await topology.consumer(
        consumer_specs.lane(names.first, Settings(lease=60.0), "gpu", Priority.HIGH)
    )
    assert lane.config["ack_wait"] == 30 * 10**9  # so that raising it was a change


async def test_a_newer_topology_is_taken_and_left_as_it_is(api, names, topology):
    """A newer release's `setup` has been here: processes of this one go on."""
    await migration(api, names).carry_out(await migration(api, names).plan())
    found = (await config(api, names.first.events))["metadata"]
    await change(api, names.first.events, metadata={**found, TOPOLOGY: NEWER}, republish=None)
    scheduler = consumer_specs.scheduler(names, Settings(), 3)
    metadata = {TOPOLOGY: NEWER}
    fewer = {**scheduler.config, "filter_subjects": scheduler.config["filter_subjects"][:1]}
    await topology.update_consumer(scheduler, {**fewer, "metadata": metadata})
    before = await everything(api, names)

    assert await Topology(api, names, ANY).ensure() == 16
    await topology.consumer(scheduler)
    planned = await migration(api, names).plan()
    await migration(api, names).carry_out(planned)

    assert [(one.name, one.newer, one.differences) for one in planned] == [
        (names.first.events, NEWER, ()),
        ("scheduler-3", NEWER, ()),
    ]
    assert await everything(api, names) == before
