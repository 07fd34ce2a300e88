"""Streams and consumers: created once, checked always, and changed by nobody who only checks."""

from __future__ import annotations

import asyncio

import pytest

from flowworker.core.status import Priority
from flowworker.errors import TopologyMismatch, Unavailable
from flowworker.jetstream import TopologyOptions
from flowworker.jetstream.client.api import Api
from flowworker.jetstream.client.connection import connect
from flowworker.jetstream.topology.migration import Migration
from flowworker.jetstream.topology.specs import consumer_specs, stream_specs
from flowworker.jetstream.topology.streams import Topology
from flowworker.settings import Settings
from integration.jetstream.lane import IN_MEMORY


def lane(names, **settings):
    return consumer_specs.lane(names.first, Settings(**settings), "q", Priority.HIGH)


async def change(api, stream, **settings):
    config = (await api.call(f"STREAM.INFO.{stream}"))["config"]
    await api.call(f"STREAM.UPDATE.{stream}", {**config, **settings})


async def config(api, stream):
    return (await api.call(f"STREAM.INFO.{stream}"))["config"]


async def test_twice_is_like_once(api, names):
    first = await Topology(api, names, IN_MEMORY).ensure()
    before = [await api.call(f"STREAM.INFO.{s.name}") for s in stream_specs(names, IN_MEMORY)]
    second = await Topology(api, names, IN_MEMORY).ensure()
    after = [await api.call(f"STREAM.INFO.{s.name}") for s in stream_specs(names, IN_MEMORY)]

    assert first == second == 16
    assert [one["config"] for one in before] == [one["config"] for one in after]
    assert [one["created"] for one in before] == [one["created"] for one in after]


async def test_many_creators_at_once(options, names):
    connections = await asyncio.gather(*(connect(options) for _ in range(4)))
    topologies = [Topology(Api(one), names, IN_MEMORY) for one in connections]

    assert await asyncio.gather(*(one.ensure() for one in topologies)) == [16] * 4
    await asyncio.gather(*(one.consumer(lane(names)) for one in topologies))

    for connection in connections:
        await connection.close()


async def test_creators_that_want_different_partitions(options, names):
    connections = await asyncio.gather(*(connect(options) for _ in range(4)))
    results = await asyncio.gather(
        *(
            Topology(
                Api(one), names, TopologyOptions(storage="memory", partitions=2 + i % 2)
            ).ensure()
            for i, one in enumerate(connections)
        ),
        return_exceptions=True,
    )

    # One number wins, and the others are notified
    assert len({result for result in results if isinstance(result, int)}) == 1
    assert sum(isinstance(result, TopologyMismatch) for result in results) == 2
    for connection in connections:
        await connection.close()


async def test_partitions_are_those_of_the_creation(api, names):
    created = TopologyOptions(storage="memory", partitions=5)
    assert await Topology(api, names, created).ensure() == 5

    assert await Topology(api, names, TopologyOptions()).ensure() == 5
    with pytest.raises(TopologyMismatch, match="7 partitions are asked for, found 5"):
        await Topology(api, names, TopologyOptions(partitions=7)).ensure()


async def test_lost_metadata_is_not_guessed(api, names, topology):
    await change(api, names.first.events, metadata={})

    with pytest.raises(TopologyMismatch, match="metadata flowworker"):
        await topology.ensure()


async def test_options_reach_the_server(api, names):
    options = TopologyOptions(storage="memory", events_age=3600)
    await Topology(api, names, options).ensure()

    config = (await api.call(f"STREAM.INFO.{names.first.events}"))["config"]
    assert config["storage"] == "memory"
    assert config["max_age"] == 3600 * 10**9


async def test_what_was_asked_for_and_is_not_so_is_said(api, names, topology):
    with pytest.raises(TopologyMismatch, match="storage must be 'file', found 'memory'"):
        await Topology(api, names, TopologyOptions(storage="file")).ensure()
    with pytest.raises(TopologyMismatch, match="num_replicas must be 3, found 1"):
        await Topology(api, names, TopologyOptions(replicas=3)).ensure()

    await Topology(api, names, TopologyOptions()).ensure()  # who asks for nothing takes it


async def test_what_is_made_again_from_records_is_written_behind_and_nothing_else(api, names):
    topology = Topology(api, names, TopologyOptions(durability="power"))
    await topology.ensure()

    assert topology.durability == "power"
    behind = [
        spec.name
        for spec in stream_specs(names, TopologyOptions())
        if (await config(api, spec.name)).get("persist_mode") == "async"
    ]
    assert behind == [names.first.steps, names.first.events]


@pytest.mark.parametrize(("made", "asked"), [("power", "process"), ("process", "power")])
async def test_another_durability_than_that_of_the_creation_is_refused(api, names, made, asked):
    await Topology(api, names, TopologyOptions(durability=made)).ensure()
    after = Topology(api, names, TopologyOptions())
    await after.ensure()
    assert after.durability == made

    refused = pytest.raises(TopologyMismatch, match=f"{asked} is asked for, found {made}; it is")
    with refused:
        await Topology(api, names, TopologyOptions(durability=asked)).ensure()
    with refused:
        await Migration(api, names, TopologyOptions(durability=asked), Settings(), ()).plan()


