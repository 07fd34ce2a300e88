"""Records on a bucket: what the contract suite does not see."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from flowworker.core.ids import partition_of
from flowworker.errors import Conflict, InvalidInput
from flowworker.jetstream.client import headers
from flowworker.jetstream.client.api import Api
from flowworker.jetstream.client.publisher import Publisher
from flowworker.jetstream.names import Names
from flowworker.jetstream.records import BucketRecords
from flowworker.jetstream.run_records import changed_since, run_records
from flowworker.jetstream.topology.options import TopologyOptions
from flowworker.jetstream.topology.streams import Topology


async def fill(runs, keys):
    todo = iter(keys)

    async def put() -> None:
        for key in todo:
            await runs.put(key, b"")

    await asyncio.gather(*(put() for _ in range(200)))


async def test_thousands_of_keys(runs):
    await fill(runs, [f"index.RUNNING.w.{i}" for i in range(3000)])
    await fill(runs, [f"index.FAILED.w.{i}" for i in range(300)])

    assert set(await runs.keys("index.RUNNING.>")) == {f"index.RUNNING.w.{i}" for i in range(3000)}
    assert len(await runs.keys("index.*.w.*")) == 3300
    assert await runs.keys("index.RUNNING.w.7") == ["index.RUNNING.w.7"]


@pytest.mark.slow
async def test_more_keys_than_a_page_of_the_server(runs):
    await fill(runs, [f"k.{i}" for i in range(100_500)])

    keys = await runs.keys("k.*")

    assert len(keys) == len(set(keys)) == 100_500


async def test_a_purge_leaves_no_trace(runs, api, names):
    await fill(runs, [f"step.q.r1.{i}" for i in range(50)])
    await fill(runs, ["step.q.r12.0", "run.r1"])

    await runs.purge("step.*.r1.>")

    info = await api.call(f"STREAM.INFO.{names.first.runs.stream}", {"subjects_filter": ">"})
    assert set(info["state"]["subjects"]) == {
        names.first.runs.subject("step.q.r12.0"),
        names.first.runs.subject("run.r1"),
    }


async def test_a_key_that_other_tools_deleted_does_not_exist(runs, publisher, names):
    # Given a tombstone
    await runs.write("run.a", b"1", 0)
    block = headers.encode({"KV-Operation": "DEL"})
    await publisher.publish(names.first.runs.subject("run.a"), b"", block)

    # Then the key is not there, and can be written
    assert await runs.read("run.a") is None
    revision = await runs.write("run.a", b"2", 0)
    assert await runs.read("run.a") == (b"2", revision)
    with pytest.raises(Conflict):
        await runs.write("run.a", b"3", 0)


async def test_it_is_a_bucket_to_other_tools(connection, runs):
    revision = await runs.write("run.a", b"1", 0)

    bucket = await connection.client.jetstream().key_value(runs._bucket.name)

    entry = await bucket.get("run.a")
    assert (entry.value, entry.revision) == (b"1", revision)
    await bucket.update("run.a", b"2", revision)
    assert await runs.read("run.a") == (b"2", revision + 1)


@pytest.mark.parametrize(
    "key", ["", ".a", "a.", "a..b", "a b", "a.*", ">", "a\r\nPUB x 0\r\n\r\n", "ä", "a=b", "$KV.x"]
)
async def test_a_key_that_is_none(runs, key):
    with pytest.raises(InvalidInput):
        await runs.put(key, b"")
    with pytest.raises(InvalidInput):
        await runs.read(key)


@pytest.mark.parametrize("pattern", ["", "a.>.b", "a b", "*a", "a.**", "\r\n", "a."])
async def test_a_pattern_that_is_none(runs, pattern):
    with pytest.raises(InvalidInput):
        await runs.purge(pattern)
    with pytest.raises(InvalidInput):
        await runs.keys(pattern)


async def test_values_are_bytes(runs):
    for value in (b"", b"\x00\xff\r\n", b"x" * 500_000):
        revision = await runs.put("run.a", value)
        assert await runs.read("run.a") == (value, revision)


async def test_buckets_are_apart(publisher, api, names, runs):
    payloads = BucketRecords(publisher, api, names.payloads)
    await runs.put("run.a", b"1")

    assert await payloads.read("run.a") is None


async def test_what_has_changed_since_a_revision(runs):
    await runs.put("index.FAILED.w.a", b"")
    since = await runs.put("index.FAILED.w.b", b"")
    await runs.put("index.FAILED.w.c", b"")
    await runs.put("index.RUNNING.w.d", b"")
    await runs.purge("index.FAILED.w.c")
    await runs.put("index.FAILED.w.e", b"")

    found = ["index.FAILED.w.b", "index.FAILED.w.e"]
    assert await runs.changed("index.FAILED.>", since) == found
    assert await runs.changed("index.FAILED.>", 0) == ["index.FAILED.w.a", *found]
    assert await runs.changed("index.FAILED.>", since + 99) == []


async def test_each_shard_has_revisions_of_its_own_and_what_is_of_its_partitions(
    connection, namespace
):
    api, publisher = Api(connection), Publisher(connection)
    options = TopologyOptions(storage="memory", partitions=4, shards=2)
    topology = Topology(api, Names(namespace), options)
    await topology.ensure()
    records = run_records(publisher, api, topology.names)
    changed = partial(changed_since, publisher, api, topology.names)
    runs = {partition_of(run, 4): run for run in map("r{}".format, range(99))}

    # Given a shard of which much more was written than of the other
    for number in range(20):
        await records.put(f"signal.{runs[0]}.{number}.go", b"")
    for run in runs.values():
        await records.put(f"index.FAILED.w.{run}", b"")
    since = {each: await records.put(f"looked.{each}", b"") for each in runs}
    for run in runs.values():
        await records.put(f"index.COMPLETED.w.{run}", b"")

    assert min(since[0], since[2]) > max(since[1], since[3])
    assert await changed("index.FAILED.>", since) == []
    found = await changed("index.COMPLETED.>", since)
    assert sorted(found) == sorted(f"index.COMPLETED.w.{run}" for run in runs.values())
    odd = {each: since[each] for each in (1, 3)}
    found = await changed("index.COMPLETED.>", odd)
    assert sorted(found) == sorted(f"index.COMPLETED.w.{runs[each]}" for each in odd)
