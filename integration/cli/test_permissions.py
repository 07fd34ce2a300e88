"""The permissions in the docs are enough for each role."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import secrets
from urllib.parse import urlsplit

import nats
import pytest

from flowworker.embedded import EmbeddedServer
from integration.cli.commands import APP, ROOT, WORKFLOWS, Commands, until
from tests.support.waiting import WAIT_LIMIT

GUIDE = ROOT / "docs" / "how-to" / "secure.md"


@pytest.fixture
def server(tmp_path):
    """A server with the users of the guide."""
    [config] = re.findall(r"```\n(authorization \{.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    config = config.replace('password: "..."', 'password: "secret"')
    with EmbeddedServer(store=tmp_path / "nats", config=config) as running:
        yield running


def as_user(server, name):
    address = urlsplit(server.url).netloc
    return Commands(f"nats://{name}:secret@{address}")


def test_each_role_can_do_its_work(server):
    operator = as_user(server, "operator")
    # Given a fleet of which every process may do what the guide says
    with (
        as_user(server, "coordinator").running("coordinator"),
        as_user(server, "worker").running("worker", "--app", APP),
    ):
        operator("setup")
        # When an operator registers, starts and looks
        operator("register", str(WORKFLOWS))
        result = json.loads(
            operator("start", "sum", "--id", "one", "--input", '{"n": 5}', "--wait")
        )
        # Then all of that works
        assert result["output"] == {"second": {"n": 7}}
        assert operator.json("status", "one")["status"] == "COMPLETED"
        assert [run["id"] for run in operator.lines("list", "--workflow", "sum")] == ["one"]
        assert operator.lines("history", "one")
        # ... and so does stopping a run
        operator("start", "long", "--id", "two")
        until(operator, "two", "RUNNING")
        operator("cancel", "two")
        watched = operator.lines("watch", "two")
        assert watched[-1]["type"] == "workflow.cancelled"


def test_a_large_input_needs_no_more(server, tmp_path):
    """By an operator's client; and by a starter with nothing but a NATS client."""
    text = "x" * 3_000_000
    operator = as_user(server, "operator")
    path = tmp_path / "input.json"
    path.write_text(json.dumps({"n": 5, "text": text}))
    with (
        as_user(server, "coordinator").running("coordinator"),
        as_user(server, "worker").running("worker", "--app", APP),
    ):
        operator("setup")
        operator("register", str(WORKFLOWS))

        result = json.loads(operator("start", "sum", "--input", f"@{path}", "--wait"))
        assert result["status"] == "COMPLETED"

        started = asyncio.run(start_large(server, "by-hand", path.read_bytes()))
        assert started["id"] == "by-hand"
        assert until(operator, "by-hand", "COMPLETED")


async def start_large(server, run, body):
    """What the guide for other languages says, as a starter."""
    address = urlsplit(server.url).netloc
    client = await nats.connect(f"nats://starter:secret@{address}")
    ended = await client.subscribe(reply := client.new_inbox())
    digest, size = hashlib.sha256(body).hexdigest(), 512 * 1024
    key = f"{run}.upload.{secrets.token_hex(8)}"
    for number, at in enumerate(range(0, len(body), size)):
        subject = f"$KV.flowworker_payloads.{key}.{number}"
        chunk = body[at : at + size]
        answer = await client.request(subject, chunk, 30, headers={"Nats-TTL": "604800s"})
        assert b"error" not in answer.data
    reference = {"kind": "stored", "key": key, "size": len(body), "digest": digest}
    headers = {"Nats-Msg-Id": run, "Flow-Input": "stored", "Flow-Reply": reply}
    await client.request(
        "flowworker.start.sum", json.dumps(reference).encode(), 30, headers=headers
    )
    result = await ended.next_msg(WAIT_LIMIT)
    await client.close()
    return json.loads(result.data)