async def test_more_copies_of_what_is_written_behind_are_refused(api, names):
    await Topology(api, names, TopologyOptions(durability="power")).ensure()

    with pytest.raises(TopologyMismatch, match="machine is asked for, found power"):
        await Topology(api, names, TopologyOptions(durability="machine")).ensure()


async def test_copies_on_a_server_that_stands_alone_are_refused(api, names):
    with pytest.raises(Unavailable, match="replicas > 1 not supported"):
        await Topology(api, names, TopologyOptions(durability="machine")).ensure()


async def test_a_stream_of_steps_that_is_lost_is_made_again_as_it_was(api, names):
    topology = Topology(api, names, TopologyOptions(durability="power"))
    await topology.ensure()
    after = Topology(api, names, TopologyOptions())
    await after.ensure()
    await api.call(f"STREAM.DELETE.{names.first.steps}")

    await after.ensure()

    assert (await config(api, names.first.steps))["persist_mode"] == "async"


@pytest.mark.parametrize(
    ("stream", "settings", "text"),
    [
        ("commands", {"subjects": ["{ns}.start.>"]}, "subjects must be"),
        ("commands", {"max_age": 10**12}, "max_age must be unset, found 1000000000000"),
        ("commands", {"discard": "old"}, "discard must be 'new', found 'old'"),
        ("steps", {"max_msgs": 10}, "max_msgs must be unset, found 10"),
        ("events", {"republish": None}, "republish must be"),
        ("events", {"no_ack": True}, "no_ack must be unset, found True"),
    ],
)
async def test_a_stream_with_other_settings(api, names, topology, stream, settings, text):
    # Given a stream that somebody has changed
    name = names.commands if stream == "commands" else getattr(names.first, stream)
    if "subjects" in settings:
        settings = {"subjects": [one.format(ns=names.namespace) for one in settings["subjects"]]}
    await change(api, name, **settings)
    before = await api.call(f"STREAM.INFO.{name}")

    # When it is checked, then the error says which, what, and what to do
    with pytest.raises(TopologyMismatch) as caught:
        await topology.ensure()

    assert f"stream {name}: {text}" in str(caught.value)
    assert "let `flowworker setup` change it" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (await api.call(f"STREAM.INFO.{name}"))["config"] == before["config"]


async def test_a_bucket_that_forgets(api, names, topology):
    await change(api, names.first.runs.stream, max_age=10**12)

    with pytest.raises(TopologyMismatch, match=f"{names.first.runs.stream}: max_age must be unset"):
        await topology.ensure()


async def test_a_bucket_that_keeps_old_values(api, names, topology):
    await change(api, names.locks.stream, max_msgs_per_subject=5)

    with pytest.raises(TopologyMismatch, match="max_msgs_per_subject must be 1, found 5"):
        await topology.ensure()


async def test_what_does_not_matter_may_differ(api, names, topology):
    await change(api, names.commands, description="ours", max_bytes=10**9)
    await change(api, names.first.events, max_age=10**15)
    before = [await api.call(f"STREAM.INFO.{one}") for one in (names.commands, names.first.events)]

    await topology.ensure()

    # It is the operator's, and stays as it is
    after = [await api.call(f"STREAM.INFO.{one}") for one in (names.commands, names.first.events)]
    assert [info["config"] for info in after] == [info["config"] for info in before]
    assert after[0]["config"]["max_bytes"] == 10**9


async def test_a_consumer_with_other_settings(api, names, topology):
    await topology.consumer(lane(names, lease=30))

    await topology.consumer(lane(names, lease=20))  # it waits longer than needed: fine
    with pytest.raises(TopologyMismatch, match="ack_wait must be at least 60000000000"):
        await topology.consumer(lane(names, lease=60))


async def test_a_consumer_that_forgets_itself(api, names, topology):
    spec = lane(names)
    body = {"stream_name": spec.stream, "config": {**spec.config, "inactive_threshold": 10**12}}
    await api.call(f"CONSUMER.CREATE.{spec.stream}.{spec.name}", body)

    with pytest.raises(TopologyMismatch, match="inactive_threshold must be unset"):
        await topology.consumer(spec)


async def test_schedulers_are_handed_facts_only(api, names, topology):
    spec = consumer_specs.scheduler(names, Settings(), 3)
    await topology.consumer(spec)

    config = (await api.call(f"CONSUMER.INFO.{spec.stream}.{spec.name}"))["config"]
    assert f"{names.namespace}.event.3.*.*.workflow.step.completed" in config["filter_subjects"]
    assert not any("step.started" in one for one in config["filter_subjects"])
    assert config["max_deliver"] == -1
