"""With the files that we ship, each role does all of its work, and nobody says that a right lacks.

That is asked of the processes' logs too: what is missing there would show only as a delay.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from bench.ports import free_port
from flowworker.embedded import EmbeddedServer
from integration.cli.commands import ROOT, Commands, until
from integration.security.accounts import as_role, connected, guarded_server
from integration.security.seeds import NAMESPACE
from tests.support.waiting import WAIT_LIMIT, blocking_eventually, eventually

HERE = ROOT / "integration" / "security"
APP = ("--app", "integration.security.handlers:app")
FAST = {"FLOWWORKER_SHORT_DELAY": "0.2", "FLOWWORKER_SWEEP": "1"}
"""Retries are timed by the server, and coordinators look for runs without progress."""


@dataclass
class Fleet:
    """A server, and what the processes of the fleet have said."""

    server: EmbeddedServer
    http_ports: tuple[int, int]
    """Of the coordinators."""

    def user(self, role: str) -> Commands:
        return as_role(self.server, role)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Two coordinators and a worker of each queue, each with its own user."""
    with guarded_server(tmp_path_factory.mktemp("nats")) as server, ExitStack() as stack:
        made = Fleet(server, (free_port(), free_port()))
        measured = [("--http-port", str(port)) for port in made.http_ports]
        made.user("administrator")("setup", "--queue", "default", "--queue", "gpu")
        started = [
            stack.enter_context(as_role(server, role, **FAST).running(*command))
            for role, *command in (
                ("coordinator", "coordinator", *measured[0]),
                ("coordinator", "coordinator", *measured[1]),
                ("worker-default", "worker", *APP),
                ("worker-gpu", "worker", *APP, "--queue", "gpu"),
            )
        ]
        made.user("registrar")("register", str(HERE / "workflows.yaml"))
        yield made
        for process in started:
            process.terminate()
        said = [process.communicate(timeout=WAIT_LIMIT)[1] for process in started]
        bad = [line for text in said for line in text.splitlines() if " may not " in line]
        assert not bad, "\n".join(bad[:5])


def test_an_operator_does_everything_with_runs(fleet, tmp_path):
    operator = fleet.user("operator")
    # Given an input that does not fit a message, for steps of two queues that use every feature
    path = tmp_path / "input.json"
    path.write_text(json.dumps({"text": "y" * 2_000_000}))

    result = json.loads(
        operator("start", "everything", "--id", "e1", "--input", f"@{path}", "--wait")
    )

    assert result["output"] == {"size": {"blob": 1_500_000, "text": 2_000_000}}
    assert operator.json("status", "e1")["status"] == "COMPLETED"
    assert [run["id"] for run in operator.lines("list", "--workflow", "everything")] == ["e1"]
    kinds = [event["type"] for event in operator.lines("history", "e1")]
    assert kinds.count("order.paid") == 2
    assert "workflow.step.retrying" in kinds
    assert [event["type"] for event in operator.lines("watch", "e1")] == kinds


def test_runs_that_are_steps_of_others(fleet):
    operator = fleet.user("operator")

    def states() -> dict[str, str]:
        return {run["workflow"]: run["status"] for run in operator.json("status", "n1")["children"]}

    # Given a step whose run has failed, so that a worker took its place, and one that goes on
    operator("start", "nested", "--id", "n1")
    assert blocking_eventually(lambda: states().get("nested.group") == "RUNNING")

    operator("cancel", "n1")

    until(operator, "n1", "CANCELLED")
    assert states() == {"nested.group": "CANCELLED"}
    failed = operator.lines("list", "--workflow", "undone", "--state", "FAILED")
    assert [run["id"].startswith("sub-call-") for run in failed] == [True]


def test_coordinators_measure_what_waits_in_the_lanes_of_all_queues(fleet):
    lanes = {
        f'flowworker_steps_pending{{priority="high",queue="{queue}"}} 0.0'
        for queue in ("default", "gpu")
    }

    def are_shown() -> bool:
        try:
            pages = [urlopen(f"http://127.0.0.1:{port}/metrics") for port in fleet.http_ports]
        except URLError:
            return False  # one has just been started
        return lanes <= set("".join(page.read().decode() for page in pages).splitlines())

    assert blocking_eventually(are_shown)


def test_what_fails_is_undone_by_the_workers_of_both_queues(fleet):
    operator = fleet.user("operator")

    operator("start", "undone", "--id", "u1", "--wait", code=1)

    kinds = [event["type"] for event in operator.lines("history", "u1")]
    assert kinds.count("workflow.step.compensated") == 2
    assert kinds[-1] == "workflow.failed"


