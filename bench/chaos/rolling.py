"""A rolling restart: everything is asked to end and replaced, one by one, while runs go on.

First the coordinators, then the workers, then the NATS servers. The next one's turn comes when the
new process is ready, or all streams have all their copies again, as a platform would have it.
"""

from __future__ import annotations

import asyncio
import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from bench.chaos.evidence import Evidence
    from bench.chaos.faults import Faults

CALM, AFTER = "before", "after"
PHASES = {
    "drain coordinator": "coordinators replaced",
    "drain worker": "workers replaced",
    "restart server": "NATS servers restarted",
}
MEASURED = "chaos.chain"
"""The workflow whose duration is reported: five steps that sleep 75 ms in all, on average."""


async def roll(faults: Faults, calm: float) -> None:
    """Replace all of it, with `calm` seconds before and after."""
    await asyncio.sleep(calm)
    for role in ("coordinator", "worker"):
        for name in sorted(one for one in faults.names if one.startswith(role)):
            await faults.replace(role, name)
    for number in range(faults.nodes):
        await faults.restart(number)
    await asyncio.sleep(calm)


class Phase(NamedTuple):
    """A part of a rolling restart.

    Attributes:
        replaced: processes.
        longest: seconds until a new one had taken its place.
        latencies: seconds from the start of each measured run to its end, sorted.
    """

    name: str
    seconds: float
    replaced: int
    longest: float
    latencies: list[float]

    def latency(self, share: float) -> float:
        """The quantile."""
        place = max(0, math.ceil(share * len(self.latencies)) - 1)
        return self.latencies[place] if self.latencies else math.nan


def phases(evidence: Evidence) -> list[Phase]:
    """What happened, in the order in which it did."""
    starts = [one for one in evidence.starts if one["workflow"] == MEASURED and one["acked"]]
    begins = [(CALM, min(one["at"] for one in evidence.starts))]
    for kind, name in PHASES.items():
        if entries := _of(evidence, kind):
            begins.append((name, entries[0]["from"]))
    last = evidence.faults[-1]["until"]
    begins += [(AFTER, last), ("", max(last, *(one["at"] for one in evidence.starts)))]
    found = []
    for (name, begin), (_, end) in pairwise(begins):
        kind = next((one for one, called in PHASES.items() if called == name), "")
        entries = _of(evidence, kind)
        latencies = [
            evidence.runs[one["run"]]["finished_at"] - one["at"]
            for one in starts
            if begin <= one["at"] < end
        ]
        longest = max((one["until"] - one["from"] for one in entries), default=0.0)
        found.append(Phase(name, end - begin, len(entries), longest, sorted(latencies)))
    return found


def _of(evidence: Evidence, kind: str) -> list[dict[str, Any]]:
    return [entry for entry in evidence.faults if entry["kind"] == kind]
