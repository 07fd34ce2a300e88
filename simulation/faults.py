"""What goes wrong, how often: drawn from the seed, and different in every world.

Each kind of fault is absent from half of the worlds: some defects show only where nothing else
gets in their way.
"""

from __future__ import annotations

__all__ = ["Faults", "Rates", "Trouble", "any_rates"]

from collections import Counter
from dataclasses import dataclass, fields
from enum import Enum
from typing import TYPE_CHECKING

from simulation.focus import ANYTHING, Focus

if TYPE_CHECKING:
    from random import Random


class Trouble(Enum):
    """What befalls one call of a port."""

    NONE = "none"
    REFUSED = "refused"
    UNANSWERED = "unanswered"
    DEATH_BEFORE = "death before an effect"
    DEATH_AFTER = "death after an effect"


@dataclass(frozen=True, slots=True)
class Rates:
    """How likely each fault is, per opportunity.

    Attributes:
        refused: a call raises Unavailable and has no effect.
        unanswered: it has its effect, and raises Unavailable.
        death: the calling process dies right before the effect, or right after.
        slow: a call or its answer takes up to seconds, not milliseconds.
        far: no probability but seconds: every call and every answer may take as long, so that
            many are in flight at a time.
        ack_lost: an acknowledgement never arrives.
        early: a delivery is handed to somebody else as well, long before its ack wait is over.
        late: a delivery arrives up to seconds late, and so do those behind it.
        delivery_lost: one gets lost between the source and the consumer.
        gone: a step message or an event is lost for good.
        notice_lost: a message of the notifier gets lost.
        deluded: a coordinator believes that it renewed its leases, per renewal.
        stale: a process is connected to a node whose answers are stale, per second.
        stalled: a process stands still for longer than its leases last, per second.
        jump: a process's wall clock jumps, per second.
        killed: any process dies out of itself, per second.
        drained: it ends in good order, per second.
    """

    refused: float = 0.0
    unanswered: float = 0.0
    death: float = 0.0
    slow: float = 0.0
    far: float = 0.0
    ack_lost: float = 0.0
    early: float = 0.0
    late: float = 0.0
    delivery_lost: float = 0.0
    gone: float = 0.0
    notice_lost: float = 0.0
    deluded: float = 0.0
    stale: float = 0.0
    stalled: float = 0.0
    jump: float = 0.0
    killed: float = 0.0
    drained: float = 0.0


_HIGHEST = Rates(
    refused=0.1,
    unanswered=0.1,
    death=0.005,
    slow=0.05,
    far=0.1,
    ack_lost=0.2,
    early=0.1,
    late=0.1,
    delivery_lost=0.1,
    gone=0.02,
    notice_lost=0.5,
    deluded=0.2,
    stale=0.1,
    stalled=0.05,
    jump=0.05,
    killed=0.05,
    drained=0.02,
)


def any_rates(random: Random, focus: Focus = ANYTHING) -> Rates:
    """The rates of one world: of those faults alone that it is about, as frequent as can be."""
    if focus.faults or focus.backlog or focus.quiet:
        return Rates(**{name: getattr(_HIGHEST, name) for name in focus.faults})
    return Rates(
        **{
            field.name: getattr(_HIGHEST, field.name) * random.random() ** 2
            if random.random() < 0.5  # noqa: PLR2004
            else 0.0
            for field in fields(Rates)
        }
    )


class Faults:
    """Draws faults while it is switched on, and counts them."""

    def __init__(self, random: Random, rates: Rates, largest: int | None = None) -> None:
        """Draw from `random`; a step message of more than `largest` bytes is always refused."""
        self.random = random
        self.rates = rates
        self.largest = largest
        self.on = True
        self.counts: Counter[str] = Counter()
        self._refused = rates.refused
        self._unanswered = self._refused + rates.unanswered
        self._death_before = self._unanswered + rates.death
        self._death_after = self._death_before + rates.death

    def chance(self, name: str, rate: float) -> bool:
        """Whether that fault happens now."""
        if not self.on or rate <= 0.0 or self.random.random() >= rate:
            return False
        self.counts[name] += 1
        return True

    def trouble(self) -> Trouble:
        """What befalls one call."""
        if not self.on:
            return Trouble.NONE
        drawn = self.random.random()
        if drawn >= self._death_after:
            return Trouble.NONE
        if drawn < self._refused:
            found = Trouble.REFUSED
        elif drawn < self._unanswered:
            found = Trouble.UNANSWERED
        elif drawn < self._death_before:
            found = Trouble.DEATH_BEFORE
        else:
            found = Trouble.DEATH_AFTER
        self.counts[found.value] += 1
        return found

    def latency(self) -> float:
        """Seconds that a call takes one way; none for many."""
        if not self.on:
            return 0.0
        drawn = self.random.random()
        if drawn < self.rates.slow:
            self.counts["slow"] += 1
            return self.random.random() * self.random.choice((0.1, 1.0, 8.0))
        near = 0.0 if drawn < 0.6 else drawn * 0.005  # noqa: PLR2004
        return near + self.rates.far * drawn
