"""Inputs that do not fit a message, on a real server: the limit, and a killed client."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from flowworker import BlockingClient, PayloadTooLarge, RunStatus, Settings, parse
from flowworker.jetstream import ConnectionOptions, Names
from flowworker.jetstream.client.api import Api
from flowworker.jetstream.client.connection import connect
from flowworker.jetstream.client.subjects import subjects_of
from flowworker.stores.payloads import UPLOAD_TTL
from tests.support.waiting import WAIT_LIMIT, eventually

LIMIT = 1_500_000
"""Bytes: above one message, of 1 MiB."""

DYING = """
import os, signal, sys
from flowworker import BlockingClient
from flowworker.stores import payloads

if len(sys.argv) > 3:
    payloads.UPLOAD_TTL = int(sys.argv[3])
upload = payloads.PayloadStore.upload

async def dying(self, run, place, data):
    await upload(self, run, place, data)
    os.kill(os.getpid(), signal.SIGKILL)

payloads.PayloadStore.upload = dying
fleet = BlockingClient(sys.argv[1], namespace=sys.argv[2])
fleet.start("chain", {"x": "x" * 3_000_000}, run_id="r")
"""


def value_of(size: int) -> dict[str, str]:
    """An input that has so many bytes as JSON."""
    return {"text": "x" * (size - len('{"text":""}'))}


@pytest.fixture
async def payloads(empty_fleet):
    """What is stored of payloads, by key."""
    connection = await connect(ConnectionOptions(url=empty_fleet.server.url))
    api, bucket = Api(connection), Names(empty_fleet.namespace).payloads

    async def stored():
        subjects = await subjects_of(api, bucket.stream, bucket.filter(">"))
        queries = [{"last_by_subj": subject} for subject in subjects]
        found = [await api.message(bucket.stream, query) for query in queries]
        return {one.subject.removeprefix(bucket.prefix): one for one in found if one is not None}

    yield stored
    await connection.close()


async def test_an_input_at_the_limit_starts_a_run_and_one_byte_more_stores_nothing(
    empty_fleet, payloads
):
    # Given a fleet and a client with a limit on payloads
    for role in ("coordinator", "worker"):
        empty_fleet.start(role, FLOWWORKER_PAYLOAD_LIMIT=str(LIMIT))
    await empty_fleet.client.register(parse("name: solo\nsteps: [{id: a, uses: sees}]"))
    where = {"namespace": empty_fleet.namespace, "settings": Settings(payload_limit=LIMIT)}

    def use():
        with BlockingClient(empty_fleet.server.url, **where) as client:
            # When an input has one byte more, then that is one error, of the client
            with pytest.raises(PayloadTooLarge, match="1,500,001 bytes and may have 1,500,000"):
                client.start("solo", value_of(LIMIT + 1), run_id="too-large")

            # And one at the limit is a run as any other
            run = client.start("solo", value_of(LIMIT), run_id="at-the-limit")
            return client.result(run, timeout=WAIT_LIMIT)

    result = await asyncio.to_thread(use)
    assert result.status is RunStatus.COMPLETED, result
    await empty_fleet.types("at-the-limit")
    assert {key.split(".")[0] for key in await payloads()} == {"at-the-limit"}

    async def upload_is_dropped():
        return {key.split(".")[1] for key in await payloads()} == {"coordinator"}

    await eventually(upload_is_dropped)


async def test_a_client_that_is_killed_before_it_starts_leaves_nothing_that_stays(fleet, payloads):
    # Given clients that are killed when their input is uploaded: with the time to live that all
    # have, and with one that a test can wait for
    for ttl in ((), ("2",)):
        command = [sys.executable, "-c", DYING, fleet.server.url, fleet.namespace, *ttl]
        died = await asyncio.to_thread(subprocess.run, command, check=False, timeout=WAIT_LIMIT)
        assert died.returncode == -9
    block = f"Nats-TTL:{UPLOAD_TTL}s"

    # Then the server removes it by itself
    async def long_lived_are_left():
        found = [one.hdrs.decode().replace(": ", ":") for one in (await payloads()).values()]
        return all(block in one for one in found)

    await eventually(long_lived_are_left)
    assert len(await payloads()) == 6  # chunks of half a MiB

    # And the fleet lives on, and the id is nobody's
    assert (await fleet.client.run("chain", {"x": "y" * 3_000_000}, run_id="r")).status is (
        RunStatus.COMPLETED
    )
