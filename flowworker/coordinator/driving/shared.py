"""What the partitions of one coordinator share."""

from __future__ import annotations

__all__ = ["Shared"]

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import asyncio

    from flowworker.coordinator.driving.holding import Holding
    from flowworker.coordinator.limits.slots import Slots
    from flowworker.coordinator.performing.performer import Performer
    from flowworker.coordinator.steps.answers import Answers


class Shared(NamedTuple):
    """Those who do what was decided, and what holds for all runs.

    Attributes:
        rebuilds: how many runs are rebuilt at a time: each costs several requests, and when a
            partition is taken over many want it at once.
    """

    performer: Performer
    answers: Answers
    slots: Slots
    holding: Holding
    rebuilds: asyncio.Semaphore
