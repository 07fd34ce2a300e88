"""Everything that is sent back to a process comes under the prefix that it was given."""

from __future__ import annotations

import json

import nats
import pytest

from flowworker import ConnectionOptions, ResultTimeout, connect
from flowworker.embedded import EmbeddedServer

MINE = {
    "user": "me",
    "password": "secret",
    "permissions": {"publish": [">"], "subscribe": ["_INBOX.me.>"]},
}


@pytest.fixture
def strict(tmp_path):
    """A server with a user who may hear nothing but answers."""
    config = f"authorization: {json.dumps({'users': [MINE, {'user': 'all', 'password': 'all'}]})}"
    with EmbeddedServer(store=tmp_path, config=config) as running:
        yield running


async def test_answers_and_results_come_under_the_prefix(strict):
    all_of_it = await nats.connect(strict.url, user="all", password="all")
    starts = await all_of_it.subscribe("flowworker.start.>")
    await all_of_it.flush()

    options = ConnectionOptions(strict.url, user="me", password="secret", inbox_prefix="_INBOX.me")
    async with connect(options, create=True) as client:
        with pytest.raises(ResultTimeout):
            await client.run("sum", {}, timeout=0.1)

    headers = (await starts.next_msg(10)).headers or {}
    assert headers["Flow-Reply"].startswith("_INBOX.me.")
    await all_of_it.close()
