"""Which lane of its queue an attempt takes: a large run must not stand in the way of small ones.

Lanes are worked off in the order in which attempts were enqueued. So a run that comes behind a loop
of ten thousand instances would wait for all of them. About a hundred attempts of a run of `normal`
priority have that lane at a time, and what it has besides takes the one below. It is executed as
soon as there is a slot that nothing of a small run waits for, which costs the large one nothing in
a fleet that has time for all.
"""

from __future__ import annotations

__all__ = ["lane_of", "lanes_of"]

from zlib import crc32

from flowworker.core.status import Priority

_AT_A_TIME = 100
"""Attempts of a run that have the lane of its priority, more or less."""


def lane_of(priority: Priority, step: str, in_flight: int) -> Priority:
    """The lane of an attempt of a step.

    Args:
        priority: what the run, or the step, says.
        step: which of them keep their lane follows from their ids, and so it needs no memory: it
            is the same in each coordinator that takes the run over while as much is in flight.
        in_flight: steps of the run that have begun and are not over.
    """
    if priority is not Priority.NORMAL or in_flight < _AT_A_TIME:
        return priority
    share = in_flight // _AT_A_TIME + 1
    return Priority.NORMAL if crc32(step.encode()) % share == 0 else Priority.LOW


def lanes_of(priority: Priority) -> tuple[Priority, ...]:
    """The lanes in which an attempt of that priority can be."""
    return (Priority.NORMAL, Priority.LOW) if priority is Priority.NORMAL else (priority,)
