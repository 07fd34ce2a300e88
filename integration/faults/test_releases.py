"""Two releases side by side: this one, and a next one that writes more and has another topology."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.chaos.raw import Raw
from flowworker.embedded import EmbeddedServer
from flowworker.jetstream.names import TOPOLOGY
from flowworker.jetstream.topology.specs import TOPOLOGY_VERSION
from integration.faults.load import all_complete, start
from integration.fleet.fleet import ROOT
from tests.support.waiting import WAIT_LIMIT

UNHURRIED = {"FLOWWORKER_PARTITION_LEASE": "20"}
"""A coordinator that takes its time to end on a busy machine is not ended before."""

pytestmark = [pytest.mark.chaos]

NEXT = str(TOPOLOGY_VERSION + 1)
FIELD = '    novelty: str = field(default_factory=lambda: "of the next release")\n'
"""An optional field that is always written."""
V, TOPOLOGY_LINE = "    v: int = {}\n", "TOPOLOGY_VERSION = {}\n"
CHANGES = {
    "core/records.py": (V.format("RECORD_VERSION"), V.format("RECORD_VERSION") + FIELD, 3),
    "codec/messages.py": (V.format("1"), V.format("1") + FIELD, 1),
    "codec/event_data.py": (V.format("EVENT_VERSION"), V.format("EVENT_VERSION") + FIELD, 1),
    "jetstream/topology/specs.py": (
        TOPOLOGY_LINE.format(TOPOLOGY_VERSION),
        TOPOLOGY_LINE.format(NEXT),
        1,
    ),
}
"""By file: which line is replaced, by what, and how often there is one."""


@pytest.fixture
def next_release(tmp_path: Path) -> Path:
    """A folder with a copy of the package that is another release, and with the handlers."""
    root = tmp_path / "next"
    shutil.copytree(ROOT / "flowworker", root / "flowworker")
    (root / "integration").symlink_to(ROOT / "integration")
    for name, (line, more, times) in CHANGES.items():
        path = root / "flowworker" / name
        text = path.read_text()
        assert text.count(line) == times, name
        path.write_text(text.replace(line, more))
    return root


async def novel(raw: Raw, stream: str, subject: str) -> tuple[int, int]:
    """How many messages the next release wrote, and how many this one."""
    found = [json.loads(one.data) for one in await raw.messages(stream, subject)]
    by_next = sum("novelty" in one.get("data", {}) or "novelty" in one for one in found)
    return by_next, len(found) - by_next


async def start_steadily(fleet, runs: list[str]) -> None:
    """One run after the other, until cancelled."""
    for number in itertools.count():
        runs.append(await start(fleet, f"r-{number}"))
        await asyncio.sleep(0.1)


async def ended(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait, WAIT_LIMIT) == 0


async def test_a_fleet_is_upgraded_and_goes_back_under_load(open_fleet, next_release):
    with EmbeddedServer() as server:
        async with open_fleet(server) as fleet, Raw.connected(server.url) as raw:
            # Given a fleet of this release, and a namespace that the next one has set up
            first = [fleet.start(role, **UNHURRIED) for role in ("coordinator", "worker")]
            runs: list[str] = []
            load = asyncio.create_task(start_steadily(fleet, runs))
            await fleet.until(lambda: fleet.count("r-0")["bottom"])
            setup = (sys.executable, "-m", "flowworker", "setup", "--namespace", "faults")
            done = await asyncio.to_thread(
                subprocess.run,
                setup,
                cwd=next_release,
                env=os.environ | {"FLOWWORKER_NATS_URL": server.url},
                capture_output=True,
                text=True,
                check=True,
            )
            assert "stream FAULTS_EVENTS: metadata changed from" in done.stdout
            config = (await raw.streams())["FAULTS_EVENTS"]["config"]
            assert config["metadata"][TOPOLOGY] == NEXT

            # When processes of the next one join, take over, and are replaced by this one again
            second = [
                fleet.start(role, root=next_release, **UNHURRIED)
                for role in ("coordinator", "worker")
            ]
            await fleet.until_owned({first[0]: 8.0, second[0]: 8.0})
            for process in first:
                await ended(process)
            await fleet.until_owned({second[0]: 16.0})
            alone = len(runs)
            await fleet.until(lambda: len(runs) > alone + 10 and fleet.count(runs[alone])["bottom"])
            third = [fleet.start(role, **UNHURRIED) for role in ("coordinator", "worker")]
            await fleet.until_owned({second[0]: 8.0, third[0]: 8.0})
            for process in second:
                await ended(process)

            # Then each has written, each has read what the other wrote, and nothing came twice
            load.cancel()
            await asyncio.gather(load, return_exceptions=True)
            await all_complete(fleet, runs)
            for stream, subject in (
                ("KV_faults_runs", "$KV.faults_runs.run.>"),
                ("KV_faults_runs", "$KV.faults_runs.step.>"),
                ("FAULTS_EVENTS", "faults.event.>"),
            ):
                by_next, by_this = await novel(raw, stream, subject)
                print(f"{subject}: {by_next} by the next release, {by_this} by this one")
                assert min(by_next, by_this) > 0
            steps = dict.fromkeys(("top", "left", "right", "bottom"), 1)
            assert {run: fleet.count(run) for run in runs} == dict.fromkeys(runs, steps)
            assert [line for line in fleet.logs().splitlines() if '"level": "error"' in line] == []
