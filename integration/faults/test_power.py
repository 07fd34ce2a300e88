"""The power fails: of what a server writes behind the tail is gone, and what was flushed stays.

The machine is a server that is killed; what it had not flushed is what its folder has of these
streams beyond an earlier copy.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from pathlib import Path

import pytest

from bench.chaos.raw import Raw
from bench.ports import free_port
from flowworker.definitions import parse
from flowworker.embedded import EmbeddedServer
from integration.faults.load import all_complete, hold, release, start_many
from integration.fleet.fleet import Fleet
from tests.support.waiting import WAIT_LIMIT

pytestmark = pytest.mark.chaos

SHARDS = 2
BEHIND = [f"FAULTS_{kind}{shard}" for kind in ("STEPS", "EVENTS") for shard in ("", "_1")]

ASKS = """
name: asks
timeout: {timeout}
steps:
  - {{id: ask, uses: needs.permission, escalation: {{strategy: wait_human}}}}
"""

EMITS = """
name: emits
steps:
  - {id: pack, uses: emits}
"""

PATIENT = "5"
"""Seconds between sweeps: each looks at a 32nd of what waits, which is longer than a test does."""


def folders(server: EmbeddedServer) -> list[Path]:
    """Where the streams are that are written behind."""
    return [server.store / "jetstream" / "$G" / "streams" / name for name in BEHIND]


def _copy_file(source: str, target: str) -> None:
    with contextlib.suppress(FileNotFoundError):  # the server has just renamed or removed it
        shutil.copy2(source, target)


def flush(server: EmbeddedServer, to: Path) -> None:
    """What is stored now is what a failure of the power leaves."""
    for folder in folders(server):
        shutil.copytree(folder, to / folder.name, copy_function=_copy_file)


def fail(server: EmbeddedServer, flushed: Path, parts: tuple[str, ...]) -> None:
    """The machine dies, and is there again with these parts of each stream as they were flushed."""
    server.kill()
    for folder in folders(server):
        for part in parts:
            shutil.rmtree(folder / part)
            shutil.copytree(flushed / folder.name / part, folder / part)
    server.start()


@pytest.mark.parametrize(
    ("parts", "everybody"),
    [(("msgs",), False), (("msgs", "obs"), True)],
    ids=["the messages, not the positions of consumers", "both, and all processes"],
)
async def test_what_a_power_failure_takes_is_made_again(open_fleet, tmp_path, parts, everybody):
    store = tmp_path / "store"
    with EmbeddedServer(port=free_port(), store=store, sync_always=True) as server:
        async with (
            open_fleet(server, durability="power", shards=SHARDS) as fleet,
            Raw.connected(server.url) as raw,
        ):
            # Given a fleet at work, of which something was flushed
            begin(fleet)
            await fleet.client.register(parse(ASKS.format(timeout="15s")))
            await fleet.client.register(parse(EMITS))
            before = await hold(fleet, "held-before")
            load = asyncio.create_task(start_many(fleet, 60, 0.05))
            await fleet.until(lambda: fleet.count("r-10")["top"])
            await asyncio.to_thread(flush, server, tmp_path / "flushed")

            # And much that was not: steps, attempts to come, timers of a timeout, of a beginning,
            # of a schedule, of how long a run is kept
            late = await fleet.client.start("retried.late", {"failures": 1})
            limited = await fleet.client.start("asks")
            begins = await fleet.client.start("chain", delay="20s")
            await fleet.client.create_schedule("hourly", "chain", every="1h")
            naps = await fleet.client.start("waits", {"order": 1})
            await fleet.until(lambda: fleet.shows(late, "try", "RETRYING"))
            await fleet.until(lambda: fleet.shows(limited, "ask", "WAITING_HUMAN"))
            await fleet.until(lambda: fleet.shows(naps, "nap", "RUNNING"))
            held = await hold(fleet, "held-after")
            ended = await fleet.client.start("chain", run_id="ended")
            await all_complete(fleet, [ended])

            # Nor what came from outside, and how runs ended that nobody looks after any more
            cancelled = await fleet.client.start("asks", run_id="cancelled")
            await fleet.until(lambda: fleet.shows(cancelled, "ask", "WAITING_HUMAN"))
            await fleet.client.cancel(cancelled, reason="enough")
            assert (await fleet.client.result(cancelled, WAIT_LIMIT)).status == "CANCELLED"
            emitted = await fleet.client.start("emits", run_id="emitted")
            await all_complete(fleet, [emitted])
            await raw.client.publish("faults.start.unknown", headers={"Nats-Msg-Id": "refused"})
            await fleet.until(lambda: _published(raw, "refused"))
            over = {run: await _published(raw, run) for run in (ended, cancelled, emitted)}
            over["refused"] = await _published(raw, "refused")

            # When the power fails
            if everybody:
                for process in fleet.processes:
                    process.kill()
            await asyncio.to_thread(fail, server, tmp_path / "flushed", parts)
            if everybody:
                begin(fleet)
            release(fleet, [*before, *held])

            # Then every run goes on, and ends as it would have
            await all_complete(fleet, [*await load, *before, *held, late], lost=True)
            assert (await fleet.client.result(begins, WAIT_LIMIT)).status == "COMPLETED"
            assert (await fleet.client.result(limited, WAIT_LIMIT)).status == "FAILED"
            await fleet.client.signal(naps, "paid", {"order": 1})
            await fleet.client.signal(naps, "sent")
            await all_complete(fleet, [naps], lost=True)
            for timer in ("hourly.schedule-next", f"{ended}.retention"):
                await fleet.until(lambda timer=timer: _is_set(raw, timer))

            # And what is over has its history, but for what its records do not tell any more
            over[cancelled].remove("workflow.waiting_human")
            for run, history in over.items():
                await fleet.until(lambda run=run, all_=history: _has(raw, run, all_))
            assert "cancel_requested" in " ".join(over[cancelled])
            assert "emit.parcel.packed" in " ".join(over[emitted])


def begin(fleet: Fleet) -> None:
    """A coordinator and two workers."""
    for role in ("coordinator", "worker", "worker"):
        fleet.start(role, FLOWWORKER_SWEEP=PATIENT)


async def _is_set(raw: Raw, timer: str) -> bool:
    shards = {"FAULTS_STEPS": "timer", "FAULTS_STEPS_1": "timer_1"}
    found = [
        f"faults.{kind}.at.run.{timer}" in await raw.subjects(one) for one, kind in shards.items()
    ]
    return any(found)


async def _published(raw: Raw, run: str) -> set[str]:
    """Types of what the streams have of a run, of all senders."""
    found: list[str] = []
    for stream in ("FAULTS_EVENTS", "FAULTS_EVENTS_1"):
        found += await raw.subjects(stream, f"faults.event.*.{run}.>")
    return {subject.split(".", 5)[5] for subject in found}


async def _has(raw: Raw, run: str, history: set[str]) -> bool:
    return history <= await _published(raw, run)
