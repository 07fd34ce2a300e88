"""Limits of runs: which workflows have some, and what must hold.

A run begins only while the records of all its limits name it; a record names one more only as long
as there is room; and it stops naming one only if that has ended, or never comes to be.
"""

from __future__ import annotations

__all__ = ["RunBook", "RunLimiting", "may_refuse"]

from random import Random
from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.codec.json import decode_limit
from flowworker.codec.limits import decode_waiting_run
from flowworker.core.admission import RunConcurrency, Singleton, SingletonMode
from flowworker.core.limit import Strategy
from flowworker.core.status import TERMINAL
from flowworker.simulate.clock import EPOCH
from simulation.expecting import expect
from simulation.run_rates import RunRates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowworker.codec.limits import WaitingRun
    from flowworker.core.limit import Holder, LimitRecord
    from flowworker.core.model import Workflow
    from flowworker.core.records import RunRecord
    from simulation.focus import Focus
    from simulation.truth import Truth

_WORLDS, _SINGLE = 0.1, 0.3
"""Share of worlds in which runs have limits, and of the workflows there of which one runs."""

_KEYS = ("", "size(input) > 1", "string(size(input))")

_LONGEST, _AT_ONCE, _BY_RATE, _PASSED = 120.0, 8.0, 2.9, 2.0
"""Seconds for which a place may stay free while a run waits: somewhere in the world, where nothing
goes wrong, and where a rate lets in the next one, before a sweep helps; and for which a run has
waited there before another one may not pass it."""


class RunLimiting:
    """Draws which workflows have limits."""

    def __init__(self, seed: int, focus: Focus) -> None:
        """Draw whether there are some at all, unless there always are."""
        self._random = random = Random(f"limits of runs of {seed}")
        usual = not focus.backlog and random.random() < _WORLDS
        self._wanted = focus.gated or usual

    def applied(self, workflows: list[Workflow]) -> list[Workflow]:
        """The same, with limits of their runs if there are to be any."""
        return [self._limited(one) for one in workflows] if self._wanted else workflows

    def _limited(self, workflow: Workflow) -> Workflow:
        random = self._random
        own = tuple(
            RunConcurrency(
                random.choice((1, 1, 2)),
                random.choice(_KEYS),
                random.choice((Strategy.QUEUE, *Strategy)),
            )
            for _ in range(random.choice((1, 1, 2)))
        )
        single = Singleton(random.choice(_KEYS), random.choice(list(SingletonMode)))
        return replace(
            workflow, concurrency=own, singleton=single if random.random() < _SINGLE else None
        )


