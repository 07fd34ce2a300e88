"""How far a fleet goes that is larger than any machine here: a model, and a simulation of it.

    python -m bench.capacity --steps 10000 100000

Every step passes what it passes in a fleet: the leaders of its shard's streams, their followers, a
coordinator and a worker. Each server has its cores, each leader does one thing at a time, each
process has one core. Runs are spread over partitions by their ids, partitions over shards and
coordinators, leaders over servers in turn. What each part of a step takes was measured
(`bench.durability`, on one server and on three); what comes of many parts is computed here: by
division how many are needed, and by simulation what waits then, and how evenly they work.
"""

from __future__ import annotations

import argparse
import heapq
import random
import statistics
import sys
from dataclasses import asdict, dataclass
from functools import partial
from math import ceil
from typing import TYPE_CHECKING

from bench.report import say
from flowworker.core.ids import partition_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

KINDS = ("records", "events", "steps")
WAY = ("steps", "worker", "records", "events", "worker", "records", "events", "coordinator")
"""Whom a step meets, in turn; what is acknowledged in the end is no part of its way."""

RECORDS = 3
"""Writes of a step to its shard's records, a part of those of its run included: the most that a
stream gets."""


@dataclass(frozen=True)
class Costs:
    """Microseconds.

    Attributes:
        leader, follower: of a server's processor, for one of the writes of a step.
        alone: for which a stream does nothing else meanwhile: 1e6 / (its bare publishes/s).
        coordinator, worker: of their processors, for a step.
    """

    leader: float = 50.0
    follower: float = 68.0
    alone: float = 28.0
    coordinator: float = 230.0
    worker: float = 290.0

    @property
    def writes(self) -> int:
        """Of a step."""
        return sum(one in KINDS for one in WAY) + 1  # the removal of its message


@dataclass(frozen=True)
class Fleet:
    """Servers, and who works with them.

    Attributes:
        cores: of each node.
    """

    nodes: int
    cores: int
    shards: int
    replicas: int
    partitions: int
    coordinators: int
    workers: int


@dataclass(frozen=True)
class Found:
    """What a simulation came to.

    Attributes:
        per_second: steps that ended, per second of the second half.
        p50: milliseconds that a step took.
        busiest, average: parts of the time for which the busiest node worked, and all of them.
    """

    per_second: float
    p50: float
    busiest: float
    average: float


class _Cores:
    """First come, first served, by the core that is free first."""

    def __init__(self, count: int) -> None:
        self._free = [0.0] * count
        self.worked = 0.0

    def serve(self, at: float, seconds: float) -> float:
        """When that is done."""
        done = max(at, heapq.heappop(self._free)) + seconds
        heapq.heappush(self._free, done)
        self.worked += seconds
        return done


