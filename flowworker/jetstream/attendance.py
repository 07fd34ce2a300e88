"""What it means who is there: does anybody do what has to be done?"""

from __future__ import annotations

__all__ = ["Attendance"]

from typing import TYPE_CHECKING

from flowworker.codec.json import UNREADABLE
from flowworker.codec.presence import Presence, decode_presence, queue_of_presence
from flowworker.jetstream.findings import CLOCK_TOLERANCE, Finding

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Collection, Iterable

    from flowworker.ports import Entry

SLOWEST = 5.0
"""Seconds that a process may take to be heard: its clock may seem behind by so much."""

SHOWN = 5
"""Names that a finding has at most."""


class Attendance:
    """The processes of a fleet, and who drives its partitions.

    Attributes:
        drivers: holder by partition, as the leases say.
    """

    def __init__(self, entries: Iterable[Entry], drivers: dict[int, str]) -> None:
        """What they say; what cannot be read is left out."""
        self.drivers = drivers
        self._said: dict[str, tuple[Presence, float]] = {}
        self._workers: dict[str, list[Presence]] = {}
        for entry in entries:
            try:
                said = decode_presence(entry.value)
            except UNREADABLE:
                continue
            self._said[entry.key.rpartition(".")[2]] = said, entry.time
            if said.role == "worker":
                self._workers.setdefault(queue_of_presence(entry.key), []).append(said)

    def workers(self, queue: str) -> int:
        """How many are there that serve it."""
        return len(self._workers.get(queue, []))

    def processes(self) -> Finding:
        """Who is there at all."""
        said = [one for one, _ in self._said.values()]
        workers = [one for one in said if one.role == "worker"]
        slots, busy = sum(one.slots for one in workers), sum(one.running for one in workers)
        found = f"{len(said) - len(workers)} coordinators and {len(workers)} workers are there"
        if not said and not self.drivers:
            advice = "start a coordinator and a worker; before there are any, --no-fleet"
            return Finding("processes", ok=False, found="nobody works here", advice=advice)
        if not workers:
            return Finding(
                "processes", ok=True, found=found, advice="start a worker for each queue"
            )
        return Finding("processes", ok=True, found=f"{found}, {busy} of {slots} slots are busy")

    def partitions(self, count: int, found: str) -> Finding:
        """Whether somebody drives each; `found` says what waits in them."""
        alone = [one for one in range(count) if one not in self.drivers]
        found = f"{found}, {count - len(alone)} of {count} driven"
        if not alone:
            return Finding("partitions", ok=True, found=found)
        return Finding(
            "partitions",
            ok=False,
            found=f"{found}: nobody drives {_some(alone)}",
            advice="start a coordinator: runs of a partition that nobody drives stand still",
        )

    def handlers(self, queue: str, wanted: Counter[str]) -> Finding | None:
        """Whether a worker of a queue has what the steps in it call; None if nothing is to say.

        Args:
            queue: one that workers serve.
            wanted: how many steps call which handler.
        """
        if not wanted or not self.workers(queue):
            return None
        there = {name for one in self._workers[queue] for name in one.handlers}
        lacking = [f"{name} ({count})" for name, count in wanted.items() if name not in there]
        check = f"handlers {queue}"
        if not lacking:
            return Finding(check, ok=True, found="workers have all that the first steps call")
        return Finding(
            check,
            ok=False,
            found=f"no worker of the queue has {_some(lacking)}, which steps wait for",
            advice=f"start a worker with --queue {queue} whose App has it, or cancel these runs",
        )

    def hiding(self, names: Collection[str]) -> Finding | None:
        """Whether all hide the fields that the fleet has agreed upon; None if these are none."""
        if not names:
            return None
        less = []
        for said, _ in self._said.values():
            if said.hides is None:
                less.append(f"{said.id} is of a release that does not say what it hides")
            elif lacks := [name for name in names if name not in said.hides]:
                less.append(f"{said.id} does not hide {_some(lacks)}")
        if not less:
            return Finding("redact", ok=True, found="all processes hide what the fleet hides")
        advice = "start these anew: a process hides what was agreed upon when it was started"
        return Finding("redact", ok=False, found=_some(less), advice=advice)

    def clocks(self) -> Finding:
        """Whether the clocks of all processes are the server's."""
        wrong = []
        for said, stored in self._said.values():
            behind = stored - said.at
            if behind < -CLOCK_TOLERANCE:
                wrong.append(f"that of {said.id} is {-behind:.1f} s ahead")
            elif behind > CLOCK_TOLERANCE + SLOWEST:
                wrong.append(f"that of {said.id} is {behind:.1f} s behind")
        if not wrong:
            return Finding(
                "clocks", ok=True, found=f"those of {len(self._said)} processes are right"
            )
        advice = "let NTP set the clocks of these machines: delays and leases are counted by them"
        return Finding("clocks", ok=False, found=_some(wrong), advice=advice)


def _some(names: Iterable[object]) -> str:
    shown = [str(name) for name in names]
    more = f" and {len(shown) - SHOWN} more" if len(shown) > SHOWN else ""
    return ", ".join(shown[:SHOWN]) + more
