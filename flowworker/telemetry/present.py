"""How many processes of a fleet are there, as they say of themselves."""

from __future__ import annotations

__all__ = ["Present", "present"]

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowworker.codec.json import UNREADABLE
from flowworker.codec.presence import decode_presence, queue_of_presence

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowworker.ports import Entry


@dataclass(frozen=True, slots=True)
class Present:
    """Who is there. One who drains takes nothing new, and counts as nothing else.

    Attributes:
        coordinators: how many.
        workers: how many, by queue. One that serves several queues counts in each of them.
        slots: attempts that these may run at a time, by queue.
        running: those that they do run, by queue; of all their queues.
        draining: how many drain, by role.
    """

    coordinators: int
    workers: Mapping[str, int]
    slots: Mapping[str, int]
    running: Mapping[str, int]
    draining: Mapping[str, int]


def present(entries: Iterable[Entry]) -> Present:
    """Count what processes say of themselves; what cannot be read is left out."""
    coordinators = 0
    draining: dict[str, set[str]] = {"coordinator": set(), "worker": set()}
    workers, slots, running = Counter[str](), Counter[str](), Counter[str]()
    for entry in entries:
        with suppress(*UNREADABLE):
            said = decode_presence(entry.value)
            if said.draining:
                draining[said.role].add(said.id)
            elif said.role == "coordinator":
                coordinators += 1
            else:
                queue = queue_of_presence(entry.key)
                workers[queue] += 1
                slots[queue] += said.slots
                running[queue] += said.running
    drain = {role: len(ids) for role, ids in draining.items()}
    return Present(coordinators, workers, slots, running, drain)
