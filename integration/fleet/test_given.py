"""`with`, `output` and defaults on a real fleet: its processes are killed; its payloads sealed."""

from __future__ import annotations

import asyncio

from flowworker import connect, parse
from integration.fleet import test_sealed
from integration.fleet.fleet import Fleet
from integration.fleet.test_sealed import LARGE, MARK, heard, keys
from tests.support.waiting import WAIT_LIMIT

__all__ = ["heard", "keys"]  # fixtures

GIVEN = """
name: given
input_schema: {type: object, properties: {who: {type: string, default: Ada}}}
output: {seen: "${steps.last.output.seen}", by: "${steps.mid.output.from}", who: "${input.who}"}
steps:
- {id: first, uses: ok, with: {}}
- {id: mid, uses: ok, depends_on: first, with: {who: "${input.who}"}}
- id: last
  uses: sees
  depends_on: mid
  timeout: '${input.who == "Ada" ? 30 : 1}'
  priority: '${input.who == "Ada" ? "high" : "low"}'
  with: {who: "${input.who}!", mid: "${steps.mid.output}"}
"""

SEALED = """
name: sealed
output: {text: "${steps.b.output}"}
steps:
- id: a
  uses: passed_on
  with: {card: "${input.card}"}
  saga: {uses: undo, with: {small: "${steps.a.output}", card: "${input.card}"}}
- {id: b, uses: passed_on, depends_on: a, with: {card: "${steps.a.output.card}"}}
- {id: c, uses: fails, depends_on: b, with: {go: "${input.go}"}, escalation: {}}
"""


async def test_a_coordinator_and_a_worker_are_killed(fleet: Fleet):
    await fleet.client.register(parse(GIVEN))
    runs = [f"r-{number}" for number in range(60)]
    for run in runs:
        await fleet.client.start("given", run_id=run)
    await fleet.until(lambda: fleet.count(runs[0])["first"])

    for victim in fleet.processes[:2]:
        victim.kill()
        victim.wait()
    fleet.start("coordinator")
    fleet.start("worker")
    results = await asyncio.gather(*(fleet.client.result(run, WAIT_LIMIT) for run in runs))

    expected = {"seen": ["mid", "who"], "by": "mid", "who": "Ada"}
    assert [result.output for result in results] == [expected] * len(runs), results


async def test_nobody_reads_what_is_given_and_what_results(server, namespace, keys, heard):
    settings = keys("k1")
    async with (
        test_sealed.fleet(server, namespace, settings, settings),
        connect(server.url, namespace=namespace, settings=settings) as client,
    ):
        await client.register(parse(SEALED))
        runs = [await client.start("sealed", {"card": card}) for card in (MARK, LARGE)]
        for run in runs:
            await test_sealed.asked(client, run, 1)
            await client.resume(run, "skip", "c")
        results = [await client.result(run, WAIT_LIMIT) for run in runs]
        undone = await client.start("sealed", {"card": MARK})
        await test_sealed.asked(client, undone, 1)
        await client.cancel(undone)
        ended = await client.result(undone, WAIT_LIMIT)
        wire = list(heard)

    assert [result.output["text"]["card"] for result in results] == [MARK, LARGE]
    assert [result.output["text"]["seen"] for result in results] == [["card"], ["card"]]
    assert (ended.status, ended.failed_compensations) == ("CANCELLED", ())
    assert len(wire) > 50
    assert [subject for subject, data in wire if MARK.encode() in data] == []