class _World:
    def __init__(self, fleet: Fleet, costs: Costs, seed: int) -> None:
        self._fleet, self._costs = fleet, costs
        self.nodes = [_Cores(fleet.cores) for _ in range(fleet.nodes)]
        self._alone = {(kind, s): _Cores(1) for kind in KINDS for s in range(fleet.shards)}
        self._homes = {
            stream: [(first + n) % fleet.nodes for n in range(fleet.replicas)]
            for first, stream in enumerate(self._alone)
        }
        self._coordinators = [_Cores(1) for _ in range(fleet.coordinators)]
        self._workers = [_Cores(1) for _ in range(fleet.workers)]
        self._random = random.Random(seed)

    def way(self, run: str) -> Iterator[Callable[[float], float]]:
        """What a step of a run meets: each says when it is done with it."""
        partition = partition_of(run, self._fleet.partitions)
        shard, costs = partition % self._fleet.shards, self._costs
        worker = self._random.choice(self._workers)
        coordinator = self._coordinators[partition % self._fleet.coordinators]
        for part in WAY:
            if part == "worker":
                yield partial(worker.serve, seconds=costs.worker / WAY.count(part) / 1e6)
            elif part == "coordinator":
                yield partial(coordinator.serve, seconds=costs.coordinator / 1e6)
            else:
                yield partial(self._written, part, shard)
                yield partial(self._copied, part, shard)

    def _written(self, kind: str, shard: int, at: float) -> float:
        leader = self.nodes[self._homes[kind, shard][0]]
        alone = self._alone[kind, shard].serve(at, self._costs.alone / 1e6)
        return max(alone, leader.serve(at, self._costs.leader / 1e6))

    def _copied(self, kind: str, shard: int, at: float) -> float:
        """When as many followers have it as make a quorum with the leader."""
        followers = [self.nodes[each] for each in self._homes[kind, shard][1:]]
        done = sorted(one.serve(at, self._costs.follower / 1e6) for one in followers)
        return done[(len(done) - 1) // 2] if done else at


def simulated(
    fleet: Fleet, costs: Costs, per_second: float, seconds: float = 1.0, seed: int = 1
) -> Found:
    """So many steps a second, each of a run of its own, at moments drawn evenly."""
    world = _World(fleet, costs, seed)
    drawn = random.Random(seed)
    count = int(per_second * seconds)
    waiting = [(drawn.random() * seconds, n, world.way(f"run-{n}")) for n in range(count)]
    heapq.heapify(waiting)
    began = {number: at for at, number, _ in waiting}
    took: list[float] = []
    ended = 0
    while waiting:
        at, number, way = waiting[0]
        if at > seconds:
            break
        if (serve := next(way, None)) is None:
            heapq.heappop(waiting)
            took.append(at - began[number])
            ended += at >= seconds / 2
            continue
        heapq.heapreplace(waiting, (serve(at), number, way))
    load = [node.worked / fleet.cores / seconds for node in world.nodes]
    p50 = statistics.median(took) if took else 0.0
    return Found(2 * ended / seconds, 1e3 * p50, max(load), statistics.mean(load))


def fleet_for(per_second: float, costs: Costs, cores: int, replicas: int) -> Fleet:
    """For so many steps a second: servers and streams work half of the time, processes 70 %."""
    copies = costs.leader + (replicas - 1) * costs.follower
    servers = per_second * costs.writes * copies / 1e6 / cores / 0.5
    shards = ceil(per_second * RECORDS * costs.alone / 1e6 / 0.5)
    coordinators = ceil(per_second * costs.coordinator / 1e6 / 0.7) + 1
    partitions = 16
    while partitions < max(2 * coordinators, 4 * shards):
        partitions *= 2
    workers = ceil(per_second * costs.worker / 1e6 / 0.7)
    nodes = max(replicas, ceil(servers))
    return Fleet(nodes, cores, shards, replicas, partitions, coordinators, workers)


def sheet(wanted: Sequence[float], costs: Costs, cores: int, replicas: int) -> dict[str, list[str]]:
    """What each row of the page says of so many steps a second: what follows by division."""
    fleets = [fleet_for(each, costs, cores, replicas) for each in wanted]
    names = ("nodes", "shards", "partitions", "coordinators", "workers")
    return {name: [f"{getattr(fleet, name):,}" for fleet in fleets] for name in names}


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m bench.capacity`."""
    parser = argparse.ArgumentParser(prog="python -m bench.capacity", description=__doc__)
    parser.add_argument("--steps", type=float, nargs="+", default=[1e3, 1e4, 1e5], help="a second")
    parser.add_argument("--cores", type=int, default=16, help="of each server")
    parser.add_argument("--replicas", type=int, default=3)
    for name, value in asdict(Costs()).items():
        parser.add_argument(f"--{name}", type=float, default=value, help="microseconds")
    parser.add_argument("--simulated", type=float, default=20_000.0, help="steps, at most")
    given = parser.parse_args(arguments)
    costs = Costs(**{name: getattr(given, name) for name in asdict(Costs())})
    rows = sheet(given.steps, costs, given.cores, given.replicas)
    rows |= {"simulated: p50 of a step, ms": [], "the busiest server, the average": []}
    for per_second in given.steps:
        fleet = fleet_for(per_second, costs, given.cores, given.replicas)
        found = simulated(fleet, costs, per_second, given.simulated / per_second)
        rows["simulated: p50 of a step, ms"].append(f"{found.p50:.1f}")
        shares = f"{found.busiest:.0%}, {found.average:.0%}"
        rows["the busiest server, the average"].append(shares)
    say("| steps/s | " + " | ".join(f"{each:,.0f}" for each in given.steps) + " |")
    say("| --- |" + " ---: |" * len(given.steps))
    for name, cells in rows.items():
        say(f"| {name} | " + " | ".join(cells) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
