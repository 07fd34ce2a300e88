"""Rates of runs: which workflows have some, and what must hold.

What a limit's record says of time only moves on: by an interval for each run that is let in, and no
further ahead of the clock of who lets one in than a burst is. So no more are let in over any window
than was said. No more begin than were let in. And a start is rejected only if there was a moment at
which none could have been let in; it learns when the next one may be.
"""

from __future__ import annotations

__all__ = ["RunPacing", "RunRates"]

from collections import defaultdict
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from flowworker.core.admission import RateLimit
from flowworker.core.limit import Strategy, Throttle
from flowworker.core.rate import microseconds
from flowworker.simulate.clock import EPOCH
from simulation.expecting import expect
from simulation.keys import KEYED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowworker.core.admission import Admission
    from flowworker.core.limit import LimitRecord, Use
    from flowworker.core.model import Workflow
    from flowworker.core.rate import Rate
    from flowworker.core.records import RunRecord
    from simulation.focus import Focus

_WORLDS, _THROTTLED, _REJECTING = 0.1, 0.6, 0.6
"""Share of worlds in which runs have rates, and of the workflows there that have one of each."""

_THROTTLES = (Throttle(1, 2.0), Throttle(1, 6.0), Throttle(2, 10.0, 2), Throttle(4, 6.0))
_LIMITS = (RateLimit(1, 5.0), RateLimit(2, 12.0), RateLimit(3, 12.0, 1))

_AHEAD, _LITTLE = 8.0, 0.1
"""Seconds by which the clock of who lets in may be wrong; and where nothing goes wrong."""


class RunPacing:
    """Draws which workflows have rates."""

    def __init__(self, seed: int, focus: Focus) -> None:
        """Draw whether there are some at all, unless there always are."""
        self._random = random = Random(f"rates of runs of {seed}")
        usual = not focus.backlog and random.random() < _WORLDS
        self._wanted = focus.paced or usual

    def applied(self, workflows: list[Workflow]) -> list[Workflow]:
        """The same, with rates of their runs if there are to be any."""
        return [self._paced(one) for one in workflows] if self._wanted else workflows

    def _paced(self, workflow: Workflow) -> Workflow:
        random, keys = self._random, list(KEYED)
        throttle = replace(random.choice(_THROTTLES), key=random.choice(keys))
        most = replace(random.choice(_LIMITS), key=random.choice(keys))
        return replace(
            workflow,
            throttle=throttle if random.random() < _THROTTLED else None,
            rate_limit=most if random.random() < _REJECTING else None,
        )


class _Moved(NamedTuple):
    """When the record of a limit was written, and what it says of time since then."""

    moment: float
    tat: int


class RunRates:
    """What is durable of them."""

    def __init__(self, *, quiet: bool) -> None:
        """No run was let in."""
        self._quiet = quiet
        self._slack = _LITTLE if quiet else _AHEAD + _LITTLE
        self._log: dict[str, list[_Moved]] = defaultdict(list)
        self._begun: dict[str, set[tuple[str, str]]] = defaultdict(set)
        self._came: dict[tuple[str, str], float] = {}

    def written(self, before: LimitRecord | None, record: LimitRecord, moment: float) -> None:
        """A limit's record was written."""
        rate = record.rate
        if rate is None:
            return
        where = f"{record.id}: {record}"
        passed, tat = (0, 0) if before is None else (before.passed, before.tat)
        count = record.passed - passed
        expect(count >= 0 and record.tat >= tat, "a rate forgets whom it let in", where)
        if count:
            latest = microseconds(EPOCH + moment + self._slack) + rate.at_once * rate.interval
            fits = record.tat >= tat + count * rate.interval and record.tat <= latest
            expect(fits, "more runs than a rate allows are let in", where)
        self._log[record.id].append(_Moved(moment, record.tat))

    def removed(self, limit: str) -> None:
        """The record of a limit was removed: it counts anew."""
        self._begun.pop(limit, None)

    def begun(self, record: RunRecord, use: Use, known: LimitRecord | None) -> None:
        """A run begins that falls under a rate."""
        begun = self._begun[use.limit]
        begun.add((record.run, "" if record.admission is None else record.admission.ticket))
        passed = 0 if known is None else known.passed
        where = f"{record.run} {use.limit}: {len(begun)} of {passed}"
        expect(len(begun) <= passed, "more runs begin than a rate has let in", where)

    def asks(self, record: RunRecord, admission: Admission, moment: float) -> None:
        """A run asks for its limits, or is refused."""
        came = self._came.setdefault((record.run, admission.ticket), moment)
        if not admission.refused:
            return
        where = f"{record.run}: {admission.refused}, {admission.retry_at}"
        rated = [one for one in admission.uses if one.strategy is Strategy.SKIP and one.rate]
        others = [one for one in admission.uses if one.strategy is Strategy.SKIP and not one.rate]
        if not admission.retry_at:
            expect(others, "a start is refused, and not when to come again", where)
            return
        expect(rated, "a start is refused by a rate that there is not", where)
        for use in rated:
            if use.rate is not None:
                self._check_refused(use.limit, use.rate, admission.retry_at, came, moment, where)

    def _check_refused(
        self, limit: str, rate: Rate, retry_at: float, came: float, now: float, where: str
    ) -> None:
        """Nobody could have been let in at some moment since it came."""
        found = list(self._since(limit, came))
        burst = (rate.at_once - 1) * rate.interval
        at = [(one.tat - burst) / 1_000_000 for one in found]  # when the next one may be let in
        full = any(
            EPOCH + one.moment - self._slack < opens for one, opens in zip(found, at, strict=True)
        )
        expect(full, "a start is refused that a rate would have let in", where)
        latest = max(*at, EPOCH + now + self._slack)
        expect(retry_at <= latest, "a start is to come again later than it may", where)
        # Elsewhere it may follow from what was read, which is old
        right = not self._quiet or retry_at >= min(at)
        expect(right, "a start is to come again before it may", where)

    def _since(self, limit: str, moment: float) -> Iterator[_Moved]:
        """What the record said at that moment, and what it has said since then."""
        log = self._log[limit]
        for number, one in enumerate(log):
            if one.moment > moment:
                yield one
            elif number + 1 == len(log) or log[number + 1].moment > moment:
                yield _Moved(moment, one.tat)
