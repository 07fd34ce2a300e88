"""Whether something was done to a fleet that explains why a process seems not to be there."""

from __future__ import annotations

from bench.chaos.case import Json

MEMORY = 60.0
"""Seconds for which a fault may be the cause: a presence ends half a minute after its last word."""
BEGINNING = 30.0
"""Seconds in which a fleet comes into being."""


class Disturbed:
    """The faults, to be asked for a cause.

    Args:
        faults, slow: what was done, and when the server was slow to answer.
        fleet: the names of its processes.
        began: when the first run was started.
    """

    def __init__(
        self, faults: list[Json], slow: list[Json], fleet: list[str], began: float
    ) -> None:
        self._faults = faults
        self._slow = slow
        self._fleet = fleet
        self._began = began

    def denies(self, kind: str, reason: Json, sample: Json) -> str:
        """Why nobody can have been missing whom that reason misses; empty if somebody can.

        That no worker is there needs one fault for each of them; that nobody drives a partition,
        one for any coordinator.
        """
        at = float(sample["answered"])
        near = [one for one in self._faults if one["from"] <= at <= _until(one) + MEMORY]
        server = any(one["kind"].endswith(("server", "quorum", "down")) for one in near)
        slow = any(one["from"] <= at <= one["until"] + MEMORY for one in self._slow)
        if server or slow or at < self._began + BEGINNING:
            return ""
        if kind == "lost_worker":
            pid = int(reason["subjects"][0].split("-")[-2])
            harmed = any(pid == one.get("pid") and one["from"] <= at for one in self._faults)
            return "" if harmed else "nothing was done to that worker"
        role = kind.removeprefix("no_")
        there = {name for name in self._fleet if name.startswith(role)}
        well = there - {one.get("name") for one in near}
        if not well or (role == "coordinator" and well != there):
            return ""
        return f"nothing was done to {', '.join(sorted(well))}"


def _until(fault: Json) -> float:
    return float(fault["until"] if "until" in fault else fault["from"])
