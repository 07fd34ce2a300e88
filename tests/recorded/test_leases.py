"""Leases and locks that a fleet of version 1 holds are seen as held."""

from __future__ import annotations

from typing import Any, cast

import msgspec
import pytest

from flowworker.jetstream.client.api import StoredMessage
from flowworker.jetstream.leases import BucketLeases
from flowworker.jetstream.names import Names
from flowworker.testing import ManualClock
from tests.recorded.files import Message
from tests.recorded.recording import RECORDINGS, Recording


class OneLease:
    """The API and the records of a bucket in which there is nothing else."""

    def __init__(self, lease: Message) -> None:
        self._lease = lease

    async def last(self, stream: str, subject: str) -> StoredMessage:
        assert (stream, subject) == (self._lease.stream, self._lease.subject)
        return StoredMessage(self._lease.subject, self._lease.sequence, data=self._lease.data)

    async def keys(self, pattern: str) -> list[str]:
        return [self._lease.key]


@pytest.mark.parametrize("kind", ["coordinator", "partition", "lock"])
@pytest.mark.parametrize("recording", RECORDINGS, ids=repr)
async def test_a_lease_is_held_by_whom_it_says_for_as_long_as_it_says(
    recording: Recording, kind: str
):
    locks = recording.stored("KV_flowworker_locks")
    found = [each for each in locks if each.key.startswith(f"{kind}.") and not each.is_marker]

    assert found
    for each in found:
        said, bucket = msgspec.json.decode(each.data), cast(Any, OneLease(each))
        clock = ManualClock(said["until"] - 0.5 * said["ttl"])
        leases = BucketLeases(cast(Any, None), bucket, Names("flowworker").locks, bucket, clock)
        left = await leases.remaining(each.key)

        assert await leases.holders(each.key) == {each.key: said["holder"]}
        assert left is not None
        assert 0.0 < left < said["ttl"]
        assert each.headers["Nats-TTL"] == f"{said['ttl']}s"
