"""Namespaces are made on purpose, and removed on purpose."""

from __future__ import annotations

import asyncio
import os
import pty
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import nats
import pytest

from flowworker.embedded import EmbeddedServer
from integration.cli.commands import WORKFLOWS, Commands
from tests.support.waiting import WAIT_LIMIT

STREAMS = [
    *("SHOP_COMMANDS", "SHOP_STEPS", "SHOP_EVENTS"),
    *("KV_shop_runs", "KV_shop_definitions", "KV_shop_payloads", "KV_shop_locks"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as running:
        yield running


@pytest.fixture
def commands(server: EmbeddedServer) -> Commands:
    """Commands to a server without namespaces."""
    commands = Commands(server.url)
    for name in commands("namespace", "list").split():
        commands("namespace", "delete", name, "--yes")
    return commands


def elsewhere(server: EmbeddedServer, act: Callable[[Any], Awaitable[object]]) -> None:
    """What somebody does to JetStream with other tools."""

    async def run() -> None:
        client = await nats.connect(server.url)
        await act(client.jetstream())
        await client.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    "command",
    [
        ("register", str(WORKFLOWS)),
        ("start", "sum"),
        ("start", "sum", "--wait"),
        ("status", "r"),
        ("list",),
        ("history", "r"),
        ("watch",),
        ("watch", "r"),
        ("cancel", "r"),
        ("terminate", "r"),
        ("resume", "r", "--action", "retry"),
        ("namespace", "delete", "shpo", "--yes"),
    ],
    ids=lambda command: "-".join((command[0], *command[2:])),
)
def test_a_misspelt_namespace_is_not_made(commands, command):
    commands("setup", "--namespace", "shop")
    commands("setup", "--namespace", "ship")

    line = commands.error(*command, "--namespace", "shpo", code=3)

    assert line == (
        "there is no namespace 'shpo' on this server; did you mean 'shop' or 'ship'?; "
        "if it is to be made, `flowworker setup --namespace shpo` does so"
    )
    assert commands("namespace", "list").split() == ["ship", "shop"]


def test_doctor_looks_and_does_not_make(commands):
    commands("setup", "--namespace", "shop")

    found = commands("doctor", "--namespace", "shpo", code=1)

    assert "problem streams: there is no namespace 'shpo' on this server" in found
    assert "did you mean 'shop'?" in found
    assert commands("namespace", "list") == "shop\n"


def test_setup_makes_all_that_a_fleet_needs(commands):
    said = commands.json("setup", "--namespace", "shop", "--queue", "gpu")
    again = commands("setup", "--namespace", "shop")

    created = said.pop("created")
    assert said == {
        "namespace": "shop",
        "streams": 7,
        "partitions": 16,
        "shards": 1,
        "dry_run": False,
        "changed": [],
        "newer": [],
    }
    assert created[:7] == STREAMS
    assert "step-gpu-high" in created
    assert again == "namespace shop is there: 7 streams, 16 partitions, durability process\n"
    findings = {
        f["check"]: f for f in commands.lines("doctor", "--no-fleet", "--namespace", "shop")
    }
    assert all(each["ok"] for each in findings.values())
    assert "partitions" in findings


def test_setup_says_what_it_would_do_and_then_does_it(commands, server):
    # Given a fleet that is made, and of which somebody has changed a stream
    lines = commands("setup", "--namespace", "shop", "--dry-run").splitlines()
    assert lines[0] == "stream SHOP_COMMANDS: would be created"
    assert len(lines) == 7 + 22
    assert commands("namespace", "list") == ""
    commands("setup", "--namespace", "shop")

    async def forget(jetstream) -> None:
        info = await jetstream.stream_info("SHOP_COMMANDS")
        await jetstream.update_stream(info.config.evolve(max_age=60))

    elsewhere(server, forget)

    # When asked what would be done, it says so and does nothing; then it does it; then it is done
    said = "stream SHOP_COMMANDS: max_age {}changed from 60000000000 to None\n"
    for _ in range(2):
        dry = commands("setup", "--namespace", "shop", "--dry-run")
        assert dry == said.format("would be ")
    [change] = commands.json("setup", "--namespace", "shop", "--dry-run")["changed"]
    assert change == {
        "kind": "stream",
        "name": "SHOP_COMMANDS",
        "setting": "max_age",
        "refused": False,
        "from": 60_000_000_000,
        "to": None,
    }
    there = "namespace shop is there: 7 streams, 16 partitions, durability process\n"
    assert commands("setup", "--namespace", "shop") == said.format("") + there
    assert commands("setup", "--namespace", "shop") == there
    well = commands("setup", "--namespace", "shop", "--dry-run")
    assert well == "namespace shop is as this release makes it\n"


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_setup_refuses_what_no_server_changes(commands, server, dry):
    commands("setup", "--namespace", "shop")
    memory = Commands(server.url, FLOWWORKER_STORAGE="memory", FLOWWORKER_NAMESPACE="shop")

    line = memory.error("setup", *dry, code=1)

    assert line == (
        "stream SHOP_COMMANDS: storage must be 'memory', found 'file'; no server changes that: "
        "delete it if nothing in it matters, or use another namespace"
    )


def test_setup_heeds_how_streams_are_to_be(server, commands):
    options = {"FLOWWORKER_NAMESPACE": "shop", "FLOWWORKER_PARTITIONS": "3"}

    assert Commands(server.url, **options).json("setup")["partitions"] == 3
    line = Commands(server.url, **{**options, "FLOWWORKER_PARTITIONS": "4"}).error("setup", code=1)
    assert "4 partitions are asked for, found 3" in line


def test_a_part_of_a_namespace_is_distinguished_from_none(commands, server):
    commands("setup", "--namespace", "shop")
    elsewhere(server, lambda jetstream: jetstream.delete_stream("SHOP_STEPS"))

    line = commands.error("list", "--namespace", "shop", code=3)

    assert line.startswith("namespace 'shop' has no stream SHOP_STEPS: ")
    assert "flowworker doctor --fix" in line


def test_deleting_a_namespace_says_what_is_removed(commands):
    commands("setup", "--namespace", "shop")
    commands("setup", "--namespace", "shop2")
    commands("register", str(WORKFLOWS), "--namespace", "shop")
    run = commands("start", "sum", "--namespace", "shop").strip()

    said = commands("namespace", "delete", "shop", "--yes").splitlines()

    assert said[0] == "removed stream SHOP_COMMANDS, 1 messages"
    assert [line.split()[2].rstrip(",") for line in said[:-1]] == STREAMS
    assert said[-1].startswith("removed namespace shop: 7 streams, ")
    commands.error("status", run, "--namespace", "shop", code=3)
    assert commands("namespace", "list") == "shop2\n"


def test_deleting_for_programs(commands):
    commands("setup", "--namespace", "shop")

    said = commands.json("namespace", "delete", "shop", "--yes")

    assert said == {"namespace": "shop", "removed": STREAMS, "messages": 0}


@pytest.mark.parametrize(("answer", "left"), [("n", "shop\n"), ("y", "")])
def test_deleting_asks_where_somebody_can_answer(commands, server, answer, left):
    commands("setup", "--namespace", "shop")
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "flowworker", "namespace", "delete", "shop"],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"FLOWWORKER_NATS_URL": server.url},
    ) as process:
        os.write(ours, f"{answer}\n".encode())
        out, err = process.communicate(timeout=WAIT_LIMIT)
    os.close(ours)
    os.close(theirs)

    assert err.startswith("namespace shop has 7 streams, 0 messages, 0.0 MB\nremove all of it?")
    assert ("removed namespace shop" in out) == (answer == "y")
    assert commands("namespace", "list") == left


def test_nothing_is_removed_where_nobody_can_be_asked(commands):
    commands("setup", "--namespace", "shop")

    assert "--yes" in commands.error("namespace", "delete", "shop", code=2)

    assert commands("namespace", "list") == "shop\n"


def test_a_namespace_in_which_somebody_works_is_left_alone(dev):
    dev("start", "sum", "--wait")

    line = dev.error("namespace", "delete", "flowworker", "--yes", code=2)

    assert line.startswith("namespace 'flowworker' is active: ")
    dev("start", "sum", "--wait")


def test_streams_of_others_are_not_removed(commands, server):
    elsewhere(
        server,
        lambda jetstream: jetstream.add_stream(name="SHOP_EVENTS", subjects=["mine.>"]),
    )
    try:
        line = commands.error("namespace", "delete", "shop", "--yes", code=1)
        assert line.startswith("stream SHOP_EVENTS stores ['mine.>'], so it is none of namespace")
    finally:
        elsewhere(server, lambda jetstream: jetstream.delete_stream("SHOP_EVENTS"))
