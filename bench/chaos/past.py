"""What the records of a run were, from one revision to another: while something was asked."""

from __future__ import annotations

from dataclasses import dataclass

from bench.chaos.case import Case, Json
from bench.chaos.disturbed import Disturbed
from bench.chaos.witness import written

OVER = {"COMPLETED", "SKIPPED", "CANCELLED"}
"""Outcomes after which a step has no attempt of its own."""

Candidate = Json | None
"""A record as it was for a while; None before there was one."""


class Unseen(Exception):
    """A write was missed: what the record was is not known."""


class Past:
    """All writes of one run.

    Args:
        writes: as the witness saw them.
        missed: from which revision to which it missed all, of whichever run.
        run, steps: the records in the end, which it may have missed as well.
    """

    def __init__(
        self, writes: list[Json], missed: list[list[int]], run: Json, steps: dict[str, Json]
    ) -> None:
        self._missed = missed
        every = [*writes, written(run, "", int(run.get("_revision", 0)))]
        every += [written(one, step, int(one.get("_revision", 0))) for step, one in steps.items()]
        self._writes: dict[str, list[Json]] = {}
        for one in sorted(every, key=_revision):
            own = self._writes.setdefault(one["step"], [])
            if not own or _revision(own[-1]) != _revision(one):
                own.append(one)

    @property
    def steps(self) -> list[str]:
        """Those that ever had a record."""
        return [step for step in self._writes if step]

    def between(self, step: str, before: int, after: int) -> list[Candidate]:
        """What the record of a step was at any moment from one revision to the other, in order.

        Of the run itself, if `step` is empty.

        Raises:
            Unseen: it may have been something else as well.
        """
        own = self._writes.get(step, [])
        early = [one for one in own if _revision(one) <= before]
        late = [one for one in own if _revision(one) > before]
        found: list[Candidate] = [early[-1] if early else None]
        since = _revision(early[-1]) if early else 0
        for one in late:
            # What is missed was written over, by something that was seen later
            until = min(_revision(one) - 1, after)
            if any(low <= until and high > since for low, high in self._missed):
                raise Unseen
            if _revision(one) > after:
                break
            found.append(one)
            since = _revision(one)
        return found

    def later(self, step: str, after: int) -> list[Json]:
        """What was written of a step after a revision."""
        return [one for one in self._writes.get(step, []) if _revision(one) > after]


@dataclass
class Asked:
    """One sample of one run.

    Attributes:
        limit: seconds that its workflow may take, 0 for no limit.
    """

    case: Case
    past: Past
    sample: Json
    disturbed: Disturbed
    limit: float = 0.0

    def was(self, step: str) -> list[Candidate]:
        """What its record was while it was asked; the run's, if there is no step."""
        return self.past.between(step, self.sample["before"], self.sample["after"])

    def had_ended(self, step: str) -> bool:
        """Whether all its own attempts were over, all the while."""
        return all(
            one is not None and (one["kind"] == "compensate" or one["outcome"] in OVER)
            for one in self.was(step)
        )

    def went_on(self, step: str) -> bool:
        """Whether an attempt of it went on, all the while."""
        return all(
            one is not None and one["outcome"] == "RUNNING" and one["kind"] != "compensate"
            for one in self.was(step)
        )

    def was_open(self, step: str) -> bool:
        """Whether it went on all the while, or had not begun, and did later."""
        if self.went_on(step):
            return True
        unborn = self.was(step) == [None] and self.was("") != [None] and "/" not in step
        later = self.past.later(step, self.sample["after"])
        return unborn and any(one["outcome"] in {"RUNNING", "COMPLETED"} for one in later)

    def claims(self, step: str) -> list[Json]:
        """What its record was as that of an attempt that went on."""
        return [one for one in self.was(step) if one is not None and one["outcome"] == "RUNNING"]


def internal_id(step: str) -> str:
    """`resize[3]` as records have it."""
    name, _, index = step.removesuffix("]").partition("[")
    return f"{name}/{index}" if index else name


def shown_id(step: str) -> str:
    """`resize/3` as people see it."""
    name, _, index = step.partition("/")
    return f"{name}[{index}]" if index else name


def _revision(record: Json) -> int:
    return int(record["_revision"])
