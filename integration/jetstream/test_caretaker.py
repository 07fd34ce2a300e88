"""Streams that vanish, or come back as something else, under their consumers."""

from __future__ import annotations

import pytest

from flowworker.jetstream.client.api import ApiError
from flowworker.jetstream.topology import caretaker
from flowworker.jetstream.topology.caretaker import Caretaker
from tests.support.waiting import eventually


@pytest.fixture
async def watching(connection, topology, monkeypatch):
    monkeypatch.setattr(caretaker, "CHECK_INTERVAL", 0.05)
    made = Caretaker(connection, topology)
    made.start()
    yield made
    await made.stop()


async def test_a_stream_that_is_gone_is_made_again(watching, api, names):
    await api.call(f"STREAM.DELETE.{names.first.events}")

    async def is_back():
        try:
            return await api.call(f"STREAM.INFO.{names.first.events}")
        except ApiError:
            return None

    await eventually(is_back)
    assert watching.satisfied


async def test_a_stream_that_became_another_is_left_alone_and_reported(watching, api, names):
    config = (await api.call(f"STREAM.INFO.{names.first.events}"))["config"]
    del config["republish"]
    await api.call(f"STREAM.UPDATE.{names.first.events}", config)

    await eventually(lambda: not watching.satisfied)
    assert "republish" not in (await api.call(f"STREAM.INFO.{names.first.events}"))["config"]

    await api.call(f"STREAM.DELETE.{names.first.events}")
    await eventually(lambda: watching.satisfied)
