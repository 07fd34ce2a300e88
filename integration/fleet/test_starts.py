"""Starting with any NATS client, and whatever else arrives on our subjects."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import nats
import pytest
import pytest_asyncio
from nats.aio.client import Client

from flowworker.core.status import RunStatus
from flowworker.embedded import EmbeddedServer
from integration.fleet.fleet import Fleet
from tests.support.waiting import WAIT_LIMIT

RUN = "run-1"


@pytest_asyncio.fixture
async def connection(fleet_server: EmbeddedServer) -> AsyncIterator[Client]:
    """A bare NATS client, as any other program would use it."""
    connection = await nats.connect(fleet_server.url)
    yield connection
    await connection.close()


async def collect(connection: Client, subject: str, last: str) -> asyncio.Task[list[dict]]:
    """Subscribe, and gather events until one of that type arrives."""
    events: list[dict] = []
    subscription = await connection.subscribe(subject)

    async def gather() -> list[dict]:
        async for message in subscription.messages:
            events.append(json.loads(message.data))
            if events[-1]["type"] == last:
                break
        return events

    return asyncio.create_task(gather())


async def test_a_bare_client_starts_a_run_and_watches_it(fleet: Fleet, connection: Client):
    task = await collect(connection, f"{fleet.namespace}.workflow.>", "workflow.completed")

    ack = await connection.jetstream().publish(f"{fleet.namespace}.start.chain", b'{"order": 1}')
    events = await asyncio.wait_for(task, WAIT_LIMIT)

    run = f"seq-{ack.seq:012d}"
    assert [event["type"] for event in events] == [
        "workflow.started",
        *["workflow.step.started", "workflow.step.completed"] * 3,
        "workflow.completed",
    ]
    assert {event["data"]["id"] for event in events} == {run}
    assert {event["specversion"] for event in events} == {"1.0"}
    assert (await fleet.client.result(run, 5)).status == "COMPLETED"


async def test_an_id_given_twice_gives_one_run(fleet: Fleet, connection: Client):
    jetstream = connection.jetstream()
    subject = f"{fleet.namespace}.start.chain"
    await jetstream.publish(subject, b"{}", headers={"Nats-Msg-Id": RUN})
    await fleet.until(lambda: fleet.shows(RUN, "c", "COMPLETED"))
    # Outside of the dedupe window the stream takes the id again.
    await jetstream.purge_stream(f"{fleet.namespace.upper()}_COMMANDS")
    await connection.publish(subject, b"{}", headers={"Nats-Msg-Id": RUN})
    inbox = await connection.subscribe("_INBOX.test.>")
    await connection.publish(
        subject, b"{}", headers={"Nats-Msg-Id": "other", "Flow-Reply": "_INBOX.test.1"}
    )

    reply = json.loads((await inbox.next_msg(20)).data)

    assert (reply["id"], reply["status"]) == ("other", "COMPLETED")
    assert fleet.count(RUN) == {"a": 1, "b": 1, "c": 1}
    assert (await fleet.types(RUN)).count("started") == 1


BAD_STARTS = {
    "unknown workflow": ("start.nothing.like.it", b"{}", {}, "no workflow 'nothing.like.it'"),
    "not JSON": ("start.chain", b"{nonsense", {}, "not JSON"),
    "not an object": ("start.chain", b"[1]", {}, "must be a JSON object, found list"),
    "bad input": ("start.strict", b'{"order_id": "x"}', {}, "input_schema"),
    "bad id": ("start.chain", b"{}", {"Nats-Msg-Id": "a b.c"}, "cannot be a run id"),
    "bad reply": ("start.chain", b"{}", {"Flow-Reply": "orders.paid"}, "not allowed"),
    "reply to all": ("start.chain", b"{}", {"Flow-Reply": "_INBOX.>"}, "not allowed"),
    "long reply": ("start.chain", b"{}", {"Flow-Reply": "_INBOX." + 5000 * "x"}, "not allowed"),
    "deep input": ("start.chain", 257 * b'{"a":' + b"1" + 257 * b"}", {}, "deeper than 256"),
    "bad priority": ("start.chain", b"{}", {"Flow-Priority": "urgent"}, "expected high"),
    "unknown control": ("control.dance.run-9", b"{}", {}, "expected control."),
    "bad control": ("control.resume.run-9", b'{"action": "pray"}', {}, "action"),
    "bad signal": ("signal.run-9", b"{}", {}, "expected signal.<run id>.<name>"),
}


@pytest.mark.parametrize("case", BAD_STARTS)
async def test_a_bad_command_yields_one_rejection_and_harms_nobody(
    standing_fleet: Fleet, connection: Client, case: str
):
    subject, body, headers, reason = BAD_STARTS[case]
    rejected = await connection.subscribe(f"{standing_fleet.namespace}.workflow.rejected")

    await connection.publish(f"{standing_fleet.namespace}.{subject}", body, headers=headers or None)
    event = json.loads((await rejected.next_msg(WAIT_LIMIT)).data)
    result = await standing_fleet.client.run("strict", {"order_id": 1}, timeout=WAIT_LIMIT)

    assert reason in event["data"]["reason"]
    assert result.status == "COMPLETED"
    assert rejected.pending_msgs == 0


async def test_an_id_whose_start_was_rejected_may_be_used_again(fleet: Fleet, connection: Client):
    jetstream, headers = connection.jetstream(), {"Nats-Msg-Id": RUN}
    rejected = await connection.subscribe(f"{fleet.namespace}.workflow.rejected")
    await jetstream.publish(f"{fleet.namespace}.start.nothing", b"{}", headers=headers)
    await rejected.next_msg(WAIT_LIMIT)
    config = (await jetstream.stream_info(f"{fleet.namespace.upper()}_COMMANDS")).config
    await jetstream.update_stream(config, duplicate_window=0.1)  # instead of ten seconds

    completed = await connection.subscribe(f"{fleet.namespace}.workflow.completed")

    async def is_stored() -> bool:
        subject = f"{fleet.namespace}.start.chain"
        return not (await jetstream.publish(subject, b"{}", headers=headers)).duplicate

    await fleet.until(is_stored)

    event = json.loads((await completed.next_msg(WAIT_LIMIT)).data)
    assert event["data"]["id"] == RUN


async def test_foreign_messages_on_our_subjects_poison_nothing(fleet: Fleet, connection: Client):
    fact = b'{"id": "1", "type": "workflow.timed_out", "data": {"id": "a$b"}}'
    for subject in (
        "event.0.run-x.workflow.step.completed",
        "event.0.a$b.workflow.timed_out",
        "step.default.normal.run-x.a",
        "timer.due.x",
        "timer.due.a$b.timeout",
        "timer.due.run-x.tea",
    ):
        for body in (b"", b"nonsense", b"{}", b'{"v": 99}', fact, bytes(range(256)), b"[" * 9999):
            await connection.publish(f"{fleet.namespace}.{subject}", body)
    await connection.flush()

    assert (await fleet.client.run("chain", run_id=RUN, timeout=WAIT_LIMIT)).status == "COMPLETED"

    jetstream, name = connection.jetstream(), fleet.namespace.upper()

    async def are_done_with() -> bool:
        consumers = [(f"{name}_EVENTS", "scheduler-0"), (f"{name}_STEPS", "timers")]
        found = [await jetstream.consumer_info(*consumer) for consumer in consumers]
        return not any(info.num_pending or info.num_ack_pending for info in found)

    await fleet.until(are_done_with)


async def test_subjects_that_are_no_text_use_nothing_up(fleet: Fleet, fleet_server: EmbeddedServer):
    namespace = fleet.namespace.encode()
    host, port = fleet_server.url.removeprefix("nats://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    await reader.readline()
    writer.write(b'CONNECT {"verbose":false}\r\n')
    for partition in range(16):
        foreign = b"event.%d.r\xfc.workflow.started" % partition
        writer.write(600 * (b"PUB %s.%s 2\r\n{}\r\n" % (namespace, foreign)))
    for foreign in (
        b"start.gr\xf6\xdfe",
        b"step.default.normal.run-x.\xfc",
        b"timer.due.\xfc.timeout",
    ):
        writer.write(b"PUB %s.%s 2\r\n{}\r\n" % (namespace, foreign))
    writer.write(b"PING\r\n")
    assert b"PONG" in await asyncio.wait_for(reader.readline(), WAIT_LIMIT)
    writer.close()

    assert (await fleet.client.run("chain", run_id=RUN, timeout=WAIT_LIMIT)).status == "COMPLETED"


async def test_an_output_that_is_no_json_fails_the_step_once(standing_fleet: Fleet, run: str):
    result = await standing_fleet.client.run("unserialisable", run_id=run, timeout=WAIT_LIMIT)

    assert (result.status, standing_fleet.count(run)) == ("FAILED", {"bad": 1})


async def test_a_finished_run_leaves_nothing_after_its_retention(
    standing_fleet: Fleet, run: str, connection: Client
):
    await standing_fleet.client.run("strict", {"order_id": 1}, run_id=run, timeout=WAIT_LIMIT)

    async def subjects() -> list[str]:
        found = []
        for stream in ("COMMANDS", "STEPS", "EVENTS"):
            info = await connection.jetstream().stream_info(
                f"{standing_fleet.namespace.upper()}_{stream}", subjects_filter=">"
            )
            found += list(info.state.subjects or {})
        info = await connection.jetstream().stream_info(
            f"KV_{standing_fleet.namespace}_runs", subjects_filter=">"
        )
        return found + list(info.state.subjects or {})

    assert any(run in subject for subject in await subjects())
    await standing_fleet.until(lambda: _none_of(subjects, run))


async def _none_of(subjects, run: str) -> bool:
    return not [subject for subject in await subjects() if run in subject]


async def test_a_new_version_does_not_touch_an_active_run(fleet: Fleet):
    from flowworker.definitions import parse

    await fleet.client.start("slow", {"seconds": 2}, run_id=RUN)
    await fleet.until(lambda: fleet.count(RUN)["wait"])
    await fleet.client.register(parse("{name: slow, version: v2, steps: [{id: other, uses: ok}]}"))

    assert (await fleet.client.result(RUN, WAIT_LIMIT)).output == {
        "last": {"from": "last", "last_done": True}
    }
    assert (await fleet.client.run("slow", run_id="new", timeout=WAIT_LIMIT)).output.keys() == {
        "other"
    }


async def test_a_control_message_right_behind_its_start(fleet: Fleet, connection: Client):
    runs = [f"run-{number}" for number in range(50)]
    for run in runs:
        headers = {"Nats-Msg-Id": run}
        await connection.publish(f"{fleet.namespace}.start.slow", b"{}", headers=headers)
        await connection.publish(f"{fleet.namespace}.control.cancel.{run}", b"")

    async def are_over() -> bool:
        return len(await fleet.client.list(RunStatus.CANCELLED)) == len(runs)

    await fleet.until(are_over)
