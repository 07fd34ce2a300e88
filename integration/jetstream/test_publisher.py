"""Publishing with acknowledgement."""

from __future__ import annotations

import asyncio

import pytest

from flowworker.errors import Conflict, PayloadTooLarge, Unavailable
from flowworker.jetstream import ConnectionOptions
from flowworker.jetstream.client import headers
from flowworker.jetstream.client.connection import connect
from flowworker.jetstream.client.publisher import Publisher, UncertainConflict
from flowworker.jetstream.records import BucketRecords
from flowworker.ports import Incident
from tests.support.waiting import eventually


def subject(names, key="run.a"):
    return names.first.runs.subject(key)


async def test_sequences_grow(publisher, names):
    first = await publisher.publish(subject(names), b"1")
    second = await publisher.publish(subject(names), b"2")

    assert second.seq == first.seq + 1
    assert second.stream == names.first.runs.stream


async def test_compare_and_set(publisher, names):
    first = await publisher.publish(subject(names), b"1", headers.expecting(0))

    with pytest.raises(Conflict, match="wrong last sequence"):
        await publisher.publish(subject(names), b"2", headers.expecting(0))
    with pytest.raises(Conflict):
        await publisher.publish(subject(names), b"2", headers.expecting(first.seq + 1))

    await publisher.publish(subject(names), b"2", headers.expecting(first.seq))


async def test_of_many_at_once_one_wins(publisher, names):
    results = await asyncio.gather(
        *(publisher.publish(subject(names), b"%d" % i, headers.expecting(0)) for i in range(50)),
        return_exceptions=True,
    )

    assert sum(not isinstance(result, Exception) for result in results) == 1
    assert sum(isinstance(result, Conflict) for result in results) == 49


async def test_one_id_is_stored_once(publisher, names):
    block = headers.encode({headers.MSG_ID: "one"})
    first = await publisher.publish(f"{names.namespace}.start.w", b"{}", block)
    second = await publisher.publish(f"{names.namespace}.start.w", b"{}", block)

    assert second.seq == first.seq
    assert second.duplicate
    assert not first.duplicate


async def test_fifty_thousand_at_full_speed(publisher, api, names):
    todo = iter(range(50_000))

    async def publish() -> None:
        for i in todo:
            await publisher.publish(subject(names, f"run.{i}"), b"x", headers.expecting(0))

    await asyncio.gather(*(publish() for _ in range(100)))

    info = await api.call(f"STREAM.INFO.{names.first.runs.stream}")
    assert info["state"]["messages"] == 50_000


async def test_too_large_is_said_before_it_is_sent(publisher, names):
    with pytest.raises(PayloadTooLarge, match="max_payload of 1,048,576"):
        await publisher.publish(subject(names), b"x" * 1024 * 1024, headers.expecting(0))

    await publisher.publish(subject(names), b"x" * 1024 * 1023)  # still connected


async def test_a_full_stream_says_so(connection, publisher, api, names):
    created = await api.call(f"STREAM.INFO.{names.commands}")
    await api.call(f"STREAM.UPDATE.{names.commands}", {**created["config"], "max_msgs": 1})
    await publisher.publish(f"{names.namespace}.start.w", b"{}")
    reported: list[Incident] = []
    connection.on_incident.append(reported.append)

    with pytest.raises(Unavailable, match="maximum messages exceeded"):
        await publisher.publish(f"{names.namespace}.start.w", b"{}")

    assert reported == [Incident.PUBLISH_FAILED]


async def test_where_no_stream_listens_nothing_is_stored(publisher, names):
    with pytest.raises(Unavailable, match="no JetStream server answers"):
        await publisher.publish(f"{names.namespace}.nowhere", b"")


