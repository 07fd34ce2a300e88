"""Whether this release fits what is there, and what it says if not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import nats
import pytest

from flowworker.definitions.content import hash_of
from flowworker.embedded import EmbeddedServer
from flowworker.jetstream.names import TOPOLOGY
from flowworker.worker.decoding import MESSAGE_VERSION
from integration.cli.commands import WORKFLOWS, Commands

NEWER = 2
RUN = {
    "run": "r-1",
    "workflow": "sum",
    "definition": "",
    "status": "COMPLETED",
    "input": {"kind": "inline", "data": {}},
    "created_at": 1.0,
    "v": 1,
}
STEP = {"run": "r-1", "step": "a", "kind": "run", "turn": 1, "attempt": 1, "outcome": "COMPLETED"}


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as running:
        yield running


@pytest.fixture
def shop(server: EmbeddedServer) -> Commands:
    """A namespace with a finished run and a definition."""
    commands = Commands(server.url, FLOWWORKER_NAMESPACE="shop")
    for name in commands("namespace", "list").split():
        commands("namespace", "delete", name, "--yes")
    commands("setup")
    commands("register", str(WORKFLOWS))
    put(server, "$KV.shop_runs.run.r-1", RUN)
    put(server, "$KV.shop_runs.step.default.r-1.a", STEP)
    put(server, "$KV.shop_runs.index.COMPLETED.sum.r-1", b"")
    return commands


def elsewhere(server: EmbeddedServer, act: Callable[[Any], Awaitable[object]]) -> None:
    async def run() -> None:
        client = await nats.connect(server.url)
        await act(client.jetstream())
        await client.close()

    asyncio.run(run())


def put(server: EmbeddedServer, subject: str, value: object) -> None:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    elsewhere(server, lambda jetstream: jetstream.publish(subject, data))


def problems(shop: Commands) -> dict[str, str]:
    """What is not well, by check."""
    lines = shop("upgrade", "--check", "--json", code=1).splitlines()
    found = [json.loads(line) for line in lines]
    return {one["check"]: one["found"] for one in found if not one["ok"]}


def test_a_namespace_of_this_release_is_safe(shop):
    said = shop("upgrade", "--check")

    assert "ok      streams: as this release makes them" in said
    assert "ok      runs COMPLETED: 1 read" in said
    assert "safe, in this order:\n  1. back the namespace up" in said
    checks = [one["check"] for one in shop.lines("upgrade", "--check")]
    assert checks[:3] == ["release", "streams", "fleet"]
    assert checks[-3:] == ["definitions", "step messages", "events"]


def test_what_setup_would_change_is_said_and_is_safe(shop, server):
    async def forget(jetstream: Any) -> None:
        info = await jetstream.stream_info("SHOP_COMMANDS")
        await jetstream.update_stream(info.config.evolve(max_age=60))

    elsewhere(server, forget)

    said = shop("upgrade", "--check")

    assert "ok      streams: 1 changes of stream SHOP_COMMANDS\n" in said
    assert "`flowworker setup --dry-run` shows each" in said


def test_what_no_server_changes_is_not_safe(server, shop):
    memory = Commands(server.url, FLOWWORKER_STORAGE="memory", FLOWWORKER_NAMESPACE="shop")

    assert "storage must be 'memory', found 'file'" in problems(memory)["streams"]


@pytest.mark.parametrize("lost", ["KV_shop_locks", "SHOP_STEPS", "KV_shop_definitions"])
def test_a_namespace_that_has_lost_a_stream_is_not_safe(shop, server, lost):
    elsewhere(server, lambda jetstream: jetstream.delete_stream(lost))

    assert problems(shop)["stored"].startswith(f"there is no stream {lost}: ")


def test_the_older_release_hears_that_it_is(shop, server):
    async def bring(jetstream: Any) -> None:
        info = await jetstream.stream_info("SHOP_EVENTS")
        metadata = {**info.config.metadata, TOPOLOGY: str(NEWER)}
        await jetstream.update_stream(info.config.evolve(metadata=metadata))

    elsewhere(server, bring)

    assert problems(shop) == {"streams": "a newer release has set stream SHOP_EVENTS"}


def newer_run(server: EmbeddedServer) -> str:
    put(server, "$KV.shop_runs.run.r-1", {**RUN, "v": NEWER, "status": "PAUSED"})
    return "runs COMPLETED"


def newer_step(server: EmbeddedServer) -> str:
    put(server, "$KV.shop_runs.step.default.r-1.a", {"v": NEWER})
    return "runs COMPLETED"


def newer_definition(server: EmbeddedServer) -> str:
    raw = json.dumps({"name": "sum", "steps": [{"id": "a", "uses": "b"}], "key": 1}).encode()
    put(server, f"$KV.shop_definitions.def.{hash_of(raw)}", raw)
    put(server, "$KV.shop_definitions.latest.sum", hash_of(raw).encode())
    return "definitions"


def newer_message(server: EmbeddedServer) -> str:
    put(server, "shop.step.default.normal.r-2.a", {"v": MESSAGE_VERSION + 1})
    return "step messages"


def newer_event(server: EmbeddedServer) -> str:
    put(server, "shop.event.1.r-2.workflow.started", {"data": {"v": NEWER}})
    return "events"


@pytest.mark.parametrize(
    "bring", [newer_run, newer_step, newer_definition, newer_message, newer_event]
)
def test_what_a_newer_release_wrote_is_not_safe(shop, server, bring):
    check = bring(server)

    [(where, found)] = problems(shop).items()

    assert where == check
    assert "newer release" in found
    assert shop("upgrade", "--check", code=1).endswith("not safe: see the problems above\n")


def test_no_more_is_read_than_asked_for(shop, server):
    for number in range(2, 5):
        put(server, f"$KV.shop_runs.index.COMPLETED.sum.r-{number}", b"")
        put(server, f"$KV.shop_runs.run.r-{number}", {**RUN, "run": f"r-{number}"})

    assert "runs COMPLETED: 2 of 4 read" in shop("upgrade", "--check", "--sample", "2")


def test_there_has_to_be_a_namespace(shop):
    assert "there is no namespace 'shpo'" in shop.error(
        "upgrade", "--check", "--namespace", "shpo", "--json", code=3
    )