def test_a_human_decides_and_cancels(fleet):
    for role, run in (("operator", "a1"), ("dashboard", "a2")):
        user = fleet.user(role)
        user("start", "asked", "--id", run)
        until(user, run, "WAITING_HUMAN")
        user("resume", run, "--action", "complete", "--output", '{"by": "hand"}')
        assert until(user, run, "COMPLETED")
        user("start", "endless", "--id", f"{run}-endless")
        until(user, f"{run}-endless", "RUNNING")
        user("cancel", f"{run}-endless")
        assert until(user, f"{run}-endless", "CANCELLED")
        user("start", "endless", "--id", f"{run}-ended")
        until(user, f"{run}-ended", "RUNNING")
        user("terminate", f"{run}-ended")
        assert until(user, f"{run}-ended", "CANCELLED")


def test_a_viewer_sees_all_of_it(fleet):
    operator, viewer = fleet.user("operator"), fleet.user("viewer")
    operator("start", "everything", "--id", "v1", "--wait")

    assert viewer.json("status", "v1")["status"] == "COMPLETED"
    assert "v1" in [run["id"] for run in viewer.lines("list")]
    assert viewer.lines("watch", "v1") == viewer.lines("history", "v1")
    assert blocking_eventually(lambda: viewer.code("doctor") == 0)
    # ... and changes nothing
    operator("start", "asked", "--id", "v2")
    until(operator, "v2", "WAITING_HUMAN")
    for command in (
        ("start", "everything"), ("cancel", "v2"), ("resume", "v2", "--action", "skip"),
        ("register", str(HERE)), ("setup", "--queue", "third"),
    ):  # fmt: skip
        assert "user 'viewer' may not publish to" in viewer.error(*command, code=4)


def test_a_starter_needs_no_more_than_a_nats_client(fleet):
    """Small and large inputs, as the guide for other languages says, and a monitor that hears."""
    asyncio.run(start_by_hand(fleet.server))


async def start_by_hand(server: EmbeddedServer) -> None:
    starter, monitor = await connected(server, "starter"), await connected(server, "monitor")
    heard = []

    async def note(message):
        heard.append((message.subject, json.loads(message.data)["source"]))

    for pattern in ("workflow.>", "order.>"):
        await monitor.subscribe(pattern, cb=note)
    await monitor.flush()
    ended = await starter.subscribe(reply := starter.new_inbox())

    body = json.dumps({"text": "z" * 3_000_000}).encode()
    key = f"s1.upload.{secrets.token_hex(8)}"
    reference = await upload(starter, key, body)
    headers = {"Nats-Msg-Id": "s1", "Flow-Input": "stored", "Flow-Reply": reply}
    await starter.request("flowworker.start.everything", reference, 30, headers=headers)

    result = json.loads((await ended.next_msg(WAIT_LIMIT)).data)
    assert result["output"]["size"]["data"] == {"blob": 1_500_000, "text": 3_000_000}
    ours = "/flowworker/everything/s1"
    await eventually(lambda: ("workflow.completed", ours) in heard)
    assert ("order.paid", ours) in heard
    for client in (starter, monitor):
        await client.close()


async def upload(starter, key: str, body: bytes) -> bytes:
    digest, size = hashlib.sha256(body).hexdigest(), 512 * 1024
    key = f"{key}.{digest[:16]}"
    for number, at in enumerate(range(0, len(body), size)):
        subject = f"$KV.flowworker_payloads.{key}.{number}"
        ttl = {"Nats-TTL": "604800s"}
        answer = await starter.request(subject, body[at : at + size], 30, headers=ttl)
        assert b"error" not in answer.data
    reference = {"kind": "stored", "key": key, "size": len(body), "digest": digest}
    return json.dumps(reference).encode()


def test_an_administrator_looks_after_the_fleet(fleet, tmp_path):
    administrator = fleet.user("administrator")

    administrator("doctor")
    administrator("upgrade", "--check")
    administrator("namespace", "backup", NAMESPACE, str(tmp_path / "backup"))
    assert blocking_eventually(lambda: administrator.lines("namespace", "list"))


@pytest.mark.parametrize("role", ["viewer", "operator", "dashboard"])
def test_who_looks_gets_the_place_of_a_step_in_its_queue(fleet, role):
    user, run = fleet.user(role), f"w-{role}"
    # Given a step that will wait for ever, which the doctor finds: so this is the last test
    fleet.user("operator")("start", "unserved", "--id", run)
    until(user, run, "RUNNING")

    def found() -> bool:
        [reason] = user.json("why", run)["steps"][0]["reasons"]
        return reason["kind"] == "no_worker" and reason["since"] > 0

    assert blocking_eventually(found)
    assert asyncio.run(lag_of(fleet.server, role, 0)) == 0


async def lag_of(server: EmbeddedServer, role: str, partition: int) -> int:
    """Events of the partition that no coordinator was given yet."""
    client = await connected(server, role)
    subject = f"$JS.API.CONSUMER.INFO.FLOWWORKER_EVENTS.scheduler-{partition}"
    answer = await client.request(subject, b"", WAIT_LIMIT)
    await client.close()
    return json.loads(answer.data)["num_pending"]
