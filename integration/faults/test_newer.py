"""What a newer release wrote is left to it: not changed, not acknowledged, said in one line."""

from __future__ import annotations

import json

import pytest

from bench.chaos.raw import Raw
from flowworker.definitions.content import hash_of
from flowworker.embedded import EmbeddedServer
from flowworker.worker.decoding import MESSAGE_VERSION
from integration.faults.load import all_complete
from tests.support.waiting import WAIT_LIMIT

pytestmark = [pytest.mark.chaos]

NEWER = 2
BUCKET = "$KV.faults_runs"


async def body(raw: Raw, subject: str, stream: str = "KV_faults_runs") -> dict:
    """The last message of a subject."""
    messages = await raw.messages(stream, subject)
    return json.loads(messages[-1].data)


async def put(raw: Raw, subject: str, value: object) -> None:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    await raw.client.jetstream().publish(subject, data)


async def said(fleet, text: str) -> None:
    """Wait until a process says so, and see that it says it with the release in one line."""

    def lines() -> list[str]:
        return [line for line in fleet.logs().splitlines() if text in line]

    await fleet.until(lines)
    assert all("newer release" in line for line in lines())


async def waiting(raw: Raw, stream: str, consumer: str) -> int:
    """Messages that a consumer has been handed and has not acknowledged, or has yet to be."""
    info = await raw.api(f"CONSUMER.INFO.{stream}.{consumer}")
    return int(info["num_ack_pending"] + info["num_pending"])


async def test_records_of_a_newer_release(open_fleet):
    with EmbeddedServer() as server:
        async with open_fleet(server) as fleet, Raw.connected(server.url) as raw:
            # Given a run whose step record, and one whose own record, a newer release has written
            for role in ("coordinator", "worker"):
                fleet.start(role)
            step, run = [await fleet.client.start("gated", run_id=f"r-{n}") for n in range(2)]
            for each in (step, run):
                await fleet.until(lambda each=each: fleet.count(each)["wait"])
            fleet.processes[1].kill()
            subjects = (f"{BUCKET}.step.default.{step}.wait", f"{BUCKET}.run.{run}")
            before = [await body(raw, subject) for subject in subjects]
            newer = [{**one, "v": NEWER, "shape": {"is": "new"}} for one in before]
            newer[1]["status"] = "PAUSED"  # which this release cannot even decode
            for subject, one in zip(subjects, newer, strict=True):
                await put(raw, subject, one)

            # When processes of this release meet them: a worker, and coordinators with commands
            for each in (step, run):
                (fleet.trace / f"{each}.open").touch()
            fleet.start("worker")
            await raw.client.jetstream().publish(f"faults.control.cancel.{run}", b"{}")
            await said(fleet, f"step.default.{step}.wait: written by a newer release, in version 2")
            await said(fleet, f"run.{run}: written by a newer release, in version 2")

            # Then nothing is changed, and what was sent waits
            assert [await body(raw, subject) for subject in subjects] == newer
            assert await waiting(raw, "FAULTS_STEPS", "step-default-normal") >= 1
            assert await waiting(raw, "FAULTS_COMMANDS", "controls") == 1
            assert (await fleet.client.status(step)).problems

            # And goes on once a process comes that can read it: here the record is as it was
            for subject, one in zip(subjects, before, strict=True):
                await put(raw, subject, one)
            await all_complete(fleet, [step])
            ended = await fleet.client.result(run, WAIT_LIMIT)
            assert ended.status in {"COMPLETED", "CANCELLED"}  # the command comes once a minute


async def test_messages_of_a_newer_release(open_fleet):
    with EmbeddedServer() as server:
        async with open_fleet(server) as fleet, Raw.connected(server.url) as raw:
            # Given a step message, an event and a definition of a newer release, beside a run
            fleet.start("coordinator")
            run = await fleet.client.start("chain", run_id="r-0")
            fleet.start("worker")
            await all_complete(fleet, [run])
            events = await raw.messages("FAULTS_EVENTS", "faults.event.>")
            [fact] = [one for one in events if one.subject.endswith(".workflow.started")]
            other = fact.subject.replace("r-0", "r-1")
            event = json.loads(fact.data)
            event["data"] |= {"id": "r-1", "v": NEWER, "kind": "unheard-of"}
            await put(raw, other, event)
            lane = "faults.step.default.normal.r-1.a"
            await put(raw, lane, {"v": MESSAGE_VERSION + 1, "run": "r-1", "how": "new"})
            definition = json.dumps({"name": "new", "steps": [{"id": "a", "uses": "ok"}], "z": 1})
            digest = hash_of(definition.encode())
            await put(raw, f"$KV.faults_definitions.def.{digest}", definition.encode())
            await put(raw, "$KV.faults_definitions.latest.new", digest.encode())
            await raw.client.jetstream().publish("faults.start.new", b"{}")

            # When processes of this release meet them
            await said(fleet, "an event of run r-1: written by a newer release, in version 2")
            await said(fleet, "step messages of a newer release wait for its workers")
            await said(fleet, f"def.{digest}: written by a newer release, with keys or values")

            # Then they are still there to be taken, and the rest goes on
            pending = [
                await waiting(raw, "FAULTS_EVENTS", f"scheduler-{number}") for number in range(16)
            ]
            assert sum(pending) == 1
            assert await waiting(raw, "FAULTS_STEPS", "step-default-normal") == 1
            assert await waiting(raw, "FAULTS_COMMANDS", "starts") == 1
            await all_complete(fleet, [await fleet.client.start("chain", run_id="r-2")])
