"""Steps that wait, on a real fleet whose processes are killed meanwhile."""

from __future__ import annotations

import asyncio
import json
from types import ModuleType

from flowworker.core.status import RunStatus, StepStatus
from integration.fleet.fleet import ROOT
from tests.docs.pages import FENCE
from tests.support.waiting import WAIT_LIMIT


def bare_client(namespace):
    """What the documentation shows, for a namespace of ours."""
    page = (ROOT / "docs/how-to/wait.md").read_text(encoding="utf-8")
    [text] = [block[3] for block in FENCE.finditer(page) if block[2] == "python"]
    module = ModuleType("documented")
    exec(text.replace('"flowworker.signal', f'"{namespace}.signal'), module.__dict__)
    return module.signal


async def waits(fleet, run, step):
    async def does_wait():
        view = await fleet.client.status(run)
        return any(one.id == step and one.status is StepStatus.RUNNING for one in view.steps)

    await fleet.until(does_wait)


async def test_a_run_waits_whatever_is_killed(empty_fleet, run):
    # Given a run that sleeps, and that a signal was sent to before anybody waits for it
    fleet = empty_fleet
    first = fleet.start("coordinator")
    signal = bare_client(fleet.namespace)
    await fleet.client.start("waits", {"order": 7}, run_id=run, delay=1.0)
    for value in ({"order": 1}, {"order": 7}, {"order": 7, "again": True}):
        await signal(fleet.server.url, run, "paid", value, f"{run}-{json.dumps(value)}")
    await waits(fleet, run, "nap")

    # When its coordinator is killed
    first.kill()
    first.wait()
    fleet.start("coordinator")

    # Then it goes on with the first signal that is meant, and waits for another
    await waits(fleet, run, "again")
    await fleet.client.signal(run, "sent", {"parcel": 1})
    result = await fleet.client.result(run, WAIT_LIMIT)
    assert result.status is RunStatus.COMPLETED
    assert result.output["again"] == {"parcel": 1}
    completed = [
        (event["data"]["step_id"], event["data"]["output"]["data"])
        for event in await fleet.client.history(run)
        if event["type"] == "workflow.step.completed"
    ]
    assert completed == [("nap", {}), ("paid", {"order": 7}), ("again", {"parcel": 1})]


async def test_a_signal_is_a_few_lines_of_the_protocol(standing_fleet, run):
    """What a client in whatever language sends, as the one in Node that the page shows."""
    fleet = standing_fleet
    await fleet.client.start("waits", {"order": 7}, run_id=run)
    host, port = fleet.server.url.removeprefix("nats://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    await reader.readline()
    writer.write(b'CONNECT {"verbose":false,"headers":true}\r\nSUB answers.%s 1\r\n' % run.encode())

    # When it is sent twice with one id
    head = f"NATS/1.0\r\nNats-Msg-Id: {run}.scan-7\r\n\r\n".encode()
    body = b'{"order": 7}'
    subject = f"{fleet.namespace}.signal.{run}.paid answers.{run}"
    line = f"HPUB {subject} {len(head)} {len(head) + len(body)}\r\n".encode()
    writer.write(2 * (line + head + body + b"\r\n"))

    # Then the stream acknowledges it, the second time as a duplicate
    stored, again = [await _answer(reader) for _ in range(2)]
    writer.close()
    assert (stored["seq"], "duplicate" in stored) == (again["seq"], False)
    assert again["duplicate"] is True

    # And the run has it once
    await fleet.until(lambda: fleet.shows(run, "again", "RUNNING"))
    await fleet.client.signal(run, "sent", {"parcel": 1})
    result = await fleet.client.result(run, WAIT_LIMIT)
    assert result.status is RunStatus.COMPLETED
    [paid] = [
        event["data"]["output"]["data"]
        for event in await fleet.client.history(run)
        if event["type"] == "workflow.step.completed" and event["data"]["step_id"] == "paid"
    ]
    assert paid == {"order": 7}


async def _answer(reader):
    """The body of the next message."""
    while not (line := await asyncio.wait_for(reader.readline(), WAIT_LIMIT)).startswith(b"MSG"):
        assert line.split() in ([b"PING"], [])
    length = int(line.split()[-1])
    return json.loads(await reader.readexactly(length))