class RunBook:
    """What is durable of them.

    Attributes:
        records: by the ids of limits.
        waiting: runs that wait, by their keys.
    """

    def __init__(self, *, quiet: bool) -> None:
        """There is none yet."""
        self._rates = RunRates(quiet=quiet)
        self.records: dict[str, LimitRecord] = {}
        self.waiting: dict[str, WaitingRun] = {}
        self._since: dict[str, float] = {}
        self._free: dict[tuple[str, int], float] = {}

    def written(
        self, key: str, value: bytes, runs: Mapping[str, Truth], now: float, *, quiet: bool
    ) -> None:
        """A record was written, or a run has to wait."""
        if key.startswith("waiting."):
            self.waiting[key] = decode_waiting_run(value)
            self._since.setdefault(key, now)
            return
        record = decode_limit(key, value)
        known = self.records.get(record.id)
        former = () if known is None else known.holders
        self.records[record.id] = record
        self._rates.written(known, record, now)
        names = [one.run for one in record.holders]
        expect(len({*names}) == len(names), "a run holds a limit twice", key)
        new = [one for one in record.holders if one not in former]
        fits = not new or len(names) <= record.concurrency
        expect(fits, "more runs than a limit allows are let in", f"{key}: {record}")
        for one in new:
            expect(one.run in runs, "a run holds a limit that has no record", f"{key}: {one.run}")
            if quiet:
                self._check_order(record, one, runs, now)
        for one in former:
            if one not in record.holders:
                self._check_left(one, runs, key)

    def removed(self, pattern: str) -> None:
        """A run waits no more, or a limit is of no use."""
        known = self.records.pop(pattern.removeprefix("limit."), None)
        expect(known is None or not known.holders, "a limit is removed that is held", pattern)
        if known is not None:
            self._rates.removed(known.id)
        self.waiting.pop(pattern, None)
        self._since.pop(pattern, None)

    def run_written(
        self, before: RunRecord | None, record: RunRecord, now: float, *, limited: bool
    ) -> None:
        """A run's record was written: it has a place under each of its limits when it begins."""
        admission = record.admission
        expect(limited or admission is None, "a run has limits that are not stated", record.run)
        if admission is not None and admission.is_asking:
            self._rates.asks(record, admission, now)
        if not limited or record.stop is not None:
            return
        if admission is None:
            expect(False, "a run goes past its limits", record.run)  # noqa: FBT003
            return
        if admission.admitted and (before is None or before.is_early):
            for use in admission.uses:
                known = self.records.get(use.limit)
                if use.rate is not None:  # whom it lets in is not named
                    self._rates.begun(record, use, known)
                    continue
                holders = () if known is None else known.holders
                tickets = [one.ticket for one in holders if one.run == record.run]
                place = f"{record.run}: {use.limit}"
                expect(tickets == [admission.ticket], "a run begins without a place", place)

    def check_free(self, now: float, runs: Mapping[str, Truth], *, quiet: bool) -> None:
        """No place stays free while a run waits for it."""
        awaited = {
            key.removeprefix("waiting.").rsplit(".", 2)[0]
            for key, since in self._since.items()
            if now - since > _PASSED
        }
        free = set()
        for limit in awaited:
            record = self.records.get(limit)
            if record is None:
                continue
            leaked = quiet and any(_is_over(one, runs) for one in record.holders)
            # Under a rate there is room each time that the next one may go: the same for how long?
            if leaked or record.room(EPOCH + now) > 0:
                free.add((limit, record.tat))
        self._free = {one: self._free.get(one, now) for one in free}
        for one, since in self._free.items():
            usual = _BY_RATE if self.records[one[0]].rate else _AT_ONCE
            longest = usual if quiet else _LONGEST
            expect(now - since <= longest, "a place for a run stays free", one)

    def _check_order(
        self, record: LimitRecord, new: Holder, runs: Mapping[str, Truth], now: float
    ) -> None:
        """Nobody passes one who waits: that is, whose run goes on and has not been let in."""
        named = {one.run for one in record.holders}
        for key, entry in self.waiting.items():
            if entry.uses[entry.place].limit != record.id or entry.ticket >= new.ticket:
                continue
            truth = runs.get(entry.run)
            goes_on = truth is not None and not truth.over and not truth.asked
            if goes_on and entry.run not in named and now - self._since[key] > _PASSED:
                expect(False, "a run passes one that waits", f"{new.run}: {entry.run}")  # noqa: FBT003

    def _check_left(self, one: Holder, runs: Mapping[str, Truth], key: str) -> None:
        expect(_is_over(one, runs), "a limit is taken from a run that goes on", f"{key}: {one.run}")


def _is_over(holder: Holder, runs: Mapping[str, Truth]) -> bool:
    truth = runs.get(holder.run)
    if truth is None or truth.gone or truth.over:
        return True
    admission = truth.record.admission
    return admission is None or admission.ticket != holder.ticket or truth.record.status in TERMINAL


def may_refuse(workflow: Workflow) -> bool:
    """Whether its limits may have a start be rejected."""
    every = [one.strategy for one in workflow.concurrency]
    every += [] if workflow.singleton is None else [workflow.singleton.strategy]
    return Strategy.SKIP in every or workflow.rate_limit is not None
