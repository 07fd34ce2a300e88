"""Rates: which steps are throttled and what operators say, and what must hold.

Over any window no more are let in than a burst and the rate allow, as far as clocks agree; and no
more messages of attempts are stored than were let in, whatever dies.
"""

from __future__ import annotations

__all__ = ["Passed", "Rating"]

from collections import defaultdict
from random import Random
from typing import TYPE_CHECKING

from flowworker.codec.limits import LimitCommand
from flowworker.core.limit import Throttle
from flowworker.core.rate import Rate
from simulation.expecting import expect

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowworker.codec.messages import StepMessage
    from flowworker.core.attempt import Attempt
    from flowworker.core.limit import LimitRecord

_THROTTLED = 0.3
"""Share of the steps in worlds with limits."""

_RATES = (Rate(1, 1.0), Rate(2, 1.0), Rate(1, 1.5, 2), Rate(4, 2.0, 3))
_KINDS = ("places", "places", "rate", "both")

_SLACK, _LITTLE = 45.0, 0.1
"""Seconds by which what is written may be later than it was decided, by another one's clock; and
where nothing goes wrong."""


class Rating:
    """What is drawn of rates."""

    def __init__(self, seed: int, names: Iterable[str]) -> None:
        """Draw of which kind each named limit is: that never changes."""
        self._random = random = Random(f"rates of {seed}")
        self._kinds = {name: random.choice(_KINDS) for name in names}

    def throttle(self, keys: Iterable[str]) -> Throttle | None:
        """That of a step, or none."""
        random = self._random
        if random.random() >= _THROTTLED:
            return None
        rate = random.choice(_RATES)
        return Throttle(rate.limit, rate.period, rate.burst, random.choice(list(keys)))

    def command(self, name: str, places: int) -> LimitCommand:
        """What operators say of a limit that may have so many places."""
        kind = self._kinds[name]
        if kind == "places":
            return LimitCommand(places)
        rate = self._random.choice(_RATES)
        return LimitCommand(places if kind == "both" else 0, rate)


class Passed:
    """What went by the rates."""

    def __init__(self, *, quiet: bool) -> None:
        """Nothing has."""
        self._slack = _LITTLE if quiet else _SLACK
        self._log: dict[str, list[tuple[float, int]]] = defaultdict(list)
        self._stored: dict[str, set[tuple[str, str, Attempt]]] = defaultdict(set)
        self._gone: dict[str, tuple[Rate | None, int]] = {}

    def removed(self, record: LimitRecord) -> None:
        """A limit's record was removed; what it has let in counts on."""
        _, passed = self._gone.get(record.id, (None, 0))
        self._gone[record.id] = record.rate, passed + record.passed

    def written(self, before: LimitRecord | None, record: LimitRecord, moment: float) -> None:
        """A limit's record was written."""
        limit, rate = record.id, record.rate
        count = record.passed - (0 if before is None else before.passed)
        expect(count >= 0, "a rate forgets whom it let in", limit)
        log = self._log[limit]
        former = self._gone.get(limit, (None, 0))[0] if before is None else before.rate
        if former != rate:
            log.clear()
        if rate is None or not count:
            return
        log.append((moment, count))
        total = 0
        for at, number in reversed(log):
            total += number
            most = rate.at_once + (moment - at + self._slack) * rate.per_second
            expect(total <= most, "more than a rate allows are let in", f"{limit}: {record}")

    def stored(self, limit: str, record: LimitRecord | None, message: StepMessage) -> None:
        """A message of an attempt was stored that falls under a limit."""
        if record is None or not record.passed:
            return
        stored = self._stored[limit]
        stored.add((message.run, message.step, message.attempt))
        fits = len(stored) <= record.passed + self._gone.get(limit, (None, 0))[1]
        expect(fits, "more go than a rate has let in", f"{limit}: {len(stored)} of {record.passed}")
