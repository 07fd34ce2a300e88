"""What a desk has to know of those who wait for its limit, and of those who hold it.

An old answer is no harm: it shows less than has happened. So one is taken for over only if a record
says so, or if its run is gone and must have been seen.
"""

from __future__ import annotations

__all__ = ["Full", "Standing", "Verdict", "over_among"]

import asyncio
from enum import Enum, auto
from typing import TYPE_CHECKING, Protocol

from flowworker.core.limiting import Over

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowworker.codec.limits import Entry
    from flowworker.core.limit import Holder, LimitRecord
    from flowworker.stores.limits import Place


_AT_A_TIME = 64
"""Holders that are looked at together."""


class Full(Exception):
    """There is no place, and who asks does not wait; `record` says who has them."""

    def __init__(self, record: LimitRecord) -> None:
        super().__init__(record.id)
        self.record = record


class Verdict(Enum):
    """What is to become of one that waits."""

    OPEN = auto()
    """It may be let in."""
    BEGUN = auto()
    """It was, and goes on unless it was given up since."""
    GONE = auto()
    """It never will begin: it is over, or its run has stopped or pauses."""
    UNSEEN = auto()
    """What was read is too old to say."""


class Standing(Protocol):
    """Says so by the records: of attempts of steps, or of runs."""

    async def of(self, place: Place, entry: Entry) -> Verdict:
        """Whether one that waits may be let in."""

    async def is_over(self, holder: Holder) -> bool:
        """Whether one that was let in is known to be over."""


async def over_among(holders: Sequence[Holder], standing: Standing) -> list[Over]:
    """Those of them who are over."""
    found = []
    for first in range(0, len(holders), _AT_A_TIME):
        some = holders[first : first + _AT_A_TIME]
        said = await asyncio.gather(*map(standing.is_over, some))
        found += [one for one, is_over in zip(some, said, strict=True) if is_over]
    return [Over(one.run, one.step, one.attempt, one.ticket) for one in found]
