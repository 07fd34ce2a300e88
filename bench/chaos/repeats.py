"""Attempts whose handler ran more than once, and which fault explains it.

At least once per attempt is what is promised, and concurrently never while the lease holds: so a
repetition needs a cause, and an overlap a cause that kept a live process from renewing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from bench.chaos.case import Case, Json, nonce_of

SLACK = 6.0
"""Seconds after a fault in which its consequences may still come: a lease, and its margin."""


Key = tuple[str, str, int, int, int]
"""Which attempt of what: step, handler, turn, iteration, number."""


@dataclass(frozen=True)
class Again:
    """Two executions of one attempt, one after the other began.

    Attributes:
        began, ended: of the former; `ended` is None if it never came to its end.
        again: when the latter began.
        pid, pid_again: of the former's process, and of the latter's.
    """

    step: str
    uses: str
    attempt: int
    began: float
    ended: float | None
    again: float
    pid: int
    pid_again: int = 0

    @property
    def overlapped(self) -> bool:
        """Whether the former still ran when the latter began, as far as the notes say."""
        return self.ended is not None and self.ended > self.again

    def __str__(self) -> str:
        how = "never ended" if self.ended is None else f"ended {self.ended:.3f}"
        return (
            f"{self.step} ({self.uses}) attempt {self.attempt}: began {self.began:.3f} in "
            f"process {self.pid}, {how}, began again {self.again:.3f}"
        )


def found(case: Case) -> Iterator[Again]:
    """Executions beyond one per attempt."""
    ends = {note["nonce"]: note["at"] for note in case.notes if note["what"] == "end"}
    attempts: dict[Key, list[Json]] = {}
    for note in case.notes:
        if note["what"] == "begin":
            attempts.setdefault(_key(note), []).append(note)
    for (step, uses, _, _, attempt), begun in attempts.items():
        for former, latter in pairwise(begun):
            yield Again(
                step,
                uses,
                attempt,
                began=former["at"],
                ended=ends.get(former["nonce"]),
                again=latter["at"],
                pid=former["pid"],
                pid_again=latter["pid"],
            )


def finished(case: Case) -> Iterator[str]:
    """Executions that began when the outcome of their attempt was published already."""
    keys = {note["nonce"]: _key(note) for note in case.notes if note["what"] == "begin"}
    kinds = ("completed", "iterated", "compensated")
    for event in case.distinct(*(f"workflow.step.{kind}" for kind in kinds)):
        key = keys.get(nonce_of(event["data"]))
        for note in case.notes:
            if note["what"] == "begin" and _key(note) == key and note["at"] > event["data"]["at"]:
                yield f"{note['step']} began {note['at']:.3f}, ended {event['data']['at']:.3f}"


def _key(note: Json) -> Key:
    return (note["step"], note["uses"], note["turn"], note["iteration"], note["attempt"])


class Faults:
    """What was done, and what the machine did by itself, to be asked for a cause."""

    def __init__(self, log: list[Json], slow: list[Json]) -> None:
        self._log = log
        self._slow = slow

    def cause(self, again: Again) -> str | None:
        """The fault that explains it, or None."""
        near = [entry for entry in self._log if _is_near(entry, again)]
        for entry in near:
            what, _, whom = entry["kind"].partition(" ")
            mine = whom == "worker" and entry.get("pid") == again.pid and what in OF_WORKER
            if mine and not (what == "kill" and again.overlapped):
                return OF_WORKER[what]
        for entry in near:
            woke = entry["from"] <= again.began and abs(_until(entry) - again.again) <= 1.0
            if woke and entry["kind"] == "stop worker" and entry.get("pid") == again.pid_again:
                return "a worker hung between its claim and its handler"
        for entry in near:
            if entry["kind"].endswith(("server", "quorum", "down")):
                return f"NATS was away ({entry['kind']})"
        if any(_is_near(entry, again) for entry in self._slow):
            return "NATS was slow to answer"
        return None


OF_WORKER = {
    "kill": "its worker was killed",
    "stop": "its worker hung longer than its lease",
    "drain": "its worker stopped, and gave it back",
    "cut": "its worker was cut off longer than its lease",
}


def _until(entry: Json) -> float:
    return float(entry["until"] if "until" in entry else entry["from"])


def _is_near(entry: Json, again: Again) -> bool:
    return bool(entry["from"] <= again.again and again.began <= _until(entry) + SLACK)
