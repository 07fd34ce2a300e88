"""The last messages of many subjects: what is missing or lost is said, and asked again."""

from __future__ import annotations

import asyncio
import json

import pytest

from bench.chaos.proxy import Proxy
from flowworker.embedded import EmbeddedServer
from flowworker.errors import PermissionDenied, Unavailable
from flowworker.jetstream import ConnectionOptions
from flowworker.jetstream.client.api import Api
from flowworker.jetstream.client.connection import connect
from flowworker.jetstream.client.latest import last_of_each
from flowworker.jetstream.records import BucketRecords
from tests.support.waiting import eventually

USER = {
    "user": "gpu",
    "password": "secret",
    "permissions": {"publish": ["$JS.API.INFO"], "subscribe": ["_INBOX.>"]},
}


async def test_a_right_that_is_missing_is_said_at_once(tmp_path):
    config = f"authorization {{users: {json.dumps([USER])}}}"
    with EmbeddedServer(store=tmp_path, config=config) as server:
        options = ConnectionOptions(url=server.url, user="gpu", password="secret")
        connection = await connect(options)

        with pytest.raises(PermissionDenied, match=r'add "\$JS\.API\.DIRECT\.GET\.KV_runs" to its'):
            await last_of_each(Api(connection), "KV_runs", ["$KV.runs.>"], 10)
        await connection.close()


async def test_a_stream_that_does_not_exist_is_named(api, names):
    with pytest.raises(Unavailable, match=r"DIRECT\.GET\.nothing"):
        await last_of_each(api, "nothing", [">"], 10)


@pytest.mark.parametrize("direction", ["deaf", "dumb"])
async def test_what_was_lost_is_asked_for_again(
    proxy: Proxy, proxied, publisher, api, names, direction
):
    await BucketRecords(publisher, api, names.first.runs).put("run.one", b"value")
    records = BucketRecords(publisher, Api(proxied), names.first.runs)
    setattr(proxy, direction, True)
    found = records.few(["run.*"], 10)

    async def again():
        await eventually(lambda: proxy.lost > 0)
        setattr(proxy, direction, False)

    result, _ = await asyncio.gather(found, again())
    assert result == {"run.one": (b"value", 1)}
