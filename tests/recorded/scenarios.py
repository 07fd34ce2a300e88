"""What happens while it is recorded: between them, these say all that a fleet and its users say.

Each is a coroutine function of its own, and all run at the same time. The ids of its runs are its
name and a number: `chain-1`.
"""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

from flowworker import (
    App,
    Event,
    HumanAction,
    NATSBus,
    NATSLocker,
    NATSStore,
    connect,
    parse,
)
from tests.recorded import constructs
from tests.recorded.files import Message
from tests.recorded.fleet import SETTINGS, at_work, fleet
from tests.recorded.handlers import app
from tests.recorded.limiting import limited
from tests.recorded.pausing import halted, paused, withheld
from tests.recorded.scheduling import scheduled
from tests.recorded.stage import NAMESPACE, Stage

ROOT = Path(__file__).parents[2]
TRACE = {
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "tracestate": "vendor=x",
}
OTHER = "other"
SOMEBODY = "_INBOX.somebody.else"
MSG_ID = "Nats-Msg-Id"
EXPECTED = "Nats-Expected-Last-Subject-Sequence"


async def chain(stage: Stage) -> None:
    """Steps one after the other; started by our client and by anybody, and again when over."""
    await stage.client.start(
        "chain", run_id="chain-1", priority="low", labels={"team": "a", "place": "Köln"}
    )
    await stage.result("chain-1")
    start, body = {"Nats_Msg_Id": "chain-2", "Flow_Reply": SOMEBODY}, b'{"order":7}'
    await stage.send("start.chain", body, **start, Flow_Priority="high", **TRACE)
    await stage.result("chain-2")
    await stage.send_anew("start.chain", body, **start)
    await stage.tap.until(lambda each: each.subject == SOMEBODY and b'"partial"' in each.data)
    await stage.send_anew("start.chain", b"{}", **start)
    await stage.tap.until(lambda each: each.subject == SOMEBODY and b"RunIdTaken" in each.data)


async def numbered(stage: Stage) -> None:
    """A run without an id of its own."""
    sequence = await stage.send("start.chain", b'{"by":"numbered-1"}')
    await stage.result(f"seq-{sequence:012d}")


async def retried(stage: Stage) -> None:
    """A short delay that the handler asks for, and one that the server waits for."""
    await stage.client.start("retried", run_id="retried-1")
    await stage.result("retried-1")


async def secret(stage: Stage) -> None:
    """An input of which a part is nobody's business."""
    await stage.client.start("secret", {"token": "correct-horse", "order": 7}, run_id="secret-1")
    await stage.result("secret-1")


async def fallen(stage: Stage) -> None:
    """An error after which no attempt follows but the fallback's."""
    await stage.client.start("fallen", run_id="fallen-1")
    await stage.result("fallen-1")


async def undone(stage: Stage) -> None:
    """A saga with a compensation that fails."""
    await stage.client.start("undone", run_id="undone-1")
    await stage.result("undone-1")


async def asked(stage: Stage) -> None:
    """All answers of a human, the output given small, stored and uploaded; then a refusal."""
    run, resume = "asked-1", stage.client.resume
    await stage.client.start("asked", run_id=run)
    await stage.until(run, "waiting_human", "retried")
    await resume(run, HumanAction.RETRY)
    await stage.until(run, "waiting_human", "skipped")
    await resume(run, HumanAction.SKIP)
    for step, size in {"completed": 10, "stored": 2_000, "uploaded": 1_100_000}.items():
        await stage.until(run, "waiting_human", step)
        await resume(run, HumanAction.COMPLETE, output={"text": "w" * size})
    await stage.result(run)

    run = "asked-2"
    await stage.client.start("asked.twice", run_id=run)
    for step in ("left", "right"):
        await stage.until(run, "waiting_human", step)
    await resume(run, HumanAction.SKIP, step="left")
    await stage.until(run, "step.skipped", "left")
    await resume(run, HumanAction.CANCEL, step="right")
    await stage.result(run)


async def stopped(stage: Stage) -> None:
    """Cancelled, terminated, out of time, each with a handler that has to be stopped."""
    for run in ("stopped-1", "stopped-2"):
        await stage.client.start("held", run_id=run)
    await stage.client.start("timed", run_id="stopped-3")
    for run in ("stopped-1", "stopped-2"):
        await stage.until(run, "step.started", "hold")
    await stage.tap.until(_says_that_it_is_busy)
    await stage.client.cancel("stopped-1", "not needed any more")
    await stage.client.terminate("stopped-2")
    for run in ("stopped-1", "stopped-2", "stopped-3"):
        await stage.result(run)


def _says_that_it_is_busy(message: Message) -> object:
    return ".present.worker." in message.subject and re.search(rb'"running":[1-9]', message.data)


async def large(stage: Stage) -> None:
    """Outputs that are stored, a result that is partial, and an input that is uploaded."""
    await stage.client.start("large", {"size": 2_000}, run_id="large-1")
    await stage.result("large-1")
    await stage.client.start("bulky", {"size": 300_000}, run_id="large-2")
    await stage.result("large-2")
    await stage.client.start("chain", {"text": "z" * 1_100_000}, run_id="large-3")
    await stage.result("large-3")


async def wide(stage: Stage) -> None:
    """Outputs that are put into links."""
    await stage.client.start("wide", run_id="wide-1")
    await stage.result("wide-1")


