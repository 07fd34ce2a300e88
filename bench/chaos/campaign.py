"""A fleet under load while everything around it fails; then all is healed, and judged."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

from bench.chaos.asking import ask
from bench.chaos.checker import Verdict, check
from bench.chaos.cluster import Cluster
from bench.chaos.evidence import (
    WORKFLOWS,
    Evidence,
    collect,
    definitions,
    limits,
    read_notes,
    timeouts,
)
from bench.chaos.faults import Faults
from bench.chaos.limits import NAMED
from bench.chaos.load import Load
from bench.chaos.processes import Processes
from bench.chaos.proxy import Proxy
from bench.chaos.raw import NAT_ERRORS, Raw
from bench.chaos.rest import settle, watch_slowness
from bench.chaos.rolling import roll
from bench.chaos.witness import witness
from flowworker import wiring
from flowworker.client import Client
from flowworker.definitions import load_paths
from flowworker.jetstream import ConnectionOptions, TopologyOptions
from flowworker.stores.stores import stores_of
from flowworker.tasks import cancel_all

NAMESPACE = "chaos"
WORKER = ("worker", "--app", "bench.chaos.handlers:app")
COORDINATOR = ("coordinator",)


@dataclass(frozen=True)
class Plan:
    """What is asked for.

    Attributes:
        seconds: how long faults go on.
        runs: no more than that many are started.
        rate: runs started per second.
        faults: these, one after the other, instead of drawn ones.
        rolling: replace everything once, one by one, instead; `seconds` is how long before and
            after nothing happens.
    """

    seconds: float = 120.0
    runs: int = 100_000
    rate: float = 15.0
    nodes: int = 1
    seed: int = 1
    workers: int = 3
    coordinators: int = 2
    faults: tuple[str, ...] = ()
    rolling: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        deaths: processes that ended by themselves.
        settled: seconds from the last fault to the end of the last run; None if it never came.
    """

    plan: Plan
    verdict: Verdict
    evidence: Evidence
    deaths: list[dict]
    settled: float | None


def run_campaign(plan: Plan, folder: Path) -> Outcome:
    """Everything, from the start of the servers to the verdict."""
    folder.mkdir(parents=True, exist_ok=True)
    with Cluster(plan.nodes) as cluster, Processes(folder, NAMESPACE) as processes:
        return asyncio.run(_campaign(plan, folder, cluster, processes))


async def _campaign(plan: Plan, folder: Path, cluster: Cluster, processes: Processes) -> Outcome:
    evidence = Evidence(definitions=definitions(), timeouts=timeouts(), limits=limits())
    async with (
        prepared(cluster) as client,
        Proxy(cluster.nodes[0].url) as proxy,
        Raw.connected(cluster.url) as raw,
    ):
        start_fleet(plan, processes, cluster.url, cluster.url if plan.rolling else proxy.url)
        load = Load(client, processes.notes, plan.seed, plan.rate)
        faults = Faults(cluster, processes, proxy, raw, plan.seed)
        background = [
            asyncio.create_task(work)
            for work in (
                load.outside.answers(),
                faults.supervise(),
                witness(raw, NAMESPACE, evidence),
                watch_backlog(raw, load),
                watch_slowness(raw, NAMESPACE, evidence.slow),
                ask(client, raw, NAMESPACE, evidence, plan.seed, stale=plan.nodes > 1),
            )
        ]
        try:
            if plan.rolling:  # what is measured before it is of a fleet that is there
                await asyncio.gather(*map(faults.until_ready, faults.names))
            until = math.inf if plan.rolling else time.monotonic() + plan.seconds
            harm = roll(faults, plan.seconds) if plan.rolling else _harm(faults, plan, until)
            loading = asyncio.create_task(load.run(until, plan.runs))
            await harm
            load.stopped = plan.rolling
            await loading
            healed = time.monotonic()
            if (settled := await settle(raw, NAMESPACE)) is None:
                evidence.unsettled = time.monotonic() - healed
        finally:
            await cancel_all(background)
        evidence.starts, evidence.faults = load.exported(), faults.log
        evidence.fleet = faults.names
        await collect(raw, NAMESPACE, evidence)
    await asyncio.to_thread(processes.stop)
    evidence.notes = read_notes(processes.notes)
    evidence.write(folder / "evidence.json")
    return Outcome(plan, check(evidence), evidence, faults.deaths, settled)


async def _harm(faults: Faults, plan: Plan, until: float) -> None:
    await asyncio.sleep(2.0)  # let them begin
    for kind in plan.faults:
        await faults.do(kind)
        await asyncio.sleep(1.0)
    if not plan.faults:
        await faults.run(until)


@contextlib.asynccontextmanager
async def prepared(cluster: Cluster):
    """A client of the namespace, whose streams have as many copies as there are nodes."""
    options = ConnectionOptions(url=cluster.url, name="chaos", wait=60.0)
    topology = TopologyOptions(replicas=cluster.replicas)
    async with contextlib.AsyncExitStack() as stack:
        backend = await _patiently(stack, options, topology)
        client = Client(stores_of(backend))
        for _, workflow in load_paths([WORKFLOWS]):
            await client.register(workflow)
        for name, most in NAMED.items():  # followed as soon as there is a coordinator
            body = json.dumps({"concurrency": most}).encode()
            await backend.commands.send(f"control.limit.set.{name}", body, {})
        yield client
        client.close()


async def _patiently(stack, options, topology):
    """A cluster that has just started elects its leaders first."""
    until = time.monotonic() + 120.0
    while True:
        try:
            opened = wiring.nats(options, NAMESPACE, topology=topology)
            return await stack.enter_async_context(opened)
        except Exception:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.5)


def start_fleet(plan: Plan, processes: Processes, url: str, proxied: str) -> None:
    """One worker and one coordinator are behind the proxy."""
    for number in range(plan.coordinators):
        processes.start(f"coordinator-{number}", url, *COORDINATOR)
    for number in range(plan.workers - 1):
        processes.start(f"worker-{number}", url, *WORKER)
    processes.start("worker-proxied", proxied, *WORKER)


async def watch_backlog(raw: Raw, load: Load) -> None:
    """Keep the load informed how many runs are active, until cancelled."""
    while True:
        await asyncio.sleep(1.0)
        with contextlib.suppress(*NAT_ERRORS):
            load.unfinished = await raw.unfinished(NAMESPACE)
