"""Ten tenants with very different loads beside each other: how soon does each get its turn?

The queue pauses until all steps wait, those of the largest tenant before those of others. Then a
row for each tenant: when its first step began, its tenth and its last, in seconds from the first of
all, without `fairness` and with it. And Jain's index of what each had got of its share once a tenth
of all steps had begun: 1 if all have as much of it, 1/n if one of them got all.

    python -m bench.fairness
"""

from __future__ import annotations

import argparse
import asyncio
import os
from typing import TYPE_CHECKING

import uvloop

from bench.fleet import BenchFleet
from bench.limits import SLOTS
from flowworker import wiring
from flowworker.client import Client
from flowworker.core.fairness import Fairness
from flowworker.core.for_each import ForEach
from flowworker.core.model import Step, Workflow
from flowworker.jetstream import ConnectionOptions
from flowworker.stores.stores import stores_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowworker.stores.stores import Stores

LOADS = (10_000, 3_000, 1_000, 300, 100, 30, 10, 5, 2, 1)
"""Steps of each tenant."""

PART = 50
"""Steps of a run: a large tenant has many runs, not a large one."""

LIMIT, LOOK, TENTH = 1800.0, 1.0, 10
_TASK = Step("task", "bench.slow", for_each=ForEach("input.items"))
_NAMES = {False: "bench.first", True: "bench.fair"}


def main() -> int:
    """Measure both and print them beside each other."""
    parser = argparse.ArgumentParser(prog="python -m bench.fairness")
    parser.add_argument("--share", type=float, default=1.0, help="of the loads")
    parser.add_argument("--slots", type=int, default=16, help="of the one worker")
    options = parser.parse_args()
    os.environ[SLOTS] = str(options.slots)
    loads = {f"t{n}": max(1, int(load * options.share)) for n, load in enumerate(LOADS)}
    found = {fair: _measured(loads, fair=fair) for fair in _NAMES}
    print(f"| steps of the tenant | {' | '.join(2 * ['first', 'tenth', 'last'])} |")
    print(f"| ---: |{' ---: |' * 6}")
    for tenant, load in loads.items():
        cells = [f"{at:.1f}" for fair in _NAMES for at in _times(found[fair][tenant])]
        print(f"| {load:,} | {' | '.join(cells)} |")
    for fair, begun in found.items():
        last = max(max(times) for times in begun.values())
        print(f"{_NAMES[fair]}: {sum(loads.values()) / last:,.0f} steps/s, ", end="")
        print(f"Jain's index {jain_of(begun):.3f}", flush=True)
    return 0


def jain_of(begun: Mapping[str, Sequence[float]]) -> float:
    """Jain's index of what each got of its share, once a tenth of all steps had begun.

    A share is what each would get if one after the other took a step as long as it had some.
    """
    every = sorted(at for times in begun.values() for at in times)
    until, left = every[len(every) // 10], len(every) / 10
    got = []
    for rest, times in zip(range(len(begun), 0, -1), sorted(begun.values(), key=len), strict=True):
        share = min(len(times), left / rest)
        left -= share
        got.append(sum(at <= until for at in times) / share)
    return sum(got) ** 2 / (len(got) * sum(one * one for one in got))


def _times(times: Sequence[float]) -> tuple[float, float, float]:
    ordered = sorted(times)
    return ordered[0], ordered[min(TENTH, len(ordered)) - 1], ordered[-1]


def _measured(loads: Mapping[str, int], *, fair: bool) -> dict[str, list[float]]:
    with BenchFleet(workers=1) as fleet:
        found = uvloop.run(_run(fleet, loads, fair=fair))
        fleet.stop()
    first = min(min(times) for times in found.values())
    return {tenant: [at - first for at in times] for tenant, times in found.items()}


async def _run(
    fleet: BenchFleet, loads: Mapping[str, int], *, fair: bool
) -> dict[str, list[float]]:
    """When each step began, by tenant."""
    step = _TASK
    if fair:
        step = Step(step.id, step.uses, for_each=step.for_each, fairness=Fairness("input.tenant"))
    workflow = Workflow(_NAMES[fair], (step,))
    async with wiring.nats(ConnectionOptions(fleet.server.url)) as backend:
        stores = stores_of(backend)
        client = Client(stores)
        await client.register(workflow)
        fleet.start()
        await client.pause_queue(step.queue, "until all wait")
        runs: dict[str, list[str]] = {tenant: [] for tenant in loads}
        for tenant, load in loads.items():
            for first in range(0, load, PART):
                given = {"tenant": tenant, "items": [*range(min(PART, load - first))]}
                runs[tenant] += [await client.start(workflow.name, given)]
        async with asyncio.timeout(LIMIT):
            while await _waiting(stores) < sum(loads.values()):  # noqa: ASYNC110
                await asyncio.sleep(LOOK)
        await client.unpause_queue(step.queue)
        for run in (one for some in runs.values() for one in some):
            (await client.result(run, timeout=LIMIT)).raise_for_status()
        found = {}
        for tenant, some in runs.items():
            loaded = await asyncio.gather(*(stores.runs.load_steps(run) for run in some))
            records = (record for steps in loaded for record, _ in steps.values())
            found[tenant] = [one.started_at for one in records if one.step != step.id]
        client.close()
    return found


async def _waiting(stores: Stores) -> int:
    """Steps that are in the queue, or wait for their turn."""
    queued = await stores.backend.steps.backlog()
    return sum(map(len, queued.values())) + len(await stores.limits.waiting())


if __name__ == "__main__":
    raise SystemExit(main())