async def rejected(stage: Stage) -> None:
    """What cannot be taken: starts, and a control message before and after the end of its run."""
    await stage.send("start.nonsense", b"{}", Nats_Msg_Id="rejected-1", Flow_Reply=SOMEBODY)
    await stage.send("start.strict", b"{}", Nats_Msg_Id="rejected-2")
    await stage.send("start.chain", b"[]", Nats_Msg_Id="rejected-3")
    for run in ("rejected-1", "rejected-2", "rejected-3"):
        await stage.until(run, "rejected")
    await stage.client.start("held", run_id="rejected-4")
    await stage.until("rejected-4", "step.started", "hold")
    await stage.send("control.resume.rejected-4", b'{"answer":42}')
    await stage.send("signal.rejected-4.hurry", b"")
    await stage.until("rejected-4", "rejected")
    app.runtime["rejected-4"].set()
    await stage.result("rejected-4")
    sequence = await stage.send("control.cancel.rejected-4", b"")
    await stage.until(f"seq-{sequence:012d}", "rejected")


async def retained(stage: Stage) -> None:
    """A run that is removed."""
    await stage.client.start("strict", {"order": 7}, run_id="retained-1")
    await stage.result("retained-1")
    await stage.tap.until(lambda each: each.subject.endswith(".timer.due.retained-1.retention"))


async def emitting(stage: Stage) -> None:
    """What handlers emit and lock."""
    await stage.client.start("emitting", run_id="emitting-1")
    await stage.result("emitting-1")


async def unserved(stage: Stage) -> None:
    """A step that waits for its handler."""
    await stage.client.start("unserved", run_id="unserved-1")
    async with at_work(stage.url, "worker-without", App(), "rare"):
        await stage.until("unserved-1", "step.waiting_handler")
    async with at_work(stage.url, "worker-with", app, "rare"):
        await stage.result("unserved-1")


async def lost(stage: Stage) -> None:
    """Workers that die, and another one that takes their steps over.

    One of the messages is lost as well, so that the coordinator sends it again.
    """
    module = ("-m", "tests.recorded.doomed", stage.url)
    for run in ("lost-1", "lost-2"):
        await stage.client.start("killing", run_id=run)
        process = await asyncio.create_subprocess_exec(sys.executable, *module, cwd=ROOT)
        assert await process.wait() == 9
        if run == "lost-1":
            steps, gone = "FLOWWORKER_STEPS", f"{NAMESPACE}.step.doomed.normal.{run}.kill"
            await stage.connection.jetstream().purge_stream(steps, subject=gone)
    async with at_work(stage.url, "worker-after", app, "doomed"):
        for run in ("lost-1", "lost-2"):
            await stage.result(run)


async def returned(stage: Stage) -> None:
    """A claim that is renewed, and given back by a worker that ends in good order."""
    await stage.client.start("leaving", run_id="returned-1")
    async with at_work(stage.url, "worker-leaving", app, "brief"):
        claim = "$KV.flowworker_runs.step.brief.returned-1.hold"
        await stage.tap.until(lambda each: each.subject == claim and each.headers[EXPECTED] != "0")
    app.runtime["returned-1"].set()
    async with at_work(stage.url, "worker-staying", app, "brief"):
        await stage.result("returned-1")


async def checkpointed(stage: Stage) -> None:
    """An execution of which a user of the state store keeps the checkpoints."""
    run = "checkpointed-1"
    async with NATSStore(stage.url, settings=SETTINGS) as store:
        await store.initialize_execution(run, b'{"order":7}')
        await store.save_state(run, "", "RUNNING")
        for state in ("PENDING", "RUNNING", "RETRYING", "REPEATING", "FALLBACK", "WAITING_HUMAN"):
            await store.save_state(run, "first", state)
        await store.save_state(run, "first", "FAILED")
        await store.save_step_output(run, "first", b'{"done":true}')
        for state in ("COMPLETED", "COMPENSATING", "COMPENSATED"):
            await store.save_state(run, "first", state)
        await store.save_state(run, "second", "SKIPPED")
        await store.save_state(run, "third", "CANCELLED")
        await store.record_event_emitted(run, "order.paid")
        await store.set_ttl(run, 60.0)
        await store.save_state(run, "", "COMPLETED")


async def locked(stage: Stage) -> None:
    """A lock that somebody waits for, and one whose name is no subject."""
    async with NATSLocker(stage.url) as locker:
        await locker.acquire("stock", "locked-1", ttl=5)
        waiting = asyncio.create_task(locker.acquire("stock", "locked-2", ttl=5, timeout=60))
        await stage.tap.until(lambda each: "stock" in each.subject and each.refused)
        await locker.release("stock", "locked-1")
        await waiting
        await locker.acquire("stock of all", "locked-2", ttl=5)


async def broadcast(stage: Stage) -> None:
    """Events on a bus of its own."""
    async with NATSBus(stage.url) as bus:
        await bus.publish(Event("shop", "opened", {"by": "broadcast-1"}, id="broadcast-1/opened"))


async def elsewhere(stage: Stage) -> None:
    """A fleet in another namespace than the default one."""
    async with connect(stage.url, namespace=OTHER, settings=SETTINGS, create=True) as client:
        await client.register(parse("{name: alone, steps: [{id: emit, uses: emit}]}"))
        async with fleet(stage.url, app, OTHER):
            await client.run("alone", run_id="elsewhere-1")
        await stage.until("elsewhere-1", "completed")


SCENARIOS = (
    *(chain, numbered, retried, secret, fallen, undone, asked, stopped, paused, large, wide),
    *(halted, withheld),
    *(
        rejected,
        retained,
        emitting,
        unserved,
        lost,
        returned,
        checkpointed,
        locked,
        broadcast,
        elsewhere,
    ),
    scheduled,
    limited,
    *constructs.SCENARIOS,
)
