"""Records and leases as a worker reads them: by requests that name the key."""

from __future__ import annotations

import pytest

from flowworker.clock import SystemClock
from flowworker.errors import Unavailable
from flowworker.jetstream.client import headers
from flowworker.jetstream.client.api import Api
from flowworker.jetstream.leases import BucketLeases
from flowworker.jetstream.records import BucketRecords


@pytest.fixture
def direct(connection):
    return Api(connection, direct=True)


async def test_a_record_is_read_with_its_revision(direct, publisher, names):
    records = BucketRecords(publisher, direct, names.first.runs)
    value = b"first\r\n\r\nsecond"

    revision = await records.write("step.gpu.one.a", value, 0)

    assert await records.read("step.gpu.one.a") == (value, revision)
    assert await records.read("step.gpu.one.b") is None


async def test_a_marker_is_no_record(direct, publisher, names):
    records = BucketRecords(publisher, direct, names.first.runs)
    await records.write("run.one", b"value", 0)

    block = headers.encode({"KV-Operation": "DEL"})
    await publisher.publish(names.first.runs.subject("run.one"), b"", block)

    assert await records.read("run.one") is None
    assert await records.write("run.one", b"again", 0)


async def test_a_lock_changes_hands(direct, publisher, names):
    records = BucketRecords(publisher, direct, names.locks)
    leases = BucketLeases(publisher, direct, names.locks, records, SystemClock())
    token = await leases.acquire("lock.a", "one", 30)
    assert token is not None

    assert await leases.acquire("lock.a", "two", 30) is None
    await leases.release("lock.a", "one", token)

    assert await leases.acquire("lock.a", "two", 30) is not None


async def test_a_stream_without_direct_gets_is_named(direct, names, topology):
    with pytest.raises(Unavailable, match=f"DIRECT.GET.{names.first.steps}"):
        await direct.last(names.first.steps, f"{names.namespace}.step.gpu.low.one.a")