async def test_a_lost_acknowledgement_is_repeated_and_deduplicated(proxy, proxied, api, names):
    # Given a network that loses what the server says
    publisher = Publisher(proxied)
    block = headers.encode({headers.MSG_ID: "one"})
    proxy.deaf = True

    # When something is published and the network heals
    publishing = asyncio.ensure_future(
        publisher.publish(f"{names.namespace}.start.w", b"{}", block)
    )
    await eventually(lambda: stored(api, names.commands))
    proxy.deaf = False
    proxy.cut()

    # Then it is there once, and the publisher knows
    ack = await publishing
    assert ack.duplicate
    assert await stored(api, names.commands) == 1


@pytest.mark.parametrize("said", [{"repeatable": False}, {"same_server": True}])
async def test_what_cannot_be_repeated_is_not(proxy, proxied, api, names, said):
    publisher = Publisher(proxied)
    proxy.deaf = True

    publishing = asyncio.ensure_future(
        publisher.publish(f"{names.namespace}.start.w", b"{}", **said)
    )
    await eventually(lambda: stored(api, names.commands))
    proxy.deaf = False
    proxy.cut()

    with pytest.raises(Unavailable, match="connection to NATS was lost"):
        await publishing
    assert await stored(api, names.commands) == 1


async def test_a_write_whose_acknowledgement_is_lost_knows_its_own_bytes(
    proxy, proxied, api, names, runs
):
    # Given a write that is stored, unheard
    records = BucketRecords(Publisher(proxied), api, names.first.runs)
    proxy.deaf = True
    writing = asyncio.ensure_future(records.write("run.a", b"mine", 0))
    await eventually(lambda: runs.read("run.a"))
    proxy.deaf = False

    # When the connection is renewed, then the writer learns its revision
    proxy.cut()
    assert (b"mine", await writing) == await runs.read("run.a")


async def test_a_write_that_was_overtaken_is_a_conflict(proxy, proxied, api, names, runs):
    # Given a write that never arrives
    records = BucketRecords(Publisher(proxied), api, names.first.runs)
    proxy.dumb = True
    writing = asyncio.ensure_future(records.write("run.a", b"mine", 0))
    await eventually(lambda: proxy.lost)

    # When somebody else writes before it is repeated
    await runs.write("run.a", b"theirs", 0)
    proxy.dumb = False
    proxy.cut()

    # Then it has lost
    with pytest.raises(UncertainConflict):
        await writing


async def test_while_disconnected_it_waits_and_then_gives_up(proxy, proxied, names, monkeypatch):
    monkeypatch.setattr("flowworker.jetstream.client.retrying.RECONNECT_LIMIT", 0.5)
    publisher = Publisher(proxied)
    reported: list[Incident] = []
    proxied.on_incident.append(reported.append)
    proxy.shut = True
    proxy.cut()
    await eventually(lambda: not proxied.connected)

    with pytest.raises(Unavailable, match="not connected to NATS"):
        await publisher.publish(subject(names), b"1")

    # And when the network is back, it works again
    proxy.shut = False
    await eventually(lambda: proxied.connected)
    await publisher.publish(subject(names), b"1")
    assert reported == [Incident.PUBLISH_FAILED, Incident.RECONNECTED]


async def test_silence_is_noticed(proxy, topology, names, monkeypatch):
    monkeypatch.setattr("flowworker.jetstream.client.requests.REPLY_TIMEOUT", 0.2)
    proxied = await connect(ConnectionOptions(url=proxy.url))
    proxy.deaf = True

    with pytest.raises(Unavailable, match="did not answer within"):
        await Publisher(proxied).publish(subject(names), b"1")
    proxy.deaf = False
    await proxied.close()


async def test_a_cancelled_publish_leaves_nothing_behind(proxy, proxied, names):
    publisher = Publisher(proxied)
    proxy.deaf = True
    publishing = asyncio.ensure_future(publisher.publish(subject(names), b"1"))
    await eventually(lambda: proxy.lost)

    publishing.cancel()

    with pytest.raises(asyncio.CancelledError):
        await publishing
    proxy.deaf = False
    await publisher.publish(subject(names), b"2")


async def stored(api, stream) -> int:
    info = await api.call(f"STREAM.INFO.{stream}")
    return int(info["state"]["messages"])
